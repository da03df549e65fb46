"""Whether a crawl went as it should: the checks that turn a finished run into a degraded one (exit code 3)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from enrich.errors import MODELS_FAILED

FEW = 5
"""So many of a kind are no share yet: one failed image of three is not ten percent of a crawl."""


@dataclass(frozen=True, slots=True)
class Allowance:
    """The shares, 0..1, of images and look-ups that may fail and of pages that may be unexpected."""

    failed: float
    unexpected: float


def verdict(stats: Mapping[str, Any], reason: str, allowance: Allowance) -> dict[str, str]:
    """What was not as it should be, one line each, by a short name; empty for a healthy run.

    ``stats`` are Scrapy's at the end, ``reason`` its finish reason. A spider adds its own under ``enrich/degraded/``.
    """
    found: dict[str, str] = {}
    failed = sum(
        _number(stats, name) for name in ("enrich/images/failed", "enrich/lookups/failed", "enrich/lookups/blocked")
    )
    tried = failed + sum(
        _number(stats, name)
        for name in (
            "enrich/images/accepted",
            "enrich/images/rejected",
            "enrich/lookups/done",
            "enrich/lookups/not_found",
        )
    )
    many = failed > max(FEW, allowance.failed * tried) or 0 < failed == tried
    if many and reason != MODELS_FAILED:  # then it has been said what failed
        found["failures"] = f"{failed} of {tried} images and look-ups failed; they are tried again by a later run"
    pages = _number(stats, "pages/read")
    unexpected = _number(stats, "pages/unexpected")
    if unexpected > max(FEW, allowance.unexpected * pages) or 0 < unexpected == pages:
        found["unexpected"] = (
            f"{unexpected} of {pages} pages were not what the parser knows; the site may have changed, see the log"
        )
    if _number(stats, "item_error_count"):
        found["errors"] = f"{_number(stats, 'item_error_count')} items ended in an unexpected error, see the log"
    if any(name.startswith("spider_exceptions/") for name in stats):
        total = sum(_number(stats, name) for name in stats if name.startswith("spider_exceptions/"))
        found["exceptions"] = f"{total} pages ended in an unexpected error, see the log"
    if (
        reason == "finished"
        and not _number(stats, "downloader/response_count")
        and _number(stats, "downloader/exception_count")
    ):
        found["unreachable"] = "no answer at all: is the address right, and is the site up?"
    return found


def _number(stats: Mapping[str, Any], name: str) -> int:
    value = stats.get(name, 0)
    return value if isinstance(value, int) else 0
