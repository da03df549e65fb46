"""How crawls begin and end: what keeps one from starting, dry runs, limits and signals."""

from __future__ import annotations

import contextlib
import hashlib
import signal
import sqlite3
import subprocess
from contextlib import closing
from pathlib import Path

import pytest
from filelock import FileLock

from enrich.demo.running import RunningWorld
from enrich.store.db.database import database_url, open_database
from tests.conftest import Scrapy
from tests.crawl import ledger
from tests.crawl.watched import Watched


def files(folder: Path) -> dict[str, str]:
    return {
        str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


# --- what keeps a crawl from starting ---------------------------------------------------------------------------------


def test_without_a_key(crawling: Scrapy) -> None:
    finished = crawling("crawl", "stashdb", STASHDB_API_KEY="")
    assert finished.code == 1
    assert len(finished.lines) == 1
    assert "stashdb" in finished.lines[0]
    assert "STASHDB_API_KEY" in finished.lines[0]
    assert not crawling.data_dir.exists()


def test_with_a_wrong_key(crawling: Scrapy) -> None:
    finished = crawling("crawl", "stashdb", STASHDB_API_KEY="not-the-key")
    assert finished.code == 1
    assert len(finished.lines) == 1
    assert "STASHDB_API_KEY" in finished.lines[0]
    assert "401" in finished.lines[0]
    assert "not-the-key" not in finished.err + finished.out
    assert not ledger.rows(crawling.data_dir, "SELECT 1 FROM performers")


def test_against_a_dead_host(crawling: Scrapy, tmp_path: Path) -> None:
    dead = tmp_path / "dead.yaml"
    dead.write_text('stash_boxes: {stashdb: {enabled: true, url: "http://127.0.0.1:9/graphql", rate_limit: 0}}')
    finished = crawling("crawl", "stashdb", "-s", "RETRY_TIMES=1", ENRICH_SOURCES_FILE=str(dead))
    assert finished.code == 3
    (line,) = finished.lines
    assert line.startswith("enrich: stashdb: page 1 by NAME ASC of http://127.0.0.1:9/graphql could not be read: ")
    assert "refused" in line.lower()
    assert "Traceback" not in finished.err
    assert not ledger.rows(crawling.data_dir, "SELECT 1 FROM performers")


def test_without_models(crawling: Scrapy, tmp_path: Path) -> None:
    finished = crawling("crawl", "stashdb", ENRICH_MODELS_DIR=str(tmp_path / "empty"))
    assert finished.code == 1
    assert len(finished.lines) == 1
    assert "scrapy models pull opencv_zoo" in finished.lines[0]
    assert not crawling.data_dir.exists()


def test_with_damaged_models(crawling: Scrapy, models_dir: Path, tmp_path: Path) -> None:
    damaged = tmp_path / "models" / "opencv_zoo"
    damaged.mkdir(parents=True)
    for path in (models_dir / "opencv_zoo").iterdir():
        (damaged / path.name).write_bytes(path.read_bytes()[:-1000])
    finished = crawling("crawl", "stashdb", ENRICH_MODELS_DIR=str(damaged.parent))
    assert finished.code == 1
    assert len(finished.lines) == 1
    assert "sha256" in finished.lines[0]


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("crawl", "stahsdb"), "did you mean 'stashdb'"),
        (("crawl", "babepedia", "-a", "mode=nmae"), "did you mean 'name'"),
        (("crawl", "stashdb", "-a", "limt=3"), "did you mean 'limit'"),
        (("crawl", "stashdb", "-a", "limit=0"), "limit=0"),
        (("crawl", "stashdb", "-a", "since=yesterday"), "YYYY-MM-DD"),
        (("enrich", "--sources", "stashdb,babepdia"), "did you mean 'babepedia'"),
        (("enrich", "--disable-source", "nobody"), "nobody"),
        (("enrich", "--source-max-faces", "stashdb"), "NAME=N"),
        (("enrich", "--source-max-faces", "stashdb=x"), "--source-max-faces stashdb=x: must be a whole number"),
        (("enrich", "--max-faces-total", "many"), "whole number"),
        (("crawl", "stashdb", "-s", "EMBED_BATCH_SIZE=0"), "EMBED_BATCH_SIZE=0: should be a whole number, 1 or more"),
    ],
)
def test_what_cannot_be_meant(crawling: Scrapy, arguments: tuple[str, ...], says: str) -> None:
    finished = crawling(*arguments)
    assert finished.code == 1
    assert len(finished.lines) == 1
    assert says in finished.lines[0]
    assert not crawling.data_dir.exists()


