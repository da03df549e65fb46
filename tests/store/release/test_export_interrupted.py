"""A complete new export or the old one untouched: whoever is killed, reads or waits, and though the disk is full."""

from __future__ import annotations

import errno
import fcntl
import json
import sqlite3
import subprocess
import sys
import threading
from contextlib import closing
from pathlib import Path

import pytest

from enrich.errors import StoreError
from enrich.store.db.database import open_database
from enrich.store.release import folder as export_folder
from enrich.store.release.export import export
from enrich.store.release.folder import claimed, replacing
from tests.conftest import REPO
from tests.store.conftest import NOON, PRIORITIES
from tests.store.consumer import Release
from tests.store.exporting import World
from tests.store.trees import tree


def test_reader_who_has_the_old_one_open_goes_on_with_it(world: World, tmp_path: Path) -> None:
    world.export(tmp_path / "out")
    with (tmp_path / "out" / "manifest.json").open() as manifest:
        world.export(tmp_path / "out")
        assert json.load(manifest)["version"] == "2026.01.31"
    assert Release(tmp_path / "out").manifest["version"] == "2026.01.31.0002"


@pytest.mark.parametrize("steps", ["one-step", "two-steps"])
def test_killed_before_any_step_the_old_or_the_new_one_is_there_whole(
    nobody: World, tmp_path: Path, steps: str
) -> None:
    """Without RENAME_EXCHANGE the old one may lie aside for a moment: the next export puts it back."""
    for number in range(2):
        nobody.person(number)
        nobody.picture(number, 0)
    out = tmp_path / "place" / "out"
    nobody.export(out)
    program = [sys.executable, "-m", "tests.store.killed_export", str(nobody.folder), str(out), steps]
    done = subprocess.run(program, cwd=REPO, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert found["killed"] > 20
    assert found["old"] > 10
    assert found["new"] > 1


@pytest.mark.soak
@pytest.mark.parametrize("steps", ["one-step", "two-steps"])
def test_killed_at_random_moments(world: World, tmp_path: Path, steps: str) -> None:
    world.export(tmp_path / "place" / "out")
    program = [sys.executable, "-m", "tests.store.killed_export", str(world.folder), str(tmp_path / "place" / "out")]
    done = subprocess.run([*program, steps, "200"], cwd=REPO, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["killed"] > 20


def test_what_a_killed_export_left_is_cleaned_by_rewriting_too(world: World, tmp_path: Path) -> None:
    """It may hold who is forgotten."""
    world.export(tmp_path / "out")
    left = tmp_path / ".out.enrich-unfinished"
    left.mkdir()
    (left / "performers.db").write_bytes(b"somebody's name")
    world.rewrite()
    assert {entry.name for entry in tmp_path.iterdir()} == {"data", "out"}


def test_killed_between_the_two_renames_the_old_one_comes_back(tmp_path: Path) -> None:
    out, aside = tmp_path / "out", tmp_path / ".out.enrich-aside"
    for folder, content in ((aside, "old"), (tmp_path / ".out.enrich-unfinished", "new")):
        folder.mkdir()
        (folder / "file").write_text(content)
    with claimed(out):
        pass
    assert tree(tmp_path) == {"out": None, "out/file": b"old"}


def test_a_file_system_without_exchange(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise OSError(errno.EINVAL, "Invalid argument")

    out = tmp_path / "out"
    out.mkdir()
    (out / "file").write_text("old")
    monkeypatch.setattr(export_folder, "_exchange", refuse)
    with claimed(out), replacing(out) as unfinished:
        (unfinished / "file").write_text("new")
    assert tree(tmp_path) == {"out": None, "out/file": b"new"}


def test_two_at_once_wait_for_each_other(world: World, tmp_path: Path) -> None:
    failed = []

    def one() -> None:
        engine = open_database(world.url)
        try:
            export(engine, tmp_path / "out", priorities=PRIORITIES, now=NOON)
        except StoreError as error:
            failed.append(error)
        engine.dispose()

    threads = [threading.Thread(target=one) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failed == []
    assert Release(tmp_path / "out").manifest["version"] == "2026.01.31.0003"
    assert {entry.name for entry in tmp_path.iterdir()} == {"data", "out"}


def test_held_for_too_long(tmp_path: Path) -> None:
    with (
        claimed(tmp_path / "out"),
        pytest.raises(StoreError, match="another process has held it for 0 s"),
        claimed(tmp_path / "out", seconds=0),
    ):
        pass


def test_lock_of_a_file_that_was_removed_meanwhile_is_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Who held it removes it: another may have made a new one by now, and hold that."""
    lock, flock, tries = tmp_path / ".out.enrich-lock", fcntl.flock, list[int]()

    def slow(descriptor: int, operation: int) -> None:
        tries.append(descriptor)
        if len(tries) == 1:
            lock.unlink()
            lock.touch()
        flock(descriptor, operation)

    monkeypatch.setattr(fcntl, "flock", slow)
    with claimed(tmp_path / "out"):
        assert len(tries) == 2


def test_locked_database(world: World, tmp_path: Path) -> None:
    world.export(tmp_path / "out")
    before = tree(tmp_path)
    impatient = open_database(world.url, busy_seconds=0.1)
    with closing(sqlite3.connect(world.path, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(StoreError, match="the database: locked by another program; end that program or wait"):
            export(impatient, tmp_path / "out", priorities=PRIORITIES)
    impatient.dispose()
    assert tree(tmp_path) == before


@pytest.mark.parametrize("share", [0.005, 0.1, 0.5, 0.99999])
def test_no_space(world: World, tmp_path: Path, share: float) -> None:
    """No file may grow beyond a share of the largest: the ledger, performers.db, an index in its middle, at its end."""
    world.export(tmp_path / "out")
    before = tree(tmp_path)
    room = int(share * max(file.stat().st_size for file in (tmp_path / "out").iterdir()))
    program = (
        "import resource, sys; from pathlib import Path\n"
        "from enrich.errors import StoreError\n"
        "from enrich.store.db.database import database_url, open_database\n"
        "from enrich.store.release.export import export\n"
        "engine = open_database(database_url(sys.argv[1]))\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (int(sys.argv[3]), resource.RLIM_INFINITY))\n"
        "try: export(engine, Path(sys.argv[2]), priorities={'stashdb': 1})\n"
        "except StoreError as error: print(error)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program, str(world.folder), str(tmp_path / "out"), str(room)],
        cwd=REPO, capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert done.stdout.startswith(f"{tmp_path / 'out'}: ")
    assert len(done.stdout.splitlines()) == 1
    assert tree(tmp_path) == before
