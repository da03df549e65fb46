"""Which slot a face may take: a free one, that of a worse one, or none; then the ledger says why.

A picture on another performer's page, or of known bytes, gets none before its face is looked at.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from enrich.faces.near_duplicates import Match, similarity
from enrich.items import EmbeddedImage, KnownImage, Reason
from enrich.store.acceptance.duplicates import as_copy, stored_copy
from enrich.store.acceptance.performer_faces import Candidate, PerformerFaces, StoredFace, session
from enrich.store.acceptance.picture import Picture
from enrich.store.acceptance.policy import Policy
from enrich.store.acceptance.ranking import Entry, goes_for, grade
from enrich.store.acceptance.unit_of_work import UnitOfWork
from enrich.store.ledger.rows import Limits
from enrich.store.ledger.runs import Run


@dataclass(frozen=True, slots=True, kw_only=True)
class Slot:
    """``there``: whether there is one. ``copy_of``: if not, the performer's face of which the picture is a copy.

    ``instead_of``: whose place it is, as the worse version of the same photograph (``version``), or for ``limit``.
    """

    there: bool = True
    copy_of: int | None = None
    instead_of: StoredFace | None = None
    version: Match | None = None
    limit: Reason | None = None


def barred(work: UnitOfWork, picture: Picture, image: EmbeddedImage | KnownImage, limits: Limits) -> bool:
    """Whether a picture is turned down whoever it shows, also for want of room; the ledger says why."""
    if known_elsewhere(work, picture, image):
        return True
    reason = limits.reached(work.loaded.faces_of(picture.performer), image.ref.source)
    if reason is not None:
        picture.turn_down(reason)
    return reason is not None


def known_elsewhere(work: UnitOfWork, picture: Picture, image: EmbeddedImage | KnownImage) -> bool:
    """Whether a picture is on another performer's page, or of bytes that were accepted or forgotten."""
    page_owner = work.loaded.page_owner(image.ref)
    same = work.loaded.accepted(image.sha256)
    if page_owner is not None and page_owner != picture.performer:
        picture.turn_down("wrong_person", json.dumps({"page_of_performer": page_owner}))
    elif same is not None and same[-1] == "forgotten":
        picture.turn_down("forgotten")
    elif same is not None:
        named = ("of_performer", "of_face", "of_source", "of_image_url")
        picture.turn_down("duplicate_image", json.dumps(dict(zip(named, same[:-1], strict=True))))
    else:
        return False
    return True


def copied_face(work: UnitOfWork, picture: Picture) -> int | None:
    """The performer's own face of which a picture that was turned down has the bytes."""
    same = work.loaded.accepted(picture.sha256) if picture.sha256 is not None else None
    if picture.reason != "duplicate_image" or same is None or same[0] != picture.performer:
        return None
    return same[1]


def find_slot(
    work: UnitOfWork,
    picture: Picture,
    image: EmbeddedImage,
    limits: Limits,
    policy: Policy | None,
    is_doubtful: Callable[[], bool],
) -> Slot:
    """Look for a slot; nothing is changed but the picture's row where there is none.

    Without ``policy`` nobody makes room when a limit is reached.
    """
    loaded, performer = work.loaded, picture.performer
    if known_elsewhere(work, picture, image):
        return Slot(there=False, copy_of=copied_face(work, picture))
    copied = stored_copy(loaded, performer, image)
    if copied is not None:
        if _gives_way(work, picture, image, copied.face, limits, policy):
            return Slot(instead_of=copied.face, version=copied.how)
        face = copied.face
        said = as_copy(performer, face.face_id, face.source, face.image_url, copied.how)
        picture.turn_down(copied.how.reason, json.dumps(said))
        return Slot(there=False, copy_of=face.face_id)
    limit = limits.reached(loaded.faces_of(performer), image.ref.source)
    if limit is None:
        return Slot()
    worse = None if policy is None else _worst(work, performer, image, limit, policy, is_doubtful)
    if worse is None:
        picture.turn_down(limit)
        return Slot(there=False)
    return Slot(instead_of=worse, limit=limit)


