"""``scrapy forget`` as a person types it; killed at its worst moments; and what other commands finish for it."""

from __future__ import annotations

import argparse
import fcntl
import os
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import numpy as np
import pytest
from scrapy.exceptions import UsageError
from scrapy.settings import Settings

from enrich.commands.forget import Command
from enrich.items import EmbeddedImage, Face, GonePerformer, ImageRef, Performer
from enrich.store.database import database_url, open_database, write
from enrich.store.faces import save_face
from enrich.store.forgetting.gone import enter_gone
from enrich.store.index import catch_up, index_specs
from enrich.store.ledger import Limits
from enrich.store.performers import save_performer
from enrich.store.runs import start_run

REPO = Path(__file__).parents[2]
PEOPLE = ("Jane Exampla", "Kim Otherby", "Lea Thirdman")
Run = Callable[..., tuple[int, str, str]]


def vector(at: int) -> np.ndarray:
    drawn = np.random.default_rng(at).normal(size=16).astype(np.float32)
    return drawn / np.linalg.norm(drawn)


@pytest.fixture
def data_dir(tmp_path: Path) -> Path:
    """A database of three people with a face each from two sources, its index, and a backup."""
    face = Face(
        box_px=np.zeros(4, np.float32), landmarks_px=np.zeros((5, 2), np.float32), confidence=1.0, yaw_deg=0.0,
        pitch_deg=0.0, roll_deg=0.0, visible=1.0, sharpness=0.75, exposure=0.95,
        crop=np.zeros((112, 112, 3), np.uint8),
    )  # fmt: skip
    engine = open_database(database_url(tmp_path))
    with write(engine) as tx:
        for at, name in enumerate(PEOPLE, 1):
            slug = name.split()[0].lower()
            said = Performer(source="stashdb", source_id=slug, name=name, urls=(f"https://twitter.com/{slug}_{at}",))
            number = save_performer(tx, said, {}).performer_id
            for source, owner in (("stashdb", {"source_id": slug}), ("babepedia", {"performer_id": number})):
                ref = ImageRef(source=source, image_url=f"https://img.example/{source}/{slug}.jpg", **owner)
                seed = 2 * at + (source == "stashdb")
                image = EmbeddedImage(
                    ref=ref, sha256=f"{seed:064}", width_px=1, height_px=1, face=face, quality=1.0, model="pack",
                    vectors={"sface": vector(seed)},
                )  # fmt: skip
                save_face(tx, image, Limits())
    with engine.connect() as connection:
        (spec,) = index_specs(connection)
    catch_up(engine, tmp_path / "index", spec)
    engine.dispose()
    (tmp_path / "performers.db.schema-0001.bak").write_bytes(b"Jane Exampla")
    return tmp_path


@pytest.fixture
def forget(data_dir: Path, capsys: pytest.CaptureFixture[str]) -> Run:
    """``scrapy forget ...`` on the data directory: exit code, stdout, stderr."""

    def run(*arguments: str) -> tuple[int, str, str]:
        command = Command()
        command.settings = Settings({"DATA_DIR": str(data_dir)})
        parser = argparse.ArgumentParser()
        command.add_options(parser)
        parser.add_argument("who", nargs="*")
        opts = parser.parse_args(arguments)
        command.run(opts.who, opts)
        return command.exitcode, *capsys.readouterr()

    return run


def rows(data_dir: Path, query: str) -> list[tuple[object, ...]]:
    with closing(sqlite3.connect(data_dir / "performers.db")) as connection:
        return connection.execute(query).fetchall()


def names(data_dir: Path) -> list[str]:
    return [str(row[0]) for row in rows(data_dir, "SELECT canonical_name FROM performers ORDER BY id")]


def telling(data_dir: Path) -> set[str]:
    """The files that still tell of the first of them."""
    needles = (b"Jane Exampla", b"jane_1", b"/jane.jpg", vector(2).tobytes(), vector(3).tobytes())
    found = (path for path in data_dir.rglob("*") if path.is_file())
    return {str(path.relative_to(data_dir)) for path in found if any(one in path.read_bytes() for one in needles)}


