"""Other versions of one photograph: of which face that is stored or waits a new one is a copy."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from sqlalchemy import Connection, and_, or_, select

from enrich.faces.agreement import Vectors
from enrich.faces.near_duplicates import Hashes, Match, hashes_of, similarity
from enrich.items import EmbeddedImage, Reason
from enrich.store.acceptance.identity_map import IdentityMap
from enrich.store.acceptance.performer_faces import Candidate, PerformerFaces, StoredFace
from enrich.store.acceptance.ranking import grade
from enrich.store.db.schema import images

COPY_REASONS: tuple[Reason, ...] = ("duplicate_image", "duplicate_face")


@dataclass(frozen=True, slots=True)
class Copied:
    """The stored face of which a new one is a copy, and how much."""

    face: StoredFace
    how: Match


def stored_copy(loaded: IdentityMap, performer: int, image: EmbeddedImage) -> Copied | None:
    """The performer's face that comes from the same photograph, and of several the most like it."""
    hashes = hashes_of(image.picture_hash, image.face.crop_hash)
    if hashes is None:
        return None

    def vectors_of(face: int) -> Vectors | None:
        return loaded.performer_faces(performer, image.model).vectors(face)  # read only where hashes are near

    found = copies(hashes, image.vectors, loaded.all_faces(performer).values(), vectors_of)
    return max(found, key=lambda one: (one.how.similarity, -one.face.face_id), default=None)


def copies(
    hashes: Hashes, vectors: Vectors, others: Iterable[StoredFace], vectors_of: Callable[[int], Vectors | None]
) -> list[Copied]:
    """Those of ``others`` that come from the same photograph as a face of this look and these vectors."""
    found = []
    for theirs, other in hashes.near((other.hashes, other) for other in others):
        its = vectors_of(other.face_id)
        how = None if its is None else hashes.match(theirs, similarity(vectors, its))
        if how is not None:
            found.append(Copied(other, how))
    return found


def waiting_copy(owned: PerformerFaces, image: EmbeddedImage) -> tuple[Candidate, Match] | None:
    """What waits of the same source and comes from the same photograph: that is to wait, and to count, once.

    Of another source it may wait too: each source is judged by what it has itself.
    """
    source, hashes = image.ref.source, hashes_of(image.picture_hash, image.face.crop_hash)
    waiting = [one for one in owned.candidates if not one.unconfirmed and one.picture.ref.source == source]
    for one in waiting:
        if one.image.sha256 == image.sha256:
            return one, Match("duplicate_image", 0, 0, 1.0)
    if hashes is None:
        return None
    all_hashes = [(hashes_of(one.image.picture_hash, one.image.face.crop_hash), one) for one in waiting]
    for theirs, one in hashes.near(all_hashes):
        how = hashes.match(theirs, similarity(image.vectors, one.image.vectors))
        if how is not None:
            return one, how
    return None


def preferred(image: EmbeddedImage) -> tuple[int, str]:
    """Of two versions that could wait the one of the lower value does: so it does not matter which came first."""
    return -grade(image.quality), image.ref.image_url


def pictures_copying(tx: Connection, performer: int, face_id: int, source: str, image_url: str | None) -> list[int]:
    """The ledger's rows of the performer's pictures that were turned down as copies of a face, or of such copies."""
    of_face = images.c.detail["of_face"].as_integer() == face_id
    of_source, of_url = (images.c.detail[name].as_string() for name in ("of_source", "of_image_url"))
    rows = select(images.c.id, images.c.source, images.c.image_url).where(
        images.c.performer_id == performer, images.c.reason.in_(COPY_REASONS)
    )
    found: dict[int, tuple[str, str]] = {}
    asked = [of_face] if image_url is None else [or_(of_face, and_(of_source == source, of_url == image_url))]
    while asked:
        new = {row.id: (row.source, row.image_url) for row in tx.execute(rows.where(or_(*asked)))}
        fresh = [where for number, where in new.items() if number not in found]
        found |= new
        asked = [and_(of_source == theirs, of_url == url) for theirs, url in fresh]
    return sorted(found)


def as_copy(performer: int, face_id: int | None, source: str, image_url: str | None, how: Match) -> dict[str, object]:
    """The ledger's word on a copy: of what, and how much. ``face_id``: ``None`` of a picture that waits."""
    return {
        "of_performer": performer,
        "of_face": face_id,
        "of_source": source,
        "of_image_url": image_url,
        "picture_bits": how.picture_bits,
        "crop_bits": how.crop_bits,
        "similarity": round(how.similarity, 4),
    }
