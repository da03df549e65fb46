"""A crawl that embeds accepted faces anew: its reads and its writer, in the place of an ordinary crawl's life."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Self

from scrapy import signals
from scrapy.crawler import Crawler
from scrapy.exceptions import NotConfigured

from enrich.runtime.context import ReembedContext, set_context
from enrich.runtime.models import pack_for
from enrich.spiders.bases.source import SourceSpider
from enrich.store.db.database import database_url
from enrich.store.db.writer import Writer
from enrich.store.reembedding.library import ReembedLibrary


class ReembedExtension:
    """Hands the spider the pictures of accepted faces in place of what it would walk. Raises StoreError."""

    def __init__(self, crawler: Crawler, spider: SourceSpider, url: str, model: str) -> None:
        self.writer = Writer.acquire(url)
        self.library = ReembedLibrary(self.writer.engine, model)
        spider.library = self.library
        set_context(crawler, ReembedContext(reads=self.library, writer=self.writer, model=model))

    @classmethod
    def from_crawler(cls, crawler: Crawler) -> Self:
        spider = crawler.spider
        if not isinstance(spider, SourceSpider):
            raise NotConfigured
        url = database_url(Path(crawler.settings["DATA_DIR"]), crawler.settings.get("DATABASE_URL"))
        extension = cls(crawler, spider, url, pack_for(crawler.settings).fingerprint)
        crawler.signals.connect(extension.spider_closed, signals.spider_closed)
        return extension

    async def spider_closed(self) -> None:
        """Wait until everything is written, then close the database."""
        await asyncio.to_thread(self._close)

    def _close(self) -> None:
        self.library.close()
        self.writer.release()
