"""Writes what became of a picture: the face with its vectors and its ledger row in one transaction, or why not."""

from __future__ import annotations

import math
from datetime import datetime, timedelta
from typing import Any

import numpy as np
from sqlalchemy import Connection, bindparam, func, insert, select, update

from enrich.errors import StoreError
from enrich.identity import identify
from enrich.items import EmbeddedImage, FailedImage, ImageRef, Reason, RejectedImage
from enrich.store.database import utc_in, utc_text
from enrich.store.ledger import (
    Decision,
    Limits,
    is_settled,
    ledger_row,
    limit_reached,
    require_owner,
    retry_seconds,
    settle,
)
from enrich.store.models import require_model
from enrich.store.runs import Run, count
from enrich.store.schema import counters, embeddings, external_urls, face_details, faces, images, performers

NORM_TOLERANCE = 1e-3
"""How far from 1 the length of a unit vector may be: float32 sums over 512 numbers, not another scale."""

_ACCEPTED_ELSEWHERE = (
    select(images.c.performer_id, images.c.face_id, images.c.source, images.c.image_url)
    .where(images.c.sha256 == bindparam("sha256"), images.c.outcome == "accepted")
    .order_by(images.c.id)
    .limit(1)
)
_LOCK = select(performers.c.id).where(performers.c.id == bindparam("id")).with_for_update()
_NEXT_FACE = (
    update(counters).where(counters.c.name == "face_id").values(value=counters.c.value + 1).returning(counters.c.value)
)
_COUNT_FACES = (
    update(performers)
    .where(performers.c.id == bindparam("performer"))
    .values(
        face_count=select(func.count()).where(faces.c.performer_id == bindparam("performer")).scalar_subquery(),
        updated_at=bindparam("at"),
    )
)


def save_face(
    tx: Connection, image: EmbeddedImage, limits: Limits, *, run: Run | None = None, now: datetime | None = None
) -> Decision:
    """Store the face, unless it was decided before, is a duplicate, is another's page, or there is no room.

    Limits are counted in this transaction, so they hold whatever other processes write. Raises OrphanImage for an
    unknown performer, StoreError for vectors of another model than the database's or that are no unit vectors.
    """
    ref = image.ref
    performer = require_owner(tx, ref)
    _require_unit_vectors(image)
    require_model(tx, image.model, {name: len(vector) for name, vector in image.vectors.items()})
    if tx.dialect.name != "sqlite":
        tx.execute(_LOCK, {"id": performer})  # SQLite has one writer anyway
    row = ledger_row(tx, ref, performer)
    if is_settled(row):
        return _earlier(row)
    at = utc_text(now)
    values: dict[str, Any] = {
        "mode": run.mode if run else (row.mode if row else None),
        "sha256": image.sha256,
        "width_px": image.width_px,
        "height_px": image.height_px,
        "attempts": (row.attempts if row else 0) + 1,
        "decided_at": at,
        "next_try_at": None,
        "error": None,
        "detail": None,
    }
    reason, detail = _objection(tx, image, performer, limits)
    if reason is not None:
        settle(tx, row, ref, performer, at, {**values, "outcome": "rejected", "reason": reason, "detail": detail})
        return Decision(outcome="rejected", performer_id=performer, reason=reason)
    face_id = _insert_face(tx, image, performer, at)
    tx.execute(_COUNT_FACES, {"performer": performer, "at": at})
    settle(tx, row, ref, performer, at, {**values, "outcome": "accepted", "reason": None, "face_id": face_id})
    count(tx, run, at, faces=1)
    return Decision(outcome="accepted", performer_id=performer, face_id=face_id)


def reject_image(
    tx: Connection, rejected: RejectedImage, *, run: Run | None = None, now: datetime | None = None
) -> Decision:
    """Enter why a picture was left out. A picture decided before stays as it was. Raises OrphanImage."""
    ref = rejected.ref
    performer = require_owner(tx, ref)
    row = ledger_row(tx, ref, performer)
    if is_settled(row):
        return _earlier(row)
    at = utc_text(now)
    values = {
        "mode": run.mode if run else (row.mode if row else None),
        "sha256": rejected.sha256 or (row.sha256 if row else None),
        "outcome": "rejected",
        "reason": rejected.reason,
        "detail": dict(rejected.detail) or None,
        "attempts": (row.attempts if row else 0) + 1,
        "next_try_at": None,
        "error": None,
        "decided_at": at,
    }
    settle(tx, row, ref, performer, at, values)
    return Decision(outcome="rejected", performer_id=performer, reason=rejected.reason)


