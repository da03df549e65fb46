"""Gathers a performer's pictures from the galleries that their page names, and hands them over together at the end.

A performer is handed over once, when the walk is over: a crawl that is stopped on the way leaves the search open, and a
later run makes it again. Galleries are asked for one after the other, no further than pictures are needed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, ClassVar

from scrapy.exceptions import IgnoreRequest
from scrapy.http import HtmlResponse, Request, Response, TextResponse
from scrapy.spidermiddlewares.httperror import HttpError
from twisted.python.failure import Failure

from enrich.items import (
    FailedImage,
    Image,
    ImageRef,
    LookupEnded,
    LookupOutcome,
    Performer,
    RefusedPerformer,
    RejectedImage,
)
from enrich.request_errors import RobotsForbidden
from enrich.spiders.bases.html_values import whole_page
from enrich.spiders.bases.profile import PageImage
from enrich.spiders.bases.source import IMAGE_PRIORITY, SourceSpider, describe, leads_nowhere, request_of

Found = Performer | RefusedPerformer | LookupEnded | Image | RejectedImage | FailedImage | Request

NEXT_PRIORITY = IMAGE_PRIORITY // 2
"""A performer's further pages: before another performer, after the pictures already known."""
PICTURES_PER_FACE = 3
"""So many pictures are listed for every face that is wanted: in a gallery, many show none that can be used."""
_BLOCKED = (401, 403, 429, 451)


@dataclass(frozen=True, slots=True, kw_only=True)
class Listing:
    """One page of the list of a performer's galleries; ``lists``: the pages that follow it."""

    galleries: tuple[str, ...]
    lists: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Walk:
    """How far one performer's pictures are gathered: those found, and the pages not asked for yet."""

    performer: Performer
    images: tuple[PageImage, ...] = ()
    galleries: tuple[str, ...] = ()
    lists: tuple[str, ...] = ()
    seen: tuple[str, ...] = ()
    """The galleries asked for."""
    listed: int = 0
    """How many further pages of the list were asked for."""


