"""Stash Sense data folders for the tests: the real schemas 1 to 5, invented people, vectors that tell them apart."""

from __future__ import annotations

import hashlib
import os
import sqlite3
from collections.abc import Iterable, Mapping
from contextlib import closing
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Self
from uuid import UUID

import numpy as np
import voyager

from enrich.items import FloatArray

DIM = 512
BEGUN = datetime(2025, 6, 1, tzinfo=UTC)
"""When the first face was written; one every ten seconds after that."""

_PERFORMERS = {
    1: "id INTEGER PRIMARY KEY AUTOINCREMENT, canonical_name TEXT NOT NULL, gender TEXT, country TEXT, birth_date TEXT,"
    " career_start_year INTEGER, career_end_year INTEGER, face_count INTEGER DEFAULT 0, image_url TEXT,"
    " created_at TEXT DEFAULT (datetime('now')), updated_at TEXT DEFAULT (datetime('now'))",
    2: "disambiguation TEXT, ethnicity TEXT, death_date TEXT, height_cm INTEGER, eye_color TEXT, hair_color TEXT",
    3: "scene_count INTEGER, stashdb_updated_at TEXT",
}
_OF_PERFORMER = "performer_id INTEGER NOT NULL REFERENCES performers(id) ON DELETE CASCADE"
_NOW = "TEXT DEFAULT (datetime('now'))"
_TABLES = f"""
CREATE TABLE stashbox_ids ({_OF_PERFORMER}, endpoint TEXT NOT NULL, stashbox_performer_id TEXT NOT NULL,
    created_at {_NOW}, PRIMARY KEY (endpoint, stashbox_performer_id));
CREATE INDEX idx_stashbox_performer ON stashbox_ids(performer_id);
CREATE INDEX idx_stashbox_id ON stashbox_ids(stashbox_performer_id);
CREATE TABLE external_urls (id INTEGER PRIMARY KEY AUTOINCREMENT, {_OF_PERFORMER}, site TEXT NOT NULL,
    url TEXT NOT NULL, normalized_id TEXT NOT NULL, source_endpoint TEXT NOT NULL, confidence REAL DEFAULT 1.0,
    created_at {_NOW}, UNIQUE (site, normalized_id));
CREATE INDEX idx_urls_performer ON external_urls(performer_id);
CREATE TABLE aliases (id INTEGER PRIMARY KEY AUTOINCREMENT, {_OF_PERFORMER}, alias TEXT NOT NULL,
    source_endpoint TEXT, created_at {_NOW}, UNIQUE (performer_id, alias));
CREATE INDEX idx_aliases_alias ON aliases(alias COLLATE NOCASE);
CREATE TABLE merged_ids ({_OF_PERFORMER}, merged_stashbox_id TEXT NOT NULL, endpoint TEXT NOT NULL,
    merged_at {_NOW}, PRIMARY KEY (endpoint, merged_stashbox_id));
"""
_FACES = f"""
CREATE TABLE faces (id INTEGER PRIMARY KEY AUTOINCREMENT, {_OF_PERFORMER}, facenet_index INTEGER NOT NULL UNIQUE,
    arcface_index INTEGER NOT NULL UNIQUE, image_url TEXT, {{source}} quality_score REAL, created_at {_NOW});
CREATE INDEX idx_faces_performer ON faces(performer_id);
"""
_MARKS = """
CREATE TABLE {table} (id INTEGER PRIMARY KEY AUTOINCREMENT, {performer}, location TEXT, description TEXT,
    source_endpoint TEXT, created_at {now}, UNIQUE (performer_id, location, description));
CREATE INDEX idx_{table}_performer ON {table}(performer_id);
"""
_PROGRESS = f"""
CREATE TABLE scrape_progress (source TEXT PRIMARY KEY, last_processed_id TEXT, last_processed_time {_NOW},
    performers_processed INTEGER DEFAULT 0, faces_added INTEGER DEFAULT 0, errors INTEGER DEFAULT 0);
"""


def schema(version: int) -> str:
    """The statements that make an empty database of this version, as migrations from the first on left it.

    Versions 1 to 3 are without NOT NULL on ``faces.source_endpoint``, and the first without the column: both occur.
    """
    performers = ", ".join(_PERFORMERS[step] for step in (1, 2, 3) if step <= version)
    source = {1: "", 2: "source_endpoint TEXT,", 3: "source_endpoint TEXT,"}.get(
        version, "source_endpoint TEXT NOT NULL,"
    )
    parts = [
        "CREATE TABLE schema_version (version INTEGER PRIMARY KEY);",
        f"CREATE TABLE performers ({performers});",
        "CREATE INDEX idx_performers_name ON performers(canonical_name);",
        _TABLES,
        _FACES.format(source=source),
    ]
    if version >= 2:
        parts += [_MARKS.format(table=table, performer=_OF_PERFORMER, now=_NOW) for table in ("tattoos", "piercings")]
    if version >= 5:
        parts.append(_PROGRESS)
    return "\n".join([*parts, f"INSERT INTO schema_version VALUES ({version});"])


def uuid(number: int) -> str:
    """The id of the performer ``number`` at StashDB."""
    return str(UUID(int=(0xF << 124) + number))


