"""One thread, in order, grouped; a piece that fails takes no other with it; nothing reported that is not written."""

from __future__ import annotations

import concurrent.futures
import sqlite3
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Connection, event, text
from sqlalchemy.exc import IntegrityError

from enrich.errors import StoreError
from enrich.store.database import database_url, open_database
from enrich.store.writer import MAX_GROUP, Writer


@pytest.fixture
def writer(tmp_path: Path) -> Iterator[Writer]:
    writer = Writer.acquire(database_url(tmp_path))
    yield writer
    if not writer.closed:
        writer.release()


def note(value: str) -> Callable[[Connection], str]:
    """A write that leaves a mark in ``meta``."""

    def fn(tx: Connection) -> str:
        tx.execute(text("INSERT INTO meta VALUES (:key, :key)"), {"key": value})
        return value

    return fn


def notes(writer: Writer) -> list[str]:
    with writer.engine.connect() as connection:
        return list(connection.execute(text("SELECT key FROM meta WHERE key LIKE 'n%' ORDER BY rowid")).scalars())


@contextmanager
def held(writer: Writer) -> Iterator[None]:
    """Keeps the writer busy, so that what is submitted meanwhile waits in its queue."""
    begun, go_on = threading.Event(), threading.Event()

    def wait(_: Connection) -> None:
        begun.set()
        assert go_on.wait(30)

    future = writer.submit(wait)
    assert begun.wait(30)
    yield
    go_on.set()
    wait_for(future)


def wait_for(*futures: Future[Any]) -> None:
    """Wait until they are done, however they end."""
    assert not concurrent.futures.wait(futures, 30).not_done


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


class Together:
    """Writes pieces of one kind, as ``save_findings`` does: notes what it was called with, fails as it is told to."""

    def __init__(self) -> None:
        self.calls: list[list[str]] = []

    def __call__(self, tx: Connection, pieces: Sequence[str]) -> list[str | Exception]:
        self.calls.append(list(pieces))
        told: list[str | Exception] = []
        for piece in pieces:
            if "wrong" in piece:
                told.append(ValueError(piece))
                continue
            note(piece)(tx)
            if "fatal" in piece:
                raise KeyError(piece)
            told.append(piece)
        return told


def test_pieces_of_one_kind_in_a_row_are_written_together_and_in_order(writer: Writer) -> None:
    first, second = Together(), Together()
    with held(writer):
        futures = [writer.submit_piece(first, piece) for piece in ("n1", "n2")]
        futures += [writer.submit(note("n3")), writer.submit_piece(first, "n4"), writer.submit_piece(first, "n5")]
        futures += [writer.submit_piece(second, "n6"), writer.submit_piece(first, "n7")]
    assert [future.result(30) for future in futures] == [f"n{n}" for n in range(1, 8)]
    assert first.calls == [["n1", "n2"], ["n4", "n5"], ["n7"]]
    assert second.calls == [["n6"]]
    assert notes(writer) == [f"n{n}" for n in range(1, 8)]


def test_what_is_wrong_with_one_piece_is_told_of_that_one(writer: Writer) -> None:
    together = Together()
    with held(writer):
        futures = [writer.submit_piece(together, piece) for piece in ("n1", "n2 wrong", "n3")]
    assert (futures[0].result(30), futures[2].result(30)) == ("n1", "n3")
    with pytest.raises(ValueError, match="n2 wrong"):
        futures[1].result(30)
    assert len(together.calls) == 1
    assert notes(writer) == ["n1", "n3"]


def test_pieces_that_cannot_be_written_together_are_written_one_by_one_and_nothing_twice(writer: Writer) -> None:
    together = Together()
    with held(writer):
        futures = [writer.submit(note("n0"))]
        futures += [writer.submit_piece(together, piece) for piece in ("n1", "n2 fatal", "n3 wrong", "n4")]
        futures += [writer.submit(note("n5"))]
    wait_for(*futures)
    assert [future.exception() and type(future.exception()) for future in futures] == [
        None, None, KeyError, ValueError, None, None,
    ]  # fmt: skip
    assert together.calls == [["n1", "n2 fatal", "n3 wrong", "n4"], ["n1"], ["n2 fatal"], ["n3 wrong"], ["n4"]]
    assert notes(writer) == ["n0", "n1", "n4", "n5"]


