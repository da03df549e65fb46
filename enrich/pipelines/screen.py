"""Applies the source's quality filters and picks the one face of a picture that may be stored."""

from __future__ import annotations

from typing import Self

from scrapy.crawler import Crawler

from enrich.config import Source
from enrich.faces.pack import ModelPack
from enrich.faces.screen import screen
from enrich.items import DetectedImage, RejectedImage, ScreenedImage
from enrich.pipelines.stage import Stage
from enrich.runtime.models import pack_for, source_of


class ScreenStage(Stage[DetectedImage]):
    """Takes a picture with its faces; gives the one face, or the reason of the contract."""

    takes = DetectedImage

    def __init__(self, source: Source, pack: ModelPack) -> None:
        self.source = source
        self.pack = pack

    @classmethod
    def from_crawler(cls, crawler: Crawler) -> Self:
        return cls(source_of(crawler), pack_for(crawler.settings))

    async def process(self, item: DetectedImage) -> ScreenedImage | RejectedImage:
        return screen(item, self.source.quality_filters, self.source.trust_level, self.pack)