def fail_image(
    tx: Connection,
    failed: FailedImage,
    *,
    retry_after: timedelta | None = None,
    run: Run | None = None,
    now: datetime | None = None,
) -> Decision:
    """Enter that a picture could not be had, and when to try again: later each time, and not before ``retry_after``.

    A picture decided before stays as it was. Raises OrphanImage.
    """
    ref = failed.ref
    performer = require_owner(tx, ref)
    row = ledger_row(tx, ref, performer)
    if is_settled(row):
        return _earlier(row)
    at = utc_text(now)
    attempts = (row.attempts if row else 0) + 1
    wait_seconds = max(retry_seconds(attempts), retry_after.total_seconds() if retry_after else 0)
    values = {
        "mode": run.mode if run else (row.mode if row else None),
        "outcome": "failed",
        "reason": None,
        "error": failed.error,
        "attempts": attempts,
        "next_try_at": utc_in(wait_seconds, at),
        "decided_at": at,
    }
    settle(tx, row, ref, performer, at, values)
    count(tx, run, at, errors=1)
    return Decision(outcome="failed", performer_id=performer)


def _earlier(row: Any) -> Decision:
    return Decision(
        outcome=row.outcome, performer_id=row.performer_id, reason=row.reason, face_id=row.face_id, repeated=True
    )


def _objection(
    tx: Connection, image: EmbeddedImage, performer: int, limits: Limits
) -> tuple[Reason | None, dict[str, Any] | None]:
    other = _page_owner(tx, image.ref)
    if other is not None and other != performer:
        return "wrong_person", {"page_of_performer": other}
    same = tx.execute(_ACCEPTED_ELSEWHERE, {"sha256": image.sha256}).first()
    if same is not None:
        return "duplicate_image", {
            "of_performer": same.performer_id,
            "of_face": same.face_id,
            "of_source": same.source,
            "of_image_url": same.image_url,
        }
    return limit_reached(tx, performer, image.ref.source, limits), None


def _page_owner(tx: Connection, ref: ImageRef) -> int | None:
    """Whose page a reference site's picture was found on, if links say that."""
    page = identify(ref.page_url) if ref.page_url and ref.performer_id is not None else None
    if page is None or page.site != ref.source:
        return None
    site, number = page.key
    found: int | None = tx.execute(
        select(external_urls.c.performer_id).where(
            external_urls.c.site == site, external_urls.c.normalized_id == number
        )
    ).scalar()
    return found


def _require_unit_vectors(image: EmbeddedImage) -> None:
    if not image.vectors:
        raise StoreError(f"{image.ref.image_url}: a face without a vector; the model pack names no recogniser")
    for name, vector in image.vectors.items():
        norm = float(np.linalg.norm(vector)) if vector.dtype == np.float32 and vector.ndim == 1 else math.nan
        if not abs(norm - 1.0) <= NORM_TOLERANCE:  # NaN and infinity fail this too
            raise StoreError(
                f"{image.ref.image_url}: the {name} vector is no float32 unit vector "
                f"({vector.dtype}, shape {vector.shape}, norm {norm:g}); run `scrapy models check`"
            )


def _insert_face(tx: Connection, image: EmbeddedImage, performer: int, at: str) -> int:
    face_id: int = tx.execute(_NEXT_FACE).scalar_one()
    ref, face = image.ref, image.face
    tx.execute(
        insert(faces),
        {
            "id": face_id,
            "performer_id": performer,
            "facenet_index": face_id,
            "arcface_index": face_id,
            "image_url": ref.image_url,
            "source_endpoint": ref.source,
            "quality_score": image.quality,
            "created_at": at,
        },
    )
    tx.execute(
        insert(embeddings),
        [
            {
                "face_id": face_id,
                "recogniser": name,
                "model": image.model,
                "vector": np.ascontiguousarray(vector, dtype="<f4").tobytes(),
            }
            for name, vector in image.vectors.items()
        ],
    )
    tx.execute(
        insert(face_details),
        {
            "face_id": face_id,
            "sha256": image.sha256,
            "box_px": face.box_px.tolist(),
            "landmarks_px": face.landmarks_px.tolist(),
            "confidence": face.confidence,
            "yaw_deg": face.yaw_deg,
            "model": image.model,
            "matched": ref.matched,
            "page_url": ref.page_url,
            "gallery": ref.gallery,
        },
    )
    return face_id
