"""Which hosts belong together: the registrable domain of a host, by the list that tldextract brings along.

The list is never fetched: https://publicsuffix.org, "The Public Suffix List", as of the installed tldextract.
"""

from __future__ import annotations

from functools import cache

from tldextract import TLDExtract

OFFLINE = TLDExtract(suffix_list_urls=(), cache_dir=None, include_psl_private_domains=True)
"""Private suffixes count: two blogs on ``github.io`` do not belong together."""


@cache
def registrable_domain(host: str) -> str | None:
    """``example.co.uk`` for ``cdn.example.co.uk``; ``None`` for an address, a suffix and a name of this machine."""
    return OFFLINE(host).top_domain_under_public_suffix or None


def same_site(host: str, other: str) -> bool:
    """Whether two hosts are the same or of one registrable domain."""
    return host == other or registrable_domain(host) == registrable_domain(other) is not None
