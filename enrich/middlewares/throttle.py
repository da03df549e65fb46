"""Gives every request of a source the source's one download slot, so that its API, pages and pictures share one pace.

The pace itself, ``rate_limit`` requests a minute, is the slot's delay (see ``SourceSpider.from_crawler``).
"""

from __future__ import annotations

from typing import Self

from scrapy.crawler import Crawler
from scrapy.http import Request


class ThrottleMiddleware:
    """Sets ``meta["download_slot"]`` to the source's name."""

    def __init__(self, slot: str) -> None:
        self.slot = slot

    @classmethod
    def from_crawler(cls, crawler: Crawler) -> Self:
        """Name the slot after the spider."""
        assert crawler.spider is not None
        return cls(crawler.spider.name)

    def process_request(self, request: Request) -> None:
        """Put the request, robots.txt too, into the slot."""
        request.meta["download_slot"] = self.slot
