"""Pieces of work for a writer, and a way to have them wait in its queue."""

from __future__ import annotations

import concurrent.futures
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from typing import Any

from sqlalchemy import Connection, text

from enrich.store.db.writer import Writer


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
