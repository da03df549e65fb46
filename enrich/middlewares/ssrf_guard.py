"""Keeps a crawl from going where strangers' addresses must not lead it; again for every redirect.

Order 20: before robots.txt of such a place would be asked for, and before a request waits its turn. A name is looked
up here to say clearly what is wrong with it; that nothing else is connected to later on is the resolver's part. Through
an http proxy names are looked up by the proxy, so there only the text of an address is checked.
"""

from __future__ import annotations

import asyncio
from typing import Self
from urllib.request import getproxies, proxy_bypass

from scrapy import signals
from scrapy.crawler import Crawler
from scrapy.exceptions import NotConfigured
from scrapy.http import Request
from scrapy.http.request import NO_CALLBACK
from scrapy.statscollectors import StatsCollector

from enrich.challenges.flaresolverr_client import checked_root
from enrich.net.public_hosts import AllowedHosts, HostPort, PlaceRefused, check, check_resolved, is_public
from enrich.net.resolver import PublicResolver
from enrich.request_meta import CARRIER_ONLY
from enrich.spiders.bases.source import SourceSpider


class SsrfGuardMiddleware:
    """Raises PlaceRefused and counts ``reach/refused``. ``services``: helpers that only middlewares ask."""

    def __init__(
        self, named: AllowedHosts, services: AllowedHosts, stats: StatsCollector, dns_timeout_seconds: float
    ) -> None:
        self.named = named
        self.services = services
        self.stats = stats
        self.dns_timeout_seconds = dns_timeout_seconds
        self.proxies = _proxies()
        self.resolver: PublicResolver | None = None

    @classmethod
    def from_crawler(cls, crawler: Crawler) -> Self:
        """Take the places that sources.yaml and the settings name."""
        if not isinstance(crawler.spider, SourceSpider):
            raise NotConfigured
        settings = crawler.settings
        services = AllowedHosts(
            frozenset({HostPort.of(checked_root(url))} if (url := settings.get("FLARESOLVERR_URL")) else ())
        )
        named = AllowedHosts.of_source(crawler.spider.source)
        middleware = cls(named, services, crawler.stats, settings.getfloat("DNS_TIMEOUT"))
        crawler.signals.connect(middleware.spider_opened, signals.spider_opened)
        crawler.signals.connect(middleware.spider_closed, signals.spider_closed)
        return middleware

    def spider_opened(self) -> None:
        """Tell the resolver where this crawl, its helpers and the environment's proxies are."""
        self.resolver = PublicResolver.installed()
        exact = self.named.exact | self.services.exact | frozenset(self.proxies.values())
        self.resolver.allow(self, AllowedHosts(exact, self.named.hosts))

    def spider_closed(self) -> None:
        if self.resolver is not None:
            self.resolver.forget(self)

    async def process_request(self, request: Request) -> None:
        """Pass what is public or named; also requests that the spider itself marks as leaving for nowhere."""
        if request.url.startswith("data:") and request.meta.get(CARRIER_ONLY):
            return
        try:
            await self._check(request)
        except PlaceRefused:
            self.stats.inc_value("reach/refused")
            raise

    async def _check(self, request: Request) -> None:
        place = HostPort.of(request.url)
        if self.named.has(place) or (self.services.has(place) and _is_middlewares(request)):
            if _is_this_machine(place):
                request.meta["proxy"] = None  # a proxy's 127.0.0.1 is another machine's
            return
        if request.meta.get("proxy", ...) is None:
            del request.meta["proxy"]  # redirected from this machine: the environment decides again
        check(place)
        if place.address() is not None or self._goes_by_proxy(request, place) or self.resolver is None:
            return
        try:
            async with asyncio.timeout(self.dns_timeout_seconds):
                addresses = await self.resolver.addresses(place.host)
        except TimeoutError:
            return  # the download fails by it, and is tried again
        check_resolved(place, addresses)

    def _goes_by_proxy(self, request: Request, place: HostPort) -> bool:
        if "proxy" in request.meta:
            return request.meta["proxy"] is not None
        scheme = request.url.partition(":")[0]
        return scheme in self.proxies and not proxy_bypass(place.host)


def _is_middlewares(request: Request) -> bool:
    # The spider's requests have callbacks; a redirect may lead a stranger's request anywhere.
    return request.callback is NO_CALLBACK and "redirect_times" not in request.meta


def _is_this_machine(place: HostPort) -> bool:
    if place.host == "localhost" or place.host.endswith(".localhost"):
        return True
    address = place.address()
    return address is not None and address.is_loopback and not is_public(address)


def _proxies() -> dict[str, HostPort]:
    """Scheme -> the proxy that the environment names for it, as Scrapy's HttpProxyMiddleware reads it."""
    found = {}
    for scheme, url in getproxies().items():
        host = url.rpartition("@")[2] if "//" not in url else url.partition("//")[2].rpartition("@")[2]
        try:
            found[scheme] = HostPort.of(f"http://{host.rstrip('/')}")
        except PlaceRefused:
            continue
    return found
