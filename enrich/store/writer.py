"""The one writer of a process: everything that changes a database goes through its thread, in the order it came.

What waits in the queue is written as one transaction, each piece in its own savepoint: one sync of the disk pays for
many pieces, and a piece that fails takes no other with it. A future has its result only when it is on the disk.
"""

from __future__ import annotations

import os
import sqlite3
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future
from queue import Empty, SimpleQueue
from typing import Any, ClassVar, TypeVar

from sqlalchemy import Connection, Engine
from sqlalchemy.engine import make_url
from sqlalchemy.exc import OperationalError

from enrich.errors import StoreError
from enrich.store.database import explain, open_database, write

T = TypeVar("T")

MAX_GROUP = 256
"""Most pieces in one transaction."""

MAX_GROUP_SECONDS = 0.1
"""A transaction takes on no further piece after this long: other processes wait for the lock."""

_Job = tuple[Callable[[Connection], Any], Future[Any]]
_Ending = tuple[Future[Any], Any, BaseException | None]


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

        Raises StoreError after the writer was closed.
        """
        future: Future[T] = Future()
        with self._lock:
            if self._closed:
                raise StoreError(f"{make_url(self.url)!r}: the database is already closed; nothing more can be written")
            self._queue.put((fn, future))
        return future

    def _work(self) -> None:
        while not self._ended:
            job = self._queue.get()
            if job is None:
                return
            done: list[_Ending] = []
            try:
                self._write_group(job, done)
            except BaseException as error:  # noqa: BLE001  # the thread outlives every error: it holds other people's futures
                done = [(future, None, self._told(error)) for future, _, _ in done]
            for future, result, failure in done:
                if failure is not None:
                    future.set_exception(failure)
                else:
                    future.set_result(result)

    def _write_group(self, first: _Job, done: list[_Ending]) -> None:
        """Write ``first`` and what waits behind it, noting in ``done`` how each piece ended; raises if all failed."""
        job: _Job | None = first
        if first[1].set_running_or_notify_cancel():
            done.append((first[1], None, None))
        with write(self.engine) as tx:
            until = time.monotonic() + MAX_GROUP_SECONDS
            while job is not None:
                fn, future = job
                if job is not first and future.set_running_or_notify_cancel():
                    done.append((future, None, None))
                if not future.cancelled():
                    savepoint = tx.begin_nested()
                    try:
                        done[-1] = (future, fn(tx), None)
                    except Exception as error:  # noqa: BLE001  # this future's alone
                        done[-1] = (future, None, self._told(error))
                        _require_transaction(tx, error)
                        savepoint.rollback()
                    else:
                        savepoint.commit()
                job = None if len(done) >= MAX_GROUP or time.monotonic() > until else self._waiting()

    def _waiting(self) -> _Job | None:
        """The next piece, if there is one already."""
        try:
            job = self._queue.get_nowait()
        except Empty:
            return None
        self._ended = job is None
        return job

    def _told(self, error: BaseException) -> BaseException:
        if not isinstance(error, (OperationalError, sqlite3.OperationalError)):
            return error
        told = StoreError(f"{make_url(self.url).database}: {explain(error)}")
        told.__cause__ = error
        return told


def _require_transaction(tx: Connection, error: Exception) -> None:
    """Raise ``error`` if SQLite gave up the whole transaction for it (a full disk), which no savepoint survives."""
    connection = tx.connection.driver_connection
    if isinstance(connection, sqlite3.Connection) and not connection.in_transaction:
        raise error