# --- what is said and done --------------------------------------------------------------------------------------------


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
    assert f"{data_dir / 'performers.db'}: written anew" in out
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


# --- while others are at it -------------------------------------------------------------------------------------------


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


# --- killed -----------------------------------------------------------------------------------------------------------


def started(data_dir: Path, *arguments: str) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [sys.executable, "-m", "scrapy", *arguments],
        cwd=REPO,
        env={**os.environ, "ENRICH_DATA_DIR": str(data_dir), "ENRICH_MODEL_PACK": "opencv_zoo"},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )


@contextmanager
def before_the_transaction(data_dir: Path) -> Iterator[None]:
    """Another program is writing."""
    with closing(sqlite3.connect(data_dir / "performers.db", isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        yield


@contextmanager
def before_the_index(data_dir: Path) -> Iterator[None]:
    """Another process is writing the index."""
    with (data_dir / "index" / "face_sface.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


@contextmanager
def before_the_log_is_empty(data_dir: Path) -> Iterator[None]:
    """Another program is reading, so that the log cannot be emptied."""
    with closing(sqlite3.connect(data_dir / "performers.db", isolation_level=None)) as other:
        other.execute("BEGIN")
        other.execute("SELECT 1 FROM performers").fetchone()
        yield


def wait_until(process: subprocess.Popen[bytes], met: Callable[[], bool]) -> None:
    until = time.monotonic() + 60
    while not met():
        assert process.poll() is None, process.communicate()
        assert time.monotonic() < until
        time.sleep(0.05)


@pytest.mark.parametrize(
    ("held_up", "over"),
    [
        (before_the_transaction, False),
        (before_the_index, True),
        (before_the_log_is_empty, True),
    ],
    ids=lambda value: getattr(value, "__name__", str(value)),
)
def test_killed_it_has_done_nothing_or_is_ended_by_the_same_command(
    forget: Run, data_dir: Path, held_up: Callable[[Path], contextmanager[None]], over: bool
) -> None:
    waits = {
        before_the_transaction: lambda: opened(process.pid, "performers.db"),
        before_the_index: lambda: forgetting(data_dir) == "index exports file",
        before_the_log_is_empty: lambda: forgetting(data_dir) == "file",
    }
    with held_up(data_dir):
        process = started(data_dir, "forget", "stashdb:jane")
        wait_until(process, waits[held_up])
        process.send_signal(signal.SIGKILL)
        process.communicate()
        assert telling(data_dir)
    assert (PEOPLE[0] not in names(data_dir)) is over
    code, out, err = forget("stashdb:jane")
    assert (code, err) == (0, "")
    assert ("already forgotten" in out) is over
    assert telling(data_dir) == set()
    assert names(data_dir) == [PEOPLE[1], PEOPLE[2]]


def opened(pid: int, name: str) -> bool:
    """Whether a process has a file of that name open."""
    try:
        links = [link.readlink() for link in Path(f"/proc/{pid}/fd").iterdir()]
    except OSError:
        return False
    return any(link.name == name for link in links)


def forgetting(data_dir: Path) -> str | None:
    found = rows(data_dir, "SELECT value FROM meta WHERE key = 'forgetting'")
    return str(found[0][0]).partition(" #")[0] if found else None


def test_another_command_ends_what_a_killed_one_has_begun(data_dir: Path) -> None:
    with before_the_index(data_dir):
        process = started(data_dir, "forget", "stashdb:jane")
        wait_until(process, lambda: forgetting(data_dir) == "index exports file")
        process.send_signal(signal.SIGKILL)
        process.communicate()
    assert telling(data_dir)
    process = started(data_dir, "index")
    _, err = process.communicate()
    assert process.returncode == 0, err
    assert telling(data_dir) == set()
    assert forgetting(data_dir) is None
