"""Judges what was found out about pictures, many at a time: each as if it were alone and those before it written."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import partial

import numpy as np
from sqlalchemy import Connection

from enrich.errors import StoreError
from enrich.items import EmbeddedImage, FailedImage, KnownImage, RejectedImage
from enrich.store.acceptance.identity_map import IdentityMap
from enrich.store.acceptance.performer_faces import waiting_performers
from enrich.store.acceptance.picture import Picture
from enrich.store.acceptance.policy import Policy
from enrich.store.acceptance.slots import barred, copied_face, fill_slot, find_slot
from enrich.store.acceptance.trust import Judging
from enrich.store.acceptance.unit_of_work import UnitOfWork
from enrich.store.db.database import utc_in, utc_text
from enrich.store.index.vectors import NORM_TOLERANCE
from enrich.store.ledger.rows import LONGEST_RETRY_SECONDS, NO_LIMITS, Decision, Limits, retry_seconds
from enrich.store.ledger.runs import Run

_FLOAT32 = np.dtype(np.float32)


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """What was found out about a picture: its face, that it is a copy, why it is left out or could not be fetched.

    ``run``: in which crawl. ``policy``: by what faces are accepted; without one every face is, within ``limits``.
    ``retry_after``: a failed picture is not tried again before. ``now``: in place of the clock.
    """

    image: EmbeddedImage | KnownImage | RejectedImage | FailedImage
    policy: Policy | None = None
    limits: Limits = NO_LIMITS
    run: Run | None = None
    retry_after: timedelta | None = None
    now: datetime | None = None

    def limits_of_source(self) -> Limits:
        """How many faces the picture's source may give."""
        return self.limits if self.policy is None else self.policy.limits(self.image.ref.source)


@dataclass(frozen=True, slots=True, kw_only=True)
class Sweep:
    """What judging again did: faces taken, taken away, replaced. ``last``: go on beyond this id; ``None``: done."""

    last: int | None
    taken: int
    taken_away: int
    replaced: int


def save_findings(tx: Connection, findings: Sequence[Finding]) -> list[Decision | StoreError]:
    """Write what became of each picture, and say it. An error is one finding's alone, and nothing of that is written.

    Errors: OrphanImage for an unknown performer, StoreError for vectors of another model than the database's or that
    are no unit vectors. Limits are counted in this transaction, so they hold whatever other processes write.
    """
    loaded = IdentityMap(tx)
    loaded.look_up(finding.image for finding in findings)
    work = UnitOfWork(tx, loaded)
    clock = utc_text()
    told: list[Decision | StoreError] = []
    for finding in findings:
        try:
            told.append(_judge(work, finding, utc_text(finding.now) if finding.now else clock))
        except StoreError as error:
            told.append(error)
    work.write()
    return told


