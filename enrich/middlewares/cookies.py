"""Scrapy's cookie middleware without its look-up outside: it would fetch a list of suffixes on the first cookie.

Off unless COOKIES_ENABLED is set; for those who set it.
"""

from __future__ import annotations

from typing import Self

from scrapy.crawler import Crawler
from scrapy.downloadermiddlewares import cookies

from enrich.config.domains import OFFLINE


class CookiesMiddleware(cookies.CookiesMiddleware):
    """Scrapy's, with the list that tldextract brings along."""

    @classmethod
    def from_crawler(cls, crawler: Crawler) -> Self:
        """Raises NotConfigured where cookies are off."""
        cookies._split_domain = OFFLINE
        return super().from_crawler(crawler)
