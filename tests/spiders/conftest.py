"""Spiders without a crawl: made as Scrapy makes them, fed with saved answers, read by what they yield."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, is_dataclass, replace
from functools import cache
from pathlib import Path
from typing import Any, TypeVar

import pytest
from scrapy.crawler import Crawler
from scrapy.exceptions import CloseSpider
from scrapy.http import Request, Response
from scrapy.responsetypes import responsetypes
from scrapy.spidermiddlewares.httperror import HttpError
from scrapy.statscollectors import MemoryStatsCollector
from twisted.python.failure import Failure

from enrich.config import Sources, load_sources
from enrich.items import ImageRef, Lookup, Performer, Reason
from enrich.spiders.bases.source import SourceSpider

PAGES = Path(__file__).resolve().parent.parent / "pages"
S = TypeVar("S", bound=SourceSpider)


@cache
def _sources() -> Sources:
    return load_sources(PAGES.parent.parent / "sources.yaml")


class MemoryLibrary:
    """The reads of the store, over lists."""

    def __init__(self, lookups: Sequence[Lookup] = (), due: Sequence[ImageRef] = ()) -> None:
        self.lookups = lookups
        self.due = list(enumerate(due, 1))
        self.asked: list[Mapping[str, Any]] = []
        self.forgotten: set[str] = set()
        self.held: Sequence[str] = ()

    def lookups_by_url(self, source: str, **page: Any) -> list[Lookup]:
        return self._page([lookup for lookup in self.lookups if lookup.urls], source, page)

    def lookups_by_name(self, source: str, **page: Any) -> list[Lookup]:
        return self._page([replace(lookup, urls=()) for lookup in self.lookups], source, page)

    def due_images(self, source: str, *, after: int, batch: int) -> list[tuple[int, ImageRef]]:
        return [(key, ref) for key, ref in self.due if key > after][:batch]

    def image_decided(self, ref: ImageRef) -> bool:
        return False

    def no_room(self, ref: ImageRef) -> Reason | None:
        return None

    def is_forgotten(self, said: Performer) -> bool:
        return said.source_id in self.forgotten

    def ids_there(self, source: str) -> Sequence[str]:
        return self.held

    def _page(self, lookups: list[Lookup], source: str, page: Mapping[str, Any]) -> list[Lookup]:
        self.asked.append({"source": source, **page})
        return [lookup for lookup in lookups if lookup.performer_id > page["after"]][: page["batch"]]


def make_spider(
    kind: type[S],
    *,
    library: MemoryLibrary | None = None,
    source: Mapping[str, Any] | None = None,
    settings: Mapping[str, Any] | None = None,
    **arguments: str,
) -> S:
    """The spider as ``scrapy crawl`` makes it; ``source``: what its sources.yaml block says otherwise."""
    sources = _sources()
    changed = sources.sources[kind.name].model_copy(update=dict(source or {}))
    sources = replace(sources, sources={**sources.sources, kind.name: changed})
    crawler = Crawler(kind, {"ENRICH_SOURCES": sources, **(settings or {})})
    crawler.stats = MemoryStatsCollector(crawler)
    spider = kind.from_crawler(crawler, **arguments)
    spider.library = library
    return spider


@pytest.fixture
def spider_of() -> Callable[..., Any]:
    return make_spider


def first(spider: SourceSpider) -> list[Request]:
    """The requests that a spider begins with."""

    async def collect() -> list[Request]:
        return [request async for request in spider.first_requests()]

    return asyncio.run(collect())


@pytest.fixture
def library_of() -> type[MemoryLibrary]:
    return MemoryLibrary


def response_to(
    request: Request | str, body: bytes | str = b"", status: int = 200, content_type: str = "text/html; charset=utf-8"
) -> Response:
    """The response that Scrapy would make of an answer."""
    request = Request(request) if isinstance(request, str) else request
    headers = {"Content-Type": content_type} if content_type else {}
    body = body.encode() if isinstance(body, str) else body
    made = Response(request.url, headers=headers)
    kind = responsetypes.from_args(headers=made.headers, url=request.url, body=body)
    return kind(request.url, status=status, headers=headers, body=body, request=request)


@pytest.fixture(name="response_to")
def response_to_fixture() -> Callable[..., Response]:
    return response_to


def shown(value: Any) -> Any:
    """A yielded thing as JSON: an item by its class and what is in it, a request by what it is for."""
    if isinstance(value, Request):
        if "image" in value.meta:
            fallback = value.cb_kwargs.get("fallback")
            return {"request": "image", "url": value.url} | ({"fallback": fallback} if fallback else {})
        if "query" in value.cb_kwargs:
            asked = {"variables": json.loads(value.body)["variables"]} if value.body else {"url": value.url}
            return {"request": "query", **asked}
        return {"request": "page", "url": value.url}
    if is_dataclass(value) and not isinstance(value, type):
        return {"item": type(value).__name__, **_said(asdict(value))}
    raise TypeError(f"a spider must not yield {value!r}")


def _said(values: Mapping[str, Any]) -> dict[str, Any]:
    said = {}
    for name, value in values.items():
        if isinstance(value, tuple | list):
            value = [_said(part) if isinstance(part, dict) else part for part in value]
        elif isinstance(value, dict):
            value = _said(value)
        elif isinstance(value, bytes):
            value = f"{len(value)} bytes"
        if value is not None and value != [] and value != {}:
            said[name] = value
    return said


def drain(outcome: Iterable[Any] | None) -> tuple[list[Any], str | None]:
    """What a callback yields, and the reason for which it closes the spider."""
    found: list[Any] = []
    try:
        found.extend(outcome or ())
    except CloseSpider as stop:
        return found, stop.reason
    return found, None


@pytest.fixture(name="drain")
def drain_fixture() -> Callable[..., tuple[list[Any], str | None]]:
    return drain


@pytest.fixture(name="shown")
def shown_fixture() -> Callable[[Any], Any]:
    return shown


def _with_further(outcome: Iterable[Any], folder: Path, further: Mapping[str, Mapping[str, Any]]) -> Iterator[Any]:
    """What a callback yields, and after a request for one of the ``further`` pages what its answer gives."""
    for value in outcome:
        yield value
        how = further.get(value.url) if isinstance(value, Request) and "image" not in value.meta else None
        if how is not None:
            file = folder / "further" / how["file"]
            content_type = "application/json" if file.suffix == ".json" else "text/html; charset=utf-8"
            response = response_to(value, file.read_bytes(), 200, how.get("content_type", content_type))
            yield from _with_further(value.callback(response, **value.cb_kwargs), folder, further)


def _answered(request: Request, response: Response) -> Iterator[Any]:
    """What a request's callback makes of an answer, or its errback where Scrapy takes the status for an error."""
    if response.status == 200 or response.status in request.meta["handle_httpstatus_list"]:
        yield from request.callback(response, **request.cb_kwargs)
    else:
        failure = Failure(HttpError(response, "an error"))
        failure.request = request
        yield from request.errback(failure) or ()


