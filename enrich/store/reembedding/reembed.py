"""Vectors of another model pack, gathered beside the present ones: which faces are left, what became of each picture.

Nothing here changes what the database is of; ``store/reembedding/switch.py`` does, once every face has its new vectors.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal

import numpy as np
from sqlalchemy import Connection, Select, and_, delete, func, insert, or_, select
from sqlalchemy.sql.elements import ColumnElement

from enrich.items import Face, FloatArray, ImageRef
from enrich.store.acceptance.performer_faces import measures_of
from enrich.store.db.database import utc_in, utc_text
from enrich.store.db.model_pack import index_specs
from enrich.store.db.schema import face_details, faces, new_embeddings, performers, reembedded
from enrich.store.ledger.rows import retry_seconds

Loss = Literal["not_found", "changed", "no_face", "image_too_large", "no_address", "unrecognisable"]
"""Why a face cannot be embedded anew: its picture is gone, is another one, shows it no more, has no address."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """A face that has no vectors of the new pack yet, and what is known of it; ``None`` where that is not recorded.

    ``box_px``: x1 y1 x2 y2 in its picture, as the pack before found it.
    """

    face_id: int
    sha256: str | None
    box_px: tuple[float, float, float, float] | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Progress:
    """How far a database is on its way to the pack ``model``. ``open``: not tried yet; by source.

    ``lost``: by reason. ``failed``: could not be fetched, the first of them to be tried again at ``next_try_at``.
    """

    model: str
    faces: int
    done: int
    lost: Mapping[str, int] = field(default_factory=dict)
    failed: Mapping[str, int] = field(default_factory=dict)
    open: Mapping[str, int] = field(default_factory=dict)
    next_try_at: str | None = None

    @property
    def left(self) -> int:
        """Faces without vectors of the new pack."""
        return self.faces - self.done


@dataclass(frozen=True, slots=True)
class LostFace:
    """A face that cannot be embedded anew, for a person to look at."""

    face_id: int
    performer: str
    source: str
    image_url: str | None
    reason: str


def begin(tx: Connection, model: str) -> None:
    """Enter as lost the faces whose picture nobody knows where to find."""
    nowhere = missing(model, faces.c.id).where(faces.c.image_url.is_(None))
    for (face_id,) in tx.execute(nowhere).all():
        _decide(tx, face_id, model, outcome="lost", reason="no_address")


def wanted(connection: Connection, model: str, ref: ImageRef) -> list[Wanted]:
    """The faces of the ref's performer from its picture that have no vectors of ``model`` yet."""
    statement = missing(model, faces.c.id, face_details.c.sha256, face_details.c.box_px).where(
        faces.c.performer_id == ref.performer_id,
        faces.c.image_url == ref.image_url,
        faces.c.source_endpoint == ref.source,
    )
    return [Wanted(row.id, row.sha256, row.box_px and tuple(row.box_px)) for row in connection.execute(statement)]


def save_vectors(
    tx: Connection,
    face_id: int,
    model: str,
    vectors: Mapping[str, FloatArray],
    *,
    face: Face,
    sha256: str,
    quality: float,
    picture_hash: str | None = None,
    now: datetime | None = None,
) -> bool:
    """Keep a face's new vectors, and where it was found; False if the face is gone or has them already."""
    if not _decide(
        tx, face_id, model, now, outcome="done", sha256=sha256, box_px=face.box_px.tolist(),
        landmarks_px=face.landmarks_px.tolist(), confidence=face.confidence, yaw_deg=face.yaw_deg,
        quality_score=quality, picture_hash=picture_hash, crop_hash=face.crop_hash, measures=measures_of(face),
    ):  # fmt: skip
        return False
    rows = [
        {
            "face_id": face_id,
            "recogniser": name,
            "model": model,
            "vector": np.ascontiguousarray(vector, dtype="<f4").tobytes(),
        }
        for name, vector in vectors.items()
    ]
    tx.execute(insert(new_embeddings), rows)
    return True


def lose_face(tx: Connection, face_id: int, model: str, reason: Loss, *, now: datetime | None = None) -> bool:
    """Enter that a face cannot be embedded anew; False if the face is gone or has its vectors."""
    return _decide(tx, face_id, model, now, outcome="lost", reason=reason)


