"""Decides by the source's trust level whether a face may be taken for the performer's.

high: taken. medium and low: the nearest face that the performer already has must be nearer than the pack's distance for
that many faces (fewer faces, stricter), else ``no_match``; without any face ``no_existing_faces``. Distances are cosine
distances, 0 (same) to 2 (opposite). Of several recognisers all have to agree: they err on different people, and a face
that is left out costs less than one on the wrong person.
"""

from __future__ import annotations

import asyncio
from typing import Self

from scrapy.crawler import Crawler

from enrich.config import Source
from enrich.extensions.run import RunExtension
from enrich.faces.pack import ModelPack
from enrich.items import EmbeddedImage, RejectedImage
from enrich.pipelines.engine import pack_for, source_of
from enrich.pipelines.stage import Stage
from enrich.store.library import Library


class AgreeStage(Stage[EmbeddedImage]):
    """Takes an embedded face; lets it pass, or says why it may not be the performer's."""

    takes = EmbeddedImage

    def __init__(self, source: Source, pack: ModelPack, library: Library) -> None:
        self.source = source
        self.pack = pack
        self.library = library

    @classmethod
    def from_crawler(cls, crawler: Crawler) -> Self:
        store = crawler.get_extension(RunExtension)
        assert store is not None
        return cls(source_of(crawler), pack_for(crawler.settings), store.library)

    async def process(self, item: EmbeddedImage) -> EmbeddedImage | RejectedImage:
        if self.source.trust_level == "high":
            return item
        for recogniser in self.pack.recognisers:
            _, existing = await asyncio.to_thread(self.library.vectors, item.ref, recogniser.name)
            if not len(existing):
                return RejectedImage(ref=item.ref, reason="no_existing_faces", sha256=item.sha256)
            distance = 1.0 - float((existing @ item.vectors[recogniser.name]).max())
            allowed = recogniser.match_distance(len(existing))
            if not distance < allowed:
                detail = {
                    "recogniser": recogniser.name,
                    "distance": round(distance, 4),
                    "allowed": allowed,
                    "faces": len(existing),
                }
                return RejectedImage(ref=item.ref, reason="no_match", sha256=item.sha256, detail=detail)
        return item
