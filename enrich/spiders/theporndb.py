"""ThePornDB (theporndb.net): lists its performers by REST, in the envelope of Laravel's paginator."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from scrapy.http import Request, Response, TextResponse

from enrich.errors import ConfigError
from enrich.items import Performer
from enrich.spiders.bases.json_values import ListedImage, number
from enrich.spiders.bases.listing import PER_PAGE, Found, ListPage, PageListSpider
from enrich.spiders.bases.theporndb_performer import images_of, is_site_specific, listed, performer_of

SMALL_PAGE = 25
"""Performers a page that every known client is given."""

_ABOUT_PAGE_SIZE = re.compile(r"per[_ ]page")
_MOST_PERFORMERS = 10**7


@dataclass(frozen=True, slots=True)
class TPDBPage(ListPage):
    """A page of the list. ``sweep``: how often the list has been begun."""

    sweep: int = 1


class ThePornDBSpider(PageListSpider[TPDBPage]):
    """Reads api.theporndb.net. The API has neither an order to choose nor a day to ask for changes since."""

    name = "theporndb"
    retry_reason = "rest"

    def __init__(self, **given: Any) -> None:
        super().__init__(**given)
        if self.arguments.since is not None:
            raise ConfigError(
                f"{self.name}: since={self.arguments.since}: the API does not say when a performer was changed; "
                "leave it out: a whole crawl downloads no picture twice"
            )

    # --- asking -------------------------------------------------------------------------------------------------------

    def first_query(self) -> TPDBPage:
        """The first page, or the one performer."""
        return TPDBPage(per_page=min(self.limit or PER_PAGE, PER_PAGE), performer=self.performer)

    def query_request(self, query: TPDBPage, *, dont_filter: bool = False) -> Request:
        """The question in its address. A second sweep asks the same addresses again."""
        path = f"/{query.performer}" if query.performer else ""
        asked = "" if query.performer else "?" + urlencode({"page": query.page, "per_page": query.per_page})
        return Request(
            f"{self.source.url}/performers{path}{asked}",
            callback=self.parse_page,
            errback=self.failed_page,
            headers={"Accept": "application/json"},
            cb_kwargs={"query": query},
            dont_filter=dont_filter or query.sweep > 1,
            meta=self.api_meta("Bearer", [400, 401, 403, 404, 422]),
        )

    def question(self, performer: str) -> TPDBPage:
        """The question in the address of the performer."""
        return TPDBPage(performer=performer)

    def second_sweep(self) -> TPDBPage:
        """The list from its beginning: there is no other order."""
        return TPDBPage(sweep=2)

    # --- answers ------------------------------------------------------------------------------------------------------

    def parse_page(self, response: Response, query: TPDBPage) -> Iterator[Found]:
        """One answer of the API: its performers with their pictures, and the pages that it shows to exist."""
        self.read_page()
        answer = _json_object(response)
        if response.status == 401 or (response.status == 403 and answer is not None):
            self.refuse(response)
        data = answer.get("data") if answer is not None else None
        if answer is None:
            self.unexpected_page(response, "not a JSON answer")
            yield from self.again(response, query, f"not a JSON answer (HTTP {response.status})")
        elif response.status != 200:
            yield from self._turned_down(response, query, str(answer.get("message") or "")[:200])
        elif query.performer is not None:
            yield from self._one(response, query, data)
        elif isinstance(data, list) or (isinstance(data, dict) and all(place.isdecimal() for place in data)):
            yield from self._page(query, answer, listed(data))
        else:
            self.unexpected_page(response, "the answer holds no list of performers")
            yield from self.again(response, query, "it holds no list of performers")

    def _turned_down(self, response: Response, query: TPDBPage, message: str) -> Iterator[Found]:
        if response.status == 404 and query.performer is not None and message:  # its own word, not a proxy's
            yield from self.not_there(query.performer)
        elif response.status == 422 and query.per_page > SMALL_PAGE and _ABOUT_PAGE_SIZE.search(response.text):
            self.logger.warning("%s: %s; asking for %d a page", self.name, message, SMALL_PAGE)
            yield self.query_request(query.at(query.page, SMALL_PAGE), dont_filter=query.page == 1)
        else:
            self.lose_page(query, f"HTTP {response.status}: {message}".rstrip(": "))

    def _one(self, response: Response, query: TPDBPage, found: object) -> Iterator[Found]:
        if not isinstance(found, dict) or self.performer_of(found) is None:
            self.unexpected_page(response, "the answer holds no performer")
            yield from self.again(response, query, "it holds no performer")
            return
        if is_site_specific(found) and query.performer == self.performer:
            self.degrade("performer", f"{query.performer} is one site's own record of a performer; ask for its parent")
        yield from self.performers([found])

    def _page(self, query: TPDBPage, answer: Mapping[str, Any], entries: list[Any]) -> Iterator[Found]:
        meta, links = (answer.get(part) for part in ("meta", "links"))
        meta = meta if isinstance(meta, dict) else {}
        total = number(meta.get("total"), 0, _MOST_PERFORMERS)
        last = number(meta.get("last_page"), 1, _MOST_PERFORMERS)
        if total is not None and query.page == 1:
            self.expect(total)
        before = len(self.listed)
        yield from self.performers(entries)
        # Where the server has a maximum of its own, ``meta`` says so, and its last page is counted by it.
        told = number(meta.get("per_page"), 1, _MOST_PERFORMERS)
        query = query.at(query.page, told)
        count = total if last is None else last * query.per_page
        if query.page == 1 and count is not None:
            yield from self.following(query, count, given=0 if told else len(entries))
        # A total that is capped, or not told, does not end a list whose pages go on.
        beyond = isinstance(links, dict) and bool(links.get("next")) and query.page >= (last or 1)
        if beyond and len(self.listed) > before and not (self.limit and len(self.listed) >= self.limit):
            yield self.query_request(query.at(query.page + 1))

    # --- performers ---------------------------------------------------------------------------------------------------

    def performer_of(self, entry: Mapping[str, Any]) -> Performer | None:
        """The performer as the site describes them."""
        return performer_of(self.name, self.source.url, entry)

    def images_of(self, entry: Mapping[str, Any]) -> Iterable[ListedImage]:
        """Face, posters, picture."""
        return images_of(entry)

    def left_out(self, entry: Mapping[str, Any]) -> str | None:
        """A site's own record of a performer: its parent is in the list too."""
        return "site_specific" if is_site_specific(entry) else None


def _json_object(response: Response) -> dict[str, Any] | None:
    if not isinstance(response, TextResponse):
        return None
    try:
        answer = json.loads(response.body)
    except (ValueError, RecursionError):
        return None
    return answer if isinstance(answer, dict) else None
