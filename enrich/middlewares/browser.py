"""Has the pages of a source with ``browser: true`` fetched by a browser, and everything else directly.

A challenge is waited out in the page. Pictures are then asked for with the cookies and the agent that passed it: the
clearance is bound to both. Order 820: what is set here for the way out is taken off on the way back, so that no job
directory and no retry keeps it.
"""

from __future__ import annotations

import asyncio
import logging
from dataclasses import dataclass
from typing import Any, Self
from urllib.request import getproxies

from scrapy import signals
from scrapy.crawler import Crawler
from scrapy.exceptions import NotConfigured
from scrapy.http import Request, Response
from scrapy.http.request import NO_CALLBACK

from enrich.challenges.browser_page import Visit, cookie_header
from enrich.challenges.browser_proxy import Detour
from enrich.challenges.detect import wall
from enrich.net.public_hosts import AllowedHosts, HostPort, PlaceRefused, check, is_public
from enrich.net.resolver import PublicResolver
from enrich.request_meta import IMAGE
from enrich.spiders.bases.source import SourceSpider

logger = logging.getLogger(__name__)

TRIES = 3
"""So many pages in a row whose challenge is not passed, and the source is given up."""


@dataclass(slots=True)
class _Context:
    """A browser context by its name: pages begun in it, and those still open."""

    name: str
    begun: int = 0
    open: int = 0
    opened: Any = None
    """Playwright's object, once there is one."""


class BrowserMiddleware:
    """``user_agent``: the browser's, in pages and wherever a clearance is replayed; ``None``: its own."""

    def __init__(
        self, crawler: Crawler, spider: SourceSpider, *, user_agent: str | None, pages_per_context: int
    ) -> None:
        self.crawler = crawler
        self.spider = spider
        self.user_agent = user_agent
        self.pages_per_context = pages_per_context
        self.patience_seconds = crawler.settings.getfloat("DOWNLOAD_TIMEOUT")
        self.named = AllowedHosts.of_source(spider.source)
        self.detour = Detour(self._address_of, self.patience_seconds)
        self.context = _Context(f"{spider.name}-1")
        self.contexts = 1
        self.visits: dict[Request, tuple[Visit, _Context]] = {}
        self.cookies: list[dict[str, Any]] = []
        self.challenged = False
        self.in_vain = 0
        self.ending: asyncio.Task[None] | None = None

    @classmethod
    def from_crawler(cls, crawler: Crawler) -> Self:
        """Take the settings that the spider made for its source."""
        spider = crawler.spider
        if not isinstance(spider, SourceSpider) or not spider.source.browser:
            raise NotConfigured
        agent = crawler.settings.get("BROWSER_USER_AGENT")
        pages = crawler.settings.getint("BROWSER_PAGES_PER_CONTEXT")
        middleware = cls(crawler, spider, user_agent=agent, pages_per_context=pages)
        crawler.signals.connect(middleware.spider_opened, signals.spider_opened)
        crawler.signals.connect(middleware.engine_stopped, signals.engine_stopped)
        return middleware

    async def spider_opened(self) -> None:
        """Open the detour; a proxy that the environment names takes its place."""
        if not getproxies().keys() & {"http", "https"}:
            await self.detour.start()

    async def engine_stopped(self) -> None:
        await self.detour.close()

    # --- there --------------------------------------------------------------------------------------------------------

    async def process_request(self, request: Request) -> None:
        """Send a page through the browser, and a clearance along with what is fetched directly."""
        if request.callback is NO_CALLBACK or not request.url.startswith("http"):
            return
        if not is_page(request):
            if self.challenged and (header := cookie_header(self.cookies, request.url)):
                request.headers["Cookie"] = header
                if self.user_agent:
                    request.headers["User-Agent"] = self.user_agent
            return
        if self.context.begun >= self.pages_per_context:
            full = self.context
            self.contexts += 1
            self.context = _Context(f"{self.spider.name}-{self.contexts}")
            await self._close_if_over(full)
        self.context.begun += 1
        self.context.open += 1
        visit = Visit(request, self.patience_seconds)
        self.visits[request] = visit, self.context
        request.meta.update(visit.meta(), playwright_context=self.context.name)
        request.meta["playwright_context_kwargs"] = self._context_options()

    def _context_options(self) -> dict[str, Any]:
        options: dict[str, Any] = {"service_workers": "block"}
        if self.user_agent:
            options["user_agent"] = self.user_agent
        if self.detour.url:
            options["proxy"] = {"server": self.detour.url, "bypass": "<-loopback>"}
        if self.cookies:
            options["storage_state"] = {"cookies": self.cookies, "origins": []}
        return options

    async def _address_of(self, place: HostPort) -> str:
        """Where the browser may connect to for a place. Raises PlaceRefused, counted."""
        named = self.named.has(place)
        try:
            if not named:
                check(place)
            literal = place.address()
            addresses = [str(literal)] if literal else await PublicResolver.installed().addresses(place.host)
            for address in addresses:
                if named or is_public(address):
                    return address
            raise PlaceRefused(f"{place.host} leads to {', '.join(addresses) or 'nothing'}")
        except PlaceRefused as refused:
            self.crawler.stats.inc_value("reach/refused")
            logger.debug("the browser was kept from %s:%d: %s", place.host, place.port, refused)
            raise

    # --- and back -----------------------------------------------------------------------------------------------------

    async def process_response(self, request: Request, response: Response) -> Response:
        """The page as it is after its challenge; what was set for the way is taken off."""
        visit = await self._over(request)
        if visit is None:
            return response
        response = visit.told(response)
        self.cookies = visit.cookies or self.cookies
        self.challenged = self.challenged or visit.challenged
        if wall(response) is None:
            self.in_vain = 0
        else:
            self.in_vain += 1
            if self.in_vain == TRIES:
                where = HostPort.of(request.url).host
                self.spider.degrade("blocked", f"{where} lets no page through: {TRIES} in a row were challenges")
                self.ending = asyncio.create_task(self.crawler.engine.close_spider_async(reason="blocked"))
        return response

    async def process_exception(self, request: Request, exception: Exception) -> None:
        """The same where there was no page."""
        await self._over(request)

    async def _over(self, request: Request) -> Visit | None:
        if request.callback is NO_CALLBACK:
            return None
        if request not in self.visits:
            if "Cookie" in request.headers:
                del request.headers["Cookie"]
                request.headers.pop("User-Agent", None)  # set anew by Scrapy for another try
            return None
        visit, context = self.visits.pop(request)
        visit.take_off()
        context.opened = visit.context or context.opened
        context.open -= 1
        await self._close_if_over(context)
        return visit

    async def _close_if_over(self, context: _Context) -> None:
        if context is not self.context and not context.open and context.opened is not None:
            opened, context.opened = context.opened, None
            await opened.close()


def is_page(request: Request) -> bool:
    """Whether a source with ``browser: true`` has a request made by its browser."""
    # What a script of the page would ask for is an answer for a program, which a browser wraps into a page.
    return request.method == "GET" and IMAGE not in request.meta and "X-Requested-With" not in request.headers
