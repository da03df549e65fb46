"""Start the demo world in a process of its own and stop it again."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from tempfile import TemporaryFile
from typing import Any
from urllib.request import Request, urlopen

import yaml

from enrich.demo.world import SEED, World, build_world
from enrich.errors import EnrichError


@dataclass(frozen=True)
class RunningWorld:
    """A demo world that answers at ``base_url`` (no slash at the end)."""

    base_url: str
    port: int
    seed: int
    performers: int

    @cached_property
    def world(self) -> World:
        """The same world here, for judging what a crawl made of it."""
        return build_world(self.seed, self.performers)

    def truth(self) -> dict[str, Any]:
        """The truth as the server reports it."""
        return dict(self._json("/_truth"))

    def requests(self) -> dict[str, int]:
        """How often each path (percent-encoded, without query) was asked for since the start or the last reset."""
        return dict(self._json("/_requests"))

    def reset(self) -> None:
        """Count from zero again."""
        with urlopen(Request(f"{self.base_url}/_reset", method="POST"), timeout=10):
            pass

    def fetch(self, path: str) -> bytes:
        """The body at a path, asked for as from a page of the same site (Babepedia's pictures want a Referer)."""
        asked = Request(f"{self.base_url}{path}", headers={"Referer": f"{self.base_url}/"})
        with urlopen(asked, timeout=30) as answer:
            return bytes(answer.read())

    def _json(self, path: str) -> Any:
        with urlopen(f"{self.base_url}{path}", timeout=10) as answer:
            return json.load(answer)


@contextmanager
def running_world(
    port: int = 0, seed: int = SEED, performers: int = 30, module: str = "enrich.demo"
) -> Iterator[RunningWorld]:
    """A demo world in a subprocess, up until the block ends. Raises EnrichError where it cannot start."""
    asked = {"--port": port, "--seed": seed, "--performers": performers}
    options = [word for option, number in asked.items() for word in (option, str(number))]
    command = [sys.executable, "-m", module, *options]
    with (
        TemporaryFile("w+") as complaints,  # a pipe nobody reads would stop a server that has much to say
        subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=complaints, text=True
        ) as process,
    ):
        try:
            assert process.stdout is not None
            line = process.stdout.readline()
            if not line:
                complaints.seek(0)
                lines = complaints.read().strip().splitlines() or ["it ended without a word"]
                raise EnrichError(f"the demo world did not start: {lines[-1]}")
            actual_port = int(json.loads(line)["port"])
            yield RunningWorld(f"http://127.0.0.1:{actual_port}", actual_port, seed, performers)
        finally:
            process.terminate()
            try:
                process.wait(timeout=10)
            except subprocess.TimeoutExpired:
                process.kill()


def write_sources(path: Path, base_url: str) -> None:
    """Write a sources.yaml in which the demo's sources are enabled, unlimited in pace, and point at ``base_url``."""
    from enrich.demo.sites import source_blocks

    sources = {
        "global": {
            "max_faces_per_performer": 20,
            "default_rate_limit": 0,
            "quality_filters": {
                "min_face_size": 80,
                "min_image_size": 400,
                "min_detection_confidence": "auto",
                "max_face_angle": 45.0,
                "prefer_single_face": True,
            },
        },
        **source_blocks(base_url),
    }
    path.write_text(yaml.safe_dump(sources, sort_keys=False, allow_unicode=True), encoding="utf-8")