class GallerySpider(SourceSpider):
    """A subclass has ``read_gallery``; ``shows_others`` and ``read_list`` where its pages say so much.

    ``max_galleries``, ``max_lists``: the most pages of each kind that a performer costs.
    """

    max_galleries: ClassVar[int] = 5
    max_lists: ClassVar[int] = 5
    list_headers: ClassVar[Mapping[str, str]] = {}

    def read_gallery(self, response: HtmlResponse, performer: Performer) -> Sequence[PageImage]:
        """The performer's pictures on one of the profile's ``galleries``; none where that is not what the page is."""
        return ()

    def shows_others(self, response: HtmlResponse, performer: Performer) -> bool:
        """Whether a gallery says that it shows somebody else, or others too: then nothing of it is taken."""
        return False

    def read_list(self, response: TextResponse, performer: Performer) -> Listing | None:
        """A further page of the list of galleries; ``None`` where that is not what the page is."""
        return None

    # --- walking ------------------------------------------------------------------------------------------------------

    @property
    def in_hand(self) -> set[int]:
        """The performers whose search is in the queue: a run that resumes it does not start theirs again."""
        in_hand: set[int] = self.state.setdefault("in_hand", set())
        return in_hand

    def over(self, performer_id: int | None) -> None:
        """Note that a performer's search came to its end."""
        self.in_hand.discard(performer_id or 0)

    def gather(self, walk: Walk) -> Iterator[Found]:
        """Ask for the next page that is needed, or hand over the performer with the pictures found."""
        left = [url for url in dict.fromkeys(walk.galleries) if url not in walk.seen]
        if self._has_enough(walk):
            yield from self._pictures(walk.performer, walk.images)
        elif left and len(walk.seen) < self.max_galleries:
            url, *rest = left
            follower = replace(walk, galleries=tuple(rest[: self.max_galleries]), seen=(*walk.seen, url))
            yield self._further(url, self.parse_gallery, follower)
        elif not left and walk.lists and walk.listed < self.max_lists:
            url, *rest = walk.lists
            follower = replace(walk, galleries=(), lists=tuple(rest), listed=walk.listed + 1)
            yield self._further(url, self.parse_list, follower, self.list_headers)
        else:
            yield from self._pictures(walk.performer, walk.images)

    def _has_enough(self, walk: Walk) -> bool:
        if not walk.galleries and not walk.lists:
            return True
        if len(walk.images) >= PICTURES_PER_FACE * self.source.max_faces:
            return True
        if self.library is None:
            return False
        asked = ImageRef(source=self.name, image_url="", performer_id=walk.performer.performer_id)
        return self.library.no_room(asked) is not None

    def _further(
        self, url: str, callback: Callable[..., Any], walk: Walk, headers: Mapping[str, str] | None = None
    ) -> Request:
        return Request(
            url,
            callback=callback,
            errback=self.failed_further,
            headers={**(headers or {}), "Referer": walk.performer.page_url or self.source.url},
            cb_kwargs={"walk": walk},
            meta=self.request_meta(),
            priority=NEXT_PRIORITY,
            dont_filter=True,  # two performers may lead to one gallery, and each walk has to come to its end
        )

    def parse_gallery(self, response: Response, walk: Walk) -> Iterator[Found]:
        """More pictures of a performer whose page is known; of one gallery no more than faces are wanted."""
        self.read_page()
        others, images = self._read_gallery(response, walk.performer)
        if others:
            self.crawler.stats.inc_value("pages/galleries_of_others")
        elif not images:
            self.unexpected_page(response, "a gallery without pictures")
        usable = [image for image in images if self.usable_image(image.url)]
        yield from self.gather(replace(walk, images=(*walk.images, *usable[: self.source.max_faces])))

    def _read_gallery(self, response: Response, performer: Performer) -> tuple[bool, Sequence[PageImage]]:
        """Whether it is of others too, and if not its pictures."""
        page = whole_page(response)
        if page is None:
            return False, ()
        try:
            others = self.shows_others(page, performer)
            return others, () if others else self.read_gallery(page, performer)
        except Exception:  # whatever a damaged page does to its parser, the walk has to come to an end
            self.logger.exception("%s: the parser broke on %s", self.name, response.url)
            return False, ()

    def parse_list(self, response: Response, walk: Walk) -> Iterator[Found]:
        """More galleries of a performer whose page is known."""
        self.read_page()
        try:
            page = whole_page(response) if isinstance(response, HtmlResponse) else response
            listing = self.read_list(page, walk.performer) if isinstance(page, TextResponse) else None
        except Exception:  # as above
            self.logger.exception("%s: the parser broke on %s", self.name, response.url)
            listing = None
        if listing is None:
            self.unexpected_page(response, "not a list of galleries")
            listing = Listing(galleries=())
        yield from self.gather(replace(walk, galleries=listing.galleries, lists=(*listing.lists, *walk.lists)))

    def failed_further(self, failure: Failure) -> Iterator[Found]:
        """A page that could not be fetched: passed over; where the site turns us away, the search is tried later."""
        walk: Walk = request_of(failure).cb_kwargs["walk"]
        self.crawler.stats.inc_value("pages/failed")
        if leads_nowhere(failure):
            self.unexpected_page(request_of(failure), describe(failure))
        else:
            self.logger.warning("%s: %s: %s", self.name, request_of(failure).url, describe(failure))
        if outcome_of(failure) == "blocked" and not forbidden(failure):
            yield self.ended(walk.performer.performer_id, "blocked", describe(failure))
        else:
            yield from self.gather(walk)

    def ended(self, performer_id: int | None, outcome: LookupOutcome, detail: str | None) -> LookupEnded:
        """The item for a search that found nothing."""
        assert performer_id is not None
        self.over(performer_id)
        return LookupEnded(source=self.name, mode=self.mode, performer_id=performer_id, outcome=outcome, detail=detail)

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
        self.over(performer.performer_id)
        yield from small.values()  # first: with the performer the search is over, and nobody tells of them again
        yield replace(performer, images=tuple(ref for ref, _ in wanted))
        for position, (ref, fallback) in enumerate(wanted):
            yield self.image_request(ref, position=position, fallback=fallback)


def outcome_of(failure: Failure) -> LookupOutcome:
    """What a page that could not be fetched means for the search: turned away, or failed for now."""
    if isinstance(failure.value, HttpError):
        return "blocked" if failure.value.response.status in _BLOCKED else "failed"
    return "blocked" if isinstance(failure.value, IgnoreRequest) and not leads_nowhere(failure) else "failed"


def forbidden(failure: Failure) -> bool:
    """Whether robots.txt closes the page: the same whenever it is asked for."""
    return isinstance(failure.value, RobotsForbidden)
