"""``scrapy forget`` as a person types it, also while others are at it."""

from __future__ import annotations

import fcntl
import os
from pathlib import Path

import pytest
from scrapy.exceptions import UsageError

from enrich.items import GonePerformer
from enrich.store.db.database import database_url, open_database, write
from enrich.store.forgetting.gone import enter_gone
from enrich.store.ledger.runs import start_run
from tests.commands.forgetting import PEOPLE, Run, names, rows, telling


def test_by_id_and_by_number(forget: Run, data_dir: Path) -> None:
    assert telling(data_dir)
    code, out, err = forget("stashdb:jane", "2")
    assert (code, err) == (0, "")
    assert out.splitlines()[:2] == [
        "performer 1, Jane Exampla (stashdb:jane): 2 faces, 2 pictures, 0 other names, 1 links",
        "performer 2, Kim Otherby (stashdb:kim): 2 faces, 2 pictures, 0 other names, 1 links",
    ]
    assert f"{data_dir / 'performers.db.schema-0001.bak'}: removed" in out
    assert "2 faces, 2 added; rebuilt: it has faces that the database no longer has" in out
    assert f"{data_dir / 'performers.db'}: rewritten" in out
    assert names(data_dir) == [PEOPLE[2]]
    assert telling(data_dir) == set()
    code, out, err = forget("stashdb:jane", "2")
    assert (code, out.splitlines(), err) == (0, ["stashdb:jane: already forgotten", "2: already forgotten"], "")


def test_an_unknown_one_keeps_all_of_them(forget: Run, data_dir: Path) -> None:
    before = (data_dir / "performers.db").read_bytes()
    code, out, err = forget("stashdb:jane", "stashdb:nobody", "2")
    assert (code, out) == (1, "")
    assert err == "enrich: performer stashdb:nobody: not in the database; nothing was forgotten\n"
    assert names(data_dir) == [*PEOPLE]
    assert (data_dir / "performers.db").read_bytes() == before


@pytest.mark.parametrize("said", [("stashdb:jane",), ("--source", "babepedia"), ("--face", "1"), ("--gone",)])
def test_a_dry_run_only_shows(forget: Run, data_dir: Path, said: tuple[str, ...]) -> None:
    def files() -> dict[Path, bytes]:
        return {path: path.read_bytes() for path in data_dir.rglob("*") if path.is_file() and ".db-" not in path.name}

    before = files()
    code, out, err = forget(*said, "--dry-run")
    assert (code, err) == (0, "")
    assert out.endswith("nothing was changed\n")
    assert len(out.splitlines()) >= 2
    assert files() == before


def test_what_one_source_gave(forget: Run, data_dir: Path) -> None:
    code, out, _ = forget("stashdb:jane", "--source", "babepedia")
    assert code == 0
    assert (
        out.splitlines()[0] == "performer 1, Jane Exampla: from babepedia 1 faces, 1 pictures, 0 other names, 0 links"
    )
    assert rows(data_dir, "SELECT source_endpoint FROM faces WHERE performer_id = 1") == [("stashdb",)]
    code, out, _ = forget("stashdb:kim", "--source", "stashdb")
    assert "known from nowhere else, so all of it goes" in out
    assert names(data_dir) == [PEOPLE[0], PEOPLE[2]]
    code, out, _ = forget("--source", "babepedia")
    assert code == 0
    assert out.startswith("babepedia: 1 faces and 1 pictures of 1 performers; 0 of them are known from nowhere else")
    assert "babepedia is not kept out: set enabled: false in" in out
    assert rows(data_dir, "SELECT DISTINCT source_endpoint FROM faces") == [("stashdb",)]


def test_an_unknown_source_is_named_with_the_one_that_may_be_meant(forget: Run, data_dir: Path) -> None:
    code, out, err = forget("--source", "babepdia")
    assert (code, out) == (1, "")
    assert "--source babepdia: no such source" in err
    assert "did you mean 'babepedia'" in err


def test_a_face(forget: Run, data_dir: Path) -> None:
    code, out, _ = forget("--face", "1", "--face", "2")
    assert (code, out.splitlines()[0]) == (0, "2 faces")
    assert rows(data_dir, "SELECT id FROM faces ORDER BY id") == [(3,), (4,), (5,), (6,)]
    assert forget("--face", "one") == (1, "", "enrich: --face one: should be a face's number; nothing was forgotten\n")
    assert forget("--face", "3", "--face", "99")[0] == 1
    assert len(rows(data_dir, "SELECT 1 FROM faces")) == 4


def test_who_is_gone(forget: Run, data_dir: Path) -> None:
    engine = open_database(database_url(data_dir))
    with write(engine) as tx:
        enter_gone(tx, GonePerformer(source="stashdb", source_id="jane", reason="deleted"), {})
    engine.dispose()
    code, out, _ = forget("--gone")
    assert code == 0
    assert out.splitlines()[0] == "1 performers are gone from all their stash-boxes"
    assert "Jane Exampla" in out.splitlines()[1]
    assert names(data_dir) == [PEOPLE[1], PEOPLE[2]]
    assert telling(data_dir) == set()
    assert forget("--gone")[1].splitlines()[0] == "0 performers are gone from all their stash-boxes"


@pytest.mark.parametrize(
    "said", [(), ("1", "--face", "2"), ("1", "--gone"), ("--source", "stashdb", "--face", "1"), ("--dry-run",)]
)
def test_what_cannot_be_meant(forget: Run, data_dir: Path, said: tuple[str, ...]) -> None:
    with pytest.raises(UsageError):
        forget(*said)
    assert names(data_dir) == [*PEOPLE]


def test_without_a_database(forget: Run, data_dir: Path) -> None:
    (data_dir / "performers.db").unlink()
    code, out, err = forget("1")
    assert (code, out) == (1, "")
    assert "no database" in err
    assert not (data_dir / "performers.db").exists()


def test_while_a_crawl_runs_it_refuses_in_one_line(forget: Run, data_dir: Path) -> None:
    engine = open_database(database_url(data_dir))
    with write(engine) as tx:
        start_run(tx, "stashdb", "api")  # by this very process, which lives
    engine.dispose()
    code, out, err = forget("1")
    assert (code, out) == (1, "")
    assert err.startswith(f"enrich: a crawl is running: stashdb (process {os.getpid()} on ")
    assert err.endswith("run this again; nothing was forgotten\n")
    assert names(data_dir) == [*PEOPLE]
    assert forget("1", "--dry-run")[0] == 0


def test_a_job_directory_in_use_keeps_all_as_it_was(forget: Run, data_dir: Path) -> None:
    folder = data_dir / "jobs" / "babepedia-url"
    (folder / "requests.queue").mkdir(parents=True)
    with (folder / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        code, out, err = forget("1")
    assert (code, out) == (1, "")
    assert "jobs/babepedia-url: in use by" in err
    assert "nothing was forgotten" in err
    assert names(data_dir) == [*PEOPLE]
    assert forget("1")[0] == 0
    assert [path.name for path in folder.iterdir()] == ["lock"]


def test_what_cannot_be_done_yet_is_said_and_done_next_time(forget: Run, data_dir: Path) -> None:
    (data_dir / "index" / "face_sface.json").unlink()
    (data_dir / "index" / "face_sface.json").mkdir()
    code, _, err = forget("1")
    assert code == 1
    assert "face_sface" in err
    (data_dir / "index" / "face_sface.json").rmdir()
    code, out, err = forget()
    assert (code, err) == (0, "")
    assert "1: already" not in out
    assert "face_sface.voy: 4 faces" in out
    assert telling(data_dir) == set()