def test_mistake_in_sources_yaml(crawling: Scrapy, tmp_path: Path) -> None:
    wrong = tmp_path / "sources.yaml"
    wrong.write_text("reference_sites:\n  babepedia:\n    enabled: true\n    trust_level: hgih\n")
    finished = crawling("crawl", "babepedia", ENRICH_SOURCES_FILE=str(wrong))
    assert finished.code == 1
    assert "sources.yaml:4" in finished.lines[0]
    assert "did you mean 'high'" in finished.lines[0]
    assert not crawling.data_dir.exists()


# --- dry run, limits --------------------------------------------------------------------------------------------------


def test_dry_run_on_nothing_leaves_nothing(crawling: Scrapy, world: RunningWorld) -> None:
    finished = crawling("crawl", "stashdb", "-a", "dry_run=1", "-a", "limit=4")
    assert finished.code == 0, finished.err
    assert "'enrich/faces/accepted'" in finished.err
    assert [path for path in world.requests() if path in world.world.pictures]
    assert not crawling.data_dir.exists() or not files(crawling.data_dir)


def test_dry_run_leaves_every_file_as_it_was(crawling: Scrapy) -> None:
    assert crawling("crawl", "stashdb", "-a", "limit=3").code == 0
    before = files(crawling.data_dir)
    finished = crawling("enrich", "--dry-run", "--test-performers", "4")
    assert finished.code == 0, finished.err
    assert files(crawling.data_dir) == before


def test_phases_of_a_dry_run_see_each_others_finds(crawling: Scrapy, world: RunningWorld) -> None:
    finished = crawling("enrich", "--dry-run", "--sources", "stashdb,babepedia", "--test-performers", "8")
    assert finished.code == 0, finished.err
    assert [path for path in world.requests() if path.startswith("/babepedia/pics/")]
    assert not crawling.data_dir.exists() or not files(crawling.data_dir)


def test_limit_counts_performers(crawling: Scrapy) -> None:
    assert crawling("crawl", "stashdb", "-a", "limit=3").code == 0
    assert len(ledger.rows(crawling.data_dir, "SELECT id FROM performers")) == 3
    assert crawling("crawl", "babepedia", "-a", "mode=name", "-a", "limit=1").code == 0
    assert len(ledger.rows(crawling.data_dir, "SELECT * FROM lookups")) == 1


def test_max_faces_holds_and_can_be_raised(crawling: Scrapy) -> None:
    assert crawling("crawl", "stashdb", "-a", "max_faces=1").code == 0
    assert {row["face_count"] for row in ledger.rows(crawling.data_dir, "SELECT face_count FROM performers")} <= {0, 1}
    assert crawling("crawl", "stashdb", "-a", "max_faces=2").code == 0
    counts = [row["face_count"] for row in ledger.rows(crawling.data_dir, "SELECT face_count FROM performers")]
    assert max(counts) == 2
    assert counts.count(2) > len(counts) / 2


# --- stopping ---------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def whole(sources: Path, models_dir: Path, tmp_path_factory: pytest.TempPathFactory) -> Scrapy:
    """A crawl of StashDB that was never stopped."""
    scrapy = Scrapy(tmp_path_factory.mktemp("whole") / "data", models_dir, sources)
    assert scrapy("crawl", "stashdb").code == 0
    return scrapy


