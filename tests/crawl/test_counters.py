"""Counters of interrupted runs add up to those of one that was not, and what became of each run is told as it is."""

from __future__ import annotations

import contextlib
import json
import signal
import subprocess
import threading
from dataclasses import dataclass, field
from math import inf
from pathlib import Path
from typing import Any

import pytest

from enrich.demo.running import RunningWorld
from enrich.demo.truth import ACCEPTED, Record
from tests.conftest import Scrapy
from tests.crawl import ledger
from tests.middlewares.counting_site import Answer, Asked, serving

FAILING = 7
"""Every so many pictures cannot be had."""
SETTINGS = ("-s", "RETRY_TIMES=0", "-s", "ALLOWED_FAILED_SHARE=1", "-s", "CONCURRENT_REQUESTS=2")
"""Two at a time: little is in hand when a crawl is interrupted, so that there is enough left for the others."""


@dataclass
class Box:
    """A stash-box with the demo world's performers and pictures, some of which cannot be had.

    It answers ``left`` more requests for pictures; then they wait. ``waiting``: so many do.
    """

    world: RunningWorld
    left: float = inf
    waiting: int = 0
    changed: threading.Condition = field(default_factory=threading.Condition)
    bodies: dict[str, bytes] = field(default_factory=dict)

    def leave(self, left: float) -> None:
        with self.changed:
            if left < inf:  # those of a crawl that was killed would take what is left to the next
                assert self.changed.wait_for(lambda: self.waiting == 0, 60)
            self.left = left
            self.changed.notify_all()

    @property
    def records(self) -> list[Record]:
        return [
            record
            for record in self.world.world.records
            if record.site == "stashdb" and not record.deleted and self.world.world.people[record.person].adult
        ][:18]

    @property
    def pictures(self) -> list[str]:
        """Paths of pictures that nothing is wrong with, three a performer."""
        return [p.path for record in self.records for p in record.pictures if p.expected == (ACCEPTED,)][:54]

    @property
    def failing(self) -> set[str]:
        return set(self.pictures[::FAILING])

    def answer(self, path: str, asked: list[Asked]) -> Answer:
        if path in self.pictures:
            self.waiting += 1
            self.changed.wait_for(lambda: self.left > 0)
            self.waiting -= 1
            self.left -= 1
            self.changed.notify_all()
        if path in self.failing:
            return Answer(500)
        if path in self.pictures:
            if path not in self.bodies:
                self.bodies[path] = self.world.fetch(path)
            return Answer(body=self.bodies[path], content_type="image/jpeg")
        if path != "/graphql":
            return Answer(404)
        said = {"queryPerformers": {"count": len(self.records), "performers": [*map(self._said, self.records)]}}
        return Answer(body=json.dumps({"data": said}).encode(), content_type="application/json")

    def _said(self, record: Record) -> dict[str, Any]:
        mine = [picture.path for picture in record.pictures if picture.path in self.pictures]
        return {
            "id": record.source_id,
            "name": record.name,
            "aliases": [],
            "deleted": False,
            "merged_ids": [],
            "urls": [],
            "images": [{"id": path, "url": path, "width": 600, "height": 800} for path in mine],
        }


def counters(data_dir: Path) -> tuple[Any, ...]:
    """Performers, faces and errors as ``scrape_progress`` has them, and faces and errors of all runs."""
    (progress,) = ledger.rows(data_dir, "SELECT performers_processed, faces_added, errors FROM scrape_progress")
    (runs,) = ledger.rows(data_dir, "SELECT sum(faces_added), sum(errors) FROM runs")
    return *progress, *runs


def decided(data_dir: Path) -> int:
    try:
        return int(ledger.rows(data_dir, "SELECT count(*) FROM images WHERE outcome != 'pending'")[0][0])
    except ledger.sqlite3.OperationalError:  # not made yet
        return 0


@pytest.mark.timeout(600)
@pytest.mark.parametrize("interrupted", [2, pytest.param(10, marks=pytest.mark.soak)])
def test_interrupted_runs_add_up_and_are_told_as_they_were(
    tmp_path: Path, models_dir: Path, world: RunningWorld, interrupted: int
) -> None:
    box = Box(world)
    with serving(box.answer) as site:
        box.changed = site.changed
        sources = tmp_path / "sources.yaml"
        block = f'{{url: "{site.url}/graphql", rate_limit: 0, trust_level: high, max_faces: 5}}'
        sources.write_text(f"stash_boxes: {{stashdb: {block}}}")
        once = Scrapy(tmp_path / "once", models_dir, sources)
        often = Scrapy(tmp_path / "often", models_dir, sources)
        crawl = ("crawl", "stashdb", *SETTINGS)
        assert once(*crawl).code == 0
        reasons = []
        for number in range(interrupted):
            how = signal.SIGKILL if number % 2 else signal.SIGTERM
            before = decided(often.data_dir)
            box.leave(2)
            process = often.start(*crawl)
            while decided(often.data_dir) == before:
                with contextlib.suppress(subprocess.TimeoutExpired):
                    process.wait(0.01)
                assert process.poll() is None, "it was over before it could be interrupted"
            process.send_signal(how)
            assert process.stderr is not None
            for line in process.stderr:
                if "Received SIGTERM" in line:
                    break
            box.leave(inf)
            _, err = process.communicate(timeout=60)
            assert process.returncode == (-how if how == signal.SIGKILL else 0), err
            reasons.append("interrupted" if how == signal.SIGKILL else "shutdown")
        assert_told(often, "interrupted", None)  # nobody could say more of a process that was killed
        assert decided(often.data_dir) < len(box.pictures)
        assert often(*crawl).code == 0
    assert counters(often.data_dir) == counters(once.data_dir)
    errors = len(box.failing)
    assert counters(once.data_dir) == (18, len(box.pictures) - errors, errors, len(box.pictures) - errors, errors)
    runs = ledger.rows(often.data_dir, "SELECT finish_reason, finished_at FROM runs ORDER BY id")
    assert [row["finish_reason"] for row in runs] == [*reasons, "finished"]
    assert all(row["finished_at"] for row in runs)
    assert_told(often, "finished", "finished")


def assert_told(scrapy: Scrapy, state: str, reason: str | None) -> None:
    (told,) = scrapy.status()["sources"]
    (run,) = ledger.rows(scrapy.data_dir, "SELECT performers, faces_added, errors FROM runs ORDER BY id DESC LIMIT 1")
    assert (told["state"], told["finish_reason"]) == (state, reason)
    assert (told["run_performers"], told["run_faces_added"], told["run_errors"]) == tuple(run)
    (progress,) = ledger.rows(scrapy.data_dir, "SELECT performers_processed, faces_added, errors FROM scrape_progress")
    assert (told["performers"], told["faces"], told["errors"]) == tuple(progress)
