"""Where a crawl may go: public addresses over http and https, and the places that sources.yaml itself names.

Addresses of pages and pictures come from strangers. What is not public is every special-purpose block of the IANA
registries (RFC 6890), multicast, and whatever leads to such an address in another notation: IPv4 in IPv6 (mapped,
compatible, 6to4, Teredo, NAT64), and numbers that are no dotted quad.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network
from typing import Self
from urllib.parse import urlsplit

from scrapy.exceptions import IgnoreRequest

from enrich.config import Source

PORTS = {"http": 80, "https": 443}
LOCAL_NAMES = ("localhost", "local", "internal", "home.arpa", "localdomain", "lan", "intranet")
"""Names under these are of the machine or its network, whatever a resolver or proxy makes of them (RFC 6761, 8375)."""

_GLOBAL_UNICAST = ip_network("2000::/3")
_NAT64 = ip_network("64:ff9b::/96")
_NOT_PUBLIC = [
    ip_network(block)
    for block in (
        *("0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16", "172.16.0.0/12"),
        *("192.0.0.0/24", "192.0.2.0/24", "192.88.99.0/24", "192.168.0.0/16", "198.18.0.0/15", "198.51.100.0/24"),
        *("203.0.113.0/24", "224.0.0.0/4", "240.0.0.0/4"),
        "168.63.129.16/32",  # Azure's platform services: public by number only
        *("2001::/23", "2001:db8::/32", "2002::/16", "3fff::/20"),
    )
]
_NUMBER = re.compile(r"(0x[0-9a-f]*|[0-9]+)", re.IGNORECASE)


class PlaceRefused(IgnoreRequest):
    """The request leads where a crawl may not go; it is not made, and a retry would not change it."""


@dataclass(frozen=True, slots=True)
class HostPort:
    """The host, lower case and without a final dot, and the port that an address leads to."""

    host: str
    port: int

    @classmethod
    def of(cls, url: str) -> Self:
        """Raises PlaceRefused for what is no plain http or https address."""
        try:
            parts = urlsplit(url)
            host, port = (parts.hostname or "").rstrip(".").lower(), parts.port
        except ValueError as error:
            raise PlaceRefused(f"no address: {error}") from error
        if parts.scheme not in PORTS:
            raise PlaceRefused(f"{parts.scheme or 'nothing'}: is neither http nor https")
        if "@" in parts.netloc or "\\" in parts.netloc or "%5c" in parts.netloc.lower():
            raise PlaceRefused("an address with a user in it")
        if not host:
            raise PlaceRefused("an address without a host")
        return cls(host, PORTS[parts.scheme] if port is None else port)

    def address(self) -> IPv4Address | IPv6Address | None:
        """The address that the host is written as, ``None`` for a name. Raises PlaceRefused for other numbers."""
        try:
            return ip_address(self.host)
        except ValueError:
            if _NUMBER.fullmatch(self.host.rpartition(".")[2]):  # 127.1, 0x7f000001, 017700000001, 2130706433
                raise PlaceRefused(f"{self.host} is neither a name nor a plain address") from None
            return None

    def is_local_name(self) -> bool:
        """Whether the name is of this machine or its network: one without a dot always is."""
        return "." not in self.host or self.host.endswith(tuple(f".{name}" for name in LOCAL_NAMES))


@dataclass(frozen=True, slots=True)
class AllowedHosts:
    """Hosts named by the user, who may point at their own machine and network: by host and port, or by host."""

    exact: frozenset[HostPort] = frozenset()
    hosts: frozenset[str] = frozenset()

    @classmethod
    def of_source(cls, source: Source) -> Self:
        """The source's own address, and its ``image_hosts``; patterns with ``*`` name no host, so they open nothing."""
        hosts = frozenset(host for host in source.image_hosts if not host.startswith("*"))
        return cls(frozenset({HostPort.of(source.url)}), hosts)

    def has(self, place: HostPort) -> bool:
        return place in self.exact or place.host in self.hosts

    def has_any_port(self, host: str) -> bool:
        return host in self.hosts or any(place.host == host for place in self.exact)


def is_public(address: str | IPv4Address | IPv6Address) -> bool:
    """Whether an address is one of the internet's, reached by what it says. A scope (``%eth0``) never is."""
    found = ip_address(address) if isinstance(address, str) else address
    if isinstance(found, IPv6Address):
        if found.scope_id is not None:
            return False
        inner = found.ipv4_mapped or (IPv4Address(int(found) & 0xFFFFFFFF) if found in _NAT64 else None)
        if inner is not None:
            return is_public(inner)
        if found not in _GLOBAL_UNICAST:
            return False
    return not any(found in block for block in _NOT_PUBLIC)


def check(place: HostPort) -> None:
    """Raises PlaceRefused where the text of the host is enough to say that it is not public."""
    address = place.address()
    if address is None:
        if place.is_local_name():
            raise PlaceRefused(f"{place.host} is a name of this machine or its network")
    elif not is_public(address):
        raise PlaceRefused(f"{place.host} is not a public address")


def check_resolved(place: HostPort, addresses: Iterable[str]) -> None:
    """Raises PlaceRefused where a name leads to addresses of which none is public; no address at all is no matter."""
    found = list(addresses)
    if found and not any(is_public(address) for address in found):
        raise PlaceRefused(f"{place.host} leads to {', '.join(found)}, which is not a public address")
