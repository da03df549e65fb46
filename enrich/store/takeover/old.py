"""Reads an old Stash Sense database, schema 1 to 5, without leaving a trace on it: not a byte, not a file beside it."""

from __future__ import annotations

import shutil
import sqlite3
import tempfile
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from enrich.errors import StoreError

NEWEST_SCHEMA = 5
"""The last schema whose source is public; what a later one means is not known."""

_MAGIC = b"SQLite format 3\0"
_NEEDED = {
    "performers": ("id", "canonical_name"),
    "stashbox_ids": ("performer_id", "endpoint", "stashbox_performer_id"),
    "faces": ("id", "performer_id", "facenet_index", "arcface_index"),
}
_LOGS = ("-wal", "-journal")
"""What SQLite keeps beside a database that was not closed: part of what it holds is in there."""


@dataclass(frozen=True, slots=True)
class OldDatabase:
    """An open old database. ``version``: its schema's. ``columns``: by table, those that it has."""

    path: Path
    version: int
    columns: dict[str, frozenset[str]]
    connection: sqlite3.Connection

    def rows(self, table: str, *columns: str) -> Iterator[tuple[Any, ...]]:
        """The rows of a table in the order they were written; ``None`` for a column that the schema does not have.

        Without the table there are none. Raises StoreError where the file is damaged.
        """
        there = self.columns.get(table)
        if there is None:
            return
        chosen = ", ".join(f'"{name}"' if name in there else "NULL" for name in columns)
        order = '"id"' if "id" in there else "rowid"
        try:
            yield from self.connection.execute(f'SELECT {chosen} FROM "{table}" ORDER BY {order}')  # noqa: S608  # our names
        except sqlite3.Error as error:
            raise StoreError(_damaged(self.path, error)) from error


@contextmanager
def open_old(path: Path, scratch: Path) -> Iterator[OldDatabase]:
    """Open the database at ``path`` for reading. ``scratch``: a folder for a copy, needed while a log lies beside it.

    Raises StoreError: not such a database, a newer schema, damaged, or changed by another program meanwhile.
    """
    _require_sqlite(path)
    before = _state(path)
    try:
        with closing(_connect(path, scratch)) as connection:
            try:
                connection.text_factory = lambda data: data.decode("utf-8", "replace")
                yield _recognised(path, connection)
            except sqlite3.Error as error:
                raise StoreError(_damaged(path, error)) from error
            if _state(path) != before:
                raise StoreError(f"{path}: another program has written to it meanwhile; end that, then run this again")
    except OSError as error:
        raise StoreError(f"{path}: cannot be read: {error.strerror or error}") from error


def _require_sqlite(path: Path) -> None:
    try:
        with path.open("rb") as file:
            magic = file.read(len(_MAGIC))
    except OSError as error:
        raise StoreError(f"{path}: cannot be read: {error.strerror}") from error
    if magic != _MAGIC:
        raise StoreError(f"{path}: not a database; name the performers.db of a Stash Sense data folder")


def _connect(path: Path, scratch: Path) -> sqlite3.Connection:
    """A connection that writes nothing beside ``path``: with a log there, to a copy, gone before it is read."""
    if not any(_beside(path, log).exists() and _beside(path, log).stat().st_size for log in _LOGS):
        # Not mode=ro alone: that makes -wal and -shm files. Nothing is hidden from it, as there is no log.
        return sqlite3.connect(f"{path.resolve().as_uri()}?mode=ro&immutable=1", uri=True)
    scratch.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="import-", dir=scratch) as folder:
        before = _state(path)
        copy = Path(folder) / "copy.db"
        shutil.copyfile(path, copy)
        for log in _LOGS:
            if _beside(path, log).exists():
                shutil.copyfile(_beside(path, log), _beside(copy, log))
        if _state(path) != before:
            raise StoreError(f"{path}: another program is writing to it; end that, then run this again")
        connection = sqlite3.connect(copy)
        try:
            connection.execute("PRAGMA journal_mode = DELETE")  # takes in the log: one file is all it needs now
        except sqlite3.Error as error:
            connection.close()
            raise StoreError(_damaged(path, error)) from error
        return connection  # the file goes, what is open stays readable: a kill leaves no copy behind


def _recognised(path: Path, connection: sqlite3.Connection) -> OldDatabase:
    (finding,) = connection.execute("PRAGMA quick_check(1)").fetchone()
    if finding != "ok":
        raise StoreError(_damaged(path, finding))
    tables = [row[0] for row in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
    columns = {
        table: frozenset(row[1] for row in connection.execute(f'PRAGMA table_info("{table}")')) for table in tables
    }
    if "alembic_version" in columns:
        raise StoreError(f"{path}: a database of enrich already; use it as it is, with DATA_DIR or DATABASE_URL")
    if not {"schema_version", "performers", "faces"} <= columns.keys():
        raise StoreError(f"{path}: not a Stash Sense database; it has no tables schema_version, performers and faces")
    version = connection.execute("SELECT max(version) FROM schema_version").fetchone()[0]
    if not isinstance(version, int) or version < 1:
        raise StoreError(f"{path}: not a Stash Sense database; its schema version is {version!r}")
    if version > NEWEST_SCHEMA:
        raise StoreError(
            f"{path}: its schema is {version}, this program takes over schemas up to {NEWEST_SCHEMA}; "
            "use a newer version of enrich, if there is one"
        )
    for table, needed in _NEEDED.items():
        lacking = [name for name in needed if name not in columns.get(table, ())]
        if lacking:
            raise StoreError(f"{path}: not Stash Sense's schema {version}: {table} has no {', '.join(lacking)}")
    return OldDatabase(path, version, columns, connection)


def _state(path: Path) -> list[tuple[int, int] | None]:
    """What changes when somebody writes to the database or its logs."""
    found: list[tuple[int, int] | None] = []
    for file in (path, *(_beside(path, log) for log in _LOGS)):
        try:
            status = file.stat()
            found.append((status.st_size, status.st_mtime_ns))
        except FileNotFoundError:
            found.append(None)
    return found


def _beside(path: Path, log: str) -> Path:
    return path.with_name(path.name + log)


def _damaged(path: Path, why: object) -> str:
    return f"{path}: damaged ({' '.join(str(why).split())}); put a backup in its place; nothing was taken over"
