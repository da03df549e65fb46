"""Drops, before it costs a request, what the database says is done and every picture there is no room for.

Order 10: before anything else of a request happens. The reads are single indexed look-ups of some tens of microseconds.
"""

from __future__ import annotations

from typing import Self

from scrapy.crawler import Crawler
from scrapy.exceptions import NotConfigured
from scrapy.http import Request
from scrapy.statscollectors import StatsCollector

from enrich.items import ImageRef
from enrich.request_errors import AlreadyDecided
from enrich.request_meta import IMAGE
from enrich.spiders.bases.source import Library, SourceSpider


class LedgerMiddleware:
    """Raises AlreadyDecided for a picture that is not to be fetched; counts ``ledger/skipped``."""

    def __init__(self, library: Library, stats: StatsCollector) -> None:
        self.library = library
        self.stats = stats

    @classmethod
    def from_crawler(cls, crawler: Crawler) -> Self:
        """Take the reads that the spider was handed."""
        if not isinstance(crawler.spider, SourceSpider) or crawler.spider.library is None:
            raise NotConfigured
        return cls(crawler.spider.library, crawler.stats)

    def process_request(self, request: Request) -> None:
        """Look the picture up; every other request passes."""
        ref: ImageRef | None = request.meta.get(IMAGE)
        if ref is None:
            return
        if self.library.image_decided(ref):
            self.stats.inc_value("ledger/skipped")
            raise AlreadyDecided(None)
        reason = self.library.no_room(ref)
        if reason is not None:
            self.stats.inc_value("ledger/skipped")
            raise AlreadyDecided(reason)
