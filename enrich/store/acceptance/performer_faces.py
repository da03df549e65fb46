"""The faces and the candidates that a performer has, as one transaction knows them: pictures, quality, vectors."""

from __future__ import annotations

import json
import math
from collections.abc import Hashable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from sqlalchemy import Connection, bindparam, exists, or_, select

from enrich.faces.agreement import Vectors, stacked
from enrich.faces.near_duplicates import Hashes, hashes_of
from enrich.items import EmbeddedImage, Face, FloatArray, ImageRef
from enrich.store.acceptance.picture import PICTURE, Picture
from enrich.store.db.prepared import Prepared
from enrich.store.db.schema import candidate_vectors, candidates, embeddings, face_details, faces, images

MEASURES = ("visible", "pitch_deg", "roll_deg", "sharpness", "exposure")
"""What of a face's measures is kept in the column ``measures``; the others have columns of their own."""

_REF = (images.c.source, images.c.image_url, images.c.matched, images.c.page_url, images.c.gallery)
_FOUND = (
    candidates.c.sha256, candidates.c.box_px, candidates.c.landmarks_px, candidates.c.confidence, candidates.c.yaw_deg,
    candidates.c.quality_score, candidates.c.model, candidates.c.picture_hash, candidates.c.crop_hash,
    candidates.c.measures, candidates.c.seen_face,
)  # fmt: skip
_MODEL = _FOUND.index(candidates.c.model)
_OF_PERFORMER = images.c.performer_id == bindparam("performer")
_WAITING = Prepared(
    select(*_REF, *PICTURE, images.c.detail, images.c.decided_at, *_FOUND)
    .join(candidates, candidates.c.image_id == images.c.id)
    .where(_OF_PERFORMER)
    .order_by(images.c.id),
    "performer",
)
_WITH_FACES = Prepared(
    select(*_REF, *PICTURE, images.c.detail, images.c.decided_at)
    .join(faces, faces.c.id == images.c.face_id)
    .where(faces.c.performer_id == bindparam("performer"), _OF_PERFORMER)
    .order_by(images.c.id),
    "performer",
)
_THEIR_VECTORS = Prepared(
    select(candidate_vectors.c.image_id, candidate_vectors.c.recogniser, candidate_vectors.c.vector)
    .join(images, images.c.id == candidate_vectors.c.image_id)
    .where(_OF_PERFORMER),
    "performer",
)
_VECTORS = Prepared(
    select(faces.c.id, faces.c.source_endpoint, embeddings.c.recogniser, embeddings.c.vector)
    .join(embeddings, embeddings.c.face_id == faces.c.id)
    .where(faces.c.performer_id == bindparam("performer"))
    .order_by(faces.c.id),
    "performer",
)
_NEWER = exists().where(faces.c.performer_id == images.c.performer_id, faces.c.id > candidates.c.seen_face)
_PERFORMERS = Prepared(
    select(images.c.performer_id)
    .join(candidates, candidates.c.image_id == images.c.id)
    .where(images.c.performer_id > bindparam("after"), or_(candidates.c.seen_face.is_(None), _NEWER))
    .group_by(images.c.performer_id)
    .order_by(images.c.performer_id)
    .limit(bindparam("most")),
    "after", "most",
)  # fmt: skip
_FACES_OF = Prepared(
    select(
        faces.c.id, faces.c.source_endpoint, faces.c.image_url, faces.c.quality_score, face_details.c.sha256,
        face_details.c.gallery, face_details.c.picture_hash, face_details.c.crop_hash,
        face_details.c.measures.is_not(None),
    )
    .outerjoin(face_details, face_details.c.face_id == faces.c.id)
    .where(faces.c.performer_id == bindparam("performer"))
    .order_by(faces.c.id),
    "performer",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class StoredFace:
    """A face that a performer has.

    ``measured``: its quality is of today's scale; of faces that older versions or other programs stored it is not.
    """

    face_id: int
    source: str
    image_url: str | None
    quality: float | None
    sha256: str | None
    gallery: str | None
    hashes: Hashes | None
    measured: bool

    @property
    def session(self) -> Hashable:
        """What its photo session is known by: the source's gallery, else the picture itself."""
        return session(self.source, self.gallery, self.face_id)


def session(source: str, gallery: str | None, alone: Hashable) -> Hashable:
    """What a photo session is known by; ``alone``: where no gallery is known."""
    return (source, gallery) if gallery else (source, None, alone)


def as_stored(image: EmbeddedImage, face_id: int) -> StoredFace:
    """The face of a picture that is going to be stored."""
    return StoredFace(
        face_id, image.ref.source, image.ref.image_url, image.quality, image.sha256, image.ref.gallery,
        hashes_of(image.picture_hash, image.face.crop_hash), True,
    )  # fmt: skip


@dataclass(slots=True, eq=False)
class Candidate:
    """A picture whose face is kept, to be judged again. Of an accepted picture: its face stands unconfirmed.

    ``listed``: it has its row among the candidates. ``seen_face``: as there.
    """

    picture: Picture
    image: EmbeddedImage
    seen_face: int | None = None
    listed: bool = False

    @property
    def unconfirmed(self) -> bool:
        """Whether its face is stored, though there was none to compare it with."""
        return self.picture.outcome == "accepted"


@dataclass(frozen=True, slots=True)
class FaceVectors:
    """Of which source a stored face is, and its vectors: read only where hashes are near or trust asks."""

    source: str
    vectors: Vectors


class PerformerFaces:
    """One performer's. What is written in the transaction has to be told: ``join``, ``leave``, ``wait``.

    ``candidates`` are in the order of the addresses, so that nothing depends on what was written when.
    """

    def __init__(self, performer: int, stored: Mapping[int, FaceVectors], waiting: list[Candidate]) -> None:
        self.performer = performer
        self.candidates = waiting
        self.candidates.sort(key=_order)
        self._stored = dict(stored)
        self._existing: tuple[frozenset[int], Vectors] | None = None

    @property
    def newest(self) -> int:
        """The highest number of a face they have, 0 without any."""
        return max(self._stored, default=0)

    def join(self, face_id: int, face: FaceVectors) -> None:
        """They have this face from now on."""
        self._stored[face_id] = face

    def leave(self, face_id: int) -> None:
        """They have it no more."""
        self._stored.pop(face_id, None)

    def wait(self, waiting: Candidate) -> None:
        """This picture waits from now on."""
        self.candidates.append(waiting)
        self.candidates.sort(key=_order)

    def vectors(self, face_id: int) -> Vectors | None:
        """The vectors of a face that they have; ``None`` if it has none."""
        face = self._stored.get(face_id)
        return None if face is None else face.vectors

    def unconfirmed(self) -> dict[int, Candidate]:
        """The faces that stand unconfirmed, by their ids."""
        return {
            one.picture.face_id: one for one in self.candidates if one.unconfirmed and one.picture.face_id is not None
        }

    def existing(self) -> Vectors | None:
        """The vectors (n, dim) of the faces that are surely theirs; ``None`` if there are none."""
        sure = frozenset(self._stored) - self.unconfirmed().keys()
        if not sure:
            return None
        if self._existing is None or self._existing[0] != sure:
            self._existing = sure, stacked([self._stored[face].vectors for face in sorted(sure)])
        return self._existing[1]

    def sure_of(self, source: str) -> list[Vectors]:
        """The vectors of those that are surely theirs and of this source."""
        doubtful = self.unconfirmed()
        return [
            face.vectors
            for number, face in sorted(self._stored.items())
            if face.source == source and number not in doubtful
        ]


def _order(waiting: Candidate) -> tuple[str, str]:
    return waiting.picture.ref.source, waiting.picture.ref.image_url


def read_faces(tx: Connection, performer: int) -> dict[int, StoredFace]:
    """The faces that a performer has, by their ids."""
    found = {}
    for face_id, source, url, quality, sha256, gallery, picture, crop, measured in _FACES_OF.on(tx).all(performer):
        hashes = hashes_of(picture, crop)
        found[face_id] = StoredFace(face_id, source, url, quality, sha256, gallery, hashes, bool(measured))
    return found


def read_vectors(tx: Connection, performer: int) -> dict[int, FaceVectors]:
    """The faces that a performer has, by their ids."""
    found: dict[int, tuple[str, dict[str, FloatArray]]] = {}
    for face, source, recogniser, vector in _VECTORS.on(tx).all(performer):
        found.setdefault(face, (source, {}))[1][recogniser] = np.frombuffer(vector, "<f4")
    return {face: FaceVectors(*one) for face, one in found.items()}


def pictures_with_faces(tx: Connection, performer: int) -> list[Picture]:
    """The ledger's rows of the pictures that a performer's faces are of, with detail and time."""
    found = []
    for row in _WITH_FACES.on(tx).all(performer):
        ref, said = row[: len(_REF)], row[len(_REF) : -2]
        found.append(_picture(performer, ref, said, *row[-2:]))
    return found


def waiting_performers(tx: Connection, after: int, most: int) -> list[int]:
    """The next performers of whom something waits that was not judged, or not by all the faces that they have."""
    return [row[0] for row in _PERFORMERS.on(tx).all(after, most)]


def read_candidates(tx: Connection, performer: int, model: str) -> list[Candidate]:
    """What waits of a performer, in the order of the ledger; vectors of another model are left alone."""
    rows = _WAITING.on(tx).all(performer)
    if not rows:
        return []
    vectors: dict[int, dict[str, FloatArray]] = {}
    for image, recogniser, vector in _THEIR_VECTORS.on(tx).all(performer):
        vectors.setdefault(image, {})[recogniser] = np.frombuffer(vector, "<f4")
    found = []
    for row in rows:
        ref, rest = row[: len(_REF)], row[len(_REF) :]
        said, (detail, decided_at), face = rest[: len(PICTURE)], rest[len(PICTURE) : -len(_FOUND)], rest[-len(_FOUND) :]
        picture = _picture(performer, ref, said, detail, decided_at)
        if picture.id in vectors and face[_MODEL] == model:
            image = _image(picture, vectors[picture.id], *face[:-1])
            found.append(Candidate(picture, image, seen_face=face[-1], listed=True))
    return found


def _picture(performer: int, ref: tuple[Any, ...], said: tuple[Any, ...], detail: Any, decided_at: Any) -> Picture:
    picture = Picture(_ref(performer, said[1], *ref), performer, *said)
    picture.detail = detail if detail is None or isinstance(detail, str) else json.dumps(detail)
    picture.decided_at = decided_at
    return picture


def _ref(
    performer: int, mode: str | None, source: str, url: str, matched: str | None, page: str | None, gallery: str | None
) -> ImageRef:
    """The ref as its source made it, but for a stash-box's id, which nobody needs here."""
    ours = None if mode == "api" else performer
    return ImageRef(
        source=source, image_url=url, performer_id=ours, matched=matched, page_url=page, gallery=gallery
    )  # fmt: skip


def _image(
    picture: Picture, vectors: Vectors, sha256: str, box: Any, landmarks: Any, confidence: float, yaw_deg: float,
    quality: float, model: str, picture_hash: str | None, crop_hash: str | None, measures: Any,
) -> EmbeddedImage:  # fmt: skip
    measured = _read(measures) or {}
    face = Face(
        box_px=np.array(_read(box), np.float32), landmarks_px=np.array(_read(landmarks), np.float32),
        confidence=confidence, yaw_deg=yaw_deg, crop=np.empty((0, 0, 3), np.uint8), crop_hash=crop_hash,
        **{name: measured.get(name, math.nan) for name in MEASURES},
    )  # fmt: skip
    return EmbeddedImage(
        ref=picture.ref, sha256=sha256, width_px=picture.width_px or 0, height_px=picture.height_px or 0, face=face,
        quality=quality, model=model, vectors=vectors, picture_hash=picture_hash,
    )  # fmt: skip


def measures_of(face: Face) -> dict[str, float] | None:
    """The same as the column has it; ``None`` where they are not known."""
    found = {name: float(getattr(face, name)) for name in MEASURES}
    return None if any(map(math.isnan, found.values())) else found


def _read(written: Any) -> Any:
    """JSON, which some drivers have read already."""
    return json.loads(written) if isinstance(written, str) else written
