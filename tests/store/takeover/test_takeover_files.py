"""The old files are never changed, what is none of them is named in one line, and a kill leaves nothing half-way."""

from __future__ import annotations

import signal
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest
import voyager

from enrich.errors import StoreError
from enrich.store.db.database import database_url, open_database
from enrich.store.takeover import TakeOver, take_over
from tests.store.conftest import NOON, PRIORITIES
from tests.store.stash_sense import OldData, crowd, picture, schema

REPO = Path(__file__).parents[3]


@pytest.fixture
def old(tmp_path: Path) -> OldData:
    """A whole data folder of Stash Sense."""
    return OldData(tmp_path / "old", 5, crowd(40)).make()


def take(path: Path, tmp_path: Path, index_dir: Path | None = None) -> TakeOver:
    data = tmp_path / "data"
    return take_over(
        path, database_url(data), scratch=data, index_dir=index_dir or path.parent, model="pack",
        priorities=PRIORITIES, now=NOON,
    )  # fmt: skip


def snapshot(folder: Path) -> dict[str, tuple[bytes, int]]:
    """All files of a folder, with what changes when one is written to."""
    return {str(path): (path.read_bytes(), path.stat().st_mtime_ns) for path in sorted(folder.rglob("*"))}


# --- the old files ----------------------------------------------------------------------------------------------------


def test_nothing_of_the_old_folder_is_touched(old: OldData, tmp_path: Path) -> None:
    before = snapshot(old.folder)
    take(old.path, tmp_path)
    assert snapshot(old.folder) == before


@pytest.mark.parametrize("closed", [True, False])
def test_what_is_still_in_the_log_is_read_too(old: OldData, tmp_path: Path, closed: bool) -> None:
    with closing(sqlite3.connect(old.path)) as writing:
        writing.execute("PRAGMA journal_mode = WAL")
        writing.execute("PRAGMA wal_autocheckpoint = 0")
        writing.execute("UPDATE performers SET canonical_name = 'Only in the log' WHERE id = 1")
        writing.commit()
        if closed:  # as a killed program leaves it: a log, and nobody who has it open
            copy = tmp_path / "killed"
            copy.mkdir()
            for path in old.folder.iterdir():
                if not path.name.endswith("-shm"):
                    (copy / path.name).write_bytes(path.read_bytes())
            old.folder = copy
        before = snapshot(old.folder)
        take(old.path, tmp_path)
        assert snapshot(old.folder) == before
    with closing(sqlite3.connect(tmp_path / "data" / "performers.db")) as new:
        assert new.execute("SELECT canonical_name FROM performers WHERE id = 1").fetchone() == ("Only in the log",)
    assert [path.name for path in (tmp_path / "data").iterdir() if path.name.startswith("import-")] == []


def test_the_other_name_of_the_facenet_index(old: OldData, tmp_path: Path) -> None:
    old.index("facenet").rename(old.folder / "face_facenet512.voy")
    assert len(take(old.path, tmp_path).plan.take) == 40


def test_of_both_names_the_builders_counts(old: OldData, tmp_path: Path) -> None:
    empty = voyager.Index(voyager.Space.Cosine, 512)
    empty.add_item([1.0] * 512, 0)
    empty.save(str(old.folder / "face_facenet512.voy"))
    done = take(old.path, tmp_path)
    assert len(done.plan.take) == 40
    assert f"{old.folder / 'face_facenet512.voy'}: not used: face_facenet.voy lies beside it" in list(done.lines())


def test_bytes_that_changed_in_an_index(old: OldData, tmp_path: Path) -> None:
    """Voyager loads such a file without a word."""
    body = bytearray(old.index("arcface").read_bytes())
    at = body.index(voyager.Index.load(str(old.index("arcface"))).get_vector(12).astype("<f4").tobytes())
    body[at : at + 64] = b"\x42" * 64
    old.index("arcface").write_bytes(body)
    assert take(old.path, tmp_path).plan.unfit == {"its vector in face_arcface.voy is damaged": [13]}


# --- what it is not ---------------------------------------------------------------------------------------------------


