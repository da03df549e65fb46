"""Keeps the clearances that challenges were solved for, and puts them on requests just before they go out.

A clearance is what a site takes as proof: cookies, good only with the exact User-Agent and address that solved. It is
put on when a request's turn has come (order 795) and taken off on the way back, so that no copy of a request and no job
directory holds one; it is kept in ``DATA_DIR/clearance/<source>.json``, for this run's end and the next.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Self
from urllib.parse import urlsplit

from scrapy.crawler import Crawler
from scrapy.exceptions import NotConfigured
from scrapy.http import Request, Response

from enrich.challenges.clearance import Clearances, ClearanceStore, host_key, same_site
from enrich.config import Source
from enrich.middlewares.browser import is_page
from enrich.request_meta import CREDENTIAL, FLARESOLVERR_CALL, GENERATION, OWN_HEADERS
from enrich.spiders.bases.source import SourceSpider

_REPLACED = ("User-Agent", "Cookie")


class ClearanceMiddleware:
    """Puts the host's clearance on every request that may need it."""

    def __init__(self, source: Source, store: ClearanceStore) -> None:
        self.source = source
        self.own_host = host_key(source.url)
        self.clearances = Clearances(store)
        self.instead: Callable[[Request], Awaitable[Request | Response | None]] | None = None
        """Asked when a request's turn has come: what is to be done instead of sending it."""

    @classmethod
    def from_crawler(cls, crawler: Crawler) -> Self:
        """Only for a source that needs FlareSolverr."""
        spider = crawler.spider
        if not isinstance(spider, SourceSpider) or not spider.source.needs_flaresolverr:
            raise NotConfigured
        folder = Path(crawler.settings["DATA_DIR"]) / "clearance"
        return cls(spider.source, ClearanceStore(folder / f"{spider.name}.json", writable=not spider.dry_run))

    def host_of(self, request: Request) -> str | None:
        """The host whose challenge stands before a request; ``None`` where it has to go as it is.

        That is robots.txt, what asks for an API key, what a browser fetches, and every host that is not the source's.
        """
        meta, parts = request.meta, urlsplit(request.url)
        if parts.scheme not in ("http", "https") or parts.path == "/robots.txt":
            return None
        if CREDENTIAL in meta or meta.get(FLARESOLVERR_CALL) or (self.source.browser and is_page(request)):
            return None
        host = host_key(request.url)
        return host if same_site(host, self.own_host) or self.source.takes_images_from(request.url) else None

    async def process_request(self, request: Request) -> Request | Response | None:
        """Put it on: one User-Agent, and the cookies after the request's own."""
        host = self.host_of(request)
        if host is None:
            return None
        request.meta.pop(GENERATION, None)
        if self.instead is not None and (instead := await self.instead(request)) is not None:
            return instead
        active = self.clearances.active(host)
        request.meta[GENERATION] = active.generation
        active.out += 1
        if active.clearance is None:
            return None
        request.meta[OWN_HEADERS] = {name: request.headers.getlist(name) for name in _REPLACED}
        cookies = [f"{name}={value}" for name, value in active.clearance.cookies.items()]
        own = [value.decode("latin-1") for value in request.headers.getlist("Cookie")]
        request.headers["User-Agent"] = active.clearance.user_agent
        if own or cookies:
            request.headers["Cookie"] = "; ".join([*own, *cookies])
        return None

    def process_response(self, request: Request, response: Response) -> Response:
        """Take it off before anybody copies the request."""
        self._back(request)
        return response

    def process_exception(self, request: Request, exception: Exception) -> None:
        """The same where there was no answer."""
        self._back(request)

    def _back(self, request: Request) -> None:
        host = self.host_of(request)
        if host is not None and request.meta.get(GENERATION) == self.clearances.active(host).generation:
            self.clearances.active(host).out -= 1
        for name, values in request.meta.pop(OWN_HEADERS, {}).items():
            request.headers.pop(name, None)
            if values:
                request.headers[name] = values
