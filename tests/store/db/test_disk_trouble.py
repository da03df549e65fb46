"""A disk that is full or read-only under the database, its backups, its indices: as before, and nothing beside it."""

from __future__ import annotations

import shutil
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text

from enrich.errors import DatabaseTrouble, StoreError
from enrich.store.db.backup import back_up
from enrich.store.db.database import database_url, open_database
from enrich.store.db.writer import Writer
from enrich.store.index.sync import IndexSpec, catch_up, check, index_path, rebuild
from tests.conftest import Scrapy
from tests.standin.disk import SmallDisk
from tests.store.conftest import Store

SPEC = IndexSpec("sface", 16, "pack-1")
PAGE = 4096


@pytest.fixture
def disk(small_disk: Callable[[int], SmallDisk]) -> SmallDisk:
    return small_disk(8)


@pytest.fixture
def full(disk: SmallDisk, empty_database: Path) -> Iterator[Store]:
    """A database with forty faces on a small disk, and an index of twenty of them."""
    shutil.copy(empty_database, disk.folder)
    store = Store(disk.folder)
    store.save()
    for n in range(40):
        store.face(f"https://img.example/{n}.jpg", seed=n)
        if n == 19:
            catch_up(store.engine, disk.folder / "index", SPEC)
    yield store
    store.engine.dispose()


def files(folder: Path) -> dict[str, bytes]:
    """What is in all files but empty ones (locks, a new log), the ballast, and SQLite's notes on its readers."""
    found = {path.relative_to(folder).as_posix(): path for path in folder.rglob("*") if path.is_file()}
    return {
        name: path.read_bytes()
        for name, path in found.items()
        if path.stat().st_size and not name.endswith(("ballast", "-shm"))
    }


