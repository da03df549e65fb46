"""Walks a stash-box: every performer page by page, each page an independent request, and the pictures they name."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Iterable, Iterator, Mapping
from dataclasses import replace
from math import ceil
from typing import Any, Self, cast

from scrapy import signals
from scrapy.crawler import Crawler
from scrapy.downloadermiddlewares.retry import get_retry_request
from scrapy.exceptions import CloseSpider, DontCloseSpider
from scrapy.http import JsonRequest, Request, Response
from twisted.python.failure import Failure

from enrich.errors import ConfigError
from enrich.identity import is_adult
from enrich.items import FailedImage, Image, ImageRef, Performer, RejectedImage
from enrich.spiders.source import SourceSpider, describe, request_of, today
from enrich.spiders.stash_box_performer import images_of, performer_of, updated_on
from enrich.spiders.stash_box_query import PER_PAGE, REQUIRED, Query, read_answer

_UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")

Found = Performer | Image | RejectedImage | FailedImage | Request


class StashBoxSpider(SourceSpider):
    """Reads a server of the stash-box software; a subclass only has a name.

    The list is sorted by NAME: no order of the server's is stable (none has a tie-breaker), but names tie least, and
    creation dates tie by the ten thousands. What a shift between two pages still hides, a second sweep in the opposite
    direction finds; what is missing after that is said, and the run is degraded.
    """

    modes = ("api",)

    def __init__(self, **given: Any) -> None:
        super().__init__(**given)
        if self.performer is not None:
            self.performer = self.performer.removeprefix(f"{self.name}:").lower()
            if not _UUID.fullmatch(self.performer):
                raise ConfigError(
                    f"{self.name}: performer={self.performer}: should be a performer's UUID at {self.name}"
                )
        self._without: set[str] = set()
        self._expected: int | None = None
        self._swept_twice = False
        self._stopping = False
        self._failed_pages = 0

    @classmethod
    def from_crawler(cls, crawler: Crawler, *args: Any, **kwargs: Any) -> Self:
        """Connect the count at the end of the walk. Raises ConfigError."""
        spider = super().from_crawler(crawler, *args, **kwargs)
        crawler.signals.connect(spider.reconcile, signals.spider_idle)
        return spider

    # --- asking -------------------------------------------------------------------------------------------------------

    async def first_requests(self) -> AsyncIterator[Request]:
        """The first page, which says how many there are, or the one performer asked for."""
        if self.performer is not None:
            query = Query(performer=self.performer)
        elif self.arguments.since is not None:
            query = Query(sort="UPDATED_AT", direction="DESC")
        else:
            query = Query(per_page=min(self.limit or PER_PAGE, PER_PAGE))
        # Asked again in a resumed job directory: the pages that follow are known by it.
        yield self.query_request(query, dont_filter=True)

    def query_request(self, query: Query, *, dont_filter: bool = False) -> Request:
        """The request for a page of the API. The key is none of its business: a middleware adds it on the wire.

        robots.txt speaks to those who follow links; a program's interface is entered with a key of its own.
        """
        return JsonRequest(
            self.source.url,
            data=query.body(self._without),
            callback=self.parse_page,
            errback=self.failed_page,
            cb_kwargs={"query": query},
            dont_filter=dont_filter,
            meta=self.request_meta(
                credential="ApiKey", dont_obey_robotstxt=True, handle_httpstatus_list=[400, 401, 422]
            ),
        )

    # --- answers ------------------------------------------------------------------------------------------------------

    def parse_page(self, response: Response, query: Query) -> Iterator[Found]:
        """One answer of the API: its performers with their pictures, and the pages that it shows to exist."""
        self.read_page()
        answer = read_answer(response)
        if answer is None:
            self.unexpected_page(response, "not a GraphQL answer")
            yield from self._again(response, query, "not a GraphQL answer")
            return
        if answer.refused:
            self._refuse(response)
        if answer.unknown:
            yield from self._ask_less(query, answer.unknown, response)
            return
        found = answer.data.get("findPerformer" if query.performer else "queryPerformers")
        if found is None and answer.errors:
            yield from self._again(response, query, answer.errors[0])
            return
        if answer.errors:
            self._fail_page(query, f"the server answered only part of it: {answer.errors[0]}")
        if query.performer is not None:
            if found is None:
                self.degrade("performer", f"there is no performer {query.performer}")
            yield from self._performers([found])
        elif isinstance(found, dict) and isinstance(found.get("performers"), list):
            yield from self._page(query, found, found["performers"])
        else:
            self.unexpected_page(response, "the answer holds no list of performers")
            self._fail_page(query, "it holds no list of performers")

    def _page(self, query: Query, found: Mapping[str, Any], listed: list[Any]) -> Iterator[Found]:
        count = found.get("count")
        if isinstance(count, int) and not isinstance(count, bool):
            self._expected = count
            if self.arguments.since is None:
                self.crawler.stats.set_value("performers/expected", min(count, self.limit or count))
        yield from self._performers(listed)
        if self.arguments.since is not None:
            if listed and all(self._is_recent(entry) for entry in listed):
                yield self.query_request(query.at(query.page + 1))
        elif query.page == 1 and self._expected is not None:
            # A server that gives fewer than it was asked for has a maximum of its own, and counts its pages by it.
            per_page = len(listed) if 0 < len(listed) < min(query.per_page, self._expected) else query.per_page
            yield from self._following(query.at(1, per_page))

    def _following(self, query: Query) -> Iterator[Request]:
        wanted = min(self._expected or 0, self.limit or self._expected or 0)
        for page in range(2, ceil(wanted / query.per_page) + 1):
            yield self.query_request(query.at(page))

    def _is_recent(self, entry: object) -> bool:
        since = self.arguments.since
        updated = updated_on(entry) if isinstance(entry, dict) else None
        return since is None or updated is None or updated >= since

    # --- performers ---------------------------------------------------------------------------------------------------

    def _performers(self, listed: Iterable[Any]) -> Iterator[Found]:
        seen: set[str] = self.state.setdefault("performers", set())
        for entry in listed:
            performer = performer_of(self.name, self.source.url, entry) if isinstance(entry, dict) else None
            if performer is None:
                if entry is not None:
                    self._count("unreadable")
                continue
            if performer.source_id in seen:
                self._count("repeated")
                continue
            if not self._is_recent(entry) or (self.limit is not None and len(seen) >= self.limit):
                continue
            seen.add(performer.source_id)
            if entry.get("deleted") is True:
                self._count("deleted")
            elif not self.source.wants_gender(performer.gender):
                self._count("other_gender")
            else:
                yield from self._with_images(performer, entry)

    def _with_images(self, performer: Performer, entry: Mapping[str, Any]) -> Iterator[Found]:
        if not is_adult(performer.birth_date, today()):
            yield performer  # without pictures: it is refused, and counted, further on
            return
        wanted: list[ImageRef] = []
        rejected: list[RejectedImage] = []
        image_url = None
        for image in images_of(self.source.url, entry):
            if not self.usable_image(image.url):
                continue
            ref = ImageRef(
                source=self.name,
                image_url=image.url,
                source_id=performer.source_id,
                width_px=image.width_px,
                height_px=image.height_px,
            )
            if image.vector:
                rejected.append(RejectedImage(ref=ref, reason="not_an_image", detail={"content": "vector drawing"}))
                continue
            image_url = image_url or image.url
            small = self.too_small(ref)
            if small is not None:
                rejected.append(small)
            else:
                wanted.append(ref)
        yield replace(performer, images=tuple(wanted), image_url=image_url)
        yield from rejected
        for position, ref in enumerate(wanted):
            yield self.image_request(ref, position=position)

    def _count(self, what: str) -> None:
        self.crawler.stats.inc_value(f"performers/{what}")

    # --- trouble ------------------------------------------------------------------------------------------------------

    def failed_page(self, failure: Failure) -> None:
        """A page that could not be fetched, after its retries."""
        self._lose_page(request_of(failure).cb_kwargs["query"], describe(failure))

    def _again(self, response: Response, query: Query, why: str) -> Iterator[Request]:
        request = None
        if response.status == 200:  # with 400 or 422 the question itself is refused: it would be so again
            request = get_retry_request(cast(Request, response.request), spider=self, reason="graphql")
        if request is None:
            self._lose_page(query, why)
        else:
            yield request

    def _lose_page(self, query: Query, why: str) -> None:
        self._fail_page(query, why)
        if query.page == 1 and self._expected is None:
            self._stop("source_failed")

    def _fail_page(self, query: Query, why: str) -> None:
        self._failed_pages += 1
        self.crawler.stats.inc_value("pages/failed")
        more = f" ({self._failed_pages} pages so far)" if self._failed_pages > 1 else ""
        self.degrade("pages", f"{query} could not be read: {why}{more}")

    def _ask_less(self, query: Query, unknown: frozenset[str], response: Response) -> Iterator[Request]:
        """The same question without the fields that the server does not have; they are not asked for again."""
        new = unknown - self._without
        needed = unknown & REQUIRED
        asked_for_nothing_else = not new and cast(Request, response.request).body == self.query_request(query).body
        if needed or asked_for_nothing_else:
            self._lose_page(query, f"{self.source.url} does not know {', '.join(sorted(needed or unknown))}")
            return
        for name in sorted(new):
            self.logger.warning("%s: the server does not know the field %s; it is left out", self.name, name)
        self._without |= new
        yield self.query_request(query, dont_filter=query.page == 1)

    def _refuse(self, response: Response) -> None:
        if not self._stopping:
            variable = self.source.api_key_env or "its API key"
            text = f"{self.source.url} refused the API key (HTTP {response.status}): check {variable}"
            self.degrade("credentials", text)
        self._stop("credentials_refused")

    def _stop(self, reason: str) -> None:
        self._stopping = True
        raise CloseSpider(reason)

    # --- the end ------------------------------------------------------------------------------------------------------

    def reconcile(self) -> None:
        """When nothing is left to do: have all performers been listed that the server counts?

        Raises DontCloseSpider, once, to sweep the list again from its other end.
        """
        if self._stopping or self._expected is None or self.limit or self.arguments.since or self.performer:
            return
        missing = self._expected - len(self.state.get("performers", ()))
        if missing <= 0:
            return
        if not self._swept_twice and not self._failed_pages:
            self._swept_twice = True
            self.logger.info("%s: %d performers were not listed; reading the list from its end", self.name, missing)
            backwards = Query(direction="DESC")
            self.crawler.engine.crawl(self.query_request(backwards))
            raise DontCloseSpider
        self.degrade("count", f"{missing} of {self._expected} performers were never listed by {self.source.url}")
