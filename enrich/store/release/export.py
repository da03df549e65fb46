"""Exports: release files for another program, written from one moment of the database, whole or not at all.

Every folder that an export is written to is in the table ``exports`` before its first byte is on the disk, and is
locked from before the snapshot until it is done: who is forgotten meanwhile is removed from it by ``rewrite_exports``.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal, cast

from sqlalchemy import Connection, Engine, delete, insert, select
from sqlalchemy.exc import DBAPIError

from enrich.errors import StoreError
from enrich.faces.pack import ModelPack
from enrich.store.db.database import explain, snapshot, utc_text, write
from enrich.store.db.model_pack import database_id
from enrich.store.db.schema import exports, meta
from enrich.store.release.files import MANIFEST, NothingToExportError, Release, write_release
from enrich.store.release.folder import claimed, remove, replacing
from enrich.store.release.vectors import STORAGES, Storage

__all__ = ["FORMATS", "Release", "RewrittenExport", "export", "rewrite_exports"]

FORMATS = ("stash-sense",)

_VERSION = "export_version"
"""Key in ``meta``: the version given out last."""


@dataclass(frozen=True, slots=True)
class RewrittenExport:
    """What became of a folder that holds, or held, an export. ``str()`` is a line that says so.

    ``rewritten``: it holds the database as it is now. ``removed``: there is no face left to export, so the folder is
    gone. ``missing``: nothing is there any more (who moved or copied it has to delete that); no longer in ``exports``.
    ``unreachable``: not even the folder above it is there (a disk not mounted, another machine); stays in ``exports``.
    ``failed``: it could not be rewritten, ``detail`` says why; stays in ``exports``; the caller ends with exit code 1.
    """

    path: Path
    outcome: Literal["rewritten", "removed", "missing", "unreachable", "failed"]
    detail: str = ""

    def __str__(self) -> str:
        said = {
            "rewritten": "rewritten",
            "removed": "removed, since no face is left to export",
            "missing": "no longer there; delete what was copied or moved from it",
            "unreachable": "cannot be reached (a disk that is not mounted, another machine?); still to be rewritten",
            "failed": "not rewritten, it still holds what it held",
        }
        return f"{self.path}: {said[self.outcome]}" + (f": {self.detail}" if self.detail else "")


def export(
    engine: Engine,
    folder: Path,
    format: str = "stash-sense",
    *,
    priorities: Mapping[str, int],
    pack: ModelPack | None = None,
    storage: str = "float32",
    now: datetime | None = None,
) -> Release:
    """Make the folder hold a release of the database as it is now: a complete new one, or it stays as it was.

    ``priorities``: as in ``save_performer``; the stash-box with the lowest number gives a performer their id. ``pack``:
    the model pack in use, described in the manifest if the vectors are its. ``storage``: of the vectors, ``float32`` or
    ``e4m3`` (under a third of the size). Raises StoreError: an unknown format or storage, a folder that holds anything
    but an export of this database, nothing to export, a damaged vector, or what cannot be read or written.
    """
    if format not in FORMATS:
        raise StoreError(f"--format {format}: no such format; there is {', '.join(FORMATS)}")
    if storage not in STORAGES:
        raise StoreError(f"--storage {storage}: no such storage; there are {', '.join(STORAGES)}")
    with _clear_errors(folder):
        folder = folder.resolve()
        if folder.is_mount():
            raise StoreError(f"{folder}: a disk's top folder cannot be replaced in one step; name a folder in it")
        with claimed(folder):
            with snapshot(engine) as connection:
                _previous(connection, folder)
            try:
                return _write(engine, folder, format, priorities, storage, now, pack=pack)
            except BaseException:
                if not folder.exists():
                    with suppress(DBAPIError):  # the first error is the one to tell of
                        _strike_out(engine, folder)
                raise


def rewrite_exports(
    engine: Engine, priorities: Mapping[str, int], *, now: datetime | None = None
) -> list[RewrittenExport]:
    """Write every folder of the table ``exports`` anew from the database as it is now: for who has been forgotten.

    To be called after the transaction that removed them is committed, outside any transaction. ``priorities``: as in
    ``save_performer``. Each folder keeps its format and storage and gets a new version; what killed exports left
    beside it is removed. One that fails does not keep the others from being rewritten. Raises StoreError if the
    database cannot be read.
    """
    try:
        with snapshot(engine) as connection:
            rows = connection.execute(select(exports).order_by(exports.c.path)).all()
    except DBAPIError as error:
        raise StoreError(f"exports not rewritten, the database: {explain(error)}") from error
    done = []
    for row in rows:
        path = Path(row.path)
        try:
            with _clear_errors(path):
                done.append(_rewrite(engine, path, row.format, priorities, now))
        except StoreError as error:
            done.append(RewrittenExport(path, "failed", str(error).removeprefix(f"{path}: ")))
    return done


def _rewrite(
    engine: Engine, folder: Path, format: str, priorities: Mapping[str, int], now: datetime | None
) -> RewrittenExport:
    if not folder.parent.is_dir():
        return RewrittenExport(folder, "unreachable")
    with claimed(folder):
        with snapshot(engine) as connection:
            previous = _previous(connection, folder)
        if previous is None:
            _strike_out(engine, folder)
            return RewrittenExport(folder, "missing")
        try:
            storage: Storage = "e4m3" if previous.get("storage") == "e4m3" else "float32"
            models = previous.get("models")
            release = _write(engine, folder, format, priorities, storage, now, models=models)
        except NothingToExportError:
            remove(folder)
            _strike_out(engine, folder)
            return RewrittenExport(folder, "removed")
        return RewrittenExport(folder, "rewritten", f"version {release.version}, {release.faces} faces")


def _write(
    engine: Engine,
    folder: Path,
    format: str,
    priorities: Mapping[str, int],
    storage: Storage,
    now: datetime | None,
    *,
    pack: ModelPack | None = None,
    models: Mapping[str, Any] | None = None,
) -> Release:
    at = now or datetime.now(UTC)
    version = _enter(engine, folder, format, at)
    with replacing(folder) as unfinished:
        return write_release(
            engine, unfinished, version=version, at=at, priorities=priorities, storage=storage, pack=pack,
            models=models,
        )  # fmt: skip


def _previous(connection: Connection, folder: Path) -> dict[str, Any] | None:
    """The manifest of this database's export in the folder; ``None`` if nothing is there or the folder is empty.

    Raises StoreError for anything else: what others put there is not ours to replace.
    """
    if not folder.exists():
        return None
    if not folder.is_dir():
        raise StoreError(f"{folder}: a file, not a folder; name a new or an empty folder")
    held = {entry.name for entry in folder.iterdir()}
    if not held:
        return None
    try:
        manifest = json.loads((folder / MANIFEST).read_text("utf-8"))
        ours, files = manifest["database"], {MANIFEST, *manifest["checksums"]}
    except (OSError, ValueError, KeyError, TypeError):
        raise StoreError(f"{folder}: holds files that are no export of enrich; name a new or an empty folder") from None
    if ours != database_id(connection):
        raise StoreError(f"{folder}: holds the export of another database; remove it first, or name another folder")
    if held - files:
        raise StoreError(
            f"{folder}: holds {', '.join(sorted(held - files))} beside the export, which would be lost; move it away"
        )
    return cast("dict[str, Any]", manifest)


def _enter(engine: Engine, folder: Path, format: str, at: datetime) -> str:
    """Enter the folder among the exports; the version to give to what will be written to it."""
    with write(engine) as tx:
        last = tx.execute(select(meta.c.value).where(meta.c.key == _VERSION)).scalar()
        version = next_version(at, last)
        tx.execute(delete(meta).where(meta.c.key == _VERSION))
        tx.execute(insert(meta).values(key=_VERSION, value=version))
        tx.execute(delete(exports).where(exports.c.path == str(folder)))
        tx.execute(insert(exports).values(path=str(folder), format=format, exported_at=utc_text(at)))
    return version


def _strike_out(engine: Engine, folder: Path) -> None:
    with write(engine) as tx:
        tx.execute(delete(exports).where(exports.c.path == str(folder)))


def next_version(at: datetime, last: str | None) -> str:
    """``2026.01.31``, the day in UTC; ``2026.01.31.0002`` and so on where one of that day, or a later, was given out.

    As texts, by which the consumer compares, each is greater than the one before.
    """
    day = at.astimezone(UTC).strftime("%Y.%m.%d")
    if last is None or day > last:
        return day
    return f"{last[:10]}.{int(last[11:] or 1) + 1:04d}"


@contextmanager
def _clear_errors(folder: Path) -> Iterator[None]:
    try:
        yield
    except DBAPIError as error:
        raise StoreError(f"{folder}: not exported, the database: {explain(error)}") from error
    except sqlite3.Error as error:
        raise StoreError(f"{folder}: cannot be written: {explain(error)}; what was there is untouched") from error
    except OSError as error:
        why = error.strerror or str(error)
        raise StoreError(f"{folder}: cannot be written: {why}; what was there is untouched") from error
