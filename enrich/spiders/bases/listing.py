"""Walks a source that lists all its performers page by page, each page an independent request, and their pictures."""

from __future__ import annotations

import re
from abc import abstractmethod
from collections.abc import AsyncIterator, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from math import ceil
from typing import Any, ClassVar, Generic, NoReturn, Self, TypeVar, cast

from scrapy.downloadermiddlewares.retry import get_retry_request
from scrapy.exceptions import CloseSpider
from scrapy.http import Request, Response
from twisted.python.failure import Failure

from enrich.errors import CREDENTIALS_REFUSED, ConfigError
from enrich.identity import is_adult
from enrich.items import (
    FailedImage,
    GonePerformer,
    Image,
    ImageRef,
    Performer,
    RefusedPerformer,
    RejectedImage,
)
from enrich.spiders.bases.json_values import ListedImage
from enrich.spiders.bases.reconcile import ListEndSpider
from enrich.spiders.bases.source import describe, leads_nowhere, request_of, today

PER_PAGE = 100
"""Performers a page: no API states a maximum, and this many answers stay small."""
UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")

Found = Performer | RefusedPerformer | GonePerformer | Image | RejectedImage | FailedImage | Request


@dataclass(frozen=True, slots=True)
class ListPage:
    """One question to the API: a page of its list, or the performer ``performer``. Travels with its request."""

    page: int = 1
    per_page: int = PER_PAGE
    performer: str | None = None

    def at(self, page: int, per_page: int | None = None) -> Self:
        """The same list at another page."""
        return replace(self, page=page, per_page=per_page or self.per_page)

    def __str__(self) -> str:
        return f"performer {self.performer}" if self.performer else f"page {self.page}"


Q = TypeVar("Q", bound=ListPage)


