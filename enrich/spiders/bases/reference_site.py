"""Walks a reference site: one performer after the other, by stored link or by name, and takes a page's pictures only
when the page is that performer's."""

from __future__ import annotations

import asyncio
from abc import abstractmethod
from collections.abc import AsyncIterator, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any, ClassVar
from urllib.parse import quote

from scrapy.exceptions import CloseSpider
from scrapy.http import HtmlResponse, Request, Response
from twisted.python.failure import Failure

from enrich.errors import ConfigError, EnrichError
from enrich.identity import add_site, identify, is_adult
from enrich.items import Lookup, LookupEnded, LookupOutcome, Performer, RefusedPerformer
from enrich.request_meta import CARRIER_ONLY
from enrich.spiders.bases.gallery_site import NEXT_PRIORITY, Found, GallerySpider, Walk, forbidden, outcome_of
from enrich.spiders.bases.html_values import whole_page
from enrich.spiders.bases.profile import Profile, compare, is_telling, performer_of, undamaged
from enrich.spiders.bases.source import describe, leads_nowhere, request_of, today

NO_NAME = "Nobody Whoeverson"
"""Whom ``scrapy check`` looks for, not to find anybody."""
_BATCH = 100
_WORSE: tuple[LookupOutcome, ...] = ("not_found", "wrong_person")
"""Outcomes of fruitless pages, the most informative last."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """How far the search for one performer is: the page asked for, those to try next, what the last ones were.

    ``terms``: names for which the site is still to be searched; ``tried``: pages that led nowhere.
    """

    lookup: Lookup
    slug: str
    rest: tuple[str, ...] = ()
    terms: tuple[str, ...] = ()
    tried: tuple[str, ...] = ()
    outcome: LookupOutcome = "not_found"
    detail: str | None = None


class ReferenceSiteSpider(GallerySpider):
    """A subclass has a ``name``, the ``path`` of a profile and ``read``; the rest where the site differs.

    ``path``: below the site's root, with ``{slug}``. ``either_order``: names may stand family name first.
    ``host``, without ``www.``: of a site that ``identity/sites.py`` does not know, where stored links lead.
    """

    modes = ("url", "name")
    path: ClassVar[str]
    host: ClassVar[str | None] = None
    either_order: ClassVar[bool] = False
    max_names: ClassVar[int] = 5

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        if cls.host is not None:
            add_site(cls.name, cls.host, cls.path)

    # --- what a site says about itself --------------------------------------------------------------------------------

    @abstractmethod
    def read(self, response: HtmlResponse) -> Profile | None:
        """Read a profile; ``None`` when what makes a page a profile is not there. No requests, no guesses."""

    def is_missing(self, response: HtmlResponse) -> bool:
        """Whether a page that came with 200 says that there is no such performer."""
        return False

    def slug(self, name: str) -> str | None:
        """The slug that the site would give to a name; ``None`` where a name gives none."""
        raise NotImplementedError

    def stored_slug(self, url: str) -> str | None:
        """The slug in a stored link; ``None`` where the link is no profile of this site."""
        link = identify(url)
        return link.id if link is not None and link.site == self.name else None

    def page_url(self, slug: str) -> str:
        """The address of a profile below the configured root, encoded once."""
        return self.source.url.rstrip("/") + self.path.format(slug=quote(slug, safe=""))

    def sample_request(self, page: str | None) -> Request:
        """The search for a name that nobody has, or the page of somebody. Raises ConfigError where it is no profile."""
        if page is None:
            self.mode = "name"
            request = self._begin(Lookup(performer_id=0, name=NO_NAME))
            assert request is not None
            step: Step = request.cb_kwargs["step"]
            return request.replace(cb_kwargs={"step": replace(step, rest=(), terms=()) if step.slug else step})
        slug = self.stored_slug(page)
        if slug is None:
            raise ConfigError(f"{self.name}: page={page}: not the address of a profile at {self.name}")
        lookup = Lookup(performer_id=0, name="")
        return self._page_request(Step(lookup=lookup, slug=slug)).replace(callback=self.parse_sample)

    def parse_sample(self, response: Response, step: Step) -> Iterator[Found]:
        """Whoever the page is of, without their pictures; there have to be some."""
        page = whole_page(response)
        profile = None if page is None else undamaged(self.read(page))
        if profile is None:
            yield from self._unexpected(response, step, "nothing on it marks a profile")
        elif not profile.images and not profile.galleries:
            yield from self._unexpected(response, step, f"no picture of {profile.name} was found on it")
        else:
            yield self._performer(response, step, profile, profile.name)

    # --- asking -------------------------------------------------------------------------------------------------------

    async def first_requests(self) -> AsyncIterator[Request]:
        """The first page of every performer to look for, read from the library in batches."""
        if self.library is None:
            raise EnrichError(f"{self.name}: there is no database to read performers from")
        read = self.library.lookups_by_url if self.mode == "url" else self.library.lookups_by_name
        after, left = 0, None if self.limit is None else self.limit - self.state.get("looked_for", 0)
        while left is None or left > 0:
            batch = await asyncio.to_thread(
                read,
                self.name,
                after=after,
                batch=_BATCH if left is None else min(left, _BATCH),
                genders=self.source.gender_filter,
                performer=self.performer,
            )
            if not batch:
                return
            after = batch[-1].performer_id
            new = [lookup for lookup in batch if lookup.performer_id not in self.in_hand]
            left = None if left is None else left - len(new)
            for request in self._requests(new):
                yield request

    def taken(self, request: Request) -> None:
        """Count the performers looked for; those whose page is asked for are in hand until their search is over."""
        super().taken(request)
        step: Step | None = request.cb_kwargs.get("step")
        if step is not None:
            self.in_hand.add(step.lookup.performer_id)
        performers = len(request.cb_kwargs.get("skipped", ())) if step is None else 1
        self.state["looked_for"] = self.state.get("looked_for", 0) + performers

    def _requests(self, batch: Sequence[Lookup]) -> Iterator[Request]:
        skipped = []
        for lookup in batch:
            request = self._begin(lookup)
            if request is not None:
                yield request
            else:
                detail = "no stored link is a profile" if self.mode == "url" else "the name gives no address"
                skipped.append(self.ended(lookup.performer_id, "skipped", detail))
        if skipped:
            # Items must not come from start(): they take the way of an answer, to a request that leaves nobody.
            yield Request(
                f"data:,skipped-{skipped[0].performer_id}",
                callback=self.parse_skipped,
                cb_kwargs={"skipped": skipped},
                meta=self.request_meta(**{CARRIER_ONLY: True}),
            )

    def parse_skipped(self, response: Response, skipped: list[LookupEnded]) -> Iterator[LookupEnded]:
        """Performers that no page can be asked for."""
        yield from skipped

    def _begin(self, lookup: Lookup) -> Request | None:
        slugs = self._slugs(lookup)
        return self._page_request(Step(lookup=lookup, slug=slugs[0], rest=slugs[1:])) if slugs else None

    def _slugs(self, lookup: Lookup) -> tuple[str, ...]:
        """The pages to try: the stored ones, or the name's and then those of the aliases that say enough."""
        if self.mode == "url":
            return _once(slug for url in lookup.urls if (slug := self.stored_slug(url)))
        names = [lookup.name, *(alias for alias in lookup.aliases if is_telling(alias))]
        spelled = (spelling for name in names for spelling in (_orders(name) if self.either_order else (name,)))
        return _once(slug for spelling in spelled if (slug := self.slug(spelling)))[: self.max_names]

    def _page_request(self, step: Step, *, priority: int = 0) -> Request:
        return Request(
            self.page_url(step.slug),
            callback=self.parse_profile,
            errback=self.failed_page,
            cb_kwargs={"step": step},
            meta=self.request_meta(handle_httpstatus_list=[404, 410]),
            priority=priority,
            # Two performers may lead to one page, by old addresses too: each search has to come to an end.
            dont_filter=True,
        )

    # --- answers ------------------------------------------------------------------------------------------------------

    def parse_profile(self, response: Response, step: Step) -> Iterator[Found]:
        """One answer to the question for a performer: their page, nobody's, someone else's, or none that is known."""
        self.read_page()
        if response.status in (404, 410):
            yield from self._next(step, "not_found", f"HTTP {response.status}")
            return
        page = whole_page(response)
        if page is None:
            yield from self._unexpected(response, step, "not an HTML page, or only part of one")
            return
        try:
            missing = self.is_missing(page)
            profile = None if missing else undamaged(self.read(page))
        except Exception as error:  # whatever a damaged page does to its parser, the search has to come to an end
            self.logger.exception("%s: the parser broke on %s", self.name, response.url)
            yield from self._unexpected(response, step, f"the parser broke: {type(error).__name__}")
            return
        if missing:
            yield from self._next(step, "not_found", "the site says so")
        elif profile is None:
            yield from self._unexpected(response, step, "nothing on it marks a profile")
        else:
            verdict = compare(step.lookup, profile, self.mode, either_order=self.either_order)
            if verdict.matched is None:
                yield from self._next(step, "wrong_person", verdict.detail)
            else:
                yield from self._take(page, step, profile, verdict.matched)

    def _take(self, response: HtmlResponse, step: Step, profile: Profile, matched: str) -> Iterator[Found]:
        performer = self._performer(response, step, profile, matched)
        if self.library is not None and self.library.is_forgotten(performer):
            self.over(performer.performer_id)
            yield RefusedPerformer(
                source=self.name,
                source_id=performer.source_id,
                performer_id=performer.performer_id,
                mode=self.mode,
                reason="forgotten",
            )
            return
        if not is_adult(profile.birth_date, today()):
            self.over(performer.performer_id)
            yield performer  # without pictures: it is refused, and counted, further on
            return
        walk = Walk(performer=performer, images=profile.images, galleries=profile.galleries, lists=profile.lists)
        yield from self.gather(walk)

    def _performer(self, response: Response, step: Step, profile: Profile, matched: str) -> Performer:
        return performer_of(
            profile,
            lookup=step.lookup,
            source=self.name,
            mode=self.mode,
            slug=step.slug,
            matched=matched,
            page_url=response.url,
        )

    # --- nothing found ------------------------------------------------------------------------------------------------

    def _next(self, step: Step, outcome: LookupOutcome, detail: str | None) -> Iterator[Found]:
        if _WORSE.index(outcome) < _WORSE.index(step.outcome):
            outcome, detail = step.outcome, step.detail
        request = self._go_on(replace(step, outcome=outcome, detail=detail))
        yield self.ended(step.lookup.performer_id, outcome, detail) if request is None else request

    def _go_on(self, step: Step) -> Request | None:
        """What to request after ``step.slug`` led nowhere; ``None`` where nothing is left."""
        if not step.rest:
            return None
        return self._page_request(replace(step, slug=step.rest[0], rest=step.rest[1:]), priority=NEXT_PRIORITY)

    def _unexpected(self, response: Response | Request, step: Step, why: str) -> Iterator[Found]:
        self.unexpected_page(response, why)
        yield self.ended(step.lookup.performer_id, "failed", f"unexpected page: {why}")

    def failed_page(self, failure: Failure) -> Iterator[Found]:
        """A profile that could not be fetched: blocked, forbidden by robots.txt, or failed for now."""
        step: Step = request_of(failure).cb_kwargs["step"]
        self.crawler.stats.inc_value("pages/failed")
        if leads_nowhere(failure):
            yield from self._unexpected(request_of(failure), step, describe(failure))
            return
        if forbidden(failure) and not self.pages_read:
            self.degrade("robots", f"{request_of(failure).url} may not be fetched: {describe(failure)}")
            raise CloseSpider("forbidden")
        yield self.ended(step.lookup.performer_id, outcome_of(failure), describe(failure))


def _orders(name: str) -> tuple[str, ...]:
    """A name of two words as it is and the other way round; any other has one order only."""
    words = name.split()
    return (name, " ".join(reversed(words))) if len(words) == 2 else (name,)


def _once(slugs: Iterator[str]) -> tuple[str, ...]:
    first: dict[str, str] = {}
    for slug in slugs:
        first.setdefault(slug.casefold(), slug)
    return tuple(first.values())
