"""The one writer of a process: everything that changes a database goes through its thread, in the order it came.

What waits in the queue is written as one transaction: one sync of the disk pays for many pieces. Those of one kind that
wait in a row are written together, in one savepoint; if that fails, one by one, so a piece that fails takes no other
with it. A future has its result only when it is on the disk.
"""

from __future__ import annotations

import os
import sqlite3
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from queue import Empty, SimpleQueue
from typing import Any, ClassVar, TypeVar

from sqlalchemy import Connection, Engine
from sqlalchemy.engine import make_url
from sqlalchemy.exc import DatabaseError, OperationalError

from enrich.errors import DatabaseTrouble, StoreError
from enrich.store.db.database import explain_at, file_identity, open_database, write

P = TypeVar("P")
T = TypeVar("T")

MAX_GROUP = 256
"""Most pieces in one transaction."""

MAX_GROUP_SECONDS = 0.1
"""A transaction takes on no further piece after this long: other processes wait for the lock."""

WriteAll = Callable[[Connection, Sequence[P]], Sequence[T | Exception]]
"""Writes pieces in their order; gives the result of each, or the exception that is its alone and left no trace."""


@dataclass(slots=True)
class _Job:
    """A piece that waits. ``together``: what writes it, with those of its kind behind it."""

    together: WriteAll[Any, Any] | None
    piece: Any
    future: Future[Any]


_Ending = tuple[Future[Any], Any, BaseException | None]


class _BatchFailed(Exception):  # noqa: N818  # never seen outside
    """Pieces could not be written together: the transaction has to be undone, and they are written one by one."""