def test_a_batch_that_gives_too_few_answers_is_not_believed(writer: Writer) -> None:
    def silent(_: Connection, pieces: Sequence[str]) -> list[str]:
        return [] if len(pieces) > 1 else [*pieces]

    with held(writer):
        futures = [writer.submit_piece(silent, piece) for piece in ("a", "b")]
    assert [future.result(30) for future in futures] == ["a", "b"]


def test_a_cancelled_piece_is_left_out_of_its_batch(writer: Writer) -> None:
    together = Together()
    with held(writer):
        futures = [writer.submit_piece(together, piece) for piece in ("n1", "n2", "n3")]
        assert futures[1].cancel()
    assert (futures[0].result(30), futures[2].result(30)) == ("n1", "n3")
    assert together.calls == [["n1", "n3"]]


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


FACES = """
import sys
from tests.store.conftest import Store
from enrich.store.judging.findings import Finding, save_findings
from enrich.store.ledger import Limits
from enrich.store.writer import Writer
from pathlib import Path

who, folder, count, body = sys.argv[1], Path(sys.argv[2]), int(sys.argv[3]), sys.argv[4]
make = Store.__new__(Store)
writer = Writer.acquire(f"sqlite:///{folder / 'performers.db'}")
print("ready", flush=True)
sys.stdin.readline()
limits = Limits(source=7, total=10)
for n in range(count):
    for source in ("babepedia", "iafd"):
        image = make.image(f"https://{who}/{n}", source=source, performer_id=1, body=f"{body} {source} {n} {who}")
        future = writer.submit_piece(save_findings, Finding(image=image, limits=limits))
        if body == "count":
            said = f"https://{who}/{n} {source}"
            future.add_done_callback(lambda f, said=said: print(f.result().outcome, said, flush=True))
writer.release()
"""


def start(who: str, folder: Path, count: int, body: str = "-") -> subprocess.Popen[str]:
    process = subprocess.Popen(
        [sys.executable, "-c", FACES, who, str(folder), str(count), body],
        cwd=Path(__file__).parents[2],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "ready\n"
    return process


def go(process: subprocess.Popen[str]) -> None:
    assert process.stdin is not None
    process.stdin.write("go\n")
    process.stdin.flush()


def consistent(store: Any) -> None:
    """Every accepted picture has its face, vector and details, and nothing else has; counts are true."""
    faces = store.rows("SELECT id, facenet_index, arcface_index FROM faces ORDER BY id")
    assert all(row[0] == row[1] == row[2] for row in faces)
    ids = [(row[0],) for row in faces]
    assert store.rows("SELECT face_id FROM embeddings ORDER BY face_id") == ids
    assert store.rows("SELECT face_id FROM face_details ORDER BY face_id") == ids
    assert store.rows("SELECT face_id FROM images WHERE outcome = 'accepted' ORDER BY face_id") == ids
    assert store.one("SELECT face_count FROM performers WHERE id = 1") == len(ids)
    assert store.one("SELECT value FROM counters WHERE name = 'face_id'") == max((row[0] for row in faces), default=0)
    assert store.one("PRAGMA integrity_check") == "ok"


def test_limits_hold_exactly_whatever_other_processes_write(store: Any) -> None:
    store.save()
    processes = [start(who, store.folder, 40) for who in ("a", "b", "c")]
    for process in processes:
        go(process)
    for process in processes:
        process.communicate(timeout=100)
        assert process.returncode == 0
    counts = dict(store.rows("SELECT source_endpoint, count(*) FROM faces GROUP BY 1"))
    assert sum(counts.values()) == 10
    assert max(counts.values()) <= 7
    assert store.one("SELECT count(*) FROM images") == 3 * 40 * 2
    consistent(store)


def test_what_was_reported_is_there_after_kill_9(store: Any) -> None:
    store.save()
    store.do(lambda tx: tx.execute(text("UPDATE counters SET value = 0")))
    for round_number in range(3):
        process = start(f"round{round_number}", store.folder, 3000, "count")
        go(process)
        assert process.stdout is not None
        reported = [process.stdout.readline().split() for _ in range(40 * (round_number + 1))]
        process.kill()
        rest = process.stdout.read()
        process.communicate()
        reported += [line.split() for line in rest.splitlines(keepends=True) if line.endswith("\n")]
        for outcome, url, source in reported:
            assert (
                store.one("SELECT outcome FROM images WHERE image_url = :u AND source = :s", u=url, s=source) == outcome
            )
        consistent(store)
