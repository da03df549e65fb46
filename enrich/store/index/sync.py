"""The Voyager indices: projections of the vectors in the database, one a recogniser, their ids the faces' ids.

An index catches up by what its ids lack, and marks deleted what the database no longer has: such a face is never found
again, but its vector stays in the file until that is rebuilt. An index is never trusted: what its files say of it
(``enrich.store.index.files``) has to fit the database, or it is rebuilt.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import voyager  # type: ignore[import-untyped]  # it ships no types
from filelock import FileLock, Timeout
from sqlalchemy import Connection, Engine
from sqlalchemy.exc import DBAPIError

from enrich.errors import StoreError
from enrich.store.db.database import explain, snapshot
from enrich.store.db.model_pack import IndexSpec, database_id, index_specs
from enrich.store.index.files import (
    FaceIds,
    Identity,
    LoadedIndex,
    UnusableIndex,
    index_path,
    is_of,
    load,
    remove,
    remove_unfinished,
    save,
)
from enrich.store.index.vectors import face_ids, last_face_id, reading, require_unit

__all__ = ["IndexReport", "IndexSpec", "catch_up", "check", "index_path", "index_specs", "rebuild"]

LOCK_SECONDS = 600.0
"""How long to wait for another process that writes the index."""

MOST_MARKED = 0.1
"""The largest share of an index that may be marked deleted: beyond it the index is rebuilt."""

TOLERANCE = 1e-5
"""Largest difference of a number in index and database: Voyager divides unit vectors by their length once more."""


@dataclass(frozen=True, slots=True)
class IndexReport:
    """What was done to an index. ``rebuilt_because``: why what lay there was not used."""

    path: Path
    added: int
    total: int
    rebuilt_because: str | None = None

    def __str__(self) -> str:
        why = f"; rebuilt: {self.rebuilt_because}" if self.rebuilt_because else ""
        return f"{self.path}: {self.total} faces, {self.added} added{why}"


def catch_up(engine: Engine, index_dir: Path, spec: IndexSpec, *, thoroughly: bool = False) -> IndexReport:
    """Bring an index up to date with the database; costs in proportion to the new faces, plus one save.

    An index that is damaged, of another model or database, or of which much is gone, is built anew. ``thoroughly``: so
    is one that holds the vector of any face that the database no longer has, even marked deleted.
    Raises StoreError: the lock is held for too long, or files cannot be read or written.
    """
    path = index_path(index_dir, spec.recogniser)
    with _clear_errors(path), _locked(path), snapshot(engine) as connection:
        _require_spec(connection, spec)
        wanted = face_ids(connection, spec)
        try:
            loaded = load(path, _identity(connection, spec))
            gone = _gone(connection, loaded, wanted, thoroughly=thoroughly)
        except UnusableIndex as problem:
            return _build(connection, path, spec, wanted, str(problem))
        except FileNotFoundError:
            return _build(connection, path, spec, wanted, None)
        missing = np.setdiff1d(wanted, loaded.faces, assume_unique=True)
        if missing.size or gone.size:
            for face in gone.tolist():
                loaded.index.mark_deleted(face)
            _add(connection, loaded.index, spec, missing)
            save(path, loaded.index, _identity(connection, spec), np.union1d(loaded.marked, gone))
        else:
            remove_unfinished(path)
        return IndexReport(path, int(missing.size), int(wanted.size))


def rebuild(engine: Engine, index_dir: Path, spec: IndexSpec) -> IndexReport:
    """Build an index anew, whatever lies there. Raises StoreError like ``catch_up``."""
    path = index_path(index_dir, spec.recogniser)
    with _clear_errors(path), _locked(path), snapshot(engine) as connection:
        _require_spec(connection, spec)
        return _build(connection, path, spec, face_ids(connection, spec), "as asked")


def check(engine: Engine, index_dir: Path, spec: IndexSpec) -> list[str]:
    """In what an index differs from the database, ids and vectors; empty if in nothing. Changes nothing."""
    path = index_path(index_dir, spec.recogniser)
    with _clear_errors(path), _locked(path), snapshot(engine) as connection:
        wanted = face_ids(connection, spec)
        try:
            loaded = load(path, _identity(connection, spec))
        except FileNotFoundError:
            return [f"{path}: missing; the database has {wanted.size} faces"] if wanted.size else []
        except UnusableIndex as problem:
            return [f"{path}: {problem}"]
        lacking, foreign = np.setdiff1d(wanted, loaded.faces), np.setdiff1d(loaded.faces, wanted)
        differing = _differing(connection, loaded.index, spec, np.intersect1d(wanted, loaded.faces))
        return [
            f"{path}: {ids.size} faces {what} (first: {ids[0]})"
            for ids, what in (
                (lacking, "of the database are missing"),
                (foreign, "are not in the database"),
                (differing, "have another vector than in the database"),
            )
            if ids.size
        ]


def _gone(connection: Connection, loaded: LoadedIndex, wanted: FaceIds, *, thoroughly: bool) -> FaceIds:
    """The faces to be marked deleted. Raises UnusableIndex where marking them is not enough."""
    gone = np.setdiff1d(loaded.faces, wanted, assume_unique=True)
    if np.intersect1d(loaded.marked, wanted).size:
        raise UnusableIndex("faces are marked deleted in it that the database has")
    if gone.size and gone.max() > last_face_id(connection):  # its number is still to be given to another face
        raise UnusableIndex("it has faces that were never in the database")
    marked = gone.size + loaded.marked.size
    if marked > (0 if thoroughly else MOST_MARKED * (loaded.faces.size + loaded.marked.size)):
        raise UnusableIndex("it has faces that the database no longer has")
    return gone


def _build(connection: Connection, path: Path, spec: IndexSpec, ids: FaceIds, why: str | None) -> IndexReport:
    if not ids.size:
        # Voyager cannot load an index without vectors, so there is none; one of another database is left alone.
        if why is not None and is_of(path, database_id(connection)):
            remove(path)
        return IndexReport(path, 0, 0, why)
    index = voyager.Index(voyager.Space.Cosine, spec.dim, max_elements=int(ids.size))
    _add(connection, index, spec, ids)
    save(path, index, _identity(connection, spec), np.empty(0, np.int64))
    return IndexReport(path, int(ids.size), int(ids.size), why)


def _add(connection: Connection, index: voyager.Index, spec: IndexSpec, ids: FaceIds) -> None:
    if not ids.size:
        return
    index.resize(len(index) + ids.size)  # else every chunk would move all that is there already
    with reading(connection, spec, ids) as chunks:
        for chunk, vectors in chunks:
            require_unit(spec, chunk, vectors)
            index.add_items(vectors, ids=chunk.tolist())


def _differing(connection: Connection, index: voyager.Index, spec: IndexSpec, ids: FaceIds) -> FaceIds:
    found = [np.empty(0, np.int64)]
    with reading(connection, spec, ids) as chunks:
        for chunk, vectors in chunks:
            apart = np.abs(index.get_vectors(chunk.tolist()) - vectors).max(axis=1)
            found.append(chunk[~(apart <= TOLERANCE)])  # NaN is apart too
    return np.concatenate(found)


def _identity(connection: Connection, spec: IndexSpec) -> Identity:
    return {"recogniser": spec.recogniser, "dim": spec.dim, "model": spec.model, "database": database_id(connection)}


def _require_spec(connection: Connection, spec: IndexSpec) -> None:
    held: Sequence[IndexSpec] = index_specs(connection)
    if held and spec not in held:
        raise StoreError(f"the database holds vectors of {', '.join(map(str, held))}, not of {spec}")


@contextmanager
def _locked(path: Path) -> Iterator[None]:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with FileLock(path.with_suffix(".lock"), timeout=LOCK_SECONDS):
            yield
    except Timeout:
        raise StoreError(f"{path}: another process has held it for {LOCK_SECONDS:.0f} s; run this again") from None


@contextmanager
def _clear_errors(path: Path) -> Iterator[None]:
    try:
        yield
    except DBAPIError as error:
        raise StoreError(f"{path}: the database cannot be read: {explain(error)}") from error
    except (OSError, RuntimeError) as error:
        raise StoreError(f"{path}: cannot be written: {error}; the index that was there is untouched") from error
