"""The queue of requests, in which a request may wait its time and hold nothing while it does.

The crawl does not end before such a request is made, and a stop does not wait for it: it goes to the job directory with
the rest of the queue.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from typing import Self
from weakref import WeakKeyDictionary

from scrapy.core.scheduler import Scheduler
from scrapy.crawler import Crawler
from scrapy.http import Request
from scrapy.utils.asyncio import CallLaterResult, call_later
from twisted.internet.defer import Deferred

from enrich.errors import JOBDIR_UNWRITABLE
from enrich.request_meta import WAIT_SECONDS

logger = logging.getLogger(__name__)

_troubles: WeakKeyDictionary[Crawler, str] = WeakKeyDictionary()


def queue_trouble(crawler: Crawler) -> str | None:
    """Why a crawl's queue could not be written, in which case its job directory is not whole; ``None``: it could."""
    return _troubles.get(crawler)


class WaitingScheduler(Scheduler):
    """Scrapy's scheduler, which keeps a request with ``meta["wait_seconds"]`` to itself for that long.

    It ends a crawl whose queue cannot be written: Scrapy would wait for ever for what follows an answer.
    """

    @classmethod
    def from_crawler(cls, crawler: Crawler) -> Self:
        """As Scrapy's."""
        scheduler = super().from_crawler(crawler)
        scheduler._waiting = {}
        scheduler._ending = None
        return scheduler

    _waiting: dict[Request, CallLaterResult]
    _ending: asyncio.Task[None] | None

    def enqueue_request(self, request: Request) -> bool:
        """Queue the request, or keep it if it is to wait."""
        seconds = request.meta.pop(WAIT_SECONDS, 0.0)
        if seconds <= 0:
            return self._queue(request)
        self._waiting[request] = call_later(seconds, self._due, request)
        return True

    def next_request(self) -> Request | None:
        """Scrapy's; ``None`` where the queue cannot be read."""
        try:
            return super().next_request()
        except OSError as error:  # a full disk: what a file still holds back has to be written first
            self._end(error)
            return None

    def _due(self, request: Request) -> None:
        del self._waiting[request]
        assert self.crawler is not None
        self.crawler.engine.crawl(request)

    def __len__(self) -> int:
        return super().__len__() + len(self._waiting)

    def close(self, reason: str) -> Deferred[None] | None:
        """Queue those that wait, so that the job directory has them, and close."""
        for call in self._waiting.values():
            call.cancel()
        try:
            for request in self._waiting:
                super().enqueue_request(request)
            self._waiting.clear()
            return super().close(reason)
        except OSError as error:
            if self._ending is None:
                self._report(error)
            with contextlib.suppress(OSError):
                self.df.close(reason)
            return None

    def _queue(self, request: Request) -> bool:
        try:
            return super().enqueue_request(request)
        except OSError as error:
            self._end(error)
            return False

    def _end(self, error: OSError) -> None:
        assert self.crawler is not None
        if self._ending is None:
            self._report(error)
            self._ending = asyncio.create_task(self.crawler.engine.close_spider_async(reason=JOBDIR_UNWRITABLE))

    def _report(self, error: OSError) -> None:
        assert self.crawler is not None
        line = f"{self.crawler.settings['JOBDIR']}: cannot be written: {error.strerror}; the database says what is left"
        logger.error(line)
        _troubles[self.crawler] = line
        self.crawler.stats.set_value("enrich/degraded/jobdir", line)
