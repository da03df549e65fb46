"""Decodes a picture and finds the faces in it, in a small pool of threads; the pixels never leave the thread."""

from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from typing import Self

from scrapy.crawler import Crawler

from enrich.items import DetectedImage, Image, RejectedImage
from enrich.pipelines.engine import engine_for, source_of
from enrich.pipelines.stage import Stage


class DetectStage(Stage[Image]):
    """Takes a picture as downloaded; gives its faces, or says why it is none."""

    takes = Image

    def __init__(self, crawler: Crawler) -> None:
        self.crawler = crawler
        self.smallest_face_px = source_of(crawler).quality_filters.min_face_size
        self.max_pixels = crawler.settings.getint("IMAGE_MAX_PIXELS")

    @classmethod
    def from_crawler(cls, crawler: Crawler) -> Self:
        """Take the pack and device from the settings."""
        return cls(crawler)

    async def open_spider(self) -> None:
        """Load the models. Raises ModelError."""
        self.engine = await engine_for(self.crawler)
        self.pool = _pool(self.engine.threads)

    async def process(self, item: Image) -> DetectedImage | RejectedImage:
        """Wait for a free thread, then for the faces."""
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self.pool, self.engine.analyse, item, self.smallest_face_px, self.max_pixels)


@cache
def _pool(threads: int) -> ThreadPoolExecutor:
    """The process's one pool: several crawls side by side share the cores."""
    return ThreadPoolExecutor(threads, thread_name_prefix="detect")
