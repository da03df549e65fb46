"""The release's ``performers.db``: Stash Sense's tables with exactly its columns, written into a new file.

A new file, so that no page of it can hold what was deleted from ours. Faces are numbered anew, 0, 1, 2, ... by rising
id: a face's number is its place in faces.json and its id in each index, and what was removed leaves no hole.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from sqlalchemy import Connection, Row, Select, Table, insert, select
from sqlalchemy.dialects import sqlite
from sqlalchemy.schema import CreateIndex, CreateTable

from enrich.errors import StoreError
from enrich.store.db.schema import aliases, faces, performers, piercings, stashbox_ids, tattoos
from enrich.store.people.derive import LAST

TABLES = (performers, stashbox_ids, aliases, faces, tattoos, piercings)

DOMAINS = {
    "stashdb": "stashdb.org",
    "theporndb": "theporndb.net",
    "fansdb": "fansdb.cc",
    "pmvstash": "pmvstash.org",
    "javstash": "javstash.org",
}
"""The consumer's names for stash-boxes; another is ``<name>.org``, by its rule."""

_ALIAS_INDEX = "CREATE INDEX idx_aliases_alias ON aliases (alias COLLATE NOCASE)"
"""The one index of Stash Sense's that ours (which PostgreSQL has to understand) cannot stand in for."""

_DIALECT = sqlite.dialect()
_STREAM = {"yield_per": 4096}


def universal_ids(connection: Connection, priorities: Mapping[str, int]) -> dict[int, str]:
    """Performer -> ``<domain>:<id>`` of the stash-box that comes first; who has none is not in it."""
    rows = connection.execute(
        select(stashbox_ids).order_by(stashbox_ids.c.performer_id, stashbox_ids.c.stashbox_performer_id),
        execution_options=_STREAM,
    )
    found: dict[int, tuple[tuple[int, str], str]] = {}
    for row in rows:
        rank = (priorities.get(row.endpoint, LAST), row.endpoint)
        if row.performer_id not in found or rank < found[row.performer_id][0]:
            domain = DOMAINS.get(row.endpoint, f"{row.endpoint}.org")
            found[row.performer_id] = rank, f"{domain}:{row.stashbox_performer_id}"
    return {performer: uid for performer, (_, uid) in found.items()}


def write_database(
    connection: Connection, path: Path, wanted: npt.NDArray[np.int64], nameable: Mapping[int, str]
) -> npt.NDArray[np.int64]:
    """Write the performers who are ``nameable`` and those of the ``wanted`` faces (ascending ids) that are theirs.

    The ids of these faces, in the order of their numbers. ``face_count`` counts them. Raises sqlite3.Error.
    """
    with closing(sqlite3.connect(path, isolation_level=None)) as release:
        # Nothing of an unfinished file is ever used, so nothing is paid for its safety until it is synced whole.
        release.execute("PRAGMA journal_mode = OFF")
        release.execute("PRAGMA synchronous = OFF")
        release.execute("BEGIN")
        for table in TABLES:
            release.execute(str(CreateTable(table).compile(dialect=_DIALECT)))
        numbered: list[int] = []
        _fill(release, faces, _faces(connection, wanted, nameable, numbered))
        counts = dict(release.execute("SELECT performer_id, count(*) FROM faces GROUP BY performer_id"))
        _fill(release, performers, _performers(connection, nameable, counts))
        for table in (stashbox_ids, aliases, tattoos, piercings):
            _fill(release, table, _theirs(connection, table, nameable))
        for table in TABLES:
            for index in sorted(table.indexes, key=lambda index: str(index.name)):
                if index.name != "idx_aliases_alias":
                    release.execute(str(CreateIndex(index).compile(dialect=_DIALECT)))
        release.execute(_ALIAS_INDEX)
        release.execute("COMMIT")
        _check(release)
    return np.array(numbered, np.int64)


def _faces(
    connection: Connection, wanted: npt.NDArray[np.int64], nameable: Mapping[int, str], numbered: list[int]
) -> Iterator[Sequence[Any]]:
    ids = set(wanted.tolist())
    number, columns = 0, faces.columns.keys()
    facenet, arcface = columns.index("facenet_index"), columns.index("arcface_index")
    for row in _stream(connection, select(faces).order_by(faces.c.id)):
        if row.id in ids and row.performer_id in nameable:
            values = list(row)
            values[facenet] = values[arcface] = number
            numbered.append(row.id)
            number += 1
            yield values


def _performers(
    connection: Connection, nameable: Mapping[int, str], counts: Mapping[int, int]
) -> Iterator[Sequence[Any]]:
    face_count = performers.columns.keys().index("face_count")
    for row in _stream(connection, select(performers).order_by(performers.c.id)):
        if row.id in nameable:
            values = list(row)
            values[face_count] = counts.get(row.id, 0)
            yield values


def _theirs(connection: Connection, table: Table, nameable: Mapping[int, str]) -> Iterator[Sequence[Any]]:
    for row in _stream(connection, select(table).order_by(*table.primary_key.columns)):
        if row.performer_id in nameable:
            yield tuple(row)


def _stream(connection: Connection, statement: Select[Any]) -> Iterable[Row[Any]]:
    return connection.execute(statement, execution_options=_STREAM)


def _fill(release: sqlite3.Connection, table: Table, rows: Iterable[Sequence[Any]]) -> None:
    release.executemany(str(insert(table).compile(dialect=_DIALECT)), rows)


def _check(release: sqlite3.Connection) -> None:
    found = release.execute("PRAGMA integrity_check").fetchone()[0]
    if found != "ok" or release.execute("PRAGMA foreign_key_check").fetchone() is not None:
        raise StoreError(f"the release's performers.db came out damaged ({found}); nothing was exported")
