"""Asks a site's own search for a performer whose address cannot be known, and takes a result only if it is the one."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import ClassVar
from urllib.parse import quote_plus

from scrapy.http import HtmlResponse, Request, Response

from enrich.identity import name_key, names_match, youngest_birthday
from enrich.items import Lookup
from enrich.spiders.bases.gallery_site import NEXT_PRIORITY, Found
from enrich.spiders.bases.html_values import whole_page
from enrich.spiders.bases.profile import is_telling
from enrich.spiders.bases.reference_site import ReferenceSiteSpider, Step

_YOUNGEST_START = 17
"""Nobody's career begins before the year in which they turn 18; sites differ about birthdays by a year."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """One person whom a search found. ``start_year``: the first of the career, where the results tell it."""

    slug: str
    name: str
    aliases: tuple[str, ...] = ()
    start_year: int | None = None


class SearchedSiteSpider(ReferenceSiteSpider):
    """A subclass has ``search_path``, below the site's root, with ``{term}``, and ``read_results``.

    A stored page is asked for, in either mode, and never searched for. Else pages are guessed, where ``slug`` can, and
    then the site is searched for each name that says enough.
    """

    search_path: ClassVar[str]
    max_searches: ClassVar[int] = 3

    @abstractmethod
    def read_results(self, response: HtmlResponse) -> Sequence[Result] | None:
        """The people found, none where the site says so; ``None`` where the page is no page of results."""

    def slug(self, name: str) -> str | None:
        """No page can be guessed, unless a subclass knows better."""
        return None

    def search_url(self, term: str) -> str:
        """The address of a search, below the configured root."""
        return self.source.url.rstrip("/") + self.search_path.format(term=quote_plus(term))

    def _begin(self, lookup: Lookup) -> Request | None:
        stored = tuple(dict.fromkeys(slug for url in lookup.urls if (slug := self.stored_slug(url))))
        slugs = stored or self._slugs(lookup)
        terms = self._terms(lookup) if self.mode == "name" and not stored else ()
        step = Step(lookup=lookup, slug=slugs[0] if slugs else "", rest=slugs[1:], terms=terms)
        return self._page_request(step) if slugs else self._search(step)

    def _terms(self, lookup: Lookup) -> tuple[str, ...]:
        names: dict[str, str] = {}
        for name in (lookup.name, *lookup.aliases):
            if is_telling(name):
                names.setdefault(name_key(name), name)
        return tuple(names.values())[: self.max_searches]

    def _go_on(self, step: Step) -> Request | None:
        step = replace(step, tried=(*step.tried, step.slug))
        return super()._go_on(step) or self._search(step)

    def _search(self, step: Step) -> Request | None:
        if not step.terms:
            return None
        return Request(
            self.search_url(step.terms[0]),
            callback=self.parse_search,
            errback=self.failed_page,
            cb_kwargs={"step": replace(step, slug="")},
            meta=self.request_meta(),
            priority=NEXT_PRIORITY if step.tried else 0,
            dont_filter=True,
        )

    def parse_search(self, response: Response, step: Step) -> Iterator[Found]:
        """The results for ``step.terms[0]``: the one page that can be the performer's, or a reason to take none."""
        self.read_page()
        try:
            page = whole_page(response)
            results = None if page is None else self.read_results(page)
        except Exception as error:  # whatever a damaged page does to its parser, the search has to come to an end
            self.logger.exception("%s: the parser broke on %s", self.name, response.url)
            yield from self._unexpected(response, step, f"the parser broke: {type(error).__name__}")
            return
        if results is None:
            yield from self._unexpected(response, step, "nothing on it marks results of a search")
            return
        term = step.terms[0]
        step = replace(step, terms=step.terms[1:])
        found = candidates(results, term, step)
        if len(found) > 1:
            ambiguous = f"ambiguous: the search finds {len(found)} people called {term}"
            yield from self._next(replace(step, terms=()), "not_found", ambiguous)
        elif found:
            yield self._page_request(replace(step, slug=found[0].slug), priority=NEXT_PRIORITY)
        else:
            yield from self._next(step, "not_found", "the search finds nobody of that name")


def candidates(results: Iterable[Result], term: str, step: Step) -> tuple[Result, ...]:
    """The people who bear the whole name ``term``, each once, without those who were tried or began too young."""
    born = youngest_birthday(step.lookup.birth_date)
    found: dict[str, Result] = {}
    for result in results:
        too_early = (
            born is not None and result.start_year is not None and result.start_year < born.year + _YOUNGEST_START
        )
        if result.slug in step.tried or too_early:
            continue
        if names_match([term], [result.name, *result.aliases]):
            found.setdefault(result.slug, result)
    return tuple(found.values())
