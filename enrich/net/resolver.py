"""Looks names up for the reactor and hands on only the addresses that a crawl may connect to.

Every direct connection of every crawl of the process asks here, right before it is made, whatever its URL looked like:
what is connected to is what was checked. A name that changes its address in between gains nothing.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from time import monotonic
from typing import Any, Self

import attr
from scrapy.crawler import Crawler
from scrapy.resolver import HostResolution
from scrapy.utils.datatypes import LocalCache
from twisted.internet.interfaces import IAddress, IHostnameResolver, IHostResolution, IResolutionReceiver
from zope.interface import implementer

from enrich.net.public_hosts import AllowedHosts, HostPort, is_public

REMEMBERED = 10_000
REMEMBERED_SECONDS = 60.0


@implementer(IResolutionReceiver)
class _Gathering:
    """Gathers all that a resolver says about a name and passes it on at once."""

    def __init__(self, done: Callable[[list[Any]], None]) -> None:
        self.done = done
        self.found: list[Any] = []

    def resolutionBegan(self, resolutionInProgress: IHostResolution) -> None:  # noqa: N802, N803  # Twisted's names
        pass

    def addressResolved(self, address: IAddress) -> None:  # noqa: N802  # as above
        self.found.append(address)

    def resolutionComplete(self) -> None:  # noqa: N802  # as above
        self.done(self.found)


@implementer(IHostnameResolver)
class PublicResolver:
    """For ``TWISTED_DNS_RESOLVER``. IPv4 and IPv6; answers are kept for a minute, as long as most names live."""

    def __init__(self, reactor: Any, remembered: int = REMEMBERED) -> None:
        self.reactor = reactor
        self.original = reactor.nameResolver
        self._named: dict[object, AllowedHosts] = {}
        self._answers: LocalCache[str, tuple[float, list[Any]]] = LocalCache(remembered)

    @classmethod
    def from_crawler(cls, crawler: Crawler, reactor: Any) -> Self:
        """As Scrapy makes a resolver, once a process."""
        settings = crawler.settings
        return cls(reactor, settings.getint("DNSCACHE_SIZE") if settings.getbool("DNSCACHE_ENABLED") else 0)

    @classmethod
    def installed(cls) -> PublicResolver:
        """The reactor's; put before whichever other resolver the settings have chosen."""
        from twisted.internet import reactor

        resolver = getattr(reactor, "nameResolver", None)
        if isinstance(resolver, PublicResolver):
            return resolver
        made = cls(reactor)
        made.install_on_reactor()
        return made

    def install_on_reactor(self) -> None:
        self.reactor.installNameResolver(self)

    def allow(self, who: object, places: AllowedHosts) -> None:
        """Let names and addresses of these places lead anywhere, until ``forget``."""
        self._named[who] = places

    def forget(self, who: object) -> None:
        self._named.pop(who, None)

    def is_named(self, place: HostPort) -> bool:
        """Whether some crawl may connect to the place wherever it leads; port 0: a look-up that does not say."""
        if place.port == 0:
            return any(places.has_any_port(place.host) for places in self._named.values())
        return any(places.has(place) for places in self._named.values())

    def resolveHostName(  # noqa: N802  # Twisted's names
        self,
        resolutionReceiver: Any,  # noqa: N803  # Twisted's names, all five
        hostName: str,  # noqa: N803
        portNumber: int = 0,  # noqa: N803
        addressTypes: Sequence[type[IAddress]] | None = None,  # noqa: N803
        transportSemantics: str = "TCP",  # noqa: N803
    ) -> Any:
        """See ``twisted.internet.interfaces.IHostnameResolver``."""
        anything = self.is_named(HostPort(hostName.rstrip(".").lower(), portNumber))
        kinds = tuple(addressTypes or ())

        def hand_on(found: list[Any]) -> None:
            for address in found:
                if (anything or is_public(address.host)) and (not kinds or isinstance(address, kinds)):
                    resolutionReceiver.addressResolved(attr.evolve(address, port=portNumber))
            resolutionReceiver.resolutionComplete()

        resolution = HostResolution(hostName)
        resolutionReceiver.resolutionBegan(resolution)
        self._look_up(hostName, hand_on)
        return resolution

    async def addresses(self, host: str) -> list[str]:
        """Every address of a name, also those to which nothing would be connected; empty where it has none."""
        answer: asyncio.Future[list[str]] = asyncio.get_running_loop().create_future()

        def done(found: list[Any]) -> None:
            if not answer.done():
                answer.set_result([address.host for address in found])

        self._look_up(host, done)
        return await answer

    def _look_up(self, host: str, done: Callable[[list[Any]], None]) -> None:
        until, found = self._answers.get(host, (0.0, []))
        if monotonic() < until:
            done(found)
            return

        def remember(found: list[Any]) -> None:
            if found:
                self._answers[host] = (monotonic() + REMEMBERED_SECONDS, found)
            done(found)

        self.original.resolveHostName(_Gathering(remember), host)
