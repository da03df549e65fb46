"""Keeps the clearances that challenges were solved for, and puts them on requests just before they go out.

A clearance is what a site takes as proof: cookies, good only with the exact User-Agent and address that solved. It is
put on when a request's turn has come (order 795) and taken off on the way back, so that no copy of a request and no job
directory holds one; it is kept in ``DATA_DIR/clearance/<source>.json``, for this run's end and the next.
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Self
from urllib.parse import urlsplit

from scrapy.crawler import Crawler
from scrapy.exceptions import NotConfigured
from scrapy.http import Request, Response

from enrich.config import Source
from enrich.middlewares.browser import is_page
from enrich.spiders.bases.source import SourceSpider

GENERATION = "clearance"
"""The meta key of the generation under which a request was sent; 0: without a clearance."""
_OWN_HEADERS = "headers_before_clearance"
_REPLACED = ("User-Agent", "Cookie")


@dataclass(frozen=True, slots=True, kw_only=True)
class Clearance:
    """``proxy``: through which it was solved. Times are seconds since the epoch."""

    user_agent: str
    cookies: Mapping[str, str] = field(repr=False)
    proxy: str | None
    solved_at: float
    expires_at: float | None


class Shelf:
    """A source's clearances by host, in a file that only its owner can read. ``writable``: not in a dry run."""

    def __init__(self, path: Path, *, writable: bool) -> None:
        self.path = path
        self.writable = writable

    def take(self, host: str, proxy: str | None) -> Clearance | None:
        """The clearance kept for a host, unless it is out of date or was solved at another address."""
        try:
            kept = Clearance(**self._read()[host])
            current = kept.expires_at is None or kept.expires_at > time.time()
        except (KeyError, TypeError, ValueError):  # none, or one that somebody else wrote
            return None
        return kept if current and kept.proxy == proxy else None

    def put(self, host: str, clearance: Clearance | None) -> None:
        """Keep a host's clearance, or ``None`` of it any more."""
        if not self.writable:
            return
        kept = {name: value for name, value in self._read().items() if name != host}
        if clearance is not None:
            kept[host] = asdict(clearance)
        elif not self.path.exists():
            return
        self.path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        beside = self.path.with_suffix(f".{os.getpid()}.tmp")
        with open(beside, "w", encoding="utf-8", opener=_for_owner) as file:  # Path.open has no opener
            json.dump(kept, file)
        beside.replace(self.path)

    def _read(self) -> dict[str, dict[str, Any]]:
        try:
            kept = json.loads(self.path.read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return {}
        return kept if isinstance(kept, dict) else {}


def _for_owner(path: str, flags: int) -> int:
    return os.open(path, flags, 0o600)


@dataclass(slots=True)
class Worn:
    """The clearance that a host's requests wear. ``fresh``: solved by this run, so that it should be good.

    ``out``: the requests that were sent under this generation and are not back.
    """

    clearance: Clearance | None = None
    generation: int = 0
    fresh: bool = False
    out: int = 0


class ClearanceMiddleware:
    """Puts the host's clearance on every request that may need it."""

    def __init__(self, source: Source, shelf: Shelf) -> None:
        self.source = source
        self.own_host = host_key(source.url)
        self.shelf = shelf
        self.hosts: dict[str, Worn] = {}
        self.instead: Callable[[Request], Awaitable[Request | Response | None]] | None = None
        """Asked when a request's turn has come: what is to be done instead of sending it."""

    @classmethod
    def from_crawler(cls, crawler: Crawler) -> Self:
        """Only for a source that needs FlareSolverr."""
        spider = crawler.spider
        if not isinstance(spider, SourceSpider) or not spider.source.needs_flaresolverr:
            raise NotConfigured
        folder = Path(crawler.settings["DATA_DIR"]) / "clearance"
        return cls(spider.source, Shelf(folder / f"{spider.name}.json", writable=not spider.dry_run))

    def host_of(self, request: Request) -> str | None:
        """The host whose challenge stands before a request; ``None`` where it has to go as it is.

        That is robots.txt, what asks for an API key, what a browser fetches, and every host that is not the source's.
        """
        meta, parts = request.meta, urlsplit(request.url)
        if parts.scheme not in ("http", "https") or parts.path == "/robots.txt":
            return None
        if "credential" in meta or meta.get("flaresolverr_call") or (self.source.browser and is_page(request)):
            return None
        host = host_key(request.url)
        return host if same_site(host, self.own_host) or self.source.takes_images_from(request.url) else None

    def worn(self, host: str, proxy: str | None = None) -> Worn:
        """What a host's requests wear now; at first what the shelf keeps."""
        if host not in self.hosts:
            kept = self.shelf.take(host, proxy)
            self.hosts[host] = Worn(kept, generation=int(kept is not None))
        return self.hosts[host]

    def wear(self, host: str, clearance: Clearance | None, *, fresh: bool = False) -> None:
        """Have a host's requests wear a new clearance from now on, or none."""
        worn = self.worn(host)
        worn.clearance, worn.fresh = clearance, fresh
        worn.generation += 1
        worn.out = 0
        if fresh or clearance is None:
            self.shelf.put(host, clearance)

    async def process_request(self, request: Request) -> Request | Response | None:
        """Put it on: one User-Agent, and the cookies after the request's own."""
        host = self.host_of(request)
        if host is None:
            return None
        request.meta.pop(GENERATION, None)
        if self.instead is not None and (instead := await self.instead(request)) is not None:
            return instead
        worn = self.worn(host)
        request.meta[GENERATION] = worn.generation
        worn.out += 1
        if worn.clearance is None:
            return None
        request.meta[_OWN_HEADERS] = {name: request.headers.getlist(name) for name in _REPLACED}
        cookies = [f"{name}={value}" for name, value in worn.clearance.cookies.items()]
        own = [value.decode("latin-1") for value in request.headers.getlist("Cookie")]
        request.headers["User-Agent"] = worn.clearance.user_agent
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
        if host is not None and request.meta.get(GENERATION) == self.worn(host).generation:
            self.worn(host).out -= 1
        for name, values in request.meta.pop(_OWN_HEADERS, {}).items():
            request.headers.pop(name, None)
            if values:
                request.headers[name] = values


def host_key(url: str) -> str:
    """Host and port of an address, in lower case, the scheme's own port left out."""
    parts = urlsplit(url)
    host, own_port = (parts.hostname or "").lower(), {"http": 80, "https": 443}.get(parts.scheme)
    return host if parts.port in (None, own_port) else f"{host}:{parts.port}"


def same_site(host: str, own: str) -> bool:
    """Whether a host is the site of ``own`` itself or below it."""
    own = own.removeprefix("www.")
    return host == own or host.endswith("." + own)
