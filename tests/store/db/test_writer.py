"""One thread, in order, grouped; a piece that fails takes no other with it; nothing reported that is not written."""

from __future__ import annotations

import sqlite3
import threading
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Connection, event, text
from sqlalchemy.exc import IntegrityError

from enrich.errors import StoreError
from enrich.store.db.database import database_url, open_database
from enrich.store.db.writer import MAX_GROUP, Writer
from tests.store.queued import held, note, notes, wait_for


def test_everything_is_written_in_the_order_it_came(writer: Writer) -> None:
    futures = [writer.submit(note(f"n{i}")) for i in range(600)]
    assert [future.result(30) for future in futures] == [f"n{i}" for i in range(600)]
    assert notes(writer) == [f"n{i}" for i in range(600)]


def test_what_waits_is_one_transaction(writer: Writer) -> None:
    commits = []
    event.listen(writer.engine, "commit", lambda connection: commits.append(1))
    with held(writer):
        futures = [writer.submit(note(f"n{i}")) for i in range(50)]
    wait_for(*futures)
    assert len(commits) <= 2  # the transaction it was held in takes them too, unless its time is over


def test_a_group_has_an_end(writer: Writer) -> None:
    commits = []
    event.listen(writer.engine, "commit", lambda connection: commits.append(1))
    with held(writer):
        futures = [writer.submit(lambda tx: None) for _ in range(2 * MAX_GROUP)]
    wait_for(*futures)
    assert len(commits) >= 3


def test_a_piece_that_fails_is_undone_and_takes_no_other_with_it(writer: Writer) -> None:
    def half(tx: Connection) -> None:
        note("n-half")(tx)
        raise ValueError("no further")

    with held(writer):
        before, failing, after = writer.submit(note("n1")), writer.submit(half), writer.submit(note("n2"))
    with pytest.raises(ValueError, match="no further"):
        failing.result(30)
    assert (before.result(30), after.result(30)) == ("n1", "n2")
    assert notes(writer) == ["n1", "n2"]


def test_if_the_commit_fails_nothing_is_written_and_everyone_is_told(writer: Writer) -> None:
    def orphan(tx: Connection) -> None:
        tx.execute(text("PRAGMA defer_foreign_keys = ON"))  # found out by the commit, not by the statement
        tx.execute(text("INSERT INTO aliases (performer_id, alias) VALUES (999, 'nobody')"))

    with held(writer):
        futures = [writer.submit(note("n1")), writer.submit(orphan), writer.submit(note("n2"))]
    for future in futures:
        with pytest.raises(IntegrityError, match="FOREIGN KEY"):
            future.result(30)
    assert notes(writer) == []
    assert writer.submit(note("n3")).result(30) == "n3"


def test_a_transaction_that_sqlite_gave_up_is_not_reported_as_written(writer: Writer) -> None:
    def lost(tx: Connection) -> None:
        driver = tx.connection.driver_connection
        assert isinstance(driver, sqlite3.Connection)
        driver.rollback()  # what SQLite does itself when the disk is full
        raise sqlite3.OperationalError("database or disk is full")

    with held(writer):
        futures = [writer.submit(note("n1")), writer.submit(lost)]
    for future in futures:
        with pytest.raises(StoreError, match="the disk is full"):
            future.result(30)
    assert notes(writer) == []
    assert writer.submit(note("n2")).result(30) == "n2"


def test_a_lock_held_too_long_is_one_clear_line_and_the_next_write_works(tmp_path: Path) -> None:
    url = database_url(tmp_path)
    writer = Writer(url, open_database(url, busy_seconds=0.05))
    with closing(sqlite3.connect(tmp_path / "performers.db", isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        future = writer.submit(note("n1"))
        with pytest.raises(StoreError, match=r"performers\.db: locked by another program"):
            future.result(30)
        other.execute("ROLLBACK")
    assert writer.submit(note("n2")).result(30) == "n2"
    assert notes(writer) == ["n2"]
    writer.release()


def test_a_short_lock_is_waited_for(writer: Writer, tmp_path: Path) -> None:
    with closing(sqlite3.connect(tmp_path / "performers.db", isolation_level=None, check_same_thread=False)) as other:
        other.execute("BEGIN IMMEDIATE")
        future = writer.submit(note("n1"))
        timer = threading.Timer(0.2, other.execute, ["COMMIT"])
        timer.start()
        assert future.result(30) == "n1"
        timer.join()


def test_a_process_has_one_writer_for_a_database_until_the_last_user_is_done(tmp_path: Path) -> None:
    url = database_url(tmp_path)
    first, second = Writer.acquire(url), Writer.acquire(url)
    assert first is second
    first.release()
    assert second.submit(note("n1")).result(30) == "n1"
    second.release()
    assert second.closed
    third = Writer.acquire(url)
    assert third is not first
    assert notes(third) == ["n1"]
    third.release()


def test_release_waits_for_what_is_queued_and_refuses_more(tmp_path: Path) -> None:
    url = database_url(tmp_path)
    writer = Writer.acquire(url)
    futures = [writer.submit(note(f"n{i}")) for i in range(300)]
    writer.release()
    assert all(future.done() for future in futures)
    with pytest.raises(StoreError, match="already closed"):
        writer.submit(note("late"))
    again = Writer.acquire(url)
    assert len(notes(again)) == 300
    again.release()
    assert [path.name for path in tmp_path.iterdir()] == ["performers.db"]  # closed: no log is left behind


def test_a_cancelled_piece_is_not_written(writer: Writer) -> None:
    with held(writer):
        first, second = writer.submit(note("n1")), writer.submit(note("n2"))
        assert first.cancel()
    assert second.result(30) == "n2"
    assert notes(writer) == ["n2"]


def test_submitting_from_many_threads_loses_nothing(writer: Writer) -> None:
    futures: list[Any] = []
    threads = [
        threading.Thread(target=lambda t=t: futures.extend(writer.submit(note(f"n{t}-{i}")) for i in range(100)))
        for t in range(8)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len({future.result(30) for future in futures}) == 800
    assert len(notes(writer)) == 800
