"""The FlareSolverr that tests ask: the stand-in, or with ``make test-flaresolverr`` a real one."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from tests.standin.flaresolverr import StandIn
from tests.standin.serving import serving

REAL = os.environ.get("ENRICH_TEST_FLARESOLVERR", "")


@dataclass(frozen=True)
class Asked:
    """``stand_in``: what can be looked into; ``None`` of a real one. ``max_seconds``: how long it may try."""

    url: str
    stand_in: StandIn | None
    max_seconds: float


@pytest.fixture
def flaresolverr() -> Iterator[Asked]:
    """One that listens; each test has a stand-in of its own."""
    if REAL:
        yield Asked(REAL, None, 20.0)
        return
    stand_in = StandIn()
    with serving(stand_in.application()) as url:
        yield Asked(url, stand_in, 1.5)
