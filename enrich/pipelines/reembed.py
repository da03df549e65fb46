"""Finds in a picture the faces that were accepted from it, and keeps their vectors of another model pack."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Self

from scrapy.crawler import Crawler
from scrapy.exceptions import DropItem
from sqlalchemy import Connection

from enrich.faces.batcher import Batcher
from enrich.faces.embedder import weakness
from enrich.faces.measures import quality_score
from enrich.faces.running import DeviceError
from enrich.faces.same import same_face
from enrich.items import DetectedImage, FailedImage, RejectedImage
from enrich.runtime.context import ReembedContext, reembed_context_of
from enrich.runtime.models import device_failed, engine_for
from enrich.store.reembedding.reembed import Loss, Wanted, fail_face, lose_face, save_vectors

LOSSES: dict[str, Loss] = {"not_found": "not_found", "image_too_large": "image_too_large"}
"""Rejections that say that a picture is no longer available. What else comes in place of a picture, such as a page,
was there once and may be there again."""


class ReembedStage:
    """Stands in the place of all stages from ``screen`` on: the faces were judged when they were accepted.

    A picture of other bytes than those that were judged is another picture: its face is lost, and judged anew by the
    next ordinary crawl.
    """

    def __init__(self, crawler: Crawler, context: ReembedContext, batch_size: int, max_wait_seconds: float) -> None:
        self.crawler = crawler
        self.context = context
        self.batch_size = batch_size
        self.max_wait_seconds = max_wait_seconds
        self.batcher: Batcher | None = None

    @classmethod
    def from_crawler(cls, crawler: Crawler) -> Self:
        context = reembed_context_of(crawler)
        assert context is not None
        settings = crawler.settings
        return cls(crawler, context, settings.getint("EMBED_BATCH_SIZE"), settings.getfloat("EMBED_MAX_WAIT_SECONDS"))

    async def open_spider(self) -> None:
        """Load the models. Raises ModelError."""
        engine = await engine_for(self.crawler)
        self.engine = engine
        self.pack = engine.pack
        self.batcher = Batcher(engine.embed_raw, self.batch_size, self.max_wait_seconds)

    async def process_item(self, item: object) -> object:
        """Write what became of each face of the picture. Raises DropItem where it has none any more."""
        if not isinstance(item, (DetectedImage, RejectedImage, FailedImage)):
            raise TypeError(f"nothing knows what to do with a {type(item).__name__} here")
        for face in await asyncio.to_thread(self.context.reads.wanted, item.ref):
            await self._settle(face, item)
        if isinstance(item, DetectedImage):
            return item
        raise DropItem(f"{item.ref.image_url}: {_why(item)}")

    async def _settle(self, wanted: Wanted, item: DetectedImage | RejectedImage | FailedImage) -> None:
        face_id, model = wanted.face_id, self.context.model
        if not isinstance(item, DetectedImage):
            loss = LOSSES.get(item.reason) if isinstance(item, RejectedImage) else None
            if loss is not None:
                await self._write("lost", lambda tx: lose_face(tx, face_id, model, loss))
            else:
                await self._write("failed", lambda tx: fail_face(tx, face_id, model, _why(item)))
            return
        if wanted.sha256 not in (None, item.sha256):
            await self._write("lost", lambda tx: lose_face(tx, face_id, model, "changed"))
            return
        face = same_face(item.faces, wanted.box_px, self.pack.min_detection_confidence)
        if face is None:
            await self._write("lost", lambda tx: lose_face(tx, face_id, model, "no_face"))
            return
        assert self.batcher is not None
        try:
            raw = await self.batcher.embed_one(face.crop)
        except DeviceError as error:
            why = device_failed(self.crawler, item.ref, error).error
            await self._write("failed", lambda tx: fail_face(tx, face_id, model, why))
            return
        if weakness(raw, self.pack.recognisers) is not None:
            await self._write("lost", lambda tx: lose_face(tx, face_id, model, "unrecognisable"))
            return
        vectors = self.engine.units(raw)
        quality = quality_score(face, self.pack.min_detection_confidence)
        await self._write(
            "done",
            lambda tx: save_vectors(
                tx,
                face_id,
                model,
                vectors,
                face=face,
                sha256=item.sha256,
                quality=quality,
                picture_hash=item.picture_hash,
            ),
        )

    async def _write(self, what: str, fn: Callable[[Connection], bool]) -> None:
        if await asyncio.wrap_future(self.context.writer.submit(fn)):
            self.crawler.stats.inc_value(f"enrich/reembedded/{what}")

    async def close_spider(self) -> None:
        """Embed what waits."""
        if self.batcher is not None:  # the models could be loaded
            await self.batcher.close()


def _why(item: RejectedImage | FailedImage) -> str:
    return item.error if isinstance(item, FailedImage) else item.reason
