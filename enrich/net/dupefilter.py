"""Keeps Scrapy's filter for duplicate requests from swallowing redirects, and what failed and is due again.

A redirect to an address that was asked for before, by a loop or for somebody else whose old address leads to the same
page, would be dropped without a word to anybody: the search for that performer would never end. How often one request
may be led on is limited by ``REDIRECT_MAX_TIMES``.

A failed picture is retried when due, also in a crawl that resumes the filter of that day.
"""

from __future__ import annotations

from scrapy.dupefilters import RFPDupeFilter
from scrapy.http import Request

from enrich.request_meta import AGAIN


class DuplicateFilter(RFPDupeFilter):
    """Scrapy's, for all requests but those made by a redirect or that failed before."""

    def request_seen(self, request: Request) -> bool:
        """Whether the same was asked for before, by itself and not on the way to somewhere else."""
        if "redirect_urls" in request.meta:
            return False
        return super().request_seen(request) and not request.meta.get(AGAIN)