def make_text(path: Path) -> None:
    path.write_text("id,name\n1,Anna\n")


def make_empty(path: Path) -> None:
    path.write_bytes(b"")


def make_other(path: Path) -> None:
    path.unlink()
    with closing(sqlite3.connect(path)) as other:
        other.execute("CREATE TABLE notes (text)")


def make_ours(path: Path) -> None:
    path.unlink()
    open_database(f"sqlite:///{path}").dispose()


def make_newer(path: Path) -> None:
    with closing(sqlite3.connect(path)) as old, old:
        old.execute("INSERT INTO schema_version VALUES (9)")


def make_unversioned(path: Path) -> None:
    with closing(sqlite3.connect(path)) as old, old:
        old.execute("DELETE FROM schema_version")


def make_fork(path: Path) -> None:
    with closing(sqlite3.connect(path)) as old, old:
        old.execute("DROP TABLE faces")
        old.execute("CREATE TABLE faces (id INTEGER PRIMARY KEY, performer_id INTEGER, embedding_index INTEGER)")


def make_cut_off(path: Path) -> None:
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def make_overwritten(path: Path) -> None:
    body = bytearray(path.read_bytes())
    body[4096:] = b"\xa5" * (len(body) - 4096)
    path.write_bytes(body)


def make_index_damaged(path: Path) -> None:
    """What is read of it would still be read: only the pages of a search tree are rubbish."""
    with closing(sqlite3.connect(path)) as old:
        (size,) = old.execute("PRAGMA page_size").fetchone()
        (page,) = old.execute("SELECT rootpage FROM sqlite_master WHERE name = 'idx_faces_performer'").fetchone()
    body = bytearray(path.read_bytes())
    body[(page - 1) * size : page * size] = b"\xa5" * size
    path.write_bytes(body)


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (Path.unlink, "cannot be read: No such file or directory"),
        (make_text, "not a database; name the performers.db of a Stash Sense data folder"),
        (make_empty, "not a database"),
        (make_other, "not a Stash Sense database; it has no tables schema_version, performers and faces"),
        (make_ours, "a database of enrich already"),
        (make_newer, "its schema is 9, this program takes over schemas up to 5"),
        (make_unversioned, "its schema version is None"),
        (make_fork, "not Stash Sense's schema 5: faces has no facenet_index, arcface_index"),
        (make_cut_off, "damaged ("),
        (make_overwritten, "damaged ("),
        (make_index_damaged, "damaged ("),
    ],
)
def test_what_is_no_old_database(old: OldData, tmp_path: Path, make: object, said: str) -> None:
    assert callable(make)
    make(old.path)
    with pytest.raises(StoreError) as raised:
        take(old.path, tmp_path)
    assert str(raised.value).startswith(f"{old.path}: ")
    assert said in str(raised.value)
    assert "\n" not in str(raised.value)
    assert not (tmp_path / "data" / "performers.db").exists()