class Writer:
    """Writes to one database. Get it with ``Writer.acquire``; every ``acquire`` needs its ``release``."""

    _writers: ClassVar[dict[tuple[int, str], Writer]] = {}
    _lock: ClassVar[threading.RLock] = threading.RLock()

    def __init__(self, url: str, engine: Engine) -> None:
        self.url = url
        self.engine = engine
        self._users = 0
        self._closed = False
        self._ended = False
        self._ahead: _Job | None = None
        self._file = file_identity(url)
        self._queue: SimpleQueue[_Job | None] = SimpleQueue()
        self._thread = threading.Thread(target=self._work, name=f"writer {make_url(url)!r}", daemon=True)
        self._thread.start()

    @classmethod
    def acquire(cls, url: str) -> Writer:
        """The process's writer for the database at ``url``, opened if it is not open yet. Raises StoreError."""
        with cls._lock:
            key = (os.getpid(), url)
            writer = cls._writers.get(key)
            if writer is None:
                writer = cls._writers[key] = cls(url, open_database(url))
            writer._users += 1
            return writer

    @property
    def closed(self) -> bool:
        """Whether the last user has given it back."""
        return self._closed

    def release(self) -> None:
        """Give the writer back; the last one to do so waits until all is written, then the database is closed."""
        with self._lock:
            self._users -= 1
            if self._users > 0 or self._closed:
                return
            self._closed = True
            self._writers.pop((os.getpid(), self.url), None)
            self._queue.put(None)
        self._thread.join()
        self.engine.dispose()

    def submit(self, fn: Callable[[Connection], T]) -> Future[T]:
        """Queue ``fn``; the future has its result, or its exception, once the transaction is over.

        It is called again if the transaction has to be undone and repeated: what it does outside it happens twice.
        Raises StoreError after the writer was closed.
        """
        return self._put(_Job(None, fn, Future()))

    def submit_piece(self, together: WriteAll[P, T], piece: P) -> Future[T]:
        """Queue ``piece`` for ``together``, which is called once for all of its pieces that wait in a row.

        If it raises, nothing of that call is kept, and it is called for each piece alone. Raises StoreError like
        ``submit``.
        """
        return self._put(_Job(together, piece, Future()))

    def _put(self, job: _Job) -> Future[Any]:
        with self._lock:
            if self._closed:
                raise StoreError(f"{make_url(self.url)!r}: the database is already closed; nothing more can be written")
            self._queue.put(job)
        return job.future

    def _work(self) -> None:
        while not self._ended:
            self._ahead = self._ahead or self._queue.get()
            if self._ahead is None:
                return
            done: list[_Ending] = []
            try:
                self._write_group(done)
            except BaseException as error:  # noqa: BLE001  # the thread outlives every error: it holds other people's futures
                done = [(future, None, error) for future, _, _ in done]
            for future, result, failure in done:
                if failure is not None:
                    future.set_exception(self._told(failure))
                else:
                    future.set_result(result)

    def _write_group(self, done: list[_Ending]) -> None:
        """Write what waits, noting in ``done`` how each piece ended; raises if all failed."""
        batch = self._take(done)
        if not batch:
            return
        begun: list[_Job] = []
        try:
            with write(self.engine) as tx:
                until = time.monotonic() + MAX_GROUP_SECONDS
                while batch:
                    begun += batch
                    done[-len(batch) :] = _write_batch(tx, batch)
                    batch = self._take(done) if time.monotonic() < until else []
                self._require_file()
        except _BatchFailed:
            with write(self.engine) as tx:
                done[:] = [_write_alone(tx, job) for job in begun]
                self._require_file()

    def _require_file(self) -> None:
        """SQLite goes on writing to a file that was deleted: raise DatabaseTrouble rather than report it as kept."""
        if file_identity(self.url) != self._file:
            raise DatabaseTrouble(f"{make_url(self.url).database}: gone: moved, deleted or replaced while in use")

    def _take(self, done: list[_Ending]) -> list[_Job]:
        """The next pieces that are written together, as far as the group has room for them; entered in ``done``."""
        batch: list[_Job] = []
        while len(done) < MAX_GROUP and (job := self._ahead or self._waiting()) is not None:
            self._ahead = None
            if batch and (job.together is None or job.together != batch[0].together):
                self._ahead = job
                break
            if job.future.set_running_or_notify_cancel():
                batch.append(job)
                done.append((job.future, None, None))
                if job.together is None:
                    break
        return batch

    def _waiting(self) -> _Job | None:
        """The next piece in the queue, if there is one already."""
        try:
            job = self._queue.get_nowait()
        except Empty:
            return None
        self._ended = job is None
        return job

    def _told(self, error: BaseException) -> BaseException:
        if not isinstance(error, (OperationalError, sqlite3.OperationalError)) and type(error) is not DatabaseError:
            return error
        told = DatabaseTrouble(f"{make_url(self.url).database}: {explain_at(self.url, error)}")
        told.__cause__ = error
        return told


def _write_batch(tx: Connection, batch: list[_Job]) -> list[_Ending]:
    """Write pieces of one kind together. Raises _BatchFailed; a piece that is alone of its kind fails alone.

    A savepoint here would make the whole batch a third slower: SQLite copies every page before its first change.
    """
    together = batch[0].together
    if together is None:
        return [_write_alone(tx, job) for job in batch]
    try:
        told = together(tx, [job.piece for job in batch])
        return [_ending(job, result) for job, result in zip(batch, told, strict=True)]
    except Exception as error:
        raise _BatchFailed from error


def _write_alone(tx: Connection, job: _Job) -> _Ending:
    savepoint = tx.begin_nested()
    try:
        if job.together is None:
            ending: _Ending = (job.future, job.piece(tx), None)
        else:
            (told,) = job.together(tx, [job.piece])
            ending = _ending(job, told)
    except Exception as error:  # noqa: BLE001  # this future's alone
        _require_transaction(tx, error)
        savepoint.rollback()
        return job.future, None, error
    savepoint.commit()
    return ending


def _ending(job: _Job, told: Any) -> _Ending:
    return (job.future, None, told) if isinstance(told, Exception) else (job.future, told, None)


def _require_transaction(tx: Connection, error: Exception) -> None:
    """Raise ``error`` if SQLite gave up the whole transaction for it (a full disk), which no savepoint survives."""
    connection = tx.connection.driver_connection
    if isinstance(connection, sqlite3.Connection) and not connection.in_transaction:
        raise error
