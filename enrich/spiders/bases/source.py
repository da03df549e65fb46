"""What the spiders of all sources share: arguments, pace, the requests for pictures, and saying what went wrong."""

from __future__ import annotations

import asyncio
from abc import abstractmethod
from collections.abc import AsyncIterator, Iterator, Mapping
from dataclasses import replace
from datetime import UTC, date, datetime
from typing import Any, ClassVar, Self, cast

from scrapy import Spider, signals
from scrapy.crawler import Crawler
from scrapy.http import Request, Response, TextResponse
from scrapy.settings import BaseSettings
from scrapy.spidermiddlewares.httperror import HttpError
from twisted.python.failure import Failure

from enrich.challenges.browser_settings import set_browser
from enrich.config import Source, Sources, configured_sources
from enrich.identity import host_of
from enrich.items import FailedImage, Image, ImageRef, Mode, RejectedImage
from enrich.request_errors import AlreadyDecided, TooManyRedirects, is_too_large
from enrich.request_meta import AGAIN, IMAGE
from enrich.spiders.bases.arguments import Arguments, read_arguments
from enrich.spiders.bases.reads import Library

__all__ = ["Library", "SourceSpider", "describe", "request_of", "today"]

IMAGE_PRIORITY = 1000
"""Pictures before pages: a performer is finished before the next one is begun."""
_POSITIONS = 100
_DUE_BATCH = 50
_PICTURE_STARTS = (b"\xff\xd8\xff", b"\x89PNG", b"GIF8", b"RIFF", b"BM", b"II*\0", b"MM\0*")


