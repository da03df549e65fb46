"""The two files of an index: Voyager's own, and beside it ``face_<recogniser>.json``, which says what it is.

That is: of which database and model pack, the sha256 of its bytes, and which faces are marked deleted in it. It lies
beside the index and not in the database because both travel together, also to a database they do not belong to.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import voyager  # type: ignore[import-untyped]  # it ships no types

from enrich.store.db.backup import sync, sync_folder

FaceIds = npt.NDArray[np.int64]

Identity = Mapping[str, Any]
"""Of what an index is made: its recogniser, the length ``dim`` of the vectors, model pack and database."""


@dataclass(frozen=True, slots=True)
class LoadedIndex:
    """An index that may be used; ``faces``: the ids in it but for those that are ``marked`` deleted."""

    index: voyager.Index
    faces: FaceIds
    marked: FaceIds


class UnusableIndex(Exception):  # noqa: N818  # never seen outside: such an index is rebuilt
    """What is wrong with the files of an index."""


def index_path(index_dir: Path, recogniser: str) -> Path:
    """The file of a recogniser's index."""
    return index_dir / f"face_{recogniser}.voy"


def load(path: Path, identity: Identity) -> LoadedIndex:
    """The index that is there. Raises FileNotFoundError, or UnusableIndex if it must not be used."""
    if not path.exists():
        raise FileNotFoundError(path)
    passport = _read_passport(path)
    if passport.get("sha256") != _sha256(path):
        raise UnusableIndex("it is damaged, or was not written to its end")
    for key, value in identity.items():
        if passport.get(key) != value:
            raise UnusableIndex(f"it was made of another {key} ({passport.get(key)}, not {value})")
    try:
        index = voyager.Index.load(str(path))
    except (RuntimeError, ValueError) as error:
        raise UnusableIndex(f"it cannot be read: {error}") from error
    if index.num_dimensions != identity["dim"] or index.space != voyager.Space.Cosine:
        raise UnusableIndex(f"it has {index.num_dimensions} dimensions in {index.space}")
    ids = np.fromiter(index.ids, np.int64, len(index.ids))
    marked = _marked(passport)
    if np.setdiff1d(marked, ids).size:
        raise UnusableIndex("it is not what the file beside it says")
    return LoadedIndex(index, np.setdiff1d(ids, marked, assume_unique=True), marked)


def is_of(path: Path, database: str) -> bool:
    """Whether an index is that of this database; whose it is nobody knows where the file beside it is no help."""
    try:
        return bool(_read_passport(path).get("database") == database)
    except (OSError, UnusableIndex):
        return False


def remove(path: Path) -> None:
    """Remove an index."""
    path.unlink(missing_ok=True)
    _passport(path).unlink(missing_ok=True)
    sync_folder(path.parent)


def remove_unfinished(path: Path) -> None:
    """Remove what a process that was killed, or found no room, did not bring to its end."""
    for unfinished in _unfinished(path):
        unfinished.unlink(missing_ok=True)


def save(path: Path, index: voyager.Index, identity: Identity, marked: FaceIds) -> None:
    """Put an index in its place in one step; whoever has the old file open goes on reading that. Raises OSError."""
    unfinished, passport = _unfinished(path)
    try:
        with unfinished.open("wb") as file:  # given a path, Voyager does not notice when the very end finds no space
            index.save(file)
        sync(unfinished)
        said = {
            **identity, "faces": len(index.ids) - marked.size, "marked": marked.tolist(),
            "sha256": _sha256(unfinished),
        }  # fmt: skip
        passport.write_text(json.dumps(said, indent=1) + "\n", "utf-8")
        sync(passport)
        unfinished.replace(path)
        passport.replace(_passport(path))
    except BaseException:
        with suppress(OSError):
            remove_unfinished(path)
        raise
    sync_folder(path.parent)


def _passport(path: Path) -> Path:
    return path.with_suffix(".json")


def _read_passport(path: Path) -> dict[str, Any]:
    """What the file beside an index says. Raises UnusableIndex, OSError."""
    passport = _passport(path)
    try:
        said = json.loads(passport.read_text("utf-8"))
    except FileNotFoundError:
        raise UnusableIndex(f"{passport.name}, which says what it is, is missing") from None
    except ValueError:
        said = None
    if not isinstance(said, dict):
        raise UnusableIndex(f"{passport.name}, which says what it is, is damaged")
    return said


def _marked(passport: Mapping[str, Any]) -> FaceIds:
    said = passport.get("marked", [])
    if not isinstance(said, list) or not all(isinstance(face, int) for face in said):
        raise UnusableIndex("the faces marked in it cannot be determined")
    return np.array(said, np.int64)


def _unfinished(path: Path) -> tuple[Path, Path]:
    return path.with_suffix(".voy.tmp"), _passport(path).with_suffix(".json.tmp")


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
