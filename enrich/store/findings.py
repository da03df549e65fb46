"""Judges what was found out about pictures, many at a time: each as if it were alone and those before it written."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import numpy as np
from sqlalchemy import Connection

from enrich.errors import StoreError
from enrich.items import EmbeddedImage, FailedImage, RejectedImage
from enrich.store.batch import Batch
from enrich.store.database import utc_in, utc_text
from enrich.store.known import Known, Picture
from enrich.store.ledger import LONGEST_RETRY_SECONDS, NO_LIMITS, Decision, Limits, retry_seconds
from enrich.store.runs import Run

NORM_TOLERANCE = 1e-3
"""How far from 1 the length of a unit vector may be: float32 sums over 512 numbers, not another scale."""

_FLOAT32 = np.dtype(np.float32)


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """What was found out about a picture: its face, why it is left out, or why it could not be had; and in which run.

    ``limits``: for a face. ``retry_after``: a failed picture is not tried again before. ``now``: in place of the clock.
    """

    image: EmbeddedImage | RejectedImage | FailedImage
    limits: Limits = NO_LIMITS
    run: Run | None = None
    retry_after: timedelta | None = None
    now: datetime | None = None


def save_findings(tx: Connection, findings: Sequence[Finding]) -> list[Decision | StoreError]:
    """Write what became of each picture, and say it. An error is one finding's alone, and nothing of that is written.

    Errors: OrphanImage for an unknown performer, StoreError for vectors of another model than the database's or that
    are no unit vectors. Limits are counted in this transaction, so they hold whatever other processes write.
    """
    known = Known(tx)
    known.look_up(finding.image for finding in findings)
    batch = Batch(tx, known)
    clock = utc_text()
    told: list[Decision | StoreError] = []
    for finding in findings:
        try:
            told.append(_judge(batch, finding, utc_text(finding.now) if finding.now else clock))
        except StoreError as error:
            told.append(error)
    batch.write()
    return told


def _judge(batch: Batch, finding: Finding, at: str) -> Decision:
    image, known = finding.image, batch.known
    performer = known.owner(image.ref)
    if isinstance(image, EmbeddedImage):
        _require_unit_vectors(image)
        known.require_model(image)
        known.lock_faces()
    picture = known.picture(image.ref, performer)
    if picture.is_settled:
        return _told(picture, repeated=True)
    picture.attempts += 1
    picture.decided_at = at
    picture.created_at = picture.created_at or at
    picture.reason = picture.error = picture.next_try_at = picture.detail = None
    if finding.run is not None:
        picture.mode = finding.run.mode
    match image:
        case EmbeddedImage():
            _judge_face(batch, picture, image, finding, at)
        case RejectedImage():
            picture.outcome, picture.reason = "rejected", image.reason
            picture.sha256 = image.sha256 or picture.sha256
            picture.detail = json.dumps(dict(image.detail)) if image.detail else None
        case FailedImage():
            wait = finding.retry_after.total_seconds() if finding.retry_after else 0
            picture.outcome, picture.error = "failed", image.error
            wait = min(max(retry_seconds(picture.attempts), wait), LONGEST_RETRY_SECONDS)
            picture.next_try_at = utc_in(wait, at)
            batch.count(finding.run, at, errors=1)
    batch.decide(picture)
    return _told(picture)


def _judge_face(batch: Batch, picture: Picture, image: EmbeddedImage, finding: Finding, at: str) -> None:
    picture.sha256, picture.width_px, picture.height_px = image.sha256, image.width_px, image.height_px
    page_owner = batch.known.page_owner(image.ref)
    same = batch.known.accepted(image.sha256)
    if page_owner is not None and page_owner != picture.performer:
        picture.reason, detail = "wrong_person", {"page_of_performer": page_owner}
        picture.detail = json.dumps(detail)
    elif same is not None and same[-1] == "forgotten":
        picture.reason = "forgotten"
    elif same is not None:
        picture.reason = "duplicate_image"
        named = ("of_performer", "of_face", "of_source", "of_image_url")
        picture.detail = json.dumps(dict(zip(named, same[:-1], strict=True)))
    else:
        picture.reason = finding.limits.reached(batch.known.faces_of(picture.performer), image.ref.source)
    if picture.reason is not None:
        picture.outcome = "rejected"
        return
    picture.outcome, picture.face_id = "accepted", batch.add_face(image, picture.performer, at)
    batch.count(finding.run, at, faces=1)


def _told(picture: Picture, *, repeated: bool = False) -> Decision:
    return Decision(
        outcome=picture.outcome, performer_id=picture.performer, reason=picture.reason, face_id=picture.face_id,
        repeated=repeated,
    )  # fmt: skip


def _require_unit_vectors(image: EmbeddedImage) -> None:
    if not image.vectors:
        raise StoreError(f"{image.ref.image_url}: a face without a vector; the model pack names no recogniser")
    for name, vector in image.vectors.items():
        norm = math.sqrt(vector.dot(vector)) if vector.dtype == _FLOAT32 and vector.ndim == 1 else math.nan
        if not abs(norm - 1.0) <= NORM_TOLERANCE:  # NaN and infinity fail this too
            raise StoreError(
                f"{image.ref.image_url}: the {name} vector is no float32 unit vector "
                f"({vector.dtype}, shape {vector.shape}, norm {norm:g}); run `scrapy models check`"
            )