def fill_slot(work: UnitOfWork, slot: Slot, picture: Picture, image: EmbeddedImage, run: Run | None, at: str) -> int:
    """Store the face there, and take the one away whose place it was; the new one's id."""
    performer, old = picture.performer, slot.instead_of
    new = work.add_face(image, performer, at)
    if old is None:
        return new
    work.replaced += 1
    owned = work.loaded.performer_faces(performer, image.model)
    if slot.version is not None:
        row = work.loaded.pictures_of_faces(performer).get(old.face_id)
        if row is not None and _is_suspicious(row):
            picture.detail = row.detail  # it is the same face, and just as far from the others
        said = as_copy(performer, new, image.ref.source, image.ref.image_url, slot.version)
        take_away(work, owned, old, slot.version.reason, said, run, at)
    elif slot.limit is not None:
        take_away(work, owned, old, slot.limit, {"replaced_by_face": new}, run, at)
    return new


def make_sure(work: UnitOfWork, owned: PerformerFaces, one: Candidate) -> None:
    """A face that stood unconfirmed is surely the performer's."""
    owned.candidates.remove(one)
    work.end_wait(one)
    one.picture.detail = None
    work.decide(one.picture)


def take_away(
    work: UnitOfWork,
    owned: PerformerFaces,
    face: StoredFace,
    reason: Reason,
    detail: Mapping[str, object],
    run: Run | None,
    at: str,
) -> None:
    """Take a face away, and turn its picture down for this reason, if the ledger has it; ``detail``: why."""
    performer = owned.performer
    row = work.loaded.pictures_of_faces(performer).get(face.face_id)
    unconfirmed = owned.unconfirmed().get(face.face_id)
    work.remove_face(performer, face.face_id, face.source, face.sha256, at)
    if unconfirmed is not None:
        owned.candidates.remove(unconfirmed)
        work.end_wait(unconfirmed)
    if row is None:  # taken over from elsewhere: no crawl has ever asked for it
        return
    row.face_id, row.decided_at, row.error, row.next_try_at = None, at, None, None
    row.turn_down(reason, json.dumps(detail))
    work.decide(row)
    work.count_face(row, run, at, faces=-1)


def _gives_way(
    work: UnitOfWork, picture: Picture, image: EmbeddedImage, face: StoredFace, limits: Limits, policy: Policy | None
) -> bool:
    """Whether a stored face gives its place to a better version of its photograph.

    Whoever gives that version, it shows the same person. But what stands unconfirmed cannot vouch for anything.
    """
    if face.quality is None or not grade(image.quality) > grade(face.quality):
        return False
    held = dict(work.loaded.faces_of(picture.performer))
    held[face.source] -= 1
    if limits.reached(held, image.ref.source) is not None:
        return False
    unconfirmed = work.loaded.performer_faces(picture.performer, image.model).unconfirmed()
    trusted = policy is not None and policy.trust(image.ref.source) == "high"
    return trusted or face.face_id not in unconfirmed


def _worst(
    work: UnitOfWork,
    performer: int,
    image: EmbeddedImage,
    limit: Reason,
    policy: Policy,
    is_doubtful: Callable[[], bool],
) -> StoredFace | None:
    """The face that goes for a new one when a limit is reached; ``None`` if none is worth less.

    A face of trust high gives way to such a one alone; one whose quality is of another scale, or unknown, to none.
    """
    source = image.ref.source
    album, owned = work.loaded.all_faces(performer), work.loaded.performer_faces(performer, image.model)
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
    doubtful = _doubtful(work, performer) | owned.unconfirmed().keys()
    held = [
        Entry(face.face_id, face.session, grade(face.quality or 0.0), face.face_id in doubtful)
        for face in album.values()
    ]

    def dispensable(face_id: int) -> tuple[float, ...]:
        """How near it is to another, then how poor, then how new."""
        mine = owned.vectors(face_id)
        others = [owned.vectors(other) for other in album if other != face_id]
        found = [one for one in (*others, image.vectors) if one is not None]
        nearness = -1.0 if mine is None else max(similarity(mine, one) for one in found)
        return round(nearness, 6), -(album[face_id].quality or 0.0), face_id

    new = Entry(0, session(source, image.ref.gallery, 0), grade(image.quality), is_doubtful())
    goes = goes_for(new, held, may_go, dispensable)
    return None if goes is None else album[goes.face_id]


def _doubtful(work: UnitOfWork, performer: int) -> set[int]:
    """The performer's faces that are suspicious by the ledger."""
    return {face for face, row in work.loaded.pictures_of_faces(performer).items() if _is_suspicious(row)}


def _is_suspicious(row: Picture) -> bool:
    return row.detail is not None and bool(json.loads(row.detail).get("suspicious"))
