"""Turns the aligned crops of many pictures into vectors, in micro-batches and in one thread."""

from __future__ import annotations

from typing import Self

from scrapy.crawler import Crawler

from enrich.faces.batcher import Batcher
from enrich.faces.embedder import weakness
from enrich.faces.running import DeviceError
from enrich.items import EmbeddedImage, FailedImage, RejectedImage, ScreenedImage
from enrich.pipelines.stage import Stage
from enrich.runtime.models import device_failed, engine_for


class EmbedStage(Stage[ScreenedImage]):
    """Takes a screened face and gives it its vectors."""

    takes = ScreenedImage

    def __init__(self, crawler: Crawler, batch_size: int, max_wait_seconds: float) -> None:
        self.crawler = crawler
        self.batch_size = batch_size
        self.max_wait_seconds = max_wait_seconds
        self.batcher: Batcher | None = None

    @classmethod
    def from_crawler(cls, crawler: Crawler) -> Self:
        settings = crawler.settings
        return cls(crawler, settings.getint("EMBED_BATCH_SIZE"), settings.getfloat("EMBED_MAX_WAIT_SECONDS"))

    async def open_spider(self) -> None:
        engine = await engine_for(self.crawler)
        self.engine = engine
        self.batcher = Batcher(engine.embed_raw, self.batch_size, self.max_wait_seconds)

    async def process(self, item: ScreenedImage) -> EmbeddedImage | RejectedImage | FailedImage:
        """Wait for the vectors; a face of which they say too little is turned down. A device that fails ends the crawl.

        Raises ModelError for a vector that is zero or not finite; those embedded with it have theirs.
        """
        assert self.batcher is not None
        try:
            raw = await self.batcher.embed_one(item.face.crop)
        except DeviceError as error:
            return device_failed(self.crawler, item.ref, error)
        weak = weakness(raw, self.engine.pack.recognisers)
        if weak is not None:
            return RejectedImage(ref=item.ref, reason="unrecognisable", sha256=item.sha256, detail=weak)
        return EmbeddedImage(
            ref=item.ref,
            sha256=item.sha256,
            width_px=item.width_px,
            height_px=item.height_px,
            face=item.face,
            quality=item.quality,
            picture_hash=item.picture_hash,
            model=self.engine.pack.fingerprint,
            vectors=self.engine.units(raw),
        )

    async def close_spider(self) -> None:
        if self.batcher is None:
            return  # the models could not be loaded
        await self.batcher.close()
        if self.batcher.size_mean is not None:
            self.crawler.stats.set_value("enrich/batch/size_mean", round(self.batcher.size_mean, 2))
