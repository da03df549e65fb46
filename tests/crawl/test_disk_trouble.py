"""A disk that is full or read-only, a database that is locked or gone: one clear line, an end, and nothing lost."""

from __future__ import annotations

import shutil
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from enrich.demo.running import RunningWorld
from enrich.store.db.database import database_url, open_database
from tests.conftest import Finished, Scrapy
from tests.crawl.judging import Judge, work_done
from tests.crawl.watched import Watched
from tests.standin.disk import SmallDisk

pytestmark = pytest.mark.timeout(300)

SOME = 20
"""So much of the crawl is done when the trouble begins."""


@pytest.fixture(scope="module")
def judge(world: RunningWorld, models_dir: Path) -> Judge:
    return Judge(world, models_dir)


def under_way(scrapy: Scrapy, *words: str) -> Watched:
    """A crawl that has done some of its work."""
    watched = Watched(scrapy.start("crawl", "stashdb", *words))
    while work_done(scrapy.data_dir, "stashdb") < SOME and not watched.over(0.005):
        pass
    return watched


def assert_said(finished: Finished, *words: str) -> None:
    """It could not do it, and says why in a line for each thing that it could not write."""
    assert finished.code == 1, finished.err[-3000:]
    assert 1 <= len(finished.lines) <= 2, finished.lines
    assert len(finished.lines) == 1 or "/jobs/" in "".join(finished.lines)
    for word in words:
        assert word in "".join(finished.lines)
    logged = finished.err.partition("Dumping Scrapy stats")[0]  # Python mourns files that cannot be closed
    assert "Traceback" not in logged, logged[-3000:]


@pytest.mark.parametrize("words", [(), ("-s", "JOBDIR=auto")], ids=["plain", "jobdir"])
def test_a_disk_that_fills_up(
    crawling: Scrapy, judge: Judge, small_disk: Callable[[int], SmallDisk], words: tuple[str, ...]
) -> None:
    disk = small_disk(24)
    crawling.environment["ENRICH_DATA_DIR"] = str(disk.folder)
    crawling.data_dir = disk.folder
    with under_way(crawling, *words) as watched:
        disk.fill()
        finished = watched.finished()
    assert_said(finished, *(("performers.db", "the disk is full") if not words else ("space left",)))
    disk.empty()
    before = work_done(crawling.data_dir, "stashdb")
    assert SOME <= before < 100
    again = crawling("crawl", "stashdb", *words)
    assert again.code == 0, again.err[-3000:]
    assert judge.faults(crawling.data_dir, {"stashdb": "api"}) == []


def test_a_disk_that_is_full_from_the_start(crawling: Scrapy, small_disk: Callable[[int], SmallDisk]) -> None:
    disk = small_disk(1)
    crawling.environment["ENRICH_DATA_DIR"] = str(disk.folder)
    disk.fill(20)
    assert_said(crawling("crawl", "stashdb"), "the disk is full")


def test_a_disk_that_is_read_only(crawling: Scrapy, small_disk: Callable[[int], SmallDisk]) -> None:
    disk = small_disk(1)
    open_database(database_url(disk.folder)).dispose()
    crawling.environment["ENRICH_DATA_DIR"] = str(disk.folder)
    before = (disk.folder / "performers.db").read_bytes()
    disk.write_protect()
    for words in (("crawl", "stashdb"), ("index",)):
        assert_said(crawling(*words), str(disk.folder), "read-only")
    assert [(path.name, path.read_bytes()) for path in disk.folder.iterdir()] == [("performers.db", before)]


def test_a_database_that_another_program_has_locked(crawling: Scrapy) -> None:
    database = crawling.data_dir / "performers.db"
    crawling.environment["ENRICH_DATABASE_URL"] = f"sqlite:///{database}?timeout=0.2"
    with (
        under_way(crawling) as watched,
        closing(sqlite3.connect(database, isolation_level=None, timeout=60)) as other,
    ):
        other.execute("BEGIN IMMEDIATE")
        before = work_done(crawling.data_dir, "stashdb")
        assert_said(watched.finished(), "performers.db", "locked by another program")
        assert_said(crawling("crawl", "stashdb"), "performers.db", "locked by another program")
        assert crawling("index").code == 0  # it only reads
        other.execute("ROLLBACK")
    assert SOME <= work_done(crawling.data_dir, "stashdb") == before


def test_a_database_that_is_deleted_meanwhile(crawling: Scrapy) -> None:
    with under_way(crawling) as watched:
        shutil.rmtree(crawling.data_dir)
        assert_said(watched.finished(), "performers.db", "gone")
    assert not list(crawling.data_dir.rglob("performers.db*"))
    assert not list(crawling.data_dir.rglob("*.voy"))
