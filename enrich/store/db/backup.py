"""Copies a SQLite database while others use it: complete or not there at all."""

from __future__ import annotations

import os
import sqlite3
from contextlib import closing
from pathlib import Path

from sqlalchemy.engine import make_url

from enrich.errors import StoreError


def back_up(source: Path, target: Path) -> None:
    """Copy the database ``source``, as it is at one moment, to ``target``, on the disk when this returns.

    Raises sqlite3.Error or OSError; then ``target`` is as it was before, and nothing lies beside it.
    """
    unfinished = target.with_name(target.name + ".tmp")
    unfinished.unlink(missing_ok=True)
    try:
        with (
            closing(sqlite3.connect(source)) as original,  # not mode=ro: that leaves -wal and -shm files behind
            closing(sqlite3.connect(unfinished)) as copy,
        ):
            original.backup(copy)
        sync(unfinished)
        unfinished.replace(target)
    except BaseException:
        unfinished.unlink(missing_ok=True)
        unfinished.with_name(f"{unfinished.name}-journal").unlink(missing_ok=True)
        raise
    sync_folder(target.parent)


def sync(path: Path) -> None:
    """Wait until a file is on the disk."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def sync_folder(folder: Path) -> None:
    """Wait until the names in a folder are on the disk."""
    if os.name == "posix":  # Windows cannot open a folder, and needs no sync of it
        sync(folder)


def copy_database(url: str, folder: Path) -> str:
    """Copy the database at ``url`` into ``folder``, if there is one, and return the URL to use in its place.

    What a dry run does to the copy touches nothing. A copy that is there already is used on: the phases of a dry run
    build on each other. Raises StoreError for a database that is no file or cannot be read.
    """
    parsed = make_url(url)
    if parsed.get_backend_name() != "sqlite" or not parsed.database:
        raise StoreError("a dry run works on a copy, which can only be made of a SQLite database")
    copy = folder / "performers.db"
    if not copy.exists() and Path(parsed.database).is_file():
        try:
            back_up(Path(parsed.database), copy)
        except (sqlite3.Error, OSError) as error:
            raise StoreError(f"{parsed.database}: cannot be copied for the dry run: {error}") from error
    return f"sqlite:///{copy}"