@pytest.mark.parametrize("recogniser", ["facenet", "arcface"])
@pytest.mark.parametrize(
    ("body", "said"),
    [
        (None, "missing; name the folder that has it with --index-dir, or take over all but the vectors"),
        (b"", "cannot be read, it is damaged or cut off; put a whole one in its place, or take over all but"),
        ("half", "cannot be read, it is damaged or cut off"),
        (b"no index at all" * 999, "cannot be read, it is damaged or cut off"),
        ("other", "64 numbers a vector in Space.Cosine, not 512 in Cosine"),
    ],
)
def test_what_is_no_old_index(
    old: OldData, tmp_path: Path, recogniser: str, body: bytes | str | None, said: str
) -> None:
    path = old.index(recogniser)
    if body is None:
        path.unlink()
    elif body == "other":
        index = voyager.Index(voyager.Space.Cosine, 64)
        index.add_item([1.0] * 64, 0)
        index.save(str(path))
    else:
        path.write_bytes(body if isinstance(body, bytes) else path.read_bytes()[: path.stat().st_size // 2])
    with pytest.raises(StoreError) as raised:
        take(old.path, tmp_path)
    assert str(raised.value).startswith(f"{path}: ")
    assert said in str(raised.value)
    assert not (tmp_path / "data" / "performers.db").exists()


def test_the_old_database_in_the_place_of_the_new_one(old: OldData) -> None:
    with pytest.raises(StoreError, match="lies where the new database belongs; move it, or set DATA_DIR"):
        take_over(
            old.path, database_url(old.folder), scratch=old.folder, index_dir=old.folder, model="pack", priorities={}
        )


def test_a_half_migrated_database(tmp_path: Path) -> None:
    """Columns of the next schema are there, its number is not."""
    old = OldData(tmp_path / "old", 1, [1, 1, 2]).make()
    for statement in schema(2).split(";"):
        if statement.lstrip().startswith("CREATE TABLE tattoos"):
            old.sql(statement)
    old.sql("ALTER TABLE performers ADD COLUMN height_cm INTEGER")
    old.sql("UPDATE performers SET height_cm = 171 WHERE id = 2")
    assert take(old.path, tmp_path).version == 1
    with closing(sqlite3.connect(tmp_path / "data" / "performers.db")) as new:
        assert new.execute("SELECT height_cm FROM performers ORDER BY id").fetchall() == [(None,), (171,)]


# --- all or nothing ---------------------------------------------------------------------------------------------------

KILLED_AT = """
import os, signal, sys
from pathlib import Path
from sqlalchemy import Engine, event
from enrich.store.takeover import take_over

path, data, statement, times = Path(sys.argv[1]), Path(sys.argv[2]), sys.argv[3], [int(sys.argv[4])]

@event.listens_for(Engine, "before_cursor_execute")
def execute(connection, cursor, sql, *_):
    if sql.startswith(statement):
        times[0] -= 1
        if times[0] == 0:
            os.kill(os.getpid(), signal.SIGKILL)

@event.listens_for(Engine, "commit")
def commit(connection):
    if statement == "COMMIT" and connection.get_execution_options().get("enrich_begin") == "BEGIN IMMEDIATE":
        os.kill(os.getpid(), signal.SIGKILL)

take_over(path, f"sqlite:///{data}/performers.db", scratch=data, index_dir=path.parent, model="pack", priorities={})
"""


def rows(path: Path) -> dict[str, list[tuple[object, ...]]]:
    with closing(sqlite3.connect(path)) as connection:
        tables = [row[0] for row in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
        return {table: connection.execute(f"SELECT * FROM {table}").fetchall() for table in tables}


@pytest.mark.parametrize(
    "at", [("INSERT INTO performers", 1), ("INSERT INTO embeddings", 2), ("INSERT INTO images", 1), ("COMMIT", 1)]
)
def test_a_kill_leaves_the_database_as_it_was(old: OldData, tmp_path: Path, at: tuple[str, int]) -> None:
    take(old.path, tmp_path)
    more = OldData(tmp_path / "more", 5, [*old.owners, *(900 + place // 2 for place in range(20))]).make()
    target = tmp_path / "data" / "performers.db"
    before = rows(target)
    arguments = [sys.executable, "-c", KILLED_AT, str(more.path), str(target.parent), at[0], str(at[1])]
    killed = subprocess.run(arguments, cwd=REPO, capture_output=True, text=True, timeout=60, check=False)
    assert killed.returncode == -signal.SIGKILL, killed.stderr
    assert rows(target) == before
    assert len(take(more.path, tmp_path).plan.take) == 20
    assert {picture(60)} <= {row[4] for row in rows(target)["faces"]}


def test_without_a_backup_nothing_is_taken_over(old: OldData, tmp_path: Path) -> None:
    take(old.path, tmp_path)
    more = OldData(tmp_path / "more", 5, [*old.owners, *(900 + place // 2 for place in range(20))]).make()
    target = tmp_path / "data" / "performers.db"
    before = rows(target)
    (tmp_path / "data" / f"performers.db.before-import-{NOON:%Y%m%dT%H%M%S}.bak").mkdir()
    with pytest.raises(StoreError, match="nothing was taken over"):
        take(more.path, tmp_path)
    assert rows(target) == before
