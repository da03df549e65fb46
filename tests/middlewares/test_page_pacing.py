"""Pages are read one a turn of the event loop, and no page waits for the collector of garbage."""

from __future__ import annotations

import asyncio
import gc
import weakref
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import contextmanager
from itertools import pairwise

from scrapy.http import HtmlResponse, Response, TextResponse

from enrich.middlewares.page_pacing import PagePacingMiddleware

Seen = list[str]


async def callback(response: Response, seen: Seen) -> AsyncIterator[str]:
    seen.append("read")
    yield "of the page"


async def read(make: Callable[[], Response], seen: Seen) -> None:
    response = make()
    async for found in PagePacingMiddleware().process_spider_output(response, callback(response, seen)):
        assert found == "of the page"


async def side_by_side(make: Callable[[], Response], number: int = 3) -> Seen:
    """What happens in so many crawls, to each of which a page comes at once; "turn": the loop has gone round."""
    seen: Seen = []

    async def go_round() -> None:
        while seen.count("read") < number:
            await asyncio.sleep(0)
            seen.append("turn")

    await asyncio.gather(*(read(make, seen) for _ in range(number)), go_round())
    return seen


def page() -> TextResponse:
    return HtmlResponse("https://site.example/", body=b"<p>words</p>", encoding="utf-8")


def test_the_loop_goes_round_between_two_pages() -> None:
    seen = asyncio.run(side_by_side(page))
    assert seen.count("read") == 3
    assert ("read", "read") not in pairwise(seen)


def test_pictures_do_not_wait_for_each_other() -> None:
    seen = asyncio.run(side_by_side(lambda: Response("https://site.example/1.jpg", body=b"\xff\xd8\xff")))
    assert seen[:3] == ["read"] * 3


@contextmanager
def no_collector() -> Iterator[None]:
    gc.disable()
    try:
        yield
    finally:
        gc.enable()


async def watched_page() -> weakref.ref[TextResponse]:
    response = page()

    async def title() -> AsyncIterator[str]:
        yield response.css("p::text").get(default="")

    assert [found async for found in PagePacingMiddleware().process_spider_output(response, title())] == ["words"]
    return weakref.ref(response)


def test_a_page_that_was_read_is_gone_at_once() -> None:
    with no_collector():
        assert asyncio.run(watched_page())() is None
