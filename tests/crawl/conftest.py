"""One demo world for all tests that crawl; each test has a data directory of its own."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from enrich.demo.running import RunningWorld, running_world, write_sources
from tests.conftest import Scrapy


@pytest.fixture(scope="session")
def world() -> Iterator[RunningWorld]:
    """The demo world, up for the whole session; its drawings are kept for other sessions."""
    with running_world(module="tests.standin.demo_world") as running:
        yield running


@pytest.fixture(scope="session")
def sources(world: RunningWorld, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A sources.yaml that points at the world."""
    path = tmp_path_factory.mktemp("world") / "sources.yaml"
    write_sources(path, world.base_url)
    return path


@pytest.fixture
def crawling(world: RunningWorld, sources: Path, tmp_path: Path, models_dir: Path) -> Scrapy:
    """The scrapy command on the demo world and an empty data directory; requests are counted from zero."""
    world.reset()
    return Scrapy(tmp_path / "data", models_dir, sources)
