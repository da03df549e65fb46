"""Reads a release as Stash Sense does, by its rules, and holds it to what a producer promises."""

from __future__ import annotations

import hashlib
import json
import sqlite3
from collections.abc import Mapping
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import voyager

from enrich.items import FloatArray

NEAREST = 100
DOMAINS = {
    "stashdb": "stashdb.org",
    "theporndb": "theporndb.net",
    "fansdb": "fansdb.cc",
    "pmvstash": "pmvstash.org",
    "javstash": "javstash.org",
}
REQUIRED = {
    "performers.db", "face_facenet.voy", "face_arcface.voy", "faces.json", "performers.json", "manifest.json",
}  # fmt: skip


@dataclass
class PerformerRow:
    id: int
    canonical_name: str
    disambiguation: str | None
    gender: str | None
    country: str | None
    ethnicity: str | None
    birth_date: str | None
    death_date: str | None
    height_cm: int | None
    eye_color: str | None
    hair_color: str | None
    career_start_year: int | None
    career_end_year: int | None
    scene_count: int | None
    stashdb_updated_at: str | None
    face_count: int
    image_url: str | None
    created_at: str
    updated_at: str


@dataclass
class StashboxRow:
    performer_id: int
    endpoint: str
    stashbox_performer_id: str
    created_at: str


@dataclass
class AliasRow:
    id: int
    performer_id: int
    alias: str
    source_endpoint: str | None
    created_at: str


@dataclass
class FaceRow:
    id: int
    performer_id: int
    facenet_index: int
    arcface_index: int
    image_url: str
    source_endpoint: str
    quality_score: float | None
    created_at: str


@dataclass
class MarkRow:
    id: int
    performer_id: int
    location: str | None
    description: str | None
    source_endpoint: str | None
    created_at: str


ROWS: dict[str, type[Any]] = {
    "performers": PerformerRow,
    "stashbox_ids": StashboxRow,
    "aliases": AliasRow,
    "faces": FaceRow,
    "tattoos": MarkRow,
    "piercings": MarkRow,
}


class Release:
    """A release that has been loaded; whatever breaks a rule fails an assertion on the way."""

    def __init__(self, folder: Path, required: set[str] = REQUIRED) -> None:
        self.folder = folder
        assert {file.name for file in folder.iterdir()} == required
        self.manifest: Mapping[str, Any] = json.loads((folder / "manifest.json").read_text("ascii"))
        self._check_sums(required - {"manifest.json"})
        self.faces: list[str | None] = json.loads((folder / "faces.json").read_text("ascii"))
        self.performers: dict[str, dict[str, Any]] = json.loads((folder / "performers.json").read_text("ascii"))
        self.indices = {name: self._index(name) for name in sorted(required) if name.endswith(".voy")}
        self.tables = self._tables()
        self._check_counts()
        self._check_ids()

    def names(self) -> set[str]:
        return {said["name"] for said in self.performers.values()}

    def vector(self, name: str, number: int) -> FloatArray:
        return np.asarray(self.indices[name].get_vector(number), np.float32)

    def nearest(self, name: str, vector: FloatArray) -> list[str | None]:
        """The universal ids of the faces nearest to a vector; the consumer asks for a hundred."""
        numbers, _ = self.indices[name].query(vector, k=NEAREST)
        return [self.faces[number] for number in numbers]

    def _check_sums(self, files: set[str]) -> None:
        sums = self.manifest["checksums"]
        assert set(sums) == files
        for name in files:
            assert sums[name] == "sha256:" + hashlib.sha256((self.folder / name).read_bytes()).hexdigest(), name

    def _index(self, name: str) -> voyager.Index:
        with (self.folder / name).open("rb") as file:
            return voyager.Index.load(file)

    def _tables(self) -> dict[str, list[Any]]:
        with closing(sqlite3.connect(f"file:{self.folder / 'performers.db'}?mode=ro", uri=True)) as release:
            release.row_factory = sqlite3.Row
            assert release.execute("PRAGMA journal_mode").fetchone()[0] == "delete"
            assert release.execute("PRAGMA integrity_check").fetchone()[0] == "ok"
            tables = {row[0] for row in release.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
            assert tables - {"sqlite_sequence"} == set(ROWS)
            found = {
                table: [kind(**dict(row)) for row in release.execute(f"SELECT * FROM {table}")]
                for table, kind in ROWS.items()
            }
        assert not list(self.folder.glob("performers.db-*"))
        return found

    def _check_counts(self) -> None:
        faces = self.manifest["face_count"]
        assert len(self.faces) == len(self.tables["faces"]) == faces
        for index in self.indices.values():
            assert index.num_elements == len(index) == faces
            assert sorted(index.ids) == list(range(faces)), "deleted entries, or ids that are not places in faces.json"
            assert index.space == voyager.Space.Cosine
        assert len(self.performers) == self.manifest["performer_count"]
        for performer in self.tables["performers"]:
            held = [face for face in self.tables["faces"] if face.performer_id == performer.id]
            assert performer.face_count == len(held)

    def _check_ids(self) -> None:
        """Every face is its performer's, by one of the ids that stash-boxes know them by."""
        known: dict[int, set[str]] = {}
        for row in self.tables["stashbox_ids"]:
            domain = DOMAINS.get(row.endpoint, f"{row.endpoint}.org")
            known.setdefault(row.performer_id, set()).add(f"{domain}:{row.stashbox_performer_id}")
        named: dict[int, set[str]] = {}
        for face in self.tables["faces"]:
            assert face.facenet_index == face.arcface_index
            uid = self.faces[face.facenet_index]
            assert uid in known[face.performer_id]
            named.setdefault(face.performer_id, set()).add(uid)
        assert all(len(uids) == 1 for uids in named.values())
        by_id = {row.id: row for row in self.tables["performers"]}
        assert set(by_id) == set(known), "performers whom no stash-box knows, or ids of nobody"
        expected = {
            uids.pop(): {
                "name": by_id[performer].canonical_name,
                "country": by_id[performer].country,
                "image_url": by_id[performer].image_url,
                "face_count": by_id[performer].face_count,
            }
            for performer, uids in named.items()
        }
        assert self.performers == expected