def counted(spider: SourceSpider) -> dict[str, Any]:
    """What the spider counted of pages and performers, and why it is degraded."""
    stats = spider.crawler.stats.get_stats()
    return {
        key: stats[key] for key in sorted(stats) if key.split("/")[0] in ("pages", "performers", "images", "enrich")
    }


def replayed(kind: type[SourceSpider], case: Path) -> tuple[dict[str, Any], dict[str, Any]]:
    """One saved answer through its spider: (what came of it, what the expected file says)."""
    from enrich.spiders.bases.listing import PageListSpider
    from enrich.spiders.bases.reference_site import ReferenceSiteSpider, Step
    from enrich.spiders.bases.search_site import SearchedSiteSpider

    expected = json.loads(case.with_suffix(".expected.json").read_text("utf-8"))
    answer = expected["answer"]
    spider = make_spider(kind, **answer.get("arguments", {}))
    content_type = answer.get(
        "content_type", "application/json" if case.suffix == ".json" else "text/html; charset=utf-8"
    )
    if isinstance(spider, PageListSpider):
        query = type(spider.second_sweep())(**answer.get("query", {}))
        request = spider.query_request(query)
        response = response_to(request, case.read_bytes(), answer.get("status", 200), content_type)
        outcome: Iterable[Any] = _answered(request, response)
    else:
        assert isinstance(spider, ReferenceSiteSpider)
        lookup = {**answer["lookup"], "performer_id": 7}
        lookup = {name: tuple(value) if isinstance(value, list) else value for name, value in lookup.items()}
        more = {name: tuple(answer[name]) for name in ("rest", "terms", "tried") if name in answer}
        step = Step(lookup=Lookup(**lookup), slug=answer.get("slug", ""), **more)
        url, callback = answer.get("url", spider.page_url(step.slug)), spider.parse_profile
        if isinstance(spider, SearchedSiteSpider) and not step.slug:
            url, callback = spider.search_url(step.terms[0]), spider.parse_search
        response = response_to(url, case.read_bytes(), answer.get("status", 200), content_type)
        outcome = _with_further(callback(response, step), case.parent, answer.get("further", {}))
    found, closed = drain(outcome)
    result: dict[str, Any] = {"answer": answer, "yields": [shown(value) for value in found], "counts": counted(spider)}
    if closed is not None:
        result["closed"] = closed
    return result, expected


@pytest.fixture(name="replayed")
def replayed_fixture() -> Callable[..., tuple[dict[str, Any], dict[str, Any]]]:
    return replayed
