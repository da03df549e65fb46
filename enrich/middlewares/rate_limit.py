"""Where requests wait for their turn: the last thing before the wire, so that nothing delays them afterwards.

Order 790, just before the key is added (800): whatever waits here, for a pause of an hour too, holds no connection,
is let go in the order of priority, and goes back to be done as soon as a stop begins.
"""

from __future__ import annotations

import asyncio
import heapq
import itertools
import weakref
from collections.abc import Awaitable, Callable
from typing import Self

from scrapy.crawler import Crawler
from scrapy.exceptions import IgnoreRequest, NotConfigured
from scrapy.http import Request
from scrapy.statscollectors import StatsCollector

from enrich.middlewares.ledger import LedgerMiddleware
from enrich.middlewares.retry_after import pace_of
from enrich.net.rate_limiter import RateLimiter
from enrich.request_errors import AlreadyDecided
from enrich.request_meta import SENT_AT, WAIT_SECONDS
from enrich.spiders.bases.source import SourceSpider

LOOK_SECONDS = 0.2
"""How often those who wait look whether a stop has begun: Scrapy sends no signal for it."""


class RateLimitMiddleware:
    """Lets one request after the other go, as the pace allows. ``is_stopping``: whether a stop has begun.

    ``ledger``: asked once more about a request that has waited: its performer's faces may be complete by then.
    """

    def __init__(
        self,
        slot: str,
        pace: RateLimiter,
        stats: StatsCollector,
        is_stopping: Callable[[], bool],
        ledger: LedgerMiddleware | None = None,
    ) -> None:
        self.slot = slot
        self.pace = pace
        self.stats = stats
        self.is_stopping = is_stopping
        self.ledger = ledger
        self._waiting: list[tuple[int, int, Request, asyncio.Future[bool]]] = []
        self._numbers = itertools.count()
        # Not a mark on the requests: it would come back with them from a job directory.
        self._given_back: weakref.WeakSet[Request] = weakref.WeakSet()
        self._dispatcher: asyncio.Task[None] | None = None

    @classmethod
    def from_crawler(cls, crawler: Crawler) -> Self:
        """Share the pace with the throttle. Raises StoreError where it cannot be kept."""
        if not isinstance(crawler.spider, SourceSpider):
            raise NotConfigured
        ledger = None if crawler.spider.library is None else LedgerMiddleware(crawler.spider.library, crawler.stats)
        return cls(crawler.spider.name, pace_of(crawler), crawler.stats, lambda: stop_has_begun(crawler), ledger)

    def process_request(self, request: Request) -> Awaitable[Request | None] | None:
        """Let the request go, or have it wait."""
        meta = request.meta
        if meta["download_slot"] != self.slot or request.url.startswith("data:"):
            return None
        if self._waiting or WAIT_SECONDS in meta or self.is_stopping() or self.pace.take():
            return self._wait(request)
        meta[SENT_AT] = self.pace.clock()
        return None

    async def _wait(self, request: Request) -> Request | None:
        seconds = request.meta.pop(WAIT_SECONDS, 0.0)
        # A retry waits in the scheduler; only what never was there, robots.txt, comes with its wait to here.
        while seconds > 0 and not self.is_stopping():
            await asyncio.sleep(min(seconds, LOOK_SECONDS))
            seconds -= LOOK_SECONDS
        self.stats.inc_value("throttle/waits")
        turn: asyncio.Future[bool] = asyncio.get_running_loop().create_future()
        heapq.heappush(self._waiting, (-request.priority, next(self._numbers), request, turn))
        if self._dispatcher is None:
            self._dispatcher = asyncio.create_task(self._call_up())
        if await turn:
            request.meta[SENT_AT] = self.pace.clock()
            return None
        if request in self._given_back:  # it does not come from the scheduler, so there is nothing it could go back to
            raise IgnoreRequest("the crawl is stopping")
        self.stats.inc_value("throttle/given_back")
        back = request.replace(dont_filter=True)
        self._given_back.add(back)
        return back

    async def _call_up(self) -> None:
        """Runs as long as requests wait."""
        try:
            while self._waiting:
                if self.is_stopping():
                    while self._waiting:
                        heapq.heappop(self._waiting)[-1].set_result(False)
                elif seconds := self.pace.take():
                    await asyncio.sleep(min(seconds, LOOK_SECONDS))
                else:
                    self._let_one_go()
        except BaseException as error:  # whatever it is, those who wait must not do so for ever
            while self._waiting:
                heapq.heappop(self._waiting)[-1].set_exception(error)
            if not isinstance(error, Exception):
                raise
        finally:
            self._dispatcher = None

    def _let_one_go(self) -> None:
        while self._waiting:
            *_, request, turn = heapq.heappop(self._waiting)
            try:
                if self.ledger is not None:
                    self.ledger.process_request(request)
            except AlreadyDecided as decided:
                turn.set_exception(decided)
            else:
                turn.set_result(True)
                return


def stop_has_begun(crawler: Crawler) -> bool:
    """Whether the engine is closing; what has not gone by now is for the next run."""
    slot = crawler.engine._slot
    return slot is None or slot.closing is not None