class PageListSpider(ListEndSpider, Generic[Q]):
    """Reads a list of everybody, each performer once, however the pages shift and repeat."""

    modes = ("api",)
    retry_reason: ClassVar[str]
    """What to call, in the stats, an answer that was asked for again."""

    def __init__(self, **given: Any) -> None:
        super().__init__(**given)
        if self.performer is not None:
            self.performer = self.performer.removeprefix(f"{self.name}:").lower()
            if not UUID.fullmatch(self.performer):
                raise ConfigError(
                    f"{self.name}: performer={self.performer}: should be a performer's UUID at {self.name}"
                )

    # --- what a kind of API says for itself ---------------------------------------------------------------------------

    @abstractmethod
    def first_query(self) -> Q:
        """The question whose answer says how many there are, or the one for the performer asked for."""

    @abstractmethod
    def query_request(self, query: Q, *, dont_filter: bool = False) -> Request:
        """The request for a page, with ``query`` in its ``cb_kwargs``; without the key, which a middleware adds."""

    @abstractmethod
    def second_sweep(self) -> Q:
        """The question that begins the list anew."""

    @abstractmethod
    def question(self, performer: str) -> Q:
        """The question for one performer."""

    @abstractmethod
    def performer_of(self, entry: Mapping[str, Any]) -> Performer | None:
        """The performer of an entry, without pictures; ``None`` where id or name are missing."""

    @abstractmethod
    def images_of(self, entry: Mapping[str, Any]) -> Iterable[ListedImage]:
        """The pictures of an entry, best first, each address once."""

    @abstractmethod
    def left_out(self, entry: Mapping[str, Any]) -> str | None:
        """Why an entry is not a performer to store, as the stats count it; ``None`` if it is one."""

    def is_recent(self, entry: Mapping[str, Any]) -> bool:
        """Whether the entry was changed since the day that was asked for."""
        return True

    def api_meta(self, credential: str, statuses: list[int]) -> dict[str, Any]:
        """The meta of a request to the API; ``statuses``: errors that are answers.

        robots.txt speaks to those who follow links; a program's interface is entered with a key of its own.
        """
        return self.request_meta(credential=credential, dont_obey_robotstxt=True, handle_httpstatus_list=statuses)

    # --- pages --------------------------------------------------------------------------------------------------------

    async def first_requests(self) -> AsyncIterator[Request]:
        """The first page, and those that the run before, with the same job directory, could not read."""
        first = self.first_query()
        # The first is asked for again, too: the pages that follow are known by it.
        for query in [first, *sorted(self._lost - {first}, key=lambda lost: lost.page)]:
            yield self.query_request(query, dont_filter=True)

    def taken(self, request: Request) -> None:
        """A page that was lost, and is asked for again, is lost no more."""
        super().taken(request)
        if "query" in request.cb_kwargs:
            self._lost.discard(request.cb_kwargs["query"])

    @property
    def _lost(self) -> set[Q]:
        """The questions that came to nothing, and have not been asked since."""
        lost: set[Q] = self.state.setdefault("lost", set())
        return lost

    def expect(self, count: int) -> None:
        """Note how many performers the source says it has."""
        self._expected = count
        if self.arguments.since is None:
            self.expected = min(count, self.limit or count)
            self.crawler.stats.set_value("performers/expected", self.expected)

    def following(self, query: Q, count: int, given: int) -> Iterator[Request]:
        """The requests for the second page and those after it, as many as ``count`` performers and the limit need.

        ``given``: performers on the first page. A server that gives fewer than it was asked for has a maximum of its
        own, and counts its pages by it.
        """
        per_page = given if 0 < given < min(query.per_page, count) else query.per_page
        for page in range(2, ceil(min(count, self.limit or count) / per_page) + 1):
            yield self.query_request(query.at(page, per_page), dont_filter=self._swept_twice)

    def sweep_again(self) -> Request:
        """The request that begins the list anew."""
        return self.query_request(self.second_sweep(), dont_filter=True)

    def request_for(self, performer: str) -> Request:
        """The request for one performer."""
        return self.query_request(self.question(performer))

    @property
    def is_whole(self) -> bool:
        """Whether no page was lost, in this run or those it resumes."""
        return not self._lost

    def sample_request(self, page: str | None) -> Request:
        """A short page of the list. Raises ConfigError for any ``page``."""
        if page is not None:
            raise ConfigError(f"{self.name}: page={page}: a stash-box is asked for its list, not for pages")
        return self.query_request(self.second_sweep().at(1, per_page=5), dont_filter=True)

    # --- performers ---------------------------------------------------------------------------------------------------

    def performers(self, listed: Iterable[Any]) -> Iterator[Found]:
        """The performers of a page, each followed by their pictures."""
        for entry in listed:
            performer = self.performer_of(entry) if isinstance(entry, dict) else None
            if performer is None:
                if entry is not None:
                    self._count("unreadable")
                continue
            if performer.source_id in self.listed:
                self._count("repeated")
                continue
            if not self.is_recent(entry) or (self.limit is not None and len(self.listed) >= self.limit):
                continue
            self.listed.add(performer.source_id)
            left_out = self.left_out(entry)
            if left_out is not None:
                self._count(left_out)
                yield from self.gone(performer.source_id, entry)
            elif not self.source.wants_gender(performer.gender):
                self._count("other_gender")
            else:
                yield from self._with_images(performer, entry)

    def gone(self, source_id: str, entry: Mapping[str, Any]) -> Iterator[GonePerformer]:
        """The item for a performer who is left out because the source no longer has them."""
        return iter(())

    def not_there(self, performer: str) -> Iterator[GonePerformer]:
        """The source does not find somebody, who was asked for on the command line or is known from it."""
        if performer == self.performer:
            self.degrade("performer", f"there is no performer {performer}")
        yield GonePerformer(source=self.name, source_id=performer, reason="not_found")

    def _with_images(self, performer: Performer, entry: Mapping[str, Any]) -> Iterator[Found]:
        if self.library is not None and self.library.is_forgotten(performer):
            yield RefusedPerformer(source=self.name, source_id=performer.source_id, reason="forgotten")
            return
        if not is_adult(performer.birth_date, today()):
            yield performer  # without pictures: it is refused, and counted, further on
            return
        wanted: list[ImageRef] = []
        rejected: list[RejectedImage] = []
        image_url = None
        for image in self.images_of(entry):
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
        if leads_nowhere(failure):
            self.unexpected_page(request_of(failure), describe(failure))
        self.lose_page(request_of(failure).cb_kwargs["query"], describe(failure))

    def again(self, response: Response, query: Q, why: str) -> Iterator[Request]:
        """The same question once more, as often as Scrapy retries; then the page is lost."""
        request = None
        if response.status == 200:  # with 400 or 422 the question itself is refused: it would be so again
            request = get_retry_request(cast(Request, response.request), spider=self, reason=self.retry_reason)
        if request is None:
            self.lose_page(query, why)
        else:
            yield request

    def lose_page(self, query: Q, why: str) -> None:
        """Say that a page could not be read. Raises CloseSpider where without it nothing is known of the list."""
        self.fail_page(query, why)
        if query.page == 1 and self._expected is None:
            self.stop("source_failed")

    def fail_page(self, query: Q, why: str) -> None:
        """Say that a page, or part of it, could not be read."""
        self._failed_pages += 1
        self._lost.add(query)
        self.crawler.stats.inc_value("pages/failed")
        more = f" ({self._failed_pages} pages so far)" if self._failed_pages > 1 else ""
        self.degrade("pages", f"{query} of {self.source.url} could not be read: {why}{more}")

    def refuse(self, response: Response) -> NoReturn:
        """The source does not take our key. Raises CloseSpider."""
        self._lost.add(cast(Request, response.request).cb_kwargs["query"])
        if not self._stopping:
            variable = self.source.api_key_env or "its API key"
            text = f"{self.source.url} refused the API key (HTTP {response.status}): check {variable}"
            self.degrade("credentials", text)
        self.stop(CREDENTIALS_REFUSED)

    def stop(self, reason: str) -> NoReturn:
        """Raises CloseSpider."""
        self._stopping = True
        raise CloseSpider(reason)
