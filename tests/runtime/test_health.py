"""Which ends of a crawl are degraded, and which are not."""

from __future__ import annotations

from typing import Any

import pytest

from enrich.runtime.health import Allowance, verdict

ALLOWANCE = Allowance(failed=0.10, unexpected=0.05)


@pytest.mark.parametrize(
    ("stats", "reason", "found"),
    [
        ({}, "finished", set()),
        ({"enrich/images/accepted": 100, "enrich/images/failed": 5}, "finished", set()),
        ({"enrich/images/accepted": 100, "enrich/images/failed": 30}, "finished", {"failures"}),
        ({"enrich/images/rejected": 1000, "enrich/images/failed": 30}, "finished", set()),
        ({"enrich/images/failed": 1}, "finished", {"failures"}),
        ({"enrich/lookups/done": 20, "enrich/lookups/failed": 10}, "finished", {"failures"}),
        ({"enrich/lookups/done": 20, "enrich/lookups/blocked": 10}, "finished", {"failures"}),
        ({"pages/read": 100, "pages/unexpected": 5}, "finished", set()),
        ({"pages/read": 100, "pages/unexpected": 6}, "finished", {"unexpected"}),
        ({"pages/read": 1, "pages/unexpected": 1}, "finished", {"unexpected"}),
        ({"item_error_count": 1}, "finished", {"errors"}),
        ({"spider_exceptions/ValueError": 2}, "finished", {"exceptions"}),
        ({"downloader/exception_count": 4}, "finished", {"unreachable"}),
        ({"downloader/exception_count": 4}, "shutdown", set()),
    ],
)
def test_verdict(stats: dict[str, Any], reason: str, found: set[str]) -> None:
    lines = verdict(stats, reason, ALLOWANCE)
    assert set(lines) == found
    assert all("\n" not in line for line in lines.values())


def test_the_line_has_the_figures() -> None:
    (line,) = verdict({"enrich/images/accepted": 20, "enrich/images/failed": 12}, "finished", ALLOWANCE).values()
    assert "12 of 32" in line
