"""Opens the database: makes it, migrates it after a backup, refuses what it cannot read, in one clear line.

SQLite runs in WAL mode with ``synchronous=FULL``: what the writer reported as written survives ``kill -9`` and a power
cut. FULL is not a luxury here: after a power cut in NORMAL mode the index on disk could hold faces that the database
has lost, and their ids would be given to other people's faces. Writes are grouped, so few transactions pay for it.
"""

from __future__ import annotations

import os
import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Engine, create_engine, event, inspect, text
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError, DBAPIError, NoSuchModuleError
from sqlalchemy.pool import ConnectionPoolEntry

from enrich.errors import DatabaseTrouble, StoreError
from enrich.store.db.migrate import migrate

BUSY_SECONDS = 60.0
"""How long a write waits for other processes' writes before it gives up."""

WRITE_CACHE_KIB = 8 * 1024
READ_CACHE_KIB = 4 * 1024
"""What a connection keeps of the database in memory: much where it writes, little where many threads read."""

_LEAST_ROOM_BYTES = 2**16
"""What SQLite needs beside a database to open it."""

EXAMPLE_URL = "sqlite:////absolute/performers.db"


def database_url(data_dir: str | Path, setting: str | None = None) -> str:
    """The DATABASE_URL to use: the setting, else ``performers.db`` in DATA_DIR (absolute)."""
    return setting or f"sqlite:///{Path(data_dir).resolve() / 'performers.db'}"


def utc_text(at: datetime | None = None) -> str:
    """A time as the database keeps it: UTC, to the second, ``2026-01-31 09:30:00``; now, if none is given."""
    return (at or datetime.now(UTC)).astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S")


def utc_in(seconds: float, after: str) -> str:
    """The time text ``seconds`` later than the time text ``after``."""
    then = datetime.strptime(after, "%Y-%m-%d %H:%M:%S").replace(tzinfo=UTC)
    return utc_text(then + timedelta(seconds=seconds))


def database_exists(url: str) -> bool:
    """Whether there is a database to open: for SQLite a file; another server is taken at its word."""
    path = sqlite_path(_parse(url))
    return path is None or path.exists()


def database_label(url: str) -> str:
    """The database as a person knows it: its file, or its address without the password. Raises StoreError."""
    parsed = _parse(url)
    return str(sqlite_path(parsed) or parsed.render_as_string(hide_password=True))


def sqlite_path(url: URL) -> Path | None:
    """The file of a SQLite URL; ``None`` for another database or one in memory."""
    if url.get_backend_name() != "sqlite" or not url.database or url.database == ":memory:":
        return None
    return Path(url.database.removeprefix("file:"))  # the prefix of SQLite's own URIs, with ?uri=true


def file_identity(url: str) -> tuple[int, int] | None:
    """Which file lies at a SQLite URL, as device and number; ``None``: there is none, or it is another database."""
    path = sqlite_path(_parse(url))
    try:
        found = None if path is None else path.stat()
    except OSError:
        return None
    return None if found is None else (found.st_dev, found.st_ino)


def open_database(url: str, *, busy_seconds: float = BUSY_SECONDS) -> Engine:
    """The database at ``url``, made if there is none, its schema brought up to date.

    Raises StoreError: not a database, a Stash Sense one, one of a newer program, locked, read-only, or a folder that
    cannot be made.
    """
    parsed = _parse(url)
    path = sqlite_path(parsed)
    name = database_label(url)
    try:
        if path is not None:
            path.parent.mkdir(parents=True, exist_ok=True)
        engine = _engine(parsed, busy_seconds)
    except OSError as error:
        raise StoreError(f"{name}: cannot make its folder: {error.strerror}; set DATA_DIR or DATABASE_URL") from error
    except (ArgumentError, ImportError) as error:
        raise StoreError(f"DATABASE_URL {name}: {error}") from error
    try:
        if path is not None:
            _refuse_foreign(engine, path)
            _use_wal(engine, path)
        migrate(engine, path)
    except (DBAPIError, sqlite3.Error, OSError) as error:
        engine.dispose()
        raise DatabaseTrouble(f"{name}: {explain_at(url, error)}") from error
    except BaseException:
        engine.dispose()
        raise
    return engine


@contextmanager
def write(engine: Engine) -> Iterator[Connection]:
    """One write transaction: begun at once (``BEGIN IMMEDIATE``), committed at the end, rolled back on an error."""
    with engine.connect().execution_options(enrich_begin="BEGIN IMMEDIATE") as tx, tx.begin():
        if engine.dialect.name == "sqlite":
            tx.connection.cursor().execute(f"PRAGMA cache_size = -{WRITE_CACHE_KIB}")
        yield tx