def picture(face: int) -> str:
    """The address of the picture that the face ``face`` (from 1) is from."""
    return f"https://cdn.stashdb.org/images/{hashlib.md5(str(face).encode(), usedforsecurity=False).hexdigest()}"


def crowd(faces: int, most: int = 5, seed: int = 0) -> list[int]:
    """Whose each face is, performers from 1 on with one to ``most`` faces each, one after the other."""
    chance = np.random.default_rng(seed)
    owners: list[int] = []
    while len(owners) < faces:
        owners += [owners[-1] + 1 if owners else 1] * int(chance.integers(1, most + 1))
    return owners[:faces]


def vectors_of(owners: Iterable[int], recogniser: str) -> FloatArray:
    """A unit vector for each face, near those of the same performer: a cosine of 0.7, of strangers one about 0."""
    owners = list(owners)
    chance = np.random.default_rng([len(recogniser), ord(recogniser[0])])
    centres = chance.normal(size=(max(owners, default=0) + 1, DIM))
    found = centres[owners] + 0.65 * chance.normal(size=(len(owners), DIM))
    return np.asarray(found / np.linalg.norm(found, axis=1, keepdims=True), np.float32)


@dataclass(slots=True)
class OldData:
    """A data folder of Stash Sense being made. ``owners``: whose each face is, performers from 1 on.

    ``stored``: the number that the database has for each face's vector, where that is not its place (from 0).
    """

    folder: Path
    version: int = 5
    owners: list[int] = field(default_factory=list)
    stored: dict[int, int] = field(default_factory=dict)
    arcface_stored: dict[int, int] = field(default_factory=dict)

    @property
    def path(self) -> Path:
        """The database."""
        return self.folder / "performers.db"

    def index(self, recogniser: str) -> Path:
        """An index."""
        return self.folder / f"face_{recogniser}.voy"

    def make(self, **damage: Any) -> Self:
        """Write a database without damage, and its indices. ``damage``: as in ``write_indices``."""
        self.folder.mkdir(parents=True, exist_ok=True)
        with closing(sqlite3.connect(self.path)) as old, old:
            old.executescript(schema(self.version))
            people = sorted(set(self.owners))
            old.executemany(
                "INSERT INTO performers (id, canonical_name, gender, country, birth_date) VALUES (?, ?, ?, ?, ?)",
                [(n, f"Person {n}", "FEMALE", "US", f"19{70 + n % 25}-05-{n % 28 + 1:02}") for n in people],
            )
            old.executemany(
                "INSERT INTO stashbox_ids (performer_id, endpoint, stashbox_performer_id) VALUES (?, 'stashdb', ?)",
                [(n, uuid(n)) for n in people],
            )
            columns = [
                "id",
                "performer_id",
                "facenet_index",
                "arcface_index",
                "image_url",
                "quality_score",
                "created_at",
            ]
            rows: list[list[Any]] = []
            for place, owner in enumerate(self.owners):
                facenet = self.stored.get(place, place)
                arcface = self.arcface_stored.get(place, facenet)
                rows.append([place + 1, owner, facenet, arcface, picture(place + 1), 0.9, written(place)])
            if self.version > 1:
                columns.append("source_endpoint")
                rows = [[*row, "stashdb"] for row in rows]
            marks = ", ".join("?" * len(columns))
            old.executemany(f"INSERT INTO faces ({', '.join(columns)}) VALUES ({marks})", rows)
        self.write_indices(**{"faces": range(len(self.owners)), **damage})
        return self

    def write_indices(
        self,
        faces: Iterable[int],
        *,
        arcface: Iterable[int] | None = None,
        altered: Mapping[str, Mapping[int, FloatArray]] | None = None,
        deleted: Iterable[int] = (),
        storage: voyager.StorageDataType = voyager.StorageDataType.Float32,
    ) -> None:
        """Write both indices as Voyager numbered them: the vectors of these faces (from 0), one after the other.

        ``altered``: by recogniser and number, what to write instead. ``deleted``: numbers.
        """
        faces = list(faces)
        for recogniser, which in (("facenet", faces), ("arcface", faces if arcface is None else list(arcface))):
            vectors = vectors_of(self.owners, recogniser)[which]
            for number, vector in (altered or {}).get(recogniser, {}).items():
                vectors[number] = vector
            # A graph as coarse as can be: nothing is searched in it. With numbers: left to itself, Voyager mixes them
            # up among its threads (spotify/voyager#65).
            index = voyager.Index(voyager.Space.Cosine, DIM, M=4, ef_construction=8, storage_data_type=storage)
            index.add_items(vectors, ids=list(range(len(which))))
            for number in deleted:
                index.mark_deleted(number)
            index.save(str(self.index(recogniser)))
            self.touch(recogniser, BEGUN + timedelta(days=365))

    def touch(self, recogniser: str, at: datetime) -> None:
        """Set when an index was written."""
        os.utime(self.index(recogniser), (at.timestamp(), at.timestamp()))

    def sql(self, statement: str, *values: Any) -> None:
        """Change the database, damage included: nothing is enforced."""
        with closing(sqlite3.connect(self.path)) as old, old:
            old.execute("PRAGMA foreign_keys = OFF")
            old.execute(statement, values)


def written(place: int) -> str:
    """When the face at this place was written."""
    return (BEGUN + timedelta(seconds=10 * place)).strftime("%Y-%m-%d %H:%M:%S")
