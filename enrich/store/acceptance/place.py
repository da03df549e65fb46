"""Where a face may be stored: in a free place, in that of a worse one, or nowhere; then the ledger says why."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from enrich.faces.near_duplicates import Likeness, similarity
from enrich.items import EmbeddedImage, Reason
from enrich.store.acceptance.album import Kept, session
from enrich.store.acceptance.barred import copied_face, known_otherwise
from enrich.store.acceptance.batch import Batch
from enrich.store.acceptance.company import Company
from enrich.store.acceptance.copies import as_copy, stored_copy
from enrich.store.acceptance.keeping import Entry, goes_for, grade
from enrich.store.acceptance.picture import Picture
from enrich.store.acceptance.policy import Policy
from enrich.store.ledger.rows import Limits
from enrich.store.ledger.runs import Run


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """``there``: whether there is one. ``copy_of``: if not, the performer's face of which the picture is a copy.

    ``instead_of``: whose place it is, as the worse version of the same photograph (``version``), or for ``limit``.
    """

    there: bool = True
    copy_of: int | None = None
    instead_of: Kept | None = None
    version: Likeness | None = None
    limit: Reason | None = None


def find_place(
    batch: Batch,
    picture: Picture,
    image: EmbeddedImage,
    limits: Limits,
    policy: Policy | None,
    is_doubtful: Callable[[], bool],
) -> Place:
    """Look for a place; nothing is changed but the picture's row where there is none.

    Without ``policy`` nobody makes room when a limit is reached.
    """
    known, performer = batch.known, picture.performer
    if known_otherwise(batch, picture, image):
        return Place(there=False, copy_of=copied_face(batch, picture))
    copied = stored_copy(known, performer, image)
    if copied is not None:
        if _gives_way(batch, picture, image, copied.face, limits, policy):
            return Place(instead_of=copied.face, version=copied.how)
        face = copied.face
        said = as_copy(performer, face.face_id, face.source, face.image_url, copied.how)
        picture.turn_down(copied.how.reason, json.dumps(said))
        return Place(there=False, copy_of=face.face_id)
    limit = limits.reached(known.faces_of(performer), image.ref.source)
    if limit is None:
        return Place()
    worse = None if policy is None else _worst(batch, performer, image, limit, policy, is_doubtful)
    if worse is None:
        picture.turn_down(limit)
        return Place(there=False)
    return Place(instead_of=worse, limit=limit)


def fill_place(batch: Batch, place: Place, picture: Picture, image: EmbeddedImage, run: Run | None, at: str) -> int:
    """Store the face there, and take the one away whose place it was; the new one's id."""
    performer, old = picture.performer, place.instead_of
    new = batch.add_face(image, performer, at)
    if old is None:
        return new
    batch.replaced += 1
    company = batch.known.company(performer, image.model)
    if place.version is not None:
        row = batch.known.pictures_of_faces(performer).get(old.face_id)
        if row is not None and _is_suspicious(row):
            picture.detail = row.detail  # it is the same face, and just as far from the others
        said = as_copy(performer, new, image.ref.source, image.ref.image_url, place.version)
        take_away(batch, company, old, place.version.reason, said, run, at)
    elif place.limit is not None:
        take_away(batch, company, old, place.limit, {"replaced_by_face": new}, run, at)
    return new


def take_away(
    batch: Batch, company: Company, face: Kept, reason: Reason, said: Mapping[str, object], run: Run | None, at: str
) -> None:
    """Take a face away, and turn its picture down for this reason, if the ledger has it; ``said``: the detail."""
    performer = company.performer
    row = batch.known.pictures_of_faces(performer).get(face.face_id)
    unconfirmed = company.unconfirmed().get(face.face_id)
    batch.remove_face(performer, face.face_id, face.source, face.sha256, at)
    if unconfirmed is not None:
        company.waiting.remove(unconfirmed)
        batch.end_wait(unconfirmed)
    if row is None:  # taken over from elsewhere: no crawl has ever asked for it
        return
    row.face_id, row.decided_at, row.error, row.next_try_at = None, at, None, None
    row.turn_down(reason, json.dumps(said))
    batch.decide(row)
    batch.count_face(row, run, at, faces=-1)


def _gives_way(
    batch: Batch, picture: Picture, image: EmbeddedImage, face: Kept, limits: Limits, policy: Policy | None
) -> bool:
    """Whether a stored face gives its place to a better version of its photograph.

    Whoever gives that version, it shows the same person. But what stands unconfirmed cannot vouch for anything.
    """
    if face.quality is None or not grade(image.quality) > grade(face.quality):
        return False
    held = dict(batch.known.faces_of(picture.performer))
    held[face.source] -= 1
    if limits.reached(held, image.ref.source) is not None:
        return False
    unconfirmed = batch.known.company(picture.performer, image.model).unconfirmed()
    trusted = policy is not None and policy.trust(image.ref.source) == "high"
    return trusted or face.face_id not in unconfirmed


def _worst(
    batch: Batch, performer: int, image: EmbeddedImage, limit: Reason, policy: Policy, is_doubtful: Callable[[], bool]
) -> Kept | None:
    """The face that goes for a new one when a limit is reached; ``None`` if none is worth less.

    A face of trust high gives way to such a one alone; one whose quality is of another scale, or unknown, to none.
    """
    source = image.ref.source
    album, company = batch.known.album(performer), batch.known.company(performer, image.model)
    trusted = policy.trust(source) == "high"
    may_go = [
        face.face_id
        for face in album.values()
        if face.measured
        and (limit == "total_limit" or face.source == source)
        and (trusted or policy.trust(face.source) in ("medium", "low"))
    ]
    if not may_go:
        return None
    doubtful = _doubtful(batch, performer) | company.unconfirmed().keys()
    held = [
        Entry(face.face_id, face.session, grade(face.quality or 0.0), face.face_id in doubtful)
        for face in album.values()
    ]

    def dispensable(face_id: int) -> tuple[float, ...]:
        """How near it is to another, then how poor, then how new."""
        mine = company.vectors(face_id)
        others = [company.vectors(other) for other in album if other != face_id]
        found = [one for one in (*others, image.vectors) if one is not None]
        nearness = -1.0 if mine is None else max(similarity(mine, one) for one in found)
        return round(nearness, 6), -(album[face_id].quality or 0.0), face_id

    new = Entry(0, session(source, image.ref.gallery, 0), grade(image.quality), is_doubtful())
    goes = goes_for(new, held, may_go, dispensable)
    return None if goes is None else album[goes.face_id]


def _doubtful(batch: Batch, performer: int) -> set[int]:
    """The performer's faces that are suspicious by the ledger."""
    return {face for face, row in batch.known.pictures_of_faces(performer).items() if _is_suspicious(row)}


def _is_suspicious(row: Picture) -> bool:
    return row.detail is not None and bool(json.loads(row.detail).get("suspicious"))
