"""Faces that wait: how many, and what becomes of them when the database goes over to another model pack."""

from __future__ import annotations

from collections.abc import Mapping

from sqlalchemy import Connection, delete, exists, func, insert, select, update

from enrich.store.db.schema import candidate_vectors, candidates, embeddings, face_details, faces, images

FOUND = (
    "sha256", "box_px", "landmarks_px", "confidence", "yaw_deg", "model", "picture_hash", "crop_hash", "measures"
)  # fmt: skip
"""What is kept of where a face was found and what it looks like: the same columns in several tables."""

_IS_ACCEPTED = images.c.outcome == "accepted"
_KEPT = images.c.id == candidates.c.image_id


def standings(connection: Connection) -> dict[tuple[str, str | None], Mapping[str, int]]:
    """How many faces are ``waiting``, ``unconfirmed`` or ``suspicious``; by source and mode."""
    by = (images.c.source, images.c.mode)
    kept = select(*by, func.count().filter(~_IS_ACCEPTED), func.count().filter(_IS_ACCEPTED)).join(candidates, _KEPT)
    found: dict[tuple[str, str | None], dict[str, int]] = {}
    for source, mode, waiting, unconfirmed in connection.execute(kept.group_by(*by)):
        found[source, mode] = {"waiting": waiting, "unconfirmed": unconfirmed}
    doubted = images.c.detail["suspicious"].as_boolean()
    counted = select(*by, func.count()).where(_IS_ACCEPTED, images.c.detail.is_not(None), doubted).group_by(*by)
    for source, mode, suspicious in connection.execute(counted):
        found.setdefault((source, mode), {})["suspicious"] = suspicious
    return {key: {name: n for name, n in counts.items() if n} for key, counts in found.items()}


def fetch_waiting_anew(tx: Connection) -> None:
    """Let go of the vectors that wait: of another pack's they cannot be compared with; their pictures are due again."""
    waiting = select(candidates.c.image_id).join(images, _KEPT).where(~_IS_ACCEPTED)
    fresh = {"outcome": "pending", "reason": None, "detail": None, "attempts": 0, "decided_at": None}
    tx.execute(update(images).where(images.c.id.in_(waiting)).values(**fresh, next_try_at=None, error=None))
    tx.execute(delete(candidates).where(candidates.c.image_id.in_(waiting)))


def renew_unconfirmed(tx: Connection) -> None:
    """Make what is kept of faces that stand unconfirmed the same as what is now stored of them."""
    gone = ~exists().where(_KEPT, _IS_ACCEPTED, images.c.face_id == face_details.c.face_id)
    tx.execute(delete(candidates).where(gone))
    stored = {name: face_details.c[name] for name in FOUND}
    of_face = (_KEPT, images.c.face_id == faces.c.id, face_details.c.face_id == faces.c.id)
    tx.execute(update(candidates).where(*of_face).values({**stored, "quality_score": faces.c.quality_score}))
    tx.execute(delete(candidate_vectors))
    tx.execute(
        insert(candidate_vectors).from_select(
            ["image_id", "recogniser", "vector"],
            select(candidates.c.image_id, embeddings.c.recogniser, embeddings.c.vector)
            .join(images, _KEPT)
            .join(embeddings, embeddings.c.face_id == images.c.face_id),
        )
    )