@contextmanager
def snapshot(engine: Engine) -> Iterator[Connection]:
    """A connection on which all reads see the database as it was at the first of them."""
    one_moment = {} if engine.dialect.name == "sqlite" else {"isolation_level": "REPEATABLE READ"}  # SQLite always is
    with engine.connect().execution_options(**one_moment) as connection, connection.begin():
        yield connection


def reader(engine: Engine) -> Connection:
    """A connection for single reads, each of which sees what is newest. The caller closes it."""
    if engine.dialect.name == "sqlite":
        return engine.connect().execution_options(enrich_begin="")
    return engine.connect().execution_options(isolation_level="AUTOCOMMIT")


def explain(error: BaseException) -> str:
    """What a database error means, as the end of a line that names the database."""
    reason = str(error.orig) if isinstance(error, DBAPIError) else str(error)
    reason = reason.strip().splitlines()[0] if reason.strip() else type(error).__name__
    for sign, meaning in {
        "file is not a database": "not a database: another file, or a damaged one; move it away or set DATABASE_URL",
        "malformed": "the file is damaged; put a backup in its place",
        "database is locked": "locked by another program; end that program or wait, then run this again",
        "readonly": "cannot be written: read-only; check the permissions of the file and its folder",
        "unable to open": "cannot be opened; check the path and the permissions of the file and its folder",
        "disk is full": "the disk is full; nothing of this step was written",
        "disk I/O error": "the disk could not be read or written; nothing of this step was written",
    }.items():
        if sign in reason:
            return meaning
    return reason


def explain_at(url: str, error: BaseException) -> str:
    """The same with a look at the disk: SQLite cannot always tell one that is full, or read-only, from a broken one."""
    reason, path = explain(error), sqlite_path(_parse(url))
    try:
        if path is None or not path.is_file():
            return reason
        if "unable to open" in str(error) and not os.access(path.parent, os.W_OK):
            return f"cannot be written: {path.parent} is read-only; check its permissions and its disk"
        if "disk I/O error" in str(error) and shutil.disk_usage(path.parent).free < _LEAST_ROOM_BYTES:
            return explain(sqlite3.OperationalError("disk is full"))
    except OSError:
        pass
    return reason


def _parse(url: str) -> URL:
    try:
        parsed = make_url(url)
    except ArgumentError as error:
        raise StoreError(f"DATABASE_URL {url!r}: not a database URL; {EXAMPLE_URL} is one") from error
    try:
        parsed.get_dialect()
    except NoSuchModuleError as error:
        raise StoreError(f"DATABASE_URL {parsed!r}: no such kind of database; {EXAMPLE_URL} is one") from error
    return parsed


def _engine(url: URL, busy_seconds: float) -> Engine:
    if url.get_backend_name() != "sqlite":
        return create_engine(url)
    # Every thread that reads keeps a connection, and there is no telling how many threads a process has. Last in,
    # first out: else each write would go through another of the idle connections, with nothing in its cache.
    waits = {} if "timeout" in url.query else {"timeout": busy_seconds}
    engine = create_engine(url, max_overflow=-1, pool_use_lifo=True, connect_args={**waits, "check_same_thread": False})

    @event.listens_for(engine, "connect")
    def prepare(connection: sqlite3.Connection, _: ConnectionPoolEntry) -> None:
        connection.isolation_level = None  # sqlite3 begins no transaction of its own: the handler below does
        connection.execute("PRAGMA foreign_keys = ON")
        connection.execute("PRAGMA synchronous = FULL")
        connection.execute(f"PRAGMA cache_size = -{READ_CACHE_KIB}")

    @event.listens_for(engine, "begin")
    def begin(connection: Connection) -> None:
        statement: Any = connection.get_execution_options().get("enrich_begin", "BEGIN")
        if statement:
            connection.exec_driver_sql(statement)

    return engine


def _refuse_foreign(engine: Engine, path: Path) -> None:
    with engine.connect() as connection:
        tables = set(inspect(connection).get_table_names())
        if not tables or "alembic_version" in tables:
            return
        if {"schema_version", "performers"} <= tables:
            version = connection.execute(text("SELECT max(version) FROM schema_version")).scalar()
            raise StoreError(
                f"{path}: a Stash Sense database (schema {version}), not one of ours; "
                f"take it over into a new one with `scrapy import {path}`"
            )
    raise StoreError(f"{path}: a database of another program; set DATABASE_URL or DATA_DIR to another place")


def _use_wal(engine: Engine, path: Path) -> None:
    with engine.connect().execution_options(enrich_begin="") as connection:
        if connection.exec_driver_sql("PRAGMA journal_mode").scalar() == "wal":
            return
        mode = connection.exec_driver_sql("PRAGMA journal_mode = WAL").scalar()
    if mode != "wal":
        raise StoreError(f"{path}: this file system cannot keep SQLite's write-ahead log; set DATA_DIR to a local disk")
