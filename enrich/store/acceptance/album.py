"""The faces that a performer has, as pictures of them: how they look, how good they are, of which session they are."""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass

from sqlalchemy import Connection, bindparam, select

from enrich.faces.near_duplicates import Look, look_of
from enrich.items import EmbeddedImage
from enrich.store.db.prepared import Prepared
from enrich.store.db.schema import face_details, faces

_KEPT = Prepared(
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
class Kept:
    """A face that a performer has.

    ``measured``: its quality is of today's scale; of faces that older versions or other programs stored it is not.
    """

    face_id: int
    source: str
    image_url: str | None
    quality: float | None
    sha256: str | None
    gallery: str | None
    look: Look | None
    measured: bool

    @property
    def session(self) -> Hashable:
        """What its photo session is known by: the source's gallery, else the picture itself."""
        return session(self.source, self.gallery, self.face_id)


def session(source: str, gallery: str | None, alone: Hashable) -> Hashable:
    """What a photo session is known by; ``alone``: where no gallery is known."""
    return (source, gallery) if gallery else (source, None, alone)


def kept(image: EmbeddedImage, face_id: int) -> Kept:
    """The face of a picture that is going to be stored."""
    return Kept(
        face_id, image.ref.source, image.ref.image_url, image.quality, image.sha256, image.ref.gallery,
        look_of(image.picture_hash, image.face.crop_hash), True,
    )  # fmt: skip


def read_album(tx: Connection, performer: int) -> dict[int, Kept]:
    """The faces that a performer has, by their ids."""
    found = {}
    for face_id, source, url, quality, sha256, gallery, picture, crop, measured in _KEPT.on(tx).all(performer):
        look = look_of(picture, crop)
        found[face_id] = Kept(face_id, source, url, quality, sha256, gallery, look, bool(measured))
    return found