def fail_face(tx: Connection, face_id: int, model: str, error: str, *, now: datetime | None = None) -> bool:
    """Enter that a face's picture could not be fetched this time, and when to try again; False as for ``lose_face``."""
    row = _row(tx, face_id, model)
    attempts = (row.attempts if row else 0) + 1
    again = utc_in(retry_seconds(attempts), utc_text(now))
    return _decide(tx, face_id, model, now, outcome="failed", reason=error, attempts=attempts, next_try_at=again)


def progress(connection: Connection, model: str) -> Progress:
    """How far the database is on its way to ``model``."""
    mine = _mine(model)
    outcomes = (
        select(faces.c.source_endpoint, reembedded.c.outcome, reembedded.c.reason, func.count())
        .select_from(faces.outerjoin(reembedded, mine))
        .group_by(faces.c.source_endpoint, reembedded.c.outcome, reembedded.c.reason)
    )
    total = done = 0
    counts: dict[str, dict[str, int]] = {"lost": {}, "failed": {}, "open": {}}
    for source, outcome, reason, number in connection.execute(outcomes):
        total += number
        if outcome == "done":
            done += number
            continue
        kind = outcome or "open"
        key = reason if kind == "lost" else source
        counts[kind][key] = counts[kind].get(key, 0) + number
    soonest = select(func.min(reembedded.c.next_try_at)).where(
        reembedded.c.model == model, reembedded.c.outcome == "failed"
    )
    return Progress(
        model=model, faces=total, done=done, **counts, next_try_at=connection.execute(soonest).scalar()
    )  # fmt: skip


def begun(connection: Connection) -> list[str]:
    """The packs, other than the database's own, for which vectors have been gathered."""
    own = {spec.model for spec in index_specs(connection)}
    found = connection.execute(select(reembedded.c.model).distinct()).scalars()
    return sorted(set(found) - own)


def lost_faces(connection: Connection, model: str) -> list[LostFace]:
    """The faces that cannot be embedded anew, in the order of their ids."""
    statement = (
        select(faces.c.id, performers.c.canonical_name, faces.c.source_endpoint, faces.c.image_url, reembedded.c.reason)
        .join(reembedded, _mine(model))
        .join(performers, performers.c.id == faces.c.performer_id)
        .where(reembedded.c.outcome == "lost")
        .order_by(faces.c.id)
    )
    return [LostFace(*row) for row in connection.execute(statement)]


def abandon(tx: Connection) -> int:
    """Throw away all gathered vectors; the number of faces that had some."""
    number: int = tx.execute(
        select(func.count()).select_from(reembedded).where(reembedded.c.outcome == "done")
    ).scalar_one()
    tx.execute(delete(new_embeddings))
    tx.execute(delete(reembedded))
    return number


def _mine(model: str) -> ColumnElement[bool]:
    return and_(reembedded.c.face_id == faces.c.id, reembedded.c.model == model)


def missing(model: str, *columns: Any) -> Select[Any]:
    """What ``columns`` say of the faces that are neither done nor lost, tried or not, by id."""
    known = faces.outerjoin(reembedded, _mine(model)).outerjoin(face_details, face_details.c.face_id == faces.c.id)
    return (
        select(*columns)
        .select_from(known)
        .where(or_(reembedded.c.face_id.is_(None), reembedded.c.outcome == "failed"))
        .order_by(faces.c.id)
    )


def _row(connection: Connection, face_id: int, model: str) -> Any:
    return connection.execute(
        select(reembedded).where(reembedded.c.face_id == face_id, reembedded.c.model == model)
    ).first()


def _decide(tx: Connection, face_id: int, model: str, now: datetime | None = None, **values: Any) -> bool:
    """Write what became of a face, unless it is gone or its last word is spoken."""
    row = _row(tx, face_id, model)
    if row is not None and row.outcome != "failed":
        return False
    if tx.execute(select(faces.c.id).where(faces.c.id == face_id)).first() is None:
        return False
    if row is not None:
        tx.execute(delete(reembedded).where(reembedded.c.face_id == face_id, reembedded.c.model == model))
    tx.execute(insert(reembedded), {"face_id": face_id, "model": model, "decided_at": utc_text(now), **values})
    return True
