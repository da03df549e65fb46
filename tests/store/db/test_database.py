"""Opening a database: made, read, copied, or refused in one clear line."""

from __future__ import annotations

import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from enrich.errors import StoreError
from enrich.store.db.backup import copy_database
from enrich.store.db.database import database_exists, database_url, explain, open_database, snapshot, write
from enrich.store.db.migrate import newest_revision


def refusal(url: str, **options: Any) -> str:
    """The one line with which opening is refused."""
    with pytest.raises(StoreError) as caught:
        open_database(url, **options).dispose()
    message = str(caught.value)
    assert "\n" not in message
    return message


def test_what_is_reported_as_written_survives_a_power_cut(store: Any) -> None:
    with store.engine.connect() as connection:
        assert connection.execute(text("PRAGMA journal_mode")).scalar() == "wal"
        assert connection.execute(text("PRAGMA synchronous")).scalar() == 2  # FULL


def test_many_threads_that_read_keep_little_in_memory(store: Any) -> None:
    """A process has as many of them as it has cores, and more; the writer is one."""
    store.do(lambda tx: tx.execute(text("UPDATE counters SET value = value")))
    with store.engine.connect() as written, store.engine.connect() as other:
        assert written.execute(text("PRAGMA cache_size")).scalar() == -8192  # the one that wrote is taken again first
        assert other.execute(text("PRAGMA cache_size")).scalar() == -4096


def test_opening_makes_the_folder_and_opening_again_changes_nothing(tmp_path: Path) -> None:
    url = database_url(tmp_path / "a" / "b")
    assert not database_exists(url)
    open_database(url).dispose()
    before = (tmp_path / "a" / "b" / "performers.db").read_bytes()
    open_database(url).dispose()
    assert (tmp_path / "a" / "b" / "performers.db").read_bytes() == before
    assert [path.name for path in (tmp_path / "a" / "b").iterdir()] == ["performers.db"]


def test_two_databases_have_two_names(tmp_path: Path) -> None:
    names = set()
    for folder in ("a", "b"):
        engine = open_database(database_url(tmp_path / folder))
        with engine.connect() as connection:
            names.add(connection.execute(text("SELECT value FROM meta WHERE key = 'database_id'")).scalar())
        engine.dispose()
    assert len(names) == 2


def test_processes_that_open_a_new_database_at_once_all_can(tmp_path: Path) -> None:
    program = (
        "import sys; from enrich.store.db.database import *; sys.stdin.readline()\n"
        "with snapshot(open_database(sys.argv[1])) as c:\n"
        "    print(c.exec_driver_sql(\"SELECT count(*) FROM meta WHERE key = 'database_id'\").scalar())"
    )
    processes = [
        subprocess.Popen(
            [sys.executable, "-c", program, database_url(tmp_path)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for _ in range(4)
    ]
    for process in processes:
        assert process.stdin is not None
        process.stdin.write("go\n")
        process.stdin.flush()
    assert [process.communicate(timeout=60) for process in processes] == [("1\n", "")] * 4


def test_a_newer_schema_is_refused_with_both_revisions(store: Any) -> None:
    store.do(lambda tx: tx.execute(text("UPDATE alembic_version SET version_num = '0999'")))
    store.engine.dispose()
    before = store.path.read_bytes()
    message = refusal(store.url)
    assert "0999" in message
    assert newest_revision() in message
    assert "newer version" in message
    assert store.path.read_bytes() == before


def test_a_stash_sense_database_is_refused_with_the_command_that_takes_it_over(tmp_path: Path) -> None:
    path = tmp_path / "performers.db"
    with closing(sqlite3.connect(path)) as made:
        made.executescript(
            "CREATE TABLE schema_version (version INTEGER PRIMARY KEY); INSERT INTO schema_version VALUES (5);"
            "CREATE TABLE performers (id INTEGER PRIMARY KEY)"
        )
    message = refusal(database_url(tmp_path))
    assert "schema 5" in message
    assert f"`scrapy import {path}`" in message


def test_another_programs_database_is_refused(tmp_path: Path) -> None:
    with closing(sqlite3.connect(tmp_path / "performers.db")) as made:
        made.execute("CREATE TABLE photos (id INTEGER)")
    assert "database of another program" in refusal(database_url(tmp_path))


def test_a_file_that_is_no_database_is_refused_and_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "performers.db"
    path.write_bytes(b"no database at all " * 1000)
    assert "not a database" in refusal(database_url(tmp_path))
    assert path.read_bytes() == b"no database at all " * 1000


def test_a_folder_in_the_files_place_is_refused(tmp_path: Path) -> None:
    (tmp_path / "performers.db").mkdir()
    assert "cannot be opened" in refusal(database_url(tmp_path))


def test_a_folder_that_cannot_be_made_is_said(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    assert "cannot make its folder" in refusal(database_url(tmp_path / "file" / "data"))


def test_a_database_another_program_holds_is_said_after_the_wait(tmp_path: Path) -> None:
    with closing(sqlite3.connect(tmp_path / "performers.db", isolation_level=None)) as other:
        other.execute("BEGIN EXCLUSIVE")
        assert "locked by another program" in refusal(database_url(tmp_path), busy_seconds=0.05)


@pytest.mark.parametrize("url", ["performers.db", "nosuch://x", ""])
def test_what_is_no_database_url_is_said(url: str) -> None:
    with pytest.raises(StoreError, match="DATABASE_URL"):
        open_database(url)


def test_a_password_is_in_no_message() -> None:
    assert "secret" not in refusal("postgresql+nosuchdriver://me:secret@127.0.0.1/x")


def test_a_database_that_may_not_be_written_can_still_be_read(store: Any) -> None:
    store.save()
    engine = open_database(f"sqlite:///file:{store.path}?mode=ro&uri=true")  # as without permission, also for root
    with engine.connect() as connection:
        assert connection.execute(text("SELECT count(*) FROM performers")).scalar() == 1
    with pytest.raises(DBAPIError) as caught, write(engine) as tx:
        tx.execute(text("DELETE FROM performers"))
    assert "cannot be written: read-only" in explain(caught.value)
    engine.dispose()


def test_a_snapshot_sees_one_moment(store: Any) -> None:
    with snapshot(store.engine) as connection:
        assert connection.execute(text("SELECT count(*) FROM performers")).scalar() == 0
        store.save()
        assert connection.execute(text("SELECT count(*) FROM performers")).scalar() == 0


def test_a_copy_has_everything_and_leaves_the_original_as_it_was(store: Any, tmp_path: Path) -> None:
    store.save()
    store.engine.dispose()
    before = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    folder = tmp_path / "scratch"
    folder.mkdir()
    copy = open_database(copy_database(store.url, folder))
    with write(copy) as tx:
        tx.execute(text("DELETE FROM performers"))
    copy.dispose()
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir() if path.is_file()} == before
    assert store.one("SELECT count(*) FROM performers") == 1


def test_a_copy_has_what_is_still_in_the_log(store: Any, tmp_path: Path) -> None:
    store.save()  # the engine stays open: the row is in the write-ahead log only
    (tmp_path / "scratch").mkdir()
    copy = open_database(copy_database(store.url, tmp_path / "scratch"))
    with copy.connect() as connection:
        assert connection.execute(text("SELECT count(*) FROM performers")).scalar() == 1
    copy.dispose()


def test_a_copy_of_no_database_is_a_new_one(tmp_path: Path) -> None:
    (tmp_path / "scratch").mkdir()
    open_database(copy_database(database_url(tmp_path / "none"), tmp_path / "scratch")).dispose()
    assert not (tmp_path / "none").exists()
