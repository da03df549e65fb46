"""Keeps Scrapy's filter for duplicate requests from swallowing redirects.

A redirect to an address that was asked for before, by a loop or for somebody else whose old address leads to the same
page, would be dropped without a word to anybody: the search for that performer would never end. How often one request
may be led on is limited by ``REDIRECT_MAX_TIMES``.
"""

from __future__ import annotations

from scrapy.dupefilters import RFPDupeFilter
from scrapy.http import Request


class DuplicateFilter(RFPDupeFilter):
    """Scrapy's, for all requests but those that a redirect made."""

    def request_seen(self, request: Request) -> bool:
        """Whether the same was asked for before, by itself and not on the way to somewhere else."""
        return "redirect_urls" not in request.meta and super().request_seen(request)
