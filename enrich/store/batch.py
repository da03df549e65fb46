"""What is to be written of many pictures in one transaction: gathered row by row, written at the end table by table."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from sqlalchemy import Connection, Table, bindparam, insert, update

from enrich.items import EmbeddedImage
from enrich.store.known import Known, Picture
from enrich.store.prepared import Prepared
from enrich.store.runs import Run, count
from enrich.store.schema import counters, embeddings, face_details, faces, images, performers

_LITTLE_ENDIAN = np.dtype("<f4")
_NUMBER = "%.9g"
"""Nine digits give a float32 back exactly, and are written in a third of the time that JSON takes for seventeen."""
_BOX = f"[{', '.join([_NUMBER] * 4)}]"
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
    "page_url", "gallery",
)  # fmt: skip
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


class Batch:
    """Writes of one transaction; nothing is written before ``write``."""

    def __init__(self, tx: Connection, known: Known) -> None:
        self.tx = tx
        self.known = known
        self._faces: list[tuple[Any, ...]] = []
        self._vectors: list[tuple[Any, ...]] = []
        self._details: list[tuple[Any, ...]] = []
        self._decided: dict[int, Picture] = {}
        self._grown: dict[int, str] = {}
        self._counts: dict[int, _Counts] = {}

    def add_face(self, image: EmbeddedImage, performer: int, at: str) -> int:
        """A new face of a performer, with its vectors; its id."""
        face_id = self.known.new_face(image, performer)
        ref, face = image.ref, image.face
        self._faces.append((face_id, performer, face_id, face_id, ref.image_url, ref.source, image.quality, at))
        for name, vector in image.vectors.items():
            self._vectors.append((face_id, name, image.model, vector.astype(_LITTLE_ENDIAN, copy=False).tobytes()))
        box, landmarks = _BOX % tuple(face.box_px.tolist()), _LANDMARKS % tuple(face.landmarks_px.ravel().tolist())
        self._details.append((
            face_id, image.sha256, box, landmarks, face.confidence, face.yaw_deg, image.model, ref.matched,
            ref.page_url, ref.gallery,
        ))  # fmt: skip
        self._grown[performer] = at
        return face_id

    def decide(self, picture: Picture) -> None:
        """A picture's row is as it shall be."""
        self._decided[id(picture)] = picture

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
            _INSERT_FACE.on(tx).many(self._faces)
            _INSERT_VECTOR.on(tx).many(self._vectors)
            _INSERT_DETAILS.on(tx).many(self._details)
            grown = self._grown.items()
            _UPDATE_PERFORMER.on(tx).many([(sum(self.known.faces_of(one).values()), at, one) for one, at in grown])
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
        for counts in self._counts.values():
            count(tx, counts.run, counts.at, faces=counts.faces, errors=counts.errors)
