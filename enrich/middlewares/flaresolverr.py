"""Gets a source's requests past its host's challenge: direct first, then with a clearance, then through the browser.

One solve at a time for a host, however many requests wait for it. Order 585: inside decompression, so that a packed
challenge is seen, and outside throttle and retry, so that one with status 503 or 429 is not waited for.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from typing import Any, Self

from scrapy import signals
from scrapy.crawler import Crawler
from scrapy.exceptions import DownloadFailedError, IgnoreRequest, NotConfigured
from scrapy.http import Request, Response
from scrapy.utils.defer import maybe_deferred_to_future

from enrich.challenges.clearance import Clearances, host_key, same_site
from enrich.challenges.clearance_renewal import MOST_VAIN_SOLVES, Host, Renewal, Trouble
from enrich.challenges.detect import title_of, wall
from enrich.challenges.flaresolverr_client import (
    Solver,
    SolverDenied,
    SolverElsewhere,
    SolverError,
    SolverUnusable,
    proxy_for,
)
from enrich.challenges.flaresolverr_sessions import FLAG, Browsing, can_show, response_of
from enrich.middlewares.clearance import ClearanceMiddleware
from enrich.middlewares.rate_limit import LOOK_SECONDS, stop_has_begun
from enrich.request_meta import GENERATION
from enrich.spiders.bases.source import SourceSpider

logger = logging.getLogger(__name__)

GIVEN_UP_IN_A_ROW = 10
"""So many requests given up without a good answer between them, and the host is given up."""


class Blocked(IgnoreRequest):
    """The host turns us away, and nothing that is left to try would help."""


class FlareSolverrMiddleware:
    """Raises Blocked for what cannot be fetched. Off for sources that do not need it.

    Counts ``flaresolverr/challenged``, ``solves``, ``failed`` (solves), ``browsed`` (pages) and ``blocked`` (requests).
    """

    def __init__(
        self,
        crawler: Crawler,
        spider: SourceSpider,
        *,
        url: str,
        max_seconds: float,
        at_once: int,
        cooldown_seconds: float,
    ) -> None:
        self.crawler = crawler
        self.spider = spider
        self.stats = crawler.stats
        self.solver = Solver(url, self._download, max_seconds=max_seconds, at_once=at_once)
        self.browsing = Browsing(self.solver, spider.name)
        self.cooldown_seconds = cooldown_seconds
        self.hosts: dict[str, Host] = {}
        self.clearances: Clearances
        self.host_of: Callable[[Request], str | None]
        self.renewal: Renewal
        self._closing: asyncio.Task[None] | None = None
        self._closed = False

    @classmethod
    def from_crawler(cls, crawler: Crawler) -> Self:
        """Raises ConfigError where FLARESOLVERR_URL is no address."""
        spider, settings = crawler.spider, crawler.settings
        if not isinstance(spider, SourceSpider) or not spider.source.needs_flaresolverr:
            raise NotConfigured
        middleware = cls(
            crawler,
            spider,
            url=settings["FLARESOLVERR_URL"],
            max_seconds=settings.getfloat("FLARESOLVERR_MAX_SECONDS"),
            at_once=settings.getint("FLARESOLVERR_CONCURRENCY"),
            cooldown_seconds=settings.getfloat("FLARESOLVERR_COOLDOWN_SECONDS"),
        )
        crawler.signals.connect(middleware.spider_opened, signals.spider_opened)
        crawler.signals.connect(middleware.spider_closed, signals.spider_closed)
        return middleware

    async def spider_opened(self) -> None:
        """Say at once when there is no FlareSolverr; the crawl goes on, for the site may let us through."""
        middleware = self.crawler.get_downloader_middleware(ClearanceMiddleware)
        assert middleware is not None
        self.clearances, self.host_of = middleware.clearances, middleware.host_of
        middleware.instead = self._instead
        self.renewal = Renewal(
            self.solver,
            self.clearances,
            self.stats,
            source_url=self.spider.source.url,
            cooldown_seconds=self.cooldown_seconds,
        )
        if not await self.solver.answers():
            logger.warning(
                "%s: no FlareSolverr answers at %s: what the site keeps behind a challenge will be missing. Start one "
                "or set FLARESOLVERR_URL (docs/flaresolverr.md)",
                self.spider.name,
                self.solver.root,
            )

    async def spider_closed(self) -> None:
        """End the browser's sessions."""
        self._closed = True
        await self.browsing.close()

    # --- requests and answers -----------------------------------------------------------------------------------------

    async def process_request(self, request: Request) -> Request | None:
        """Wait while the host's challenge is being solved."""
        host = self._host(request)
        if host is None:
            return None
        if host.solving is not None and not await self._is_over(host.solving):
            return _again(request)
        if (why := host.lane(request).blocked) is not None:
            raise self._blocked(why)
        return None

    async def _instead(self, request: Request) -> Request | Response | None:
        """A page that only the browser gets; back to the queue with what would meet the challenge being solved."""
        host = self._host(request)
        assert host is not None
        if host.solving is not None:
            return _again(request)
        lane = host.lane(request)
        if lane.blocked is not None:
            raise self._blocked(lane.blocked)
        return await self._browse(host, request) if lane.browsed and can_show(request) else None

    async def process_response(self, request: Request, response: Response) -> Request | Response:
        """Pass an answer on; where it is a challenge, ask again once that is solved."""
        host = self._host(request)
        if host is None or FLAG in response.flags:
            return response
        sent, found = request.meta.get(GENERATION, 0), wall(response)
        if found is None:
            if response.status < 400 or response.status in (404, 410):
                host.was_good(request, sent)
            return response
        if found == "block":
            title = title_of(response.body[:1000]) or "blocked"
            raise self._give_up(host, request, Trouble(f"{host.name} turns us away: HTTP {response.status}, {title}"))
        self.stats.inc_value("flaresolverr/challenged")
        host.wall_title = title_of(response.body)
        first = host.solving is None
        if first and sent != host.active.generation:
            return _again(request)  # it wore an older clearance than there is now
        if host.solving is None:
            host.solving = asyncio.create_task(self.renewal.renew(host, request))
            host.solving.add_done_callback(lambda _: setattr(host, "solving", None))
        solving = host.solving
        if not await self._is_over(solving):
            return _again(request)
        trouble = solving.result()
        if trouble is not None and (first or trouble.shared):
            raise self._give_up(host, request, trouble)
        return _again(request)

    async def _browse(self, host: Host, request: Request) -> Request | Response:
        task = asyncio.create_task(self.browsing.page(host.name, request.url, host.proxy, host.wall_title))
        if not await self._is_over(task):
            return _again(request)
        try:
            solution = task.result()
        except SolverElsewhere:
            raise
        except SolverUnusable as error:
            raise self._give_up(host, request, Trouble(str(error))) from error
        except SolverError as error:
            self.stats.inc_value("flaresolverr/failed")
            host.failed = MOST_VAIN_SOLVES if isinstance(error, SolverDenied) else host.failed + 1
            if host.failed < MOST_VAIN_SOLVES:
                raise DownloadFailedError(str(error)) from error  # which is tried again
            raise self._give_up(host, request, Trouble(f"{host.name} is closed to us: {error}", final=True)) from error
        host.failed = host.page.given_up = 0
        self.stats.inc_value("flaresolverr/browsed")
        return response_of(solution, request)

    # --- giving up ----------------------------------------------------------------------------------------------------

    def _give_up(self, host: Host, request: Request, trouble: Trouble) -> Blocked:
        """The request's end, and the host's where nothing else is to be hoped for: no browser of the source's own."""
        lane = host.lane(request)
        lane.given_up += 1
        if lane.blocked is None:
            if (trouble.final or lane.given_up >= GIVEN_UP_IN_A_ROW) and not self.spider.source.browser:
                everything = host.failed >= MOST_VAIN_SOLVES
                for closed in (host.page, host.image) if everything else (lane,):
                    closed.blocked = trouble.text
                self._end(host, trouble.text, pages=everything or lane is host.page)
            elif lane.given_up == 1:
                self._degraded(trouble.text, pages=lane is host.page)
        return self._blocked(trouble.text)

    def _end(self, host: Host, why: str, *, pages: bool) -> None:
        """The end of the host; that of the source too, where it is the one that its pages are on."""
        self.clearances.activate(host.name, None)
        self._degraded(why, pages=pages)
        if pages and same_site(host.name, host_key(self.spider.source.url)) and self._closing is None:
            self._closing = asyncio.create_task(self.crawler.engine.close_spider_async(reason="blocked"))

    def _degraded(self, why: str, *, pages: bool) -> None:
        self.spider.degrade("flaresolverr" if pages else "flaresolverr_images", why)

    def _blocked(self, why: str) -> Blocked:
        self.stats.inc_value("flaresolverr/blocked")
        return Blocked(why)

    # --- around it ----------------------------------------------------------------------------------------------------

    def _host(self, request: Request) -> Host | None:
        name = self.host_of(request)
        if name is None:
            return None
        if name not in self.hosts:
            proxy = proxy_for(request.url)
            self.hosts[name] = Host(name, proxy, self.clearances.active(name, proxy.url if proxy else None))
        return self.hosts[name]

    async def _is_over(self, task: asyncio.Task[Any]) -> bool:
        """Wait for a task to end; ``False`` where the crawl is to stop before: then it is broken off."""
        while not task.done():
            if stop_has_begun(self.crawler):
                task.cancel()
                return False
            await asyncio.wait({task}, timeout=LOOK_SECONDS)
        return not task.cancelled()

    async def _download(self, request: Request) -> Response:
        engine = self.crawler.engine
        if self._closed:  # the engine's own slot is closed by then; the sessions have still to be ended
            response = await maybe_deferred_to_future(engine.downloader.fetch(request))
            assert isinstance(response, Response)  # nothing makes another request of one that is not to be redirected
            return response
        return await engine.download_async(request)


def _again(request: Request) -> Request:
    """The request, back to the queue: when a crawl is stopped it stays there to be done."""
    return request.replace(dont_filter=True)
