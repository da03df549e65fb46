"""Tells a challenge page, which a browser can pass, from a block page, which nobody can, and from everything else.

Only answers that are errors anyway are looked at: ordinary pages behind Cloudflare carry its scripts too.
"""

from __future__ import annotations

import re
from typing import Literal

from scrapy.http import Response

Wall = Literal["challenge", "block"]
"""``challenge``: to be solved. ``block``: the host wants none of us, and no browser at our address would help."""

STATUSES = (403, 429, 503)
"""Those that challenges come with. The other errors are the site's own."""
_LOOKED_AT_BYTES = 64 * 1024
_TITLE = re.compile(rb"<title[^>]*>\s*([^<]{0,200})", re.IGNORECASE)
_CHALLENGE_TITLE = re.compile(r"just a moment|ddos-guard", re.IGNORECASE)
_BLOCK_TITLE = re.compile(r"attention required!|access denied", re.IGNORECASE)
_OWN_SCRIPT = re.compile(rb"_cf_chl_opt|/cdn-cgi/challenge-platform/h/\w+/orchestrate/")
_PLATFORM = re.compile(rb"/cdn-cgi/challenge-platform/(?!scripts/jsd/)")
"""The challenge's own scripts. Those below ``scripts/jsd`` are on every page, a site's own error pages among them."""
_BLOCK_CODE = re.compile(rb"error code: 10(?:0[6789]|10|12|20)\b")
_BROWSER_ERROR = re.compile(rb"<body[^>]*\bclass=[\"']?[^\"'>]*\bneterror\b", re.IGNORECASE)


def wall(response: Response) -> Wall | None:
    """What stands between us and an answer, by its status, headers and decoded body; ``None``: nothing of the kind.

    A 429 is a challenge only where it says so beyond doubt: else it asks us to slow down, also with a block's title.
    """
    if response.status not in STATUSES:
        return None
    if (response.headers.get("cf-mitigated") or b"").strip().lower() == b"challenge":
        return "challenge"
    body = response.body[:_LOOKED_AT_BYTES]
    if is_challenge_page(body):
        return "challenge"
    if response.status == 429:
        return None
    if (response.headers.get("Server") or b"").strip().lower() == b"cloudflare" and _PLATFORM.search(body):
        return "challenge"
    return "block" if _BLOCK_TITLE.match(title_of(body)) or _BLOCK_CODE.match(body) else None


def is_challenge_page(body: bytes) -> bool:
    """Whether a page is a challenge by what no other page has: its title, or a script of its own."""
    return bool(_CHALLENGE_TITLE.match(title_of(body)) or _OWN_SCRIPT.search(body[:_LOOKED_AT_BYTES]))


def is_browser_error(body: bytes) -> bool:
    """Whether a page is the browser's own about a host that does not answer."""
    return _BROWSER_ERROR.search(body) is not None


def title_of(body: bytes) -> str:
    """The title of a page, in one line; empty where it has none."""
    found = _TITLE.search(body[:_LOOKED_AT_BYTES])
    return " ".join(found[1].decode("utf-8", "replace").split()) if found else ""
