"""What a source's answers mean for its pace: 429 and 503 pause the whole source, in all processes, and are asked again.

Order 560: within retry, whose tries a refusal does not use up, and behind the challenge solver, whose pages are none.
The waiting itself is in ``turns.py``.
"""

from __future__ import annotations

import asyncio
import logging
import random
import re
import time
from collections.abc import Awaitable
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import Self
from weakref import WeakKeyDictionary

from scrapy import signals
from scrapy.crawler import Crawler
from scrapy.exceptions import NotConfigured
from scrapy.http import Request, Response

from enrich.errors import StoreError
from enrich.net.rate_limiter import RateLimiter
from enrich.request_meta import SENT_AT
from enrich.spiders.bases.source import SourceSpider

logger = logging.getLogger(__name__)

REFUSALS = (429, 503)
_REFUSED_TIMES = "throttle_refused_times"
_TRIES_503 = 5
"""429 is about the source, 503 may be about one address: then it fails, and is in the ledger."""

_paces: WeakKeyDictionary[Crawler, RateLimiter] = WeakKeyDictionary()


class RetryAfterMiddleware:
    """Puts every request into the source's one slot and minds the refusals.

    A source that refuses for ``patience_seconds`` without one answer ends the crawl, degraded.
    """

    def __init__(self, crawler: Crawler, spider: SourceSpider, pace: RateLimiter, patience_seconds: float) -> None:
        self.crawler = crawler
        self.spider = spider
        self.pace = pace
        self.patience_seconds = patience_seconds
        self._refused_since: float | None = None
        self._ending: asyncio.Task[None] | None = None

    @classmethod
    def from_crawler(cls, crawler: Crawler) -> Self:
        """Open the source's pace. Raises StoreError where it cannot be kept."""
        if not isinstance(crawler.spider, SourceSpider):
            raise NotConfigured
        patience_seconds = crawler.settings.getfloat("THROTTLE_PATIENCE_SECONDS")
        return cls(crawler, crawler.spider, pace_of(crawler), patience_seconds)

    def process_request(self, request: Request) -> None:
        """Put the request, robots.txt too, into the slot, unless it is for somebody else (a solver)."""
        request.meta.setdefault("download_slot", self.spider.name)

    def process_response(self, request: Request, response: Response) -> Response | Awaitable[Request | Response]:
        """Pause and ask again after a refusal; every other answer passes."""
        if request.meta.get("download_slot") != self.spider.name:
            return response
        if response.status in REFUSALS:
            return self._refused(request, response)
        if self._refused_since is not None:
            self._refused_since = None
        if self.pace.troubled and response.status < 500:
            self.pace.answer(request.meta.get(SENT_AT, 0.0))
        return response

    async def _refused(self, request: Request, response: Response) -> Request | Response:
        status, stats = response.status, self.crawler.stats
        stats.inc_value(f"throttle/{status}")
        asked = retry_after_seconds(response)
        seconds = await self._pause(request.meta.get(SENT_AT, 0.0), asked, slow_down=status == 429)
        if seconds is not None:
            stats.inc_value("throttle/pauses")
            rate = self.pace.rate_per_minute()
            stats.set_value("throttle/rate_per_minute", round(rate, 1))
            pace = f", then at most {rate:.0f} requests a minute" if rate else ""
            logger.info("%s: HTTP %d: a pause of %.0f s%s", self.spider.name, status, seconds, pace)
        now = self.pace.clock()
        if self._refused_since is None:
            self._refused_since = now
        lasting = max(now + (seconds or 0.0), now + (asked or 0.0)) - self._refused_since
        if lasting > self.patience_seconds:
            self._end(status, asked)
        times = request.meta.get(_REFUSED_TIMES, 0) + (status == 503)
        if times >= _TRIES_503 and self._ending is None:
            return response
        again = request.copy()
        again.meta[_REFUSED_TIMES] = times
        again.dont_filter = True
        return again

    async def _pause(self, sent_at: float, asked: float | None, *, slow_down: bool) -> float | None:
        while True:
            try:
                return self.pace.refuse(sent_at, asked_seconds=asked, slow_down=slow_down)
            except BlockingIOError:
                await asyncio.sleep(random.uniform(0.001, 0.004))

    def _end(self, status: int, asked: float | None) -> None:
        if self._ending is not None:
            return
        wish = "" if asked is None else f" and asks to wait {asked:.0f} s"
        self.spider.degrade(
            "throttle",
            f"answers every request with HTTP {status}{wish}; what is left stays for a later run "
            "(if this goes on, lower its rate_limit in sources.yaml)",
        )
        self._ending = asyncio.create_task(self.crawler.engine.close_spider_async(reason="throttled"))


def pace_of(crawler: Crawler) -> RateLimiter:
    """The one pace of a crawl's source. Raises StoreError where the data directory cannot hold it."""
    pace = _paces.get(crawler)
    if pace is None:
        settings = crawler.settings
        assert isinstance(crawler.spider, SourceSpider)
        pace = _paces[crawler] = RateLimiter(
            Path(settings["DATA_DIR"]) / "pace" / crawler.spider.name,
            crawler.spider.source.rate_limit,
            first_pause_seconds=settings.getfloat("THROTTLE_FIRST_PAUSE_SECONDS"),
        )
        if pace.per_minute:
            try:
                pace.open()
            except BlockingIOError:  # another process has it this moment; the first request opens it
                pass
            except OSError as error:
                raise StoreError(f"{pace.path}: cannot be written: {error.strerror}") from None
        crawler.signals.connect(pace.close, signals.spider_closed)
    return pace


def retry_after_seconds(response: Response) -> float | None:
    """What the server's Retry-After asks for, in seconds from now, 0 or more; ``None`` where it says nothing.

    Both forms of RFC 9110, 10.2.3; a date counts from the server's own, whose clock may differ from ours.
    """
    said = (response.headers.get("Retry-After") or b"").decode("latin-1").strip()
    if re.fullmatch(r"\d{1,9}(\.\d+)?", said):
        return float(said)
    until = _timestamp(said)
    if until is None:
        return None
    sent = _timestamp((response.headers.get("Date") or b"").decode("latin-1"))
    return max(0.0, until - (time.time() if sent is None else sent))


def _timestamp(date: str) -> float | None:
    try:
        return parsedate_to_datetime(date).timestamp()
    except (ValueError, OverflowError):
        return None