class SourceSpider(Spider):
    """Reads one source. ``source`` is what sources.yaml says of it, with the arguments' overrides.

    ``library`` is handed over before ``start`` by whoever runs the crawl. Raises ConfigError for a bad argument.
    """

    modes: ClassVar[tuple[Mode, ...]]
    source: Source
    library: Library | None = None

    def __init__(self, **given: Any) -> None:
        super().__init__()
        self.arguments = self.read_arguments(given)
        self.mode: Mode = self.arguments.mode
        self.limit = self.arguments.limit
        self.dry_run = self.arguments.dry_run
        self.performer = self.arguments.performer
        self.degraded: dict[str, str] = {}
        """Why the run counts as degraded, by a short name; mirrored in the stats under ``enrich/degraded/``."""
        self.expected: int | None = None
        """How many performers the walk will go through, once it is known."""
        self.pages_read = 0
        self._offsite: set[str] = set()
        self.state: dict[str, Any] = {}
        """What goes with a job directory's queue to the run that resumes it; extensions/jobdir.py sees to it."""

    @classmethod
    def read_arguments(cls, given: Mapping[str, Any]) -> Arguments:
        """What was given with ``-a``. Raises ConfigError."""
        return read_arguments(cls.name, cls.modes, given)

    @classmethod
    def from_crawler(cls, crawler: Crawler, *args: Any, **kwargs: Any) -> Self:
        """Take the source from ``ENRICH_SOURCES`` or sources.yaml. Raises ConfigError."""
        spider = super().from_crawler(crawler, *args, **kwargs)
        source = sources_of(crawler.settings).get(spider.name)
        if spider.arguments.max_faces is not None:
            source = source.model_copy(update={"max_faces": spider.arguments.max_faces})
        spider.source = source
        _set_slot(crawler.settings, source)
        if source.browser:
            set_browser(source, crawler.settings)
        return spider

    # --- walking ------------------------------------------------------------------------------------------------------

    @abstractmethod
    def first_requests(self) -> AsyncIterator[Request]:
        """The requests that begin the walk, made lazily."""

    async def start(self) -> AsyncIterator[Request]:
        """Due pictures, then the walk's first requests; as many at a time as the downloader takes.

        Only requests: an item from ``start`` keeps Scrapy 2.19 from shutting down.
        """
        if not self.source.enabled:
            self.logger.info("%s is not enabled in sources.yaml; it runs because it was named", self.name)
        walk = [self.first_requests] if self.arguments.pages else []
        for stage in (self._due_images, *walk):
            async for request in stage():
                if self.crawler.engine.needs_backout():
                    await self.crawler.signals.wait_for(signals.scheduler_empty)
                self.taken(request)  # from here to the queue nothing waits, so that a stop finds both or neither
                yield request

    def taken(self, request: Request) -> None:
        """Note, for a run that may resume this one, that a request of ``start`` is in the queue now."""
        ref: ImageRef | None = request.meta.get(IMAGE)
        if ref is not None:
            self._failed.discard(ref.image_url)

    @property
    def _failed(self) -> set[str]:
        """Pictures that failed and have not been requested since."""
        failed: set[str] = self.state.setdefault("failed", set())
        return failed

    async def _due_images(self) -> AsyncIterator[Request]:
        if self.library is None or self.dry_run or self.limit or self.performer:
            return
        after = 0
        while due := await asyncio.to_thread(self.library.due_images, self.name, after=after, batch=_DUE_BATCH):
            after = due[-1][0]
            for _, ref in due:
                request = self.image_request(ref)
                if ref.image_url in self._failed:
                    request.meta[AGAIN] = True
                yield request

    def request_meta(self, **more: Any) -> dict[str, Any]:
        """The meta of every request. The slot is set here, not later: the queue's priorities hold within a slot."""
        meta: dict[str, Any] = {"download_slot": self.name, **more}
        if self.source.ignore_robots:
            meta["dont_obey_robotstxt"] = True
        return meta

    # --- pictures -----------------------------------------------------------------------------------------------------

    def usable_image(self, url: str) -> bool:
        """Whether ``url`` is an http(s) address on a host that the source's pictures may come from; counts others."""
        host = host_of(url)
        if host is not None and self.source.takes_images_from(url):
            return True
        if host is not None and host not in self._offsite:
            self._offsite.add(host)
            self.logger.warning("%s: pictures on %s are left out; add it to image_hosts to take them", self.name, host)
        self.crawler.stats.inc_value(f"images/offsite/{host or 'no address'}")
        return False

    def too_small(self, ref: ImageRef) -> RejectedImage | None:
        """The rejection of a picture whose size, as the source states it, says enough: it costs no request."""
        least_px = self.source.quality_filters.min_image_size
        sides_px = [side for side in (ref.width_px, ref.height_px) if side is not None]
        if not sides_px or min(sides_px) >= least_px:
            return None
        detail = {"width_px": ref.width_px, "height_px": ref.height_px, "min_px": least_px}
        return RejectedImage(ref=ref, reason="image_too_small", detail=detail)

    def image_request(self, ref: ImageRef, *, position: int = 0, fallback: str | None = None) -> Request:
        """The request for a picture. ``position``: its place in the source's order, best first.

        ``fallback``: where the same picture is available if ``ref.image_url`` turns out not to exist.
        """
        cb_kwargs: dict[str, Any] = {"ref": ref}
        if fallback is not None:
            cb_kwargs["fallback"] = fallback
        return Request(
            ref.image_url,
            callback=self.parse_image,
            errback=self.failed_image,
            headers={"Referer": ref.page_url} if ref.page_url else None,
            cb_kwargs=cb_kwargs,
            meta=self.request_meta(**{IMAGE: ref}, allow_offsite=True, handle_httpstatus_list=[404, 410]),
            priority=IMAGE_PRIORITY - min(position, _POSITIONS),
        )

    def parse_image(
        self, response: Response, ref: ImageRef, fallback: str | None = None
    ) -> Iterator[Image | RejectedImage | FailedImage | Request]:
        """The picture, or why there is none: gone (404, 410), or a page in its place."""
        if response.status in (404, 410):
            yield RejectedImage(ref=ref, reason="not_found", detail={"status": response.status})
            if fallback is not None:
                yield self.image_request(replace(ref, image_url=fallback), position=_POSITIONS)
        elif not response.body:
            yield self._image_failed(ref, f"HTTP {response.status} with an empty body")
        elif isinstance(response, TextResponse) and not _looks_like_picture(response.body):
            content_type = (response.headers.get("Content-Type") or b"").decode("latin-1")
            yield RejectedImage(ref=ref, reason="not_an_image", detail={"content_type": content_type[:100]})
        else:
            yield Image(ref=ref, body=response.body)

    def failed_image(self, failure: Failure) -> Iterator[FailedImage | RejectedImage]:
        """A picture that was not fetched: dropped by the ledger on purpose, too large, or failed for now."""
        ref: ImageRef = request_of(failure).meta[IMAGE]
        error = failure.value
        if isinstance(error, AlreadyDecided):
            if error.reason is not None:
                yield RejectedImage(ref=ref, reason=error.reason)
        elif is_too_large(error):
            yield RejectedImage(ref=ref, reason="image_too_large", detail={"error": describe(failure)})
        else:
            yield self._image_failed(ref, describe(failure))

    def _image_failed(self, ref: ImageRef, error: str) -> FailedImage:
        self._failed.add(ref.image_url)
        return FailedImage(ref=ref, error=error)

    # --- scrapy check -------------------------------------------------------------------------------------------------

    @abstractmethod
    def sample_request(self, page: str | None) -> Request:
        """One request whose answer shows that the source is as its parser knows it; ``page``: to look at that one.

        Raises ConfigError where the page is not one of the source's.
        """

    def check_live(self, response: Response, **asked: Any) -> Iterator[Any]:
        """What an answer to the sample request gives, without what would be asked for next.

        @live
        @returns items 1
        """
        callback = self.sample_request(self.crawler.settings.get("CHECK_PAGE")).callback
        assert callable(callback)
        yield from (found for found in callback(response, **asked) if not isinstance(found, Request))

    # --- saying what went wrong ---------------------------------------------------------------------------------------

    def read_page(self) -> None:
        """Count a page of the source that was read, the whole of which ``pages/unexpected`` is a part."""
        self.pages_read += 1
        self.crawler.stats.inc_value("pages/read")

    def unexpected_page(self, page: Response | Request, why: str) -> None:
        """Count and name a page that is not what the parser knows; the crawl goes on.

        A request: what was asked for, where no answer came of it but redirects without end.
        """
        if isinstance(page, Request):
            self.read_page()
        self.crawler.stats.inc_value("pages/unexpected")
        status = f" (HTTP {page.status})" if isinstance(page, Response) else ""
        self.logger.warning("%s: unexpected page %s%s: %s", self.name, page.url, status, why)

    def degrade(self, what: str, text: str) -> None:
        """Have the run end as degraded; ``text`` is the line that says why, the last one for each ``what``."""
        self.degraded[what] = text
        self.crawler.stats.set_value(f"enrich/degraded/{what}", text)
        self.logger.error("%s: %s", self.name, text)


