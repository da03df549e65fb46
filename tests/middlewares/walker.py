"""Crawls of a counting site, in processes of their own, through all middlewares and without models."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import GUARD, REPO
from tests.middlewares.counting_site import Site


@dataclass(frozen=True)
class Walked:
    """A crawl that has ended: Scrapy's stats, what failed by address, the log."""

    stats: dict[str, Any]
    failed: dict[str, str]
    log: str


class Walk:
    """A running crawl."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self.process = process

    def stop(self) -> Walked:
        """Ask it to stop, as a user does, and wait for its end."""
        self.process.send_signal(signal.SIGTERM)
        return self.end()

    def end(self, seconds: float = 60) -> Walked:
        """Wait for its end."""
        out, err = self.process.communicate(timeout=seconds)
        assert self.process.returncode == 0, err[-3000:]
        said = json.loads(out)
        return Walked(said["stats"], said["failed"], err)


class Walker:
    """Starts crawls on one data directory."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.data_dir = folder / "data"
        self.running: list[subprocess.Popen[str]] = []

    def __call__(self, site: Site, *, rate_limit: float = 0, pages: int = 10, **settings: Any) -> Walk:
        """Begin to fetch ``pages`` pages and their pictures."""
        sources = self.folder / "sources.yaml"
        sources.write_text(
            f'reference_sites:\n  babepedia: {{url: "{site.url}", rate_limit: {rate_limit}, trust_level: high, '
            "image_hosts: [localhost]}\n"
        )
        said = {"DATA_DIR": str(self.data_dir), "SOURCES_FILE": str(sources), "WALK_PAGES": pages, **settings}
        process = subprocess.Popen(
            [sys.executable, "-W", "error::ResourceWarning", "-m", "tests.middlewares.walk", json.dumps(said)],
            cwd=REPO,
            env={**os.environ, "PYTHONPATH": str(GUARD)},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        self.running.append(process)
        return Walk(process)

    def close(self) -> None:
        """End what still runs."""
        for process in self.running:
            if process.poll() is None:
                process.kill()
            process.communicate()


@pytest.fixture
def walker(tmp_path: Path) -> Iterator[Walker]:
    """Crawls on an empty data directory; none outlives its test."""
    walker = Walker(tmp_path)
    yield walker
    walker.close()