def _judge(work: UnitOfWork, finding: Finding, at: str) -> Decision:
    image, loaded, policy = finding.image, work.loaded, finding.policy
    performer = loaded.owner(image.ref)
    if isinstance(image, EmbeddedImage):
        _require_unit_vectors(image)
        loaded.require_model(image)
    gathers = policy is not None and policy.trust(image.ref.source) == "low"
    if isinstance(image, (EmbeddedImage, KnownImage)) or gathers:
        loaded.lock_faces()
    picture = loaded.picture(image.ref, performer)
    if picture.is_settled:
        return _told(picture, repeated=True)
    replaced = work.replaced
    was_pending = picture.id is not None and picture.outcome == "pending"
    if gathers:
        loaded.pending(image.ref.source, performer)
    picture.attempts += 1
    picture.decided_at = at
    picture.created_at = picture.created_at or at
    picture.reason = picture.error = picture.next_try_at = picture.detail = None
    if finding.run is not None:
        picture.mode = finding.run.mode
    judging = None if policy is None else Judging(work, policy, finding.run, at)
    match image:
        case EmbeddedImage():
            _judge_face(work, picture, image, finding, judging, at)
        case KnownImage():
            picture.sha256 = image.sha256
            if not barred(work, picture, image, finding.limits_of_source()):
                # What it is a copy of has gone since it was looked at, and nobody has seen the picture itself.
                picture.outcome, picture.error, picture.next_try_at = "failed", "a copy of a picture that has gone", at
        case RejectedImage():
            picture.outcome, picture.reason = "rejected", image.reason
            picture.sha256 = image.sha256 or picture.sha256
            picture.detail = json.dumps(dict(image.detail)) if image.detail else None
        case FailedImage():
            wait = finding.retry_after.total_seconds() if finding.retry_after else 0
            picture.outcome, picture.error = "failed", image.error
            wait = min(max(retry_seconds(picture.attempts), wait), LONGEST_RETRY_SECONDS)
            picture.next_try_at = utc_in(wait, at)
            work.count(finding.run, at, errors=1)
    work.decide(picture)
    if was_pending:
        loaded.had(picture)
    at_once = picture.outcome == "accepted"
    if judging is not None and not isinstance(image, EmbeddedImage):
        judging.confirm(image.ref, performer, copied_face(work, picture))
    if judging is None or not (at_once or gathers or judging.waits or judging.confirmed):
        return _told(picture, replaced=work.replaced - replaced)
    suspicious = at_once and picture.detail is not None
    if at_once or gathers or judging.confirmed:
        judging.again(performer)
    accepted = picture.outcome == "accepted"
    of_others = judging.also_taken - (accepted and not at_once)
    given_up = at_once and not accepted  # at once again, for a better version that waited
    return replace(
        _told(picture), waits=judging.waits and judging.is_waiting(picture), suspicious=suspicious and accepted,
        also_taken=of_others, taken_away=judging.taken_away, replaced=work.replaced - replaced - given_up,
    )  # fmt: skip


def _judge_face(
    work: UnitOfWork, picture: Picture, image: EmbeddedImage, finding: Finding, judging: Judging | None, at: str
) -> None:
    picture.sha256, picture.width_px, picture.height_px = image.sha256, image.width_px, image.height_px
    doubt = partial(judging.doubt, picture, image) if judging is not None else lambda: None
    slot = find_slot(work, picture, image, finding.limits_of_source(), finding.policy, lambda: doubt() is not None)
    if not slot.there:
        if judging is not None:
            judging.confirm(image.ref, picture.performer, slot.copy_of)
        return
    if judging is not None and slot.version is None and judging.objection(picture, image):
        return
    picture.detail = doubt()
    picture.outcome, picture.face_id = "accepted", fill_slot(work, slot, picture, image, finding.run, at)
    work.count(finding.run, at, faces=1)


def judge_waiting(
    tx: Connection,
    policy: Policy,
    source: str,
    *,
    run: Run | None = None,
    after: int = 0,
    most: int = 50,
    now: datetime | None = None,
) -> Sweep:
    """Judge again what waits of the next ``most`` performers beyond the id ``after`` for whom anything has changed.

    There are faces that it was not compared with, or it was gathered and never judged; of ``source``, whose crawl is
    over, whatever is pending.
    """
    performers = waiting_performers(tx, after, most)
    work = UnitOfWork(tx, IdentityMap(tx))
    work.loaded.lock_faces()
    judging = Judging(work, policy, run, utc_text(now))
    for performer in performers:
        judging.again(performer, done_with=(source,))
    work.write()
    last = performers[-1] if len(performers) == most else None
    return Sweep(
        last=last, taken=judging.also_taken, taken_away=judging.taken_away, replaced=work.replaced
    )  # fmt: skip


def _told(picture: Picture, *, repeated: bool = False, replaced: int = 0) -> Decision:
    return Decision(
        outcome=picture.outcome, performer_id=picture.performer, reason=picture.reason, face_id=picture.face_id,
        repeated=repeated, replaced=replaced,
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
