"""The Voyager indices: projections of the vectors in the database, one a recogniser, their ids the faces' ids.

An index catches up by what its ids lack, and marks deleted what the database no longer has: such a face is never found
again, but its vector stays in the file until that is rebuilt. An index is never trusted: a file beside it,
``face_<recogniser>.json``, says which database and model pack it was made of, the sha256 of its bytes and what is
marked in it, and what does not fit is rebuilt. That file lies beside the index and not in the database because both
travel together, also to a database they do not belong to.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import voyager  # type: ignore[import-untyped]  # it ships no types
from filelock import FileLock, Timeout
from sqlalchemy import Connection, Engine
from sqlalchemy.exc import DBAPIError

from enrich.errors import StoreError
from enrich.store.backup import sync, sync_folder
from enrich.store.database import explain, snapshot
from enrich.store.models import IndexSpec, database_id, index_specs
from enrich.store.vectors import face_ids, last_face_id, reading

__all__ = ["IndexReport", "IndexSpec", "catch_up", "check", "index_path", "index_specs", "rebuild"]

LOCK_SECONDS = 600.0
"""How long to wait for another process that writes the index."""

MOST_MARKED = 0.1
"""The largest share of an index that may be marked deleted: beyond it the index is rebuilt."""

TOLERANCE = 1e-5
"""Largest difference of a number in index and database: Voyager divides unit vectors by their length once more."""


_NONE: npt.NDArray[np.int64] = np.empty(0, np.int64)


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


@dataclass(frozen=True, slots=True)
class _Loaded:
    """An index that may be used; ``faces``: the ids in it but for those that are ``marked`` deleted."""

    index: voyager.Index
    faces: npt.NDArray[np.int64]
    marked: npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class _Unusable(Exception):  # noqa: N818  # never seen outside
    """What is wrong with the files of an index."""

    why: str


def index_path(index_dir: Path, recogniser: str) -> Path:
    """The file of a recogniser's index."""
    return index_dir / f"face_{recogniser}.voy"


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
            loaded = _load(connection, path, spec)
            gone = _gone(connection, loaded, wanted, thoroughly=thoroughly)
        except _Unusable as problem:
            return _build(connection, path, spec, wanted, problem.why)
        except FileNotFoundError:
            return _build(connection, path, spec, wanted, None)
        missing = np.setdiff1d(wanted, loaded.faces, assume_unique=True)
        if missing.size or gone.size:
            for face in gone.tolist():
                loaded.index.mark_deleted(face)
            _add(connection, loaded.index, spec, missing)
            _save(connection, loaded.index, path, spec, np.union1d(loaded.marked, gone))
        else:
            _remove_unfinished(path)
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
            loaded = _load(connection, path, spec)
        except FileNotFoundError:
            return [f"{path}: missing; the database has {wanted.size} faces"] if wanted.size else []
        except _Unusable as problem:
            return [f"{path}: {problem.why}"]
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


def _load(connection: Connection, path: Path, spec: IndexSpec) -> _Loaded:
    """The index that is there. Raises FileNotFoundError, or _Unusable if it must not be used."""
    if not path.exists():
        raise FileNotFoundError(path)
    try:
        passport = json.loads(_passport(path).read_text("utf-8"))
    except FileNotFoundError:
        raise _Unusable(f"{_passport(path).name}, which says what it is, is missing") from None
    except ValueError:
        raise _Unusable(f"{_passport(path).name}, which says what it is, is damaged") from None
    if passport.get("sha256") != _sha256(path):
        raise _Unusable("it is damaged, or was not written to its end")
    for key, value in _identity(connection, spec).items():
        if passport.get(key) != value:
            raise _Unusable(f"it was made of another {key} ({passport.get(key)}, not {value})")
    try:
        index = voyager.Index.load(str(path))
    except (RuntimeError, ValueError) as error:
        raise _Unusable(f"it cannot be read: {error}") from error
    if index.num_dimensions != spec.dim or index.space != voyager.Space.Cosine:
        raise _Unusable(f"it has {index.num_dimensions} dimensions in {index.space}")
    ids = np.fromiter(index.ids, np.int64, len(index.ids))
    marked = np.array(passport.get("marked", []), np.int64)
    if np.setdiff1d(marked, ids).size:
        raise _Unusable("it is not what the file beside it says")
    return _Loaded(index, np.setdiff1d(ids, marked, assume_unique=True), marked)


