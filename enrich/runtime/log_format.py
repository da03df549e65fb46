"""What Scrapy's log says of a crawl, where its own words are not those that help."""

from __future__ import annotations

import logging
from typing import Any

from scrapy.logformatter import LogFormatter, LogFormatterResult


class CrawlLog(LogFormatter):
    """Scrapy's, but for failed downloads: every errback has told them in a line, and their tracebacks say no more."""

    def download_error(self, *args: Any, **kwargs: Any) -> LogFormatterResult:
        """Scrapy's line, for those who look at DEBUG."""
        return {**super().download_error(*args, **kwargs), "level": logging.DEBUG}