def today() -> date:
    """The date by which people are of age."""
    return datetime.now(UTC).date()


def request_of(failure: Failure) -> Request:
    """The request that an errback is called for."""
    return cast(Request, failure.request)  # type: ignore[attr-defined]  # Scrapy adds it to Twisted's class


def describe(failure: Failure) -> str:
    """A failure in one short line, for the ledger and the log."""
    if isinstance(failure.value, HttpError):
        return f"HTTP {failure.value.response.status}"
    text = str(failure.value).strip().partition("\n")[0]
    name = type(failure.value).__name__
    return f"{name}: {text}"[:300] if text else name


def leads_nowhere(failure: Failure) -> bool:
    """Whether redirects led on and on, as those of a loop do."""
    return isinstance(failure.value, TooManyRedirects)


def _looks_like_picture(body: bytes) -> bool:
    # Servers that label a picture text/html exist; the pipeline decides what its bytes are.
    return body.startswith(_PICTURE_STARTS) or body[4:8] == b"ftyp"


def sources_of(settings: BaseSettings) -> Sources:
    """The run's sources: those its command has chosen, else sources.yaml's. Raises ConfigError."""
    given = settings.get("ENRICH_SOURCES")
    return given if isinstance(given, Sources) else configured_sources(settings.get("SOURCES_FILE"))


def _set_slot(settings: BaseSettings, source: Source) -> None:
    """One download slot for the whole source, in which nothing waits: the pace is kept before it."""
    slot = {"concurrency": settings.getint("CONCURRENT_REQUESTS"), "delay": 0.0, "jitter": 0.0}
    settings.set("DOWNLOAD_SLOTS", {**settings.getdict("DOWNLOAD_SLOTS"), source.name: slot}, priority="spider")