@pytest.mark.parametrize("job_directory", [False, True])
def test_stopped_and_continued_is_as_if_never_stopped(
    crawling: Scrapy, whole: Scrapy, tmp_path: Path, job_directory: bool
) -> None:
    job = ("-s", f"JOBDIR={tmp_path / 'job'}") if job_directory else ()
    process = crawling.start("crawl", "stashdb", *job)
    _until_first_face(process, crawling.data_dir)
    process.send_signal(signal.SIGTERM)
    _, err = process.communicate(timeout=60)
    assert process.returncode == 0, err
    assert 0 < _faces(crawling.data_dir) < _faces(whole.data_dir)
    finished = crawling("crawl", "stashdb", *job)
    assert finished.code == 0, finished.err
    assert ledger.tally(crawling.data_dir) == ledger.tally(whole.data_dir)
    assert crawling("index", "--check").code == 0


def test_a_stop_while_crawls_are_opening_is_a_clean_one(crawling: Scrapy) -> None:
    open_database(database_url(crawling.data_dir)).dispose()
    with (
        closing(sqlite3.connect(crawling.data_dir / "performers.db", isolation_level=None)) as other,
        Watched(crawling.start("enrich", "--sources", "stashdb,theporndb")) as watched,
    ):
        other.execute("BEGIN IMMEDIATE")  # keeps the crawls from entering their runs
        assert watched.wait_for("Spider opened", times=2), watched.log
        watched.process.send_signal(signal.SIGTERM)
        assert watched.wait_for("Received SIGTERM"), watched.log
        other.execute("ROLLBACK")
        finished = watched.finished()
    assert finished.code == 0, finished.err
    assert {tuple(row) for row in ledger.rows(crawling.data_dir, "SELECT source, finish_reason FROM runs")} == {
        ("stashdb", "shutdown"),
        ("theporndb", "shutdown"),
    }


def test_a_stop_while_a_crawl_is_closing_lets_it_close(crawling: Scrapy) -> None:
    (crawling.data_dir / "index").mkdir(parents=True)
    with (
        FileLock(crawling.data_dir / "index" / "face_sface.lock") as lock,
        Watched(crawling.start("crawl", "stashdb", "-a", "limit=2")) as watched,
    ):
        assert watched.wait_for("Closing spider (finished)"), watched.log
        watched.process.send_signal(signal.SIGTERM)
        assert watched.wait_for("Received SIGTERM"), watched.log
        lock.release()
        finished = watched.finished()
    assert finished.code == 0, finished.err
    assert [row[0] for row in ledger.rows(crawling.data_dir, "SELECT finish_reason FROM runs")] == ["finished"]
    assert crawling("index", "--check").code == 0


def test_whoever_insists_ends_it_at_once_and_is_told_so(crawling: Scrapy) -> None:
    (crawling.data_dir / "index").mkdir(parents=True)
    with (
        FileLock(crawling.data_dir / "index" / "face_sface.lock"),
        Watched(crawling.start("crawl", "stashdb", "-a", "limit=2")) as watched,
    ):
        assert watched.wait_for("Closing spider (finished)"), watched.log
        for times in (1, 2):
            watched.process.send_signal(signal.SIGTERM)
            assert watched.wait_for("Received SIGTERM", times=times), watched.log
        finished = watched.finished()
    assert finished.code == 3, finished.err
    assert finished.lines == ["enrich: stashdb: was forced to end; work in progress is left for the next crawl"]


def _until_first_face(process: subprocess.Popen[str], data_dir: Path) -> None:
    while process.poll() is None and not _faces(data_dir):
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(0.02)


def _faces(data_dir: Path) -> int:
    if not (data_dir / "performers.db").exists():
        return 0
    try:
        return len(ledger.rows(data_dir, "SELECT id FROM faces"))
    except ledger.sqlite3.OperationalError:  # not migrated yet
        return 0