def pages_of_a_whole_index(store: Store, tmp_path: Path) -> int:
    rebuild(store.engine, tmp_path / "elsewhere", SPEC)
    return -(-index_path(tmp_path / "elsewhere", "sface").stat().st_size // PAGE)


# --- indices ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("short_of", [0, 1, 2, "all"])
def test_an_index_that_finds_no_room_leaves_the_old_one(
    full: Store, disk: SmallDisk, tmp_path: Path, short_of: Any
) -> None:
    """0: there is room for the index itself, and none for what says what it is. 1: the last page is wanting, which
    Voyager would not tell."""
    needed = pages_of_a_whole_index(full, tmp_path)
    before = files(disk.folder)
    disk.fill(0 if short_of == "all" else needed - short_of)
    for write in (catch_up, rebuild):
        with pytest.raises(StoreError, match=r"index.face_sface\.voy: cannot be written: .*No space left"):
            write(full.engine, disk.folder / "index", SPEC)
        assert files(disk.folder) == before
    disk.empty()
    assert catch_up(full.engine, disk.folder / "index", SPEC).added == 20
    assert check(full.engine, disk.folder / "index", SPEC) == []


def test_the_command_says_so_in_one_line(full: Store, disk: SmallDisk, models_dir: Path) -> None:
    full.engine.dispose()
    scrapy = Scrapy(disk.folder, models_dir)
    before = files(disk.folder)
    for free_pages, words in ((1, "performers.db: the disk is full"), (9, "cannot be written: [Errno 28] No space")):
        disk.fill(free_pages)
        finished = scrapy("index")
        assert (finished.code, len(finished.lines)) == (1, 1), finished.err
        assert words in finished.lines[0]
        assert "Traceback" not in finished.err
        assert files(disk.folder) == before
    disk.empty()
    assert scrapy("index").code == 0
    assert scrapy("index", "--check").code == 0


def test_an_index_on_a_read_only_disk(full: Store, small_disk: Callable[[int], SmallDisk]) -> None:
    other = small_disk(1)
    catch_up(full.engine, other.folder, SPEC)
    full.face("https://img.example/more.jpg")
    before = files(other.folder)
    other.write_protect()
    for write in (catch_up, rebuild):
        with pytest.raises(StoreError, match=r"face_sface\.voy: cannot be written: .*Read-only"):
            write(full.engine, other.folder, SPEC)
    assert files(other.folder) == before


def test_an_index_is_made_while_another_program_writes(full: Store, disk: SmallDisk) -> None:
    with closing(sqlite3.connect(full.path, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        assert catch_up(full.engine, disk.folder / "index", SPEC).added == 20
        other.execute("ROLLBACK")


# --- the database -----------------------------------------------------------------------------------------------------


def test_what_finds_no_room_is_not_reported_as_written_and_is_there_once_there_is_room(
    disk: SmallDisk, empty_database: Path
) -> None:
    shutil.copy(empty_database, disk.folder)
    writer = Writer.acquire(database_url(disk.folder))
    disk.fill(2)
    done, failed = [], []
    for n in range(300):
        future = writer.submit(lambda tx, n=n: tx.execute(NOTE, {"key": f"n{n:03}", "value": "x" * 500}))
        error = future.exception(30)
        assert error is None or isinstance(error, DatabaseTrouble), error
        (done if error is None else failed).append(n)
    assert failed
    assert "the disk is full" in str(future.exception())
    disk.empty()
    assert writer.submit(lambda tx: tx.execute(NOTE, {"key": "n999", "value": ""})).exception(30) is None
    writer.release()
    with closing(sqlite3.connect(disk.folder / "performers.db")) as connection:
        kept = [row[0] for row in connection.execute("SELECT key FROM meta WHERE key LIKE 'n%' ORDER BY key")]
        assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
    assert kept == [f"n{n:03}" for n in [*done, 999]]


NOTE = text("INSERT INTO meta VALUES (:key, :value)")


def test_a_backup_that_finds_no_room_leaves_nothing(full: Store, disk: SmallDisk) -> None:
    (disk.folder / "backup.db").write_bytes(b"an older one")
    before = files(disk.folder)
    disk.fill(3)
    with pytest.raises((sqlite3.Error, OSError), match=r"full|space"):
        back_up(full.path, disk.folder / "backup.db")
    assert files(disk.folder) == before


def test_without_room_for_the_backup_nothing_is_migrated(full: Store, disk: SmallDisk) -> None:
    full.do(lambda tx: tx.execute(text("UPDATE alembic_version SET version_num = '0001'")))
    full.engine.dispose()
    before = files(disk.folder)
    disk.fill(3)
    with pytest.raises(DatabaseTrouble, match="the disk is full"):
        open_database(full.url)
    assert files(disk.folder) == before


def test_a_database_on_a_read_only_disk_is_said_to_be_so(full: Store, disk: SmallDisk) -> None:
    full.engine.dispose()
    before = files(disk.folder)
    disk.write_protect()
    with pytest.raises(DatabaseTrouble, match=r"performers\.db: cannot be written: .* is read-only"):
        open_database(full.url)
    assert files(disk.folder) == before


# --- a database that goes ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("put_in_its_place", [None, b"", b"another file"])
def test_what_is_written_to_a_file_that_is_gone_is_not_reported_as_written(
    tmp_path: Path, put_in_its_place: bytes | None
) -> None:
    writer = Writer.acquire(database_url(tmp_path))
    assert writer.submit(lambda tx: tx.execute(NOTE, {"key": "n1", "value": ""})).exception(30) is None
    (tmp_path / "performers.db").rename(tmp_path / "elsewhere.db")
    if put_in_its_place is not None:
        (tmp_path / "performers.db").write_bytes(put_in_its_place)
    futures = [writer.submit(lambda tx, n=n: tx.execute(NOTE, {"key": f"n{n}", "value": ""})) for n in (2, 3)]
    for future in futures:
        with pytest.raises(DatabaseTrouble, match=r"performers\.db: gone"):
            future.result(30)
    (tmp_path / "elsewhere.db").replace(tmp_path / "performers.db")
    assert writer.submit(lambda tx: tx.execute(NOTE, {"key": "n4", "value": ""})).exception(30) is None
    writer.release()
    with closing(sqlite3.connect(tmp_path / "performers.db")) as connection:
        kept = connection.execute("SELECT key FROM meta WHERE key LIKE 'n%' ORDER BY 1").fetchall()
    assert kept == [("n1",), ("n4",)]
