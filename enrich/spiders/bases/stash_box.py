"""Walks a stash-box: its list of performers in GraphQL."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, cast

from scrapy.http import JsonRequest, Request, Response

from enrich.identity import clean_text
from enrich.items import GonePerformer, Performer
from enrich.spiders.bases.json_values import ListedImage, number
from enrich.spiders.bases.listing import PER_PAGE, Found, PageListSpider
from enrich.spiders.bases.stash_box_performer import images_of, performer_of, updated_on
from enrich.spiders.bases.stash_box_query import REQUIRED, Query, read_answer


class StashBoxSpider(PageListSpider[Query]):
    """Reads a server of the stash-box software; a subclass only has a name.

    The list is sorted by NAME: no order of the server's is stable (none has a tie-breaker), but names tie least, and
    creation dates tie by the ten thousands. What a shift between two pages hides, the second sweep, in the opposite
    direction, finds.
    """

    retry_reason = "graphql"

    def __init__(self, **given: Any) -> None:
        super().__init__(**given)
        self._without: set[str] = set()

    # --- asking -------------------------------------------------------------------------------------------------------

    def first_query(self) -> Query:
        """The first page, or the one performer."""
        if self.performer is not None:
            return Query(performer=self.performer)
        if self.arguments.since is not None:
            return Query(sort="UPDATED_AT", direction="DESC")
        return Query(per_page=min(self.limit or PER_PAGE, PER_PAGE))

    def query_request(self, query: Query, *, dont_filter: bool = False) -> Request:
        """The question as the server can answer it: without the fields that it is known not to have."""
        return JsonRequest(
            self.source.url,
            data=query.body(self._without),
            callback=self.parse_page,
            errback=self.failed_page,
            cb_kwargs={"query": query},
            dont_filter=dont_filter,
            meta=self.api_meta("ApiKey", [400, 401, 422]),
        )

    # --- answers ------------------------------------------------------------------------------------------------------

    def parse_page(self, response: Response, query: Query) -> Iterator[Found]:
        """One answer of the API: its performers with their pictures, and the pages that it shows to exist."""
        self.read_page()
        answer = read_answer(response)
        if answer is None:
            self.unexpected_page(response, "not a GraphQL answer")
            yield from self.again(response, query, "not a GraphQL answer")
            return
        if answer.refused:
            self.refuse(response)
        if answer.unknown:
            yield from self._ask_less(query, answer.unknown, response)
            return
        found = answer.data.get("findPerformer" if query.performer else "queryPerformers")
        if found is None and answer.errors:
            yield from self.again(response, query, answer.errors[0])
            return
        if answer.errors:
            self.fail_page(query, f"the server answered only part of it: {answer.errors[0]}")
        if query.performer is not None:
            if found is None:
                yield from self.not_there(query.performer)
            yield from self.performers([found])
        elif isinstance(found, dict) and isinstance(found.get("performers"), list):
            yield from self._page(query, found, found["performers"])
        else:
            self.unexpected_page(response, "the answer holds no list of performers")
            yield from self.again(response, query, "it holds no list of performers")

    def _page(self, query: Query, found: Mapping[str, Any], listed: list[Any]) -> Iterator[Found]:
        count = number(found.get("count"), 0, 10**9)
        if count is not None:
            self.expect(count)
        yield from self.performers(listed)
        if self.arguments.since is not None:
            if listed and all(self.is_recent(entry) for entry in listed if isinstance(entry, dict)):
                yield self.query_request(query.at(query.page + 1))
        elif query.page == 1 and count is not None:
            yield from self.following(query, count, len(listed))

    # --- performers ---------------------------------------------------------------------------------------------------

    def performer_of(self, entry: Mapping[str, Any]) -> Performer | None:
        """The performer as the server describes them."""
        return performer_of(self.name, self.source.url, entry)

    def images_of(self, entry: Mapping[str, Any]) -> Iterable[ListedImage]:
        """The pictures in the server's order."""
        return images_of(self.source.url, entry)

    def question(self, performer: str) -> Query:
        """The question that also finds who was deleted."""
        return Query(performer=performer)

    def gone(self, source_id: str, entry: Mapping[str, Any]) -> Iterator[GonePerformer]:
        """With the performer into whom they were merged, if so."""
        into = clean_text(entry.get("merged_into_id"))
        merged_into = None if into is None else into.lower()
        yield GonePerformer(source=self.name, source_id=source_id, reason="deleted", merged_into=merged_into)

    def left_out(self, entry: Mapping[str, Any]) -> str | None:
        """A deleted performer was merged into another, or should not have been there."""
        return "deleted" if entry.get("deleted") is True else None

    def is_recent(self, entry: Mapping[str, Any]) -> bool:
        """Whether the entry was changed since the day that was asked for; one that does not say may have been."""
        since = self.arguments.since
        updated = updated_on(entry)
        return since is None or updated is None or updated >= since

    def second_sweep(self) -> Query:
        """The list from its other end."""
        return Query(direction="DESC")

    # --- a server that knows fewer fields -----------------------------------------------------------------------------

    def _ask_less(self, query: Query, unknown: frozenset[str], response: Response) -> Iterator[Request]:
        """The same question without the fields that the server does not have; they are not asked for again."""
        new = unknown - self._without
        needed = unknown & REQUIRED
        asked_for_nothing_else = not new and cast(Request, response.request).body == self.query_request(query).body
        if needed or asked_for_nothing_else:
            self.lose_page(query, f"the server does not know {', '.join(sorted(needed or unknown))}")
            return
        for name in sorted(new):
            self.logger.warning("%s: the server does not know the field %s; it is left out", self.name, name)
        self._without |= new
        yield self.query_request(query, dont_filter=query.page == 1)
