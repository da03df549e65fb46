"""Decodes a picture and finds the faces in it, in a small pool of threads; the pixels never leave the thread.

Nothing is computed of a picture whose fate is known: its header says that it is too small, or its bytes were accepted
or forgotten before, at whatever address.
"""

from __future__ import annotations

import asyncio
import hashlib
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from typing import Self

from scrapy.crawler import Crawler

from enrich.faces.running import DeviceError
from enrich.items import DetectedImage, FailedImage, Image, KnownImage, RejectedImage
from enrich.pipelines.stage import Stage
from enrich.runtime.context import context_of
from enrich.runtime.models import device_failed, engine_for, source_of
from enrich.store.crawl_queries.queries import Library

UNDECODED = "enrich/images/undecoded"
"""The stat of pictures that were downloaded and of which nothing had to be computed."""


class DetectStage(Stage[Image]):
    """Takes a picture as downloaded; gives its faces, or says why it is none.

    Without ``library`` the pictures' fate is decided, and their faces are asked for whatever else is known of them.
    """

    takes = Image

    def __init__(self, crawler: Crawler, library: Library | None) -> None:
        filters = source_of(crawler).quality_filters
        self.crawler = crawler
        self.library = library
        self.smallest_face_px = filters.min_face_size
        self.min_side_px = 0 if library is None else filters.min_image_size
        self.max_pixels = crawler.settings.getint("IMAGE_MAX_PIXELS")

    @classmethod
    def from_crawler(cls, crawler: Crawler) -> Self:
        """Ask the store of a crawl that has one; a re-embedding crawl has none."""
        context = context_of(crawler)
        return cls(crawler, None if context is None else context.reads)

    async def open_spider(self) -> None:
        """Load the models. Raises ModelError."""
        self.engine = await engine_for(self.crawler)
        self.pool = _pool(self.engine.threads)

    async def process(self, item: Image) -> DetectedImage | KnownImage | RejectedImage | FailedImage:
        """Wait for a free thread, then for the faces. A device that fails ends the crawl."""
        try:
            found = await asyncio.get_running_loop().run_in_executor(self.pool, self._look, item)
        except DeviceError as error:
            return device_failed(self.crawler, item.ref, error)
        if isinstance(found, KnownImage) or (isinstance(found, RejectedImage) and found.reason == "image_too_small"):
            self.crawler.stats.inc_value(UNDECODED)
        return found

    def _look(self, item: Image) -> DetectedImage | KnownImage | RejectedImage:
        sha256 = hashlib.sha256(item.body).hexdigest()
        if self.library is not None and self.library.is_held(sha256):
            return KnownImage(ref=item.ref, sha256=sha256)
        return self.engine.analyse(item, self.smallest_face_px, self.max_pixels, self.min_side_px, sha256)


@cache
def _pool(threads: int) -> ThreadPoolExecutor:
    """The process's one pool: several crawls side by side share the cores."""
    return ThreadPoolExecutor(threads, thread_name_prefix="detect")
