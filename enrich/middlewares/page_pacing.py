"""One page a turn of the event loop: between two pages it sends, receives, and hears that it is to stop.

To read a page is what takes longest there, some milliseconds; and of crawls side by side many arrive at once.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import TypeVar
from weakref import WeakKeyDictionary

from scrapy.http import Response, TextResponse

T = TypeVar("T")

_turns: WeakKeyDictionary[asyncio.AbstractEventLoop, asyncio.Lock] = WeakKeyDictionary()


class PagePacingMiddleware:
    """Lets the callbacks for pages begin one after the other, those of all crawls of the loop."""

    async def process_spider_output(self, response: Response, result: AsyncIterator[T]) -> AsyncIterator[T]:
        """Pass everything on: a callback begins when it is asked for the first of it."""
        if isinstance(response, TextResponse):
            loop = asyncio.get_running_loop()
            turn = _turns.setdefault(loop, asyncio.Lock())
            await turn.acquire()
            loop.call_soon(turn.release)
        async for item in result:
            yield item
        if isinstance(response, TextResponse):
            response._cached_selector = None  # they hold each other: else whole pages wait for the collector of garbage