def _gone(
    connection: Connection, loaded: _Loaded, wanted: npt.NDArray[np.int64], *, thoroughly: bool
) -> npt.NDArray[np.int64]:
    """The faces to be marked deleted. Raises _Unusable where marking them is not enough."""
    gone = np.setdiff1d(loaded.faces, wanted, assume_unique=True)
    if np.intersect1d(loaded.marked, wanted).size:
        raise _Unusable("faces are marked deleted in it that the database has")
    if gone.size and gone.max() > last_face_id(connection):  # its number is still to be given to another face
        raise _Unusable("it has faces that the database has never had")
    marked = gone.size + loaded.marked.size
    if marked > (0 if thoroughly else MOST_MARKED * (loaded.faces.size + loaded.marked.size)):
        raise _Unusable("it has faces that the database no longer has")
    return gone


def _build(
    connection: Connection, path: Path, spec: IndexSpec, ids: npt.NDArray[np.int64], why: str | None
) -> IndexReport:
    if not ids.size:
        # Voyager cannot load an index without vectors, so there is none; one of another database is left alone.
        if why is not None and _is_ours(connection, path):
            path.unlink(missing_ok=True)
            _passport(path).unlink(missing_ok=True)
            sync_folder(path.parent)
        return IndexReport(path, 0, 0, why)
    index = voyager.Index(voyager.Space.Cosine, spec.dim, max_elements=int(ids.size))
    _add(connection, index, spec, ids)
    _save(connection, index, path, spec)
    return IndexReport(path, int(ids.size), int(ids.size), why)


def _is_ours(connection: Connection, path: Path) -> bool:
    try:
        passport = json.loads(_passport(path).read_text("utf-8"))
    except (OSError, ValueError):
        return False
    return bool(passport.get("database") == database_id(connection))


def _add(connection: Connection, index: voyager.Index, spec: IndexSpec, ids: npt.NDArray[np.int64]) -> None:
    if not ids.size:
        return
    index.resize(len(index) + ids.size)  # else every chunk would move all that is there already
    with reading(connection, spec, ids) as chunks:
        for chunk, vectors in chunks:
            norms = np.linalg.norm(vectors, axis=1)
            if not np.allclose(norms, 1.0, atol=1e-3):  # Voyager would take zeros and NaN without a word
                bad = chunk[int(np.argmax(~np.isclose(norms, 1.0, atol=1e-3)))]
                raise StoreError(
                    f"face {bad}: its {spec.recogniser} vector is damaged; nothing was written to the index"
                )
            index.add_items(vectors, ids=chunk.tolist())


def _differing(
    connection: Connection, index: voyager.Index, spec: IndexSpec, ids: npt.NDArray[np.int64]
) -> npt.NDArray[np.int64]:
    found = [np.empty(0, np.int64)]
    with reading(connection, spec, ids) as chunks:
        for chunk, vectors in chunks:
            apart = np.abs(index.get_vectors(chunk.tolist()) - vectors).max(axis=1)
            found.append(chunk[~(apart <= TOLERANCE)])  # NaN is apart too
    return np.concatenate(found)


def _identity(connection: Connection, spec: IndexSpec) -> dict[str, Any]:
    return {"recogniser": spec.recogniser, "dim": spec.dim, "model": spec.model, "database": database_id(connection)}


def _require_spec(connection: Connection, spec: IndexSpec) -> None:
    held: Sequence[IndexSpec] = index_specs(connection)
    if held and spec not in held:
        raise StoreError(f"the database holds vectors of {', '.join(map(str, held))}, not of {spec}")


def _passport(path: Path) -> Path:
    return path.with_suffix(".json")


def _unfinished(path: Path) -> tuple[Path, Path]:
    return path.with_suffix(".voy.tmp"), _passport(path).with_suffix(".json.tmp")


def _remove_unfinished(path: Path) -> None:
    """Remove what a process that was killed, or found no room, did not bring to its end."""
    for unfinished in _unfinished(path):
        unfinished.unlink(missing_ok=True)


def _save(
    connection: Connection, index: voyager.Index, path: Path, spec: IndexSpec, marked: npt.NDArray[np.int64] = _NONE
) -> None:
    """Put the index in its place in one step; whoever has the old file open goes on reading that."""
    unfinished, passport = _unfinished(path)
    try:
        with unfinished.open("wb") as file:  # given a path, Voyager does not notice when the very end finds no space
            index.save(file)
        sync(unfinished)
        said = {
            **_identity(connection, spec), "faces": len(index.ids) - marked.size, "marked": marked.tolist(),
            "sha256": _sha256(unfinished),
        }  # fmt: skip
        passport.write_text(json.dumps(said, indent=1) + "\n", "utf-8")
        sync(passport)
        unfinished.replace(path)
        passport.replace(_passport(path))
    except BaseException:
        with suppress(OSError):
            _remove_unfinished(path)
        raise
    sync_folder(path.parent)


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


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
