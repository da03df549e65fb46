"""Walks a reference site: one performer after the other, by stored link or by name, and takes a page's pictures only
when the page is that performer's."""

from __future__ import annotations

import asyncio
from abc import abstractmethod
from collections.abc import AsyncIterator, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import ClassVar
from urllib.parse import quote

from scrapy.exceptions import CloseSpider, IgnoreRequest
from scrapy.http import HtmlResponse, Request, Response
from scrapy.spidermiddlewares.httperror import HttpError
from twisted.python.failure import Failure

from enrich.errors import EnrichError
from enrich.identity import identify, is_adult
from enrich.items import FailedImage, Image, ImageRef, Lookup, LookupEnded, LookupOutcome, Performer, RejectedImage
from enrich.spiders.profile import PageImage, Profile, compare, is_telling, performer_of
from enrich.spiders.source import IMAGE_PRIORITY, SourceSpider, describe, request_of, today

Found = Performer | LookupEnded | Image | RejectedImage | FailedImage | Request

_BATCH = 100
_NEXT_PRIORITY = IMAGE_PRIORITY // 2
"""A performer's further pages: before another performer, after the pictures already known."""
_WORSE: tuple[LookupOutcome, ...] = ("not_found", "wrong_person")
"""Of several pages tried in vain, the outcome that says more, last."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """How far the search for one performer is: the page asked for, those to try next, what the last ones were."""

    lookup: Lookup
    slug: str
    rest: tuple[str, ...] = ()
    outcome: LookupOutcome = "not_found"
    detail: str | None = None


class ReferenceSiteSpider(SourceSpider):
    """A subclass has a ``name``, the ``path`` of a profile and ``read``; the rest where the site differs.

    ``path``: below the site's root, with ``{slug}``. ``either_order``: names may stand family name first.
    """

    modes = ("url", "name")
    path: ClassVar[str]
    either_order: ClassVar[bool] = False
    max_names: ClassVar[int] = 5
    max_galleries: ClassVar[int] = 5

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

    def read_gallery(self, response: HtmlResponse, performer: Performer) -> Sequence[PageImage]:
        """The performer's pictures on one of the profile's ``galleries``."""
        return ()

    def page_url(self, slug: str) -> str:
        """The address of a profile below the configured root, encoded once."""
        return self.source.url.rstrip("/") + self.path.format(slug=quote(slug, safe=""))

    # --- asking -------------------------------------------------------------------------------------------------------

    async def first_requests(self) -> AsyncIterator[Request]:
        """The first page of every performer to look for, read from the library in batches."""
        if self.library is None:
            raise EnrichError(f"{self.name}: there is no database to read performers from")
        read = self.library.lookups_by_url if self.mode == "url" else self.library.lookups_by_name
        after, left = 0, self.limit
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
            left = None if left is None else left - len(batch)
            for request in self._requests(batch):
                yield request

    def _requests(self, batch: Sequence[Lookup]) -> Iterator[Request]:
        skipped = []
        for lookup in batch:
            slugs = self._slugs(lookup)
            if slugs:
                yield self._page_request(Step(lookup=lookup, slug=slugs[0], rest=slugs[1:]))
            else:
                detail = "no stored link is a profile" if self.mode == "url" else "the name gives no address"
                skipped.append(self._ended(lookup, "skipped", detail))
        if skipped:
            # Items must not come from start(): they take the way of an answer, to a request that leaves nobody.
            yield Request(
                f"data:,skipped-{skipped[0].performer_id}",
                callback=self.parse_skipped,
                cb_kwargs={"skipped": skipped},
                meta=self.request_meta(),
            )

    def parse_skipped(self, response: Response, skipped: list[LookupEnded]) -> Iterator[LookupEnded]:
        """Performers that no page can be asked for."""
        yield from skipped

    def _slugs(self, lookup: Lookup) -> tuple[str, ...]:
        """The pages to try: the stored ones, or the name's and then those of the aliases that say enough."""
        if self.mode == "url":
            links = (identify(url) for url in lookup.urls)
            return _once(link.id for link in links if link is not None and link.site == self.name)
        names = [lookup.name, *(alias for alias in lookup.aliases if is_telling(alias))]
        return _once(slug for name in names if (slug := self.slug(name)))[: self.max_names]

    def _page_request(self, step: Step, *, priority: int = 0) -> Request:
        url = self.page_url(step.slug)
        # Two performers may lead to one page: it is asked for each, and the filter of the second is switched off.
        asked: dict[str, int] = self.state.setdefault("asked", {})
        first = asked.setdefault(url, step.lookup.performer_id)
        return Request(
            url,
            callback=self.parse_profile,
            errback=self.failed_page,
            cb_kwargs={"step": step},
            meta=self.request_meta(handle_httpstatus_list=[404, 410]),
            priority=priority,
            dont_filter=first != step.lookup.performer_id,
        )

    # --- answers ------------------------------------------------------------------------------------------------------

    def parse_profile(self, response: Response, step: Step) -> Iterator[Found]:
        """One answer to the question for a performer: their page, nobody's, someone else's, or none that is known."""
        self.read_page()
        if response.status in (404, 410):
            yield from self._next(step, "not_found", f"HTTP {response.status}")
            return
        if not isinstance(response, HtmlResponse):
            yield from self._unexpected(response, step, "not an HTML page")
            return
        try:
            missing = self.is_missing(response)
            profile = None if missing else self.read(response)
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
                yield from self._take(response, step, profile, verdict.matched)

    def _take(self, response: HtmlResponse, step: Step, profile: Profile, matched: str) -> Iterator[Found]:
        performer = performer_of(
            profile,
            lookup=step.lookup,
            source=self.name,
            mode=self.mode,
            slug=step.slug,
            matched=matched,
            page_url=response.url,
        )
        if not is_adult(profile.birth_date, today()):
            yield performer  # without pictures: it is refused, and counted, further on
            return
        yield from self._pictures(performer, profile.images)
        for url in profile.galleries[: self.max_galleries]:
            yield Request(
                url,
                callback=self.parse_gallery,
                errback=self.failed_gallery,
                cb_kwargs={"performer": performer},
                meta=self.request_meta(),
                priority=_NEXT_PRIORITY,
            )

    def parse_gallery(self, response: Response, performer: Performer) -> Iterator[Found]:
        """More pictures of a performer whose page is known."""
        self.read_page()
        images = self.read_gallery(response, performer) if isinstance(response, HtmlResponse) else ()
        if not images:
            self.unexpected_page(response, "a gallery without pictures")
            return
        yield from self._pictures(performer, images)

    def failed_gallery(self, failure: Failure) -> None:
        """A gallery that could not be fetched: its pictures are missing, the performer is not."""
        self.crawler.stats.inc_value("pages/failed")
        self.logger.warning("%s: %s: %s", self.name, request_of(failure).url, describe(failure))

    def _pictures(self, performer: Performer, images: Sequence[PageImage]) -> Iterator[Found]:
        refs: dict[str, tuple[ImageRef, str | None]] = {}
        for image in images:
            if image.url not in refs and self.usable_image(image.url):
                ref = ImageRef(
                    source=self.name,
                    image_url=image.url,
                    performer_id=performer.performer_id,
                    page_url=performer.page_url,
                    gallery=image.gallery,
                    matched=performer.matched,
                    width_px=image.width_px,
                    height_px=image.height_px,
                )
                refs[image.url] = ref, image.fallback
        small = {url: rejected for url, (ref, _) in refs.items() if (rejected := self.too_small(ref))}
        wanted = [found for url, found in refs.items() if url not in small]
        yield replace(performer, images=tuple(ref for ref, _ in wanted))
        yield from small.values()
        for position, (ref, fallback) in enumerate(wanted):
            yield self.image_request(ref, position=position, fallback=fallback)

    # --- in vain ------------------------------------------------------------------------------------------------------

    def _next(self, step: Step, outcome: LookupOutcome, detail: str | None) -> Iterator[Found]:
        if _WORSE.index(outcome) < _WORSE.index(step.outcome):
            outcome, detail = step.outcome, step.detail
        if step.rest:
            follower = replace(step, slug=step.rest[0], rest=step.rest[1:], outcome=outcome, detail=detail)
            yield self._page_request(follower, priority=_NEXT_PRIORITY)
        else:
            yield self._ended(step.lookup, outcome, detail)

    def _unexpected(self, response: Response, step: Step, why: str) -> Iterator[Found]:
        self.unexpected_page(response, why)
        yield self._ended(step.lookup, "failed", f"unexpected page: {why}")

    def failed_page(self, failure: Failure) -> Iterator[Found]:
        """A profile that could not be fetched: blocked, forbidden by robots.txt, or failed for now."""
        step: Step = request_of(failure).cb_kwargs["step"]
        error = failure.value
        self.crawler.stats.inc_value("pages/failed")
        if isinstance(error, HttpError):
            blocked = error.response.status in (401, 403, 429, 451)
        else:
            blocked = isinstance(error, IgnoreRequest)
            if blocked and "robots.txt" in str(error) and not self.crawler.stats.get_value("pages/read"):
                self.degrade("robots", f"{request_of(failure).url} may not be fetched: {describe(failure)}")
                raise CloseSpider("forbidden")
        yield self._ended(step.lookup, "blocked" if blocked else "failed", describe(failure))

    def _ended(self, lookup: Lookup, outcome: LookupOutcome, detail: str | None) -> LookupEnded:
        return LookupEnded(
            source=self.name, mode=self.mode, performer_id=lookup.performer_id, outcome=outcome, detail=detail
        )


def _once(slugs: Iterator[str]) -> tuple[str, ...]:
    first: dict[str, str] = {}
    for slug in slugs:
        first.setdefault(slug.casefold(), slug)
    return tuple(first.values())
