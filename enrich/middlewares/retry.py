"""Retries wait, longer from one to the next and not all alike, and hold nothing while they do.

The wait is the scheduler's: a request that waits is as good as queued. The crawl does not end before it, and a stop
does not wait for it: it goes to the job directory with the rest of the queue.
"""

from __future__ import annotations

import random

from scrapy.downloadermiddlewares.retry import RetryMiddleware
from scrapy.http import Request, Response
from scrapy.settings import BaseSettings

from enrich.request_meta import WAIT_SECONDS


class WaitingRetryMiddleware(RetryMiddleware):
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
