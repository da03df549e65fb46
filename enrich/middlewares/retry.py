"""Retries wait, longer from one to the next and not all alike, and hold nothing while they do.

The wait is the scheduler's: a request that waits is as good as queued. The crawl does not end before it, and a stop
does not wait for it: it goes to the job directory with the rest of the queue.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import random
from typing import Self

from scrapy.core.scheduler import Scheduler
from scrapy.crawler import Crawler
from scrapy.downloadermiddlewares.retry import RetryMiddleware
from scrapy.http import Request, Response
from scrapy.settings import BaseSettings
from scrapy.utils.asyncio import CallLaterResult, call_later
from twisted.internet.defer import Deferred

from enrich.errors import JOBDIR_UNWRITABLE

logger = logging.getLogger(__name__)

WAIT_SECONDS = "wait_seconds"
"""In the meta of a request: how long the scheduler keeps it before it is queued."""


class BackoffMiddleware(RetryMiddleware):
    """Scrapy's retries with waits: the first ``RETRY_FIRST_WAIT_SECONDS``, doubling up to the longest, less up to half.

    As "equal jitter" in Marc Brooker, "Exponential Backoff and Jitter" (AWS Architecture Blog, 2015).
    """

    def __init__(self, settings: BaseSettings) -> None:
        super().__init__(settings)
        self.first_seconds = settings.getfloat("RETRY_FIRST_WAIT_SECONDS")
        self.longest_seconds = settings.getfloat("RETRY_LONGEST_WAIT_SECONDS")

    def process_response(  # type: ignore[override]  # Scrapy's still takes the spider, which it deprecates
        self, request: Request, response: Response
    ) -> Request | Response:
        """Ask again, after a wait, what the server could not do."""
        result = super().process_response(request, response)
        return self._after_wait(result) if isinstance(result, Request) else result

    def process_exception(  # type: ignore[override]  # as above
        self, request: Request, exception: Exception
    ) -> Request | Response | None:
        """The same where there was no answer."""
        result = super().process_exception(request, exception)
        return self._after_wait(result) if isinstance(result, Request) else result

    def _after_wait(self, request: Request) -> Request:
        seconds = min(self.first_seconds * 2.0 ** (request.meta["retry_times"] - 1), self.longest_seconds)
        request.meta[WAIT_SECONDS] = seconds * random.uniform(0.5, 1.0)
        return request


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
                self._say(error)
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
            self._say(error)
            self._ending = asyncio.create_task(self.crawler.engine.close_spider_async(reason=JOBDIR_UNWRITABLE))

    def _say(self, error: OSError) -> None:
        assert self.crawler is not None
        line = f"{self.crawler.settings['JOBDIR']}: cannot be written: {error.strerror}; the database says what is left"
        logger.error(line)
        self.crawler.stats.set_value("enrich/degraded/jobdir", line)
