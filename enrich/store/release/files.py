"""Fills a folder with a Stash Sense release: performers.db, an index a recogniser, faces.json, performers.json and,
last, manifest.json with the checksums of the others.
"""

from __future__ import annotations

import hashlib
import json
import sqlite3
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, closing
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from sqlalchemy import Engine, func, select

import enrich
from enrich.errors import StoreError
from enrich.faces.pack import ModelPack, known_packs, load_pack
from enrich.store.db.database import snapshot
from enrich.store.db.model_pack import IndexSpec, database_id, index_specs
from enrich.store.db.schema import faces
from enrich.store.release.database import universal_ids, write_database
from enrich.store.release.vectors import Storage, complete_faces, set_aside, write_index

MANIFEST = "manifest.json"
PACK = "stash_sense"
"""The pack whose vectors Stash Sense compares with."""

FEWEST = 100
"""Stash Sense asks an index for the 100 nearest; Voyager fails where there are fewer."""

_DETECTOR, _ALIGNMENT = "retinaface_buffalo_sc", "insightface_norm_crop_5point"
"""Stash Sense's names for what its pack does. Every pack of ours aligns like that."""


class NothingToExportError(StoreError):
    """There is no face that could be exported."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Release:
    """What was written. ``without_id``: faces left out because no stash-box knows their performer. ``without_vector``:
    because they lack a vector of a recogniser. ``pack``: the model pack's name, as far as known; ``comparable``:
    whether it is the one that Stash Sense compares with.
    """

    version: str
    faces: int
    performers: int
    indices: tuple[str, ...]
    without_id: int
    without_vector: int
    pack: str | None
    comparable: bool

    @property
    def warnings(self) -> tuple[str, ...]:
        """What keeps Stash Sense from using it, a line each."""
        said = []
        if not self.comparable:
            missing = {f"face_{name}.voy" for name in ("facenet", "arcface")} - set(self.indices)
            then = (
                f"cannot load this release, which lacks {' and '.join(sorted(missing))}"
                if missing
                else "would load this release and may name the wrong people"
            )
            said.append(
                f"the vectors are of model pack {self.pack or '(unknown)'}; Stash Sense compares with those of the "
                f"pack {PACK} alone: it {then}. It is for programs that embed with the same pack"
            )
        if self.faces < FEWEST:
            said.append(
                f"{self.faces} faces: Stash Sense asks for the {FEWEST} nearest and fails where there are fewer; "
                "crawl more before you hand this out"
            )
        return tuple(said)


def write_release(
    engine: Engine,
    folder: Path,
    *,
    version: str,
    at: datetime,
    priorities: Mapping[str, int],
    storage: Storage,
    pack: ModelPack | None = None,
    models: Mapping[str, Any] | None = None,
) -> Release:
    """Write the files into an empty folder, all of one moment of the database.

    ``pack``: the database's, if it is no packaged one. ``models``: what an earlier manifest says of the same vectors.
    Raises NothingToExportError, StoreError for a damaged vector, sqlite3.Error or OSError: a file cannot be written.
    """
    database = folder / "performers.db"
    with ExitStack() as opened:
        with snapshot(engine) as connection:
            identity, specs = database_id(connection), index_specs(connection)
            total = connection.execute(select(func.count()).select_from(faces)).scalar_one()
            complete = complete_faces(connection, specs)
            nameable = universal_ids(connection, priorities)
            exported = write_database(connection, database, complete, nameable)
            if not exported.size:
                raise _nothing(total, total - int(complete.size))
            vectors = [opened.enter_context(set_aside(connection, spec, exported, folder)) for spec in specs]
        performers = write_json(folder, nameable)
        for spec, held in zip(specs, vectors, strict=True):
            write_index(folder / _file(spec), spec, held, int(exported.size), storage)
    said = _models(specs, pack, models)
    manifest = {
        "version": version,
        "created_at": at.strftime("%Y-%m-%dT%H:%M:%SZ"),
        "performer_count": performers,
        "face_count": int(exported.size),
        "sources": _sources(database),
        "models": said,
        "checksums": {file.name: f"sha256:{_sha256(file)}" for file in sorted(folder.iterdir())},
        "storage": storage,
        "made_by": f"enrich {enrich.__version__}",
        "database": identity,
    }
    (folder / MANIFEST).write_text(json.dumps(manifest, indent=2) + "\n", "ascii")
    return Release(
        version=version,
        faces=int(exported.size),
        performers=performers,
        indices=tuple(map(_file, specs)),
        without_id=int(complete.size - exported.size),
        without_vector=int(total - complete.size),
        pack=said.get("pack"),
        comparable=specs[0].model == load_pack(PACK, Path(), complete=False).fingerprint,
    )


def _file(spec: IndexSpec) -> str:
    return f"face_{spec.recogniser}.voy"


def _nothing(faces: int, without_vector: int) -> NothingToExportError:
    if not faces:
        return NothingToExportError("the database has no faces yet; crawl first")
    return NothingToExportError(
        f"none of the database's {faces} faces can be exported: {without_vector} lack a vector, "
        "the others' performers are in no stash-box"
    )


def write_json(folder: Path, nameable: Mapping[int, str]) -> int:
    """Write faces.json and performers.json of the folder's performers.db; the number of performers with faces.

    ASCII, because the consumer opens them in whatever encoding its system prefers.
    """
    with closing(sqlite3.connect(folder / "performers.db")) as release:
        rows = release.execute("SELECT performer_id FROM faces ORDER BY facenet_index")
        _write_lines(folder / "faces.json", "[]", (json.dumps(nameable[row[0]]) for row in rows))
        rows = release.execute(
            "SELECT id, canonical_name, country, image_url, face_count FROM performers WHERE face_count > 0 ORDER BY id"
        )
        return _write_lines(folder / "performers.json", "{}", _entries(rows, nameable))


def _entries(rows: Iterable[tuple[Any, ...]], nameable: Mapping[int, str]) -> Iterator[str]:
    for performer, *values in rows:
        said = dict(zip(("name", "country", "image_url", "face_count"), values, strict=True))
        yield f"{json.dumps(nameable[performer])}: {json.dumps(said)}"


def _write_lines(path: Path, brackets: str, entries: Iterable[str]) -> int:
    written = 0
    with path.open("w", encoding="ascii") as file:
        file.write(brackets[0])
        for entry in entries:
            file.write(",\n" if written else "\n")
            file.write(entry)
            written += 1
        file.write(f"\n{brackets[1]}\n")
    return written


def _sources(database: Path) -> list[str]:
    """Where the release is from: stash-boxes that know its performers, and sources of its faces."""
    with closing(sqlite3.connect(database)) as release:
        rows = release.execute("SELECT endpoint FROM stashbox_ids UNION SELECT source_endpoint FROM faces")
        return sorted(row[0] for row in rows)


def _models(specs: Sequence[IndexSpec], pack: ModelPack | None, known: Mapping[str, Any] | None) -> dict[str, Any]:
    model = specs[0].model
    said: dict[str, Any] = {"pack": None, "fingerprint": model}
    said |= {f"{spec.recogniser}_dim": spec.dim for spec in specs}
    for candidate in (*_packaged(), pack):
        if candidate is not None and candidate.fingerprint == model:
            detector = candidate.detector
            ours = f"{detector.kind}_{Path(detector.file).stem}"
            return said | {
                "pack": candidate.name,
                "detector": _DETECTOR if candidate.name == PACK else ours,
                "alignment": _ALIGNMENT,
                "flip_averaging": all(spec.flip for spec in candidate.recognisers),
            }
    return dict(known) if known is not None and known.get("fingerprint") == model else said


def _packaged() -> Iterator[ModelPack]:
    for name in known_packs():
        yield load_pack(name, Path(), complete=False)


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
