"""Turns the aligned crops of many pictures into vectors, in micro-batches and in one thread."""

from __future__ import annotations

from typing import Self

from scrapy.crawler import Crawler

from enrich.faces.batcher import Batcher
from enrich.items import EmbeddedImage, ScreenedImage
from enrich.pipelines.engine import engine_for
from enrich.pipelines.stage import Stage


class EmbedStage(Stage[ScreenedImage]):
    """Takes a screened face and gives it its vectors."""

    takes = ScreenedImage

    def __init__(self, crawler: Crawler, batch_size: int, max_wait_seconds: float) -> None:
        self.crawler = crawler
        self.batch_size = batch_size
        self.max_wait_seconds = max_wait_seconds

    @classmethod
    def from_crawler(cls, crawler: Crawler) -> Self:
        settings = crawler.settings
        return cls(crawler, settings.getint("EMBED_BATCH_SIZE"), settings.getfloat("EMBED_MAX_WAIT_SECONDS"))

    async def open_spider(self) -> None:
        engine = await engine_for(self.crawler)
        self.model = engine.pack.fingerprint
        self.batcher = Batcher(engine.embed, self.batch_size, self.max_wait_seconds)

    async def process(self, item: ScreenedImage) -> EmbeddedImage:
        return EmbeddedImage(
            ref=item.ref,
            sha256=item.sha256,
            width_px=item.width_px,
            height_px=item.height_px,
            face=item.face,
            quality=item.quality,
            model=self.model,
            vectors=await self.batcher.embed_one(item.face.crop),
        )

    async def close_spider(self) -> None:
        await self.batcher.close()
        if self.batcher.size_mean is not None:
            self.crawler.stats.set_value("enrich/batch/size_mean", round(self.batcher.size_mean, 2))
