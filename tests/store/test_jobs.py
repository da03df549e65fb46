"""What is left in a job directory is gone on with only by the crawl it is of, whole, and with its own database."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from enrich.errors import JobDirError
from enrich.store.db.database import database_url
from enrich.store.jobs import INDEX, JOB, KEPT, QUEUE, SEEN, STATE, JobDir
from enrich.store.ledger.runs import Run, finish_run, start_run

CRAWL = {"source": "stashdb", "mode": "api", "arguments": "limit=9", "Scrapy": "2.19.0", "schema": "0002"}
NOTED = {"performers": {"a", "b"}}


@pytest.fixture
def job(tmp_path: Path) -> Iterator[JobDir]:
    held = JobDir.lock(tmp_path / "jobs" / "stashdb-api", "stashdb")
    yield held
    held.release()


def crawl(job: JobDir, crawl: dict[str, str] = CRAWL) -> None:
    """What Scrapy does between the opening and the closing of a queue."""
    job.begin(crawl)
    for name, body in {f"{QUEUE}/slot/-1000": b"requests", SEEN: b"fingerprints", INDEX: b'{"slot": [-1000]}'}.items():
        (job.path / name).parent.mkdir(parents=True, exist_ok=True)
        (job.path / name).write_bytes(body)


def left(job: JobDir, run: Run | None = None) -> None:
    crawl(job)
    job.keep(CRAWL, NOTED, run, "shutdown")


def stopped_run(store: Any) -> Run:
    run: Run = store.do(start_run, "stashdb", "api")
    store.do(finish_run, run, "shutdown", {})
    return run


def names(job: JobDir) -> set[str]:
    return {path.name for path in job.path.iterdir()}


# --- one process at a time --------------------------------------------------------------------------------------------


def test_a_second_process_is_told_who_has_it_and_touches_nothing(job: JobDir) -> None:
    left(job)
    before = {path: path.read_bytes() for path in job.path.rglob("*") if path.is_file()}
    code = (
        "import sys, pathlib, enrich.errors, enrich.store.jobs as jobs\n"
        "try:\n    jobs.JobDir.lock(pathlib.Path(sys.argv[1]), 'other')\n"
        "except enrich.errors.JobDirError as error:\n    print(error)"
    )
    said = subprocess.run([sys.executable, "-c", code, str(job.path)], capture_output=True, text=True, check=True)
    (line,) = said.stdout.splitlines()
    assert line.startswith(f"{job.path}: in use by stashdb, process {os.getpid()} on {socket.gethostname()}, since 20")
    assert {path: path.read_bytes() for path in job.path.rglob("*") if path.is_file()} == before
    job.release()
    JobDir.lock(job.path, "next").release()


def test_it_is_the_owners_alone(job: JobDir) -> None:
    assert job.path.stat().st_mode & 0o777 == 0o700
    job.release()
    job.path.chmod(0o755)
    JobDir.lock(job.path, "again").release()
    assert job.path.stat().st_mode & 0o777 == 0o700


def test_a_place_that_cannot_be_one(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    for path in (tmp_path / "file", tmp_path / "file" / "below"):
        with pytest.raises(JobDirError, match=rf"the job directory {path} cannot be used"):
            JobDir.lock(path, "stashdb")


# --- what may be gone on with -----------------------------------------------------------------------------------------


def test_nothing_left_is_no_problem(job: JobDir, store: Any) -> None:
    assert job.problem(CRAWL, store.url) is None
    assert job.spider_state() == {}


def test_what_was_stopped_cleanly_is_gone_on_with(job: JobDir, store: Any) -> None:
    left(job, stopped_run(store))
    assert job.problem(CRAWL, store.url) is None
    assert job.spider_state() == NOTED


def test_a_crawl_that_never_came_to_its_end(job: JobDir, store: Any) -> None:
    crawl(job)
    problem = job.problem(CRAWL, store.url)
    assert problem is not None
    assert f"(process {os.getpid()} on {socket.gethostname()}) was not stopped cleanly" in problem


def test_one_that_went_on_with_what_was_left_and_never_came_to_its_end(job: JobDir, store: Any) -> None:
    left(job)
    job.begin(CRAWL)
    assert "not stopped cleanly" in str(job.problem(CRAWL, store.url))
    assert not (job.path / INDEX).exists()


def test_a_queue_that_was_not_closed_is_not_kept(job: JobDir, store: Any) -> None:
    crawl(job)
    (job.path / INDEX).unlink()
    with pytest.raises(JobDirError, match="not written to its end"):
        job.keep(CRAWL, NOTED, None, "shutdown")
    assert "not stopped cleanly" in str(job.problem(CRAWL, store.url))


@pytest.mark.parametrize(
    ("changed", "says"),
    [
        ({"source": "theporndb"}, "source was stashdb and is theporndb now"),
        ({"mode": "name"}, "mode was api and is name now"),
        ({"arguments": ""}, "arguments was limit=9 and is (none) now"),
        ({"Scrapy": "2.20.0"}, "Scrapy was 2.19.0 and is 2.20.0 now"),
        ({"schema": "0003"}, "schema was 0002 and is 0003 now"),
        ({"more": "1"}, "more was (none) and is 1 now"),
    ],
)
def test_another_crawl(job: JobDir, store: Any, changed: dict[str, str], says: str) -> None:
    left(job)
    assert job.problem({**CRAWL, **changed}, store.url) == says


def unlink(path: Path) -> None:
    path.unlink()


def shorten(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-1])


def change(path: Path) -> None:
    body = path.read_bytes()
    path.write_bytes(body[:-1] + bytes([body[-1] ^ 1]))


@pytest.mark.parametrize("name", [INDEX, f"{QUEUE}/slot/-1000", SEEN, STATE])
@pytest.mark.parametrize("damage", [unlink, shorten, change])
def test_damage(job: JobDir, store: Any, name: str, damage: Callable[[Path], None]) -> None:
    left(job)
    damage(job.path / name)
    assert job.problem(CRAWL, store.url) == f"{name} is not as it was left"


def test_what_another_program_put_there(job: JobDir, store: Any) -> None:
    left(job)
    (job.path / QUEUE / "slot" / "0").write_bytes(b"more")
    assert job.problem(CRAWL, store.url) == f"{QUEUE}/slot/0 is not as it was left"


@pytest.mark.parametrize("said", [None, "", "{", "[]"])
def test_nobody_says_what_it_is(job: JobDir, store: Any, said: str | None) -> None:
    left(job)
    if said is None:
        (job.path / JOB).unlink()
    else:
        (job.path / JOB).write_text(said)
    assert job.problem(CRAWL, store.url) == "nothing says which crawl it is of"


# --- the database it goes with ----------------------------------------------------------------------------------------


def test_without_its_database(job: JobDir, store: Any, tmp_path: Path) -> None:
    left(job, stopped_run(store))
    assert "the database is not" in str(job.problem(CRAWL, database_url(tmp_path / "elsewhere")))
    assert not (tmp_path / "elsewhere").exists()


def test_with_another_database(job: JobDir, store: Any) -> None:
    run = stopped_run(store)
    left(job, run)
    store.do(lambda tx: tx.exec_driver_sql("UPDATE runs SET started_at = '2001-01-01 00:00:00'"))
    assert "the database is not" in str(job.problem(CRAWL, store.url))


def test_with_its_database_as_it_was_while_the_crawl_ran(job: JobDir, store: Any) -> None:
    run = store.do(start_run, "stashdb", "api")
    left(job, run)
    assert "the database is not" in str(job.problem(CRAWL, store.url)), "a backup of that day knows fewer people"


# --- setting aside, wiping --------------------------------------------------------------------------------------------


def test_what_is_set_aside_is_whole_and_out_of_the_way(job: JobDir, store: Any) -> None:
    left(job)
    aside = job.set_aside()
    assert names(job) == {"lock", aside.name}
    assert {path.name for path in aside.iterdir()} == {QUEUE, SEEN, STATE, JOB}
    assert job.problem(CRAWL, store.url) is None


def test_only_the_newest_few_stay(job: JobDir, store: Any) -> None:
    made = []
    for _ in range(KEPT + 2):
        left(job)
        made.append(job.set_aside(now=store.noon).name)
    assert len(set(made)) == KEPT + 2
    assert names(job) == {"lock", *made[-KEPT:]}


def test_the_one_just_made_stays_whatever_the_clock_says(job: JobDir, store: Any) -> None:
    for at in range(KEPT):
        left(job)
        job.set_aside(now=store.noon + timedelta(days=at + 1))
    left(job)
    aside = job.set_aside(now=store.noon)
    assert (aside / JOB).exists()
    assert len(names(job)) == 1 + KEPT


def test_a_kill_while_it_is_set_aside_leaves_nothing_to_be_gone_on_with(job: JobDir, store: Any) -> None:
    crawl(job)
    (job.path / QUEUE).rename(job.path / "unclean-x")
    assert "not stopped cleanly" in str(job.problem(CRAWL, store.url))


def test_wiped_is_as_new(job: JobDir, store: Any) -> None:
    crawl(job)
    job.wipe()
    assert names(job) == {"lock"}
    assert job.problem(CRAWL, store.url) is None


def test_it_says_in_plain_words_what_it_holds(job: JobDir, store: Any) -> None:
    left(job, stopped_run(store))
    said = json.loads((job.path / JOB).read_text())
    assert said["crawl"] == CRAWL
    assert (said["state"], said["pid"], said["host"]) == ("stopped", os.getpid(), socket.gethostname())
    assert said["files"].keys() == {INDEX, f"{QUEUE}/slot/-1000", SEEN, STATE}
