"""What is to be written of many pictures in one transaction: gathered row by row, written at the end table by table."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from operator import attrgetter
from typing import Any

import numpy as np
from sqlalchemy import Connection, Table, bindparam, delete, insert, update

from enrich.items import EmbeddedImage, Face, FloatArray, Mode
from enrich.store.acceptance.identity_map import IdentityMap
from enrich.store.acceptance.performer_faces import MEASURES, Candidate
from enrich.store.acceptance.picture import Picture
from enrich.store.db.prepared import Prepared
from enrich.store.db.schema import (
    candidate_vectors,
    candidates,
    counters,
    embeddings,
    face_details,
    faces,
    images,
    performers,
)
from enrich.store.ledger.runs import Run, count, credit

_LITTLE_ENDIAN = np.dtype("<f4")
_NUMBER = "%.9g"
"""Nine digits give a float32 back exactly, and are written in a third of the time that JSON takes for seventeen."""
_BOX = f"[{', '.join([_NUMBER] * 4)}]"
_MEASURED_OF: Callable[[Face], tuple[float, ...]] = attrgetter(*MEASURES)
_MEASURED = "{" + ", ".join(f'"{name}": %.4g' for name in MEASURES) + "}"
_LANDMARKS = f"[{', '.join([f'[{_NUMBER}, {_NUMBER}]'] * 5)}]"


def _insert(table: Table, *columns: str) -> Prepared:
    return Prepared(insert(table).inline().values({name: bindparam(name) for name in columns}), *columns)


_COUNT_ON = Prepared(update(counters).where(counters.c.name == "face_id").values(value=bindparam("last")), "last")
_INSERT_FACE = _insert(
    faces, "id", "performer_id", "facenet_index", "arcface_index", "image_url", "source_endpoint", "quality_score",
    "created_at",
)  # fmt: skip
_INSERT_VECTOR = _insert(embeddings, "face_id", "recogniser", "model", "vector")
_INSERT_DETAILS = _insert(
    face_details, "face_id", "sha256", "box_px", "landmarks_px", "confidence", "yaw_deg", "model", "matched",
    "page_url", "gallery", "picture_hash", "crop_hash", "measures",
)  # fmt: skip
_DELETE_FACE = Prepared(delete(faces).where(faces.c.id == bindparam("face")), "face")
_INSERT_CANDIDATE = _insert(
    candidates, "image_id", "sha256", "box_px", "landmarks_px", "confidence", "yaw_deg", "quality_score", "model",
    "seen_face", "picture_hash", "crop_hash", "measures",
)  # fmt: skip
_INSERT_CANDIDATE_VECTOR = _insert(candidate_vectors, "image_id", "recogniser", "vector")
_SEEN = Prepared(
    update(candidates).where(candidates.c.image_id == bindparam("image")).values(seen_face=bindparam("seen")),
    "seen", "image",
)  # fmt: skip
_DELETE_CANDIDATE = Prepared(delete(candidates).where(candidates.c.image_id == bindparam("image")), "image")
_DECIDED = (
    "mode", "sha256", "outcome", "reason", "attempts", "next_try_at", "error", "detail", "face_id", "width_px",
    "height_px", "decided_at",
)  # fmt: skip
_INSERT_PICTURE = _insert(
    images, *_DECIDED, "source", "performer_id", "image_url", "matched", "page_url", "gallery", "created_at"
)
_UPDATE_PICTURE = Prepared(
    update(images).where(images.c.id == bindparam("row")).values({name: bindparam(name) for name in _DECIDED}),
    *_DECIDED, "row",
)  # fmt: skip
_UPDATE_PERFORMER = Prepared(
    update(performers)
    .where(performers.c.id == bindparam("performer"))
    .values(face_count=bindparam("n"), updated_at=bindparam("at")),
    "n", "at", "performer",
)  # fmt: skip


@dataclass(slots=True)
class _Counts:
    run: Run
    at: str
    faces: int = 0
    errors: int = 0


class UnitOfWork:
    """Writes of one transaction; nothing is written before ``write``. ``replaced``: faces that gave way to others."""

    def __init__(self, tx: Connection, loaded: IdentityMap) -> None:
        self.tx = tx
        self.loaded = loaded
        self.replaced = 0
        self._faces: list[tuple[Any, ...]] = []
        self._vectors: list[tuple[Any, ...]] = []
        self._details: list[tuple[Any, ...]] = []
        self._decided: dict[int, Picture] = {}
        self._grown: dict[int, str] = {}
        self._counts: dict[int, _Counts] = {}
        self._credits: dict[tuple[str, Mode], int] = {}
        self._removed: set[int] = set()
        self._waiting: dict[int, Candidate] = {}
        self._no_longer: dict[int, Candidate] = {}

    def add_face(self, image: EmbeddedImage, performer: int, at: str) -> int:
        """A new face of a performer, with its vectors; its id."""
        face_id = self.loaded.new_face(image, performer)
        ref, face = image.ref, image.face
        self._faces.append((face_id, performer, face_id, face_id, ref.image_url, ref.source, image.quality, at))
        for name, vector in image.vectors.items():
            self._vectors.append((face_id, name, image.model, _blob(vector)))
        box, landmarks = _where(image)
        self._details.append((
            face_id, image.sha256, box, landmarks, face.confidence, face.yaw_deg, image.model, ref.matched,
            ref.page_url, ref.gallery, *_looks(image),
        ))  # fmt: skip
        self._grown[performer] = at
        return face_id

    def remove_face(self, performer: int, face_id: int, source: str, sha256: str | None, at: str) -> None:
        """A face is to be taken away; its picture has to be decided anew."""
        self.loaded.no_face(performer, face_id, source, sha256)
        self._removed.add(face_id)
        self._grown[performer] = at

    def wait(self, waiting: Candidate) -> None:
        """A picture waits, or goes on waiting."""
        self._waiting[id(waiting)] = waiting
        self._no_longer.pop(id(waiting), None)

    def end_wait(self, waiting: Candidate) -> None:
        """A picture waits no longer."""
        self._no_longer[id(waiting)] = waiting
        self._waiting.pop(id(waiting), None)

    def decide(self, picture: Picture) -> None:
        """A picture's row is as it shall be."""
        self._decided[id(picture)] = picture

    def count_face(self, picture: Picture, run: Run | None, at: str, faces: int = 1) -> None:
        """Count a face with the run that is on, if that is of the picture's source, else with the last one of that."""
        if run is not None and (run.source, run.mode) == (picture.ref.source, picture.mode):
            self.count(run, at, faces=faces)
        elif picture.mode is not None:
            key = (picture.ref.source, picture.mode)
            self._credits[key] = self._credits.get(key, 0) + faces

    def count(self, run: Run | None, at: str, *, faces: int = 0, errors: int = 0) -> None:
        """Add to what the run counts."""
        if run is None:
            return
        counts = self._counts.get(run.id)
        if counts is None:
            counts = self._counts[run.id] = _Counts(run, at)
        counts.at = at
        counts.faces += faces
        counts.errors += errors

    def write(self) -> None:
        """Write it all. Raises DBAPIError; then nothing of the transaction may be kept."""
        tx = self.tx
        if self._faces:
            _COUNT_ON.on(tx).run(self._faces[-1][0])
        if self._removed:
            _DELETE_FACE.on(tx).many([(face,) for face in sorted(self._removed)])
        for statement, rows in (
            (_INSERT_FACE, self._faces), (_INSERT_VECTOR, self._vectors), (_INSERT_DETAILS, self._details)
        ):  # fmt: skip
            statement.on(tx).many([row for row in rows if row[0] not in self._removed] if self._removed else rows)
        grown = self._grown.items()
        _UPDATE_PERFORMER.on(tx).many([(sum(self.loaded.faces_of(one).values()), at, one) for one, at in grown])
        self._write_pictures()
        self._write_waiting()
        for counts in self._counts.values():
            count(tx, counts.run, counts.at, faces=counts.faces, errors=counts.errors)
        for (source, mode), number in self._credits.items():
            credit(tx, source, mode, number)

    def _write_pictures(self) -> None:
        tx = self.tx
        new, listed = [], []
        for one in self._decided.values():
            decided = (
                one.mode, one.sha256, one.outcome, one.reason, one.attempts, one.next_try_at, one.error, one.detail,
                one.face_id, one.width_px, one.height_px, one.decided_at,
            )  # fmt: skip
            if one.id is not None:
                listed.append((*decided, one.id))
                continue
            ref = one.ref
            new.append((
                *decided, ref.source, one.performer, ref.image_url, ref.matched, ref.page_url, ref.gallery,
                one.created_at,
            ))  # fmt: skip
        _UPDATE_PICTURE.on(tx).many(listed)
        _INSERT_PICTURE.on(tx).many(new)

    def _write_waiting(self) -> None:
        tx = self.tx
        _DELETE_CANDIDATE.on(tx).many([(one.picture.id,) for one in self._no_longer.values() if one.listed])
        _SEEN.on(tx).many([(one.seen_face, one.picture.id) for one in self._waiting.values() if one.listed])
        rows, vectors = [], []
        for one in self._waiting.values():
            if one.listed:
                continue
            image, number = one.image, self.loaded.row_of(one.picture)
            rows.append((
                number, image.sha256, *_where(image), image.face.confidence, image.face.yaw_deg, image.quality,
                image.model, one.seen_face, *_looks(image),
            ))  # fmt: skip
            vectors += [(number, name, _blob(vector)) for name, vector in image.vectors.items()]
        _INSERT_CANDIDATE.on(tx).many(rows)
        _INSERT_CANDIDATE_VECTOR.on(tx).many(vectors)


def _blob(vector: FloatArray) -> bytes:
    return vector.astype(_LITTLE_ENDIAN, copy=False).tobytes()


def _looks(image: EmbeddedImage) -> tuple[str | None, str | None, str | None]:
    """Hashes, and the measures as JSON where they are known."""
    face = image.face
    values = _MEASURED_OF(face)
    loaded = not math.isnan(sum(values))
    return image.picture_hash, face.crop_hash, _MEASURED % values if loaded else None


def _where(image: EmbeddedImage) -> tuple[str, str]:
    """Box and landmarks as JSON."""
    face = image.face
    return _BOX % tuple(face.box_px.tolist()), _LANDMARKS % tuple(face.landmarks_px.ravel().tolist())
