"""Takes over an old Stash Sense database, schema 1 to 5, with its vectors: all of it or nothing, as often as one likes.

The old files are read and never changed. Faces get new ids, since here a face's id is its number in the indices;
performers keep theirs in a database that never had any.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
from sqlalchemy import Connection, Engine
from sqlalchemy.engine import make_url
from sqlalchemy.exc import DBAPIError

from enrich.errors import StoreError
from enrich.store.db.backup import back_up
from enrich.store.db.database import (
    database_exists,
    database_label,
    explain,
    open_database,
    snapshot,
    sqlite_path,
    utc_text,
    write,
)
from enrich.store.db.model_pack import model_problem
from enrich.store.db.schema import scrape_progress
from enrich.store.ledger.rows import insert_missing
from enrich.store.takeover.arrivals import Arrivals, write_people
from enrich.store.takeover.doubt import doubts
from enrich.store.takeover.faces import count_faces, write_faces
from enrich.store.takeover.old import OldDatabase, open_old
from enrich.store.takeover.people import People, read_people
from enrich.store.takeover.pictures import plan, read_pictures
from enrich.store.takeover.report import TakeOver
from enrich.store.takeover.rows import Row
from enrich.store.takeover.values import read_endpoint, read_number, read_stashbox_id, read_time
from enrich.store.takeover.vectors import DIM, FILES, Numbers, load_indices, load_names

__all__ = ["TakeOver", "take_over"]

NOT_WANTED = "vectors were not wanted"


def take_over(
    path: Path,
    url: str,
    *,
    scratch: Path,
    index_dir: Path | None,
    model: str,
    priorities: Mapping[str, int],
    now: datetime | None = None,
) -> TakeOver:
    """Take the old database ``path`` over into the one at ``url``, which is made if there is none.

    ``index_dir``: where the old vectors are; ``None``: do without, all pictures are fetched again. ``model``:
    fingerprint of the pack that they are of. ``scratch``: a folder for a copy. ``priorities``: the stash-boxes'.
    Raises StoreError, and then nothing was taken over.
    """
    target = sqlite_path(make_url(url))
    if target is not None and target.resolve() == path.resolve():
        raise StoreError(f"{path}: lies where the new database belongs; move it, or set DATA_DIR to another folder")
    now = now or datetime.now(UTC)
    with open_old(path, scratch) as old:
        people = read_people(old, priorities, now.date())
        pictures, faces = read_pictures(old, people)
        progress = list(_progress(old))
    indices, notes = ({}, []) if index_dir is None else load_indices(index_dir)
    existed = database_exists(url)
    engine = open_database(url)
    try:
        if indices:
            _require_same_model(engine, model, database_label(url))
        why: list[str | None] = [NOT_WANTED] * len(pictures)
        prints = [b""] * len(pictures)
        if index_dir is not None and pictures:
            why, prints = doubts(faces, indices, _named(load_names(index_dir), people))
        with write(engine) as tx:
            before = _changes(tx)
            arrivals = write_people(tx, people, priorities, utc_text(now))
            made = plan(tx, people, arrivals, pictures, why, prints)
            write_faces(tx, made, pictures, why, indices, faces.stored, model, utc_text(now))
            count_faces(tx)
            insert_missing(tx, scrape_progress, [_moved(row, people, arrivals) for row in progress])
            backup = None
            if existed and target is not None and _changes(tx) != before:
                # What is not committed yet, no other connection sees: this is the database as it was.
                backup = target.with_name(f"{target.name}.before-import-{now:%Y%m%dT%H%M%S}.bak")
                back_up(target, backup)
    except (DBAPIError, sqlite3.Error, OSError) as error:
        raise StoreError(f"{database_label(url)}: nothing was taken over: {explain(error)}") from error
    finally:
        engine.dispose()
    return TakeOver(
        path=path,
        version=old.version,
        people=people,
        arrivals=arrivals,
        plan=made,
        model=model if made.take else None,
        notes=notes,
        backup=backup,
    )


def _require_same_model(engine: Engine, model: str, name: str) -> None:
    with snapshot(engine) as connection:
        if model_problem(connection, model, dict.fromkeys(FILES, DIM)) is not None:
            raise StoreError(
                f"{name}: its vectors are of another model pack than those of a Stash Sense database ({model}), and "
                "cannot be compared with them; use another DATA_DIR, or --without-vectors to have all pictures "
                "fetched again"
            )


def _named(names: list[str | None], people: People) -> Numbers:
    """Whose the face at each number is, by ``faces.json``: positions in ``people.persons``, below 0 where not known."""
    known = people.by_key()
    found = np.full(len(names), -1, np.int64)
    for number, name in enumerate(names):
        domain, _, written = (name or "").rpartition(":")
        source, source_id = read_endpoint(domain), read_stashbox_id(written)
        if source is not None and source_id is not None:
            found[number] = known.get((source, source_id), -1)
    return found


def _progress(old: OldDatabase) -> Iterator[Row]:
    """The rows of ``scrape_progress``, cleaned; sources by their short names, with the mode after a colon."""
    counts = ("performers_processed", "faces_added", "errors")
    for key, last, at, *counted in old.rows(
        "scrape_progress", "source", "last_processed_id", "last_processed_time", *counts
    ):
        source, colon, mode = str(key or "").partition(":")
        name = read_endpoint(source)
        if name is not None:
            numbers = {what: read_number(n, 0, 2**53) or 0 for what, n in zip(counts, counted, strict=True)}
            last_id = None if last is None else str(last)
            time = {"last_processed_time": read_time(at) or utc_text()}
            yield {"source": f"{name}{colon}{mode}", "last_processed_id": last_id, **time, **numbers}


def _moved(row: Row, people: People, arrivals: Arrivals) -> Row:
    """The row with the performer's number here in place of the old one: reference sites were walked by it."""
    last = row["last_processed_id"]
    if ":" not in row["source"] or last is None or not last.isdecimal():
        return row
    home = arrivals.homes.get(people.at.get(int(last), -1))
    return {**row, "last_processed_id": None if home is None else str(home)}


def _changes(tx: Connection) -> int:
    """Rows changed on this connection so far; 0 where the database does not count them."""
    connection = tx.connection.driver_connection
    return connection.total_changes if isinstance(connection, sqlite3.Connection) else 0
