"""Writes what became of one picture; ``enrich.store.acceptance.decide`` does the same for many at a time."""

from __future__ import annotations

from datetime import datetime, timedelta

from sqlalchemy import Connection

from enrich.errors import StoreError
from enrich.items import EmbeddedImage, FailedImage, RejectedImage
from enrich.store.acceptance.decide import Finding, save_findings
from enrich.store.ledger.rows import Decision, Limits
from enrich.store.ledger.runs import Run


def save_face(
    tx: Connection, image: EmbeddedImage, limits: Limits, *, run: Run | None = None, now: datetime | None = None
) -> Decision:
    """Store the face, unless it was decided before, is a duplicate, is another's page, or there is no room.

    Raises OrphanImage for an unknown performer, StoreError for vectors of another model than the database's or that
    are no unit vectors.
    """
    return _save(tx, Finding(image=image, limits=limits, run=run, now=now))


def reject_image(
    tx: Connection, rejected: RejectedImage, *, run: Run | None = None, now: datetime | None = None
) -> Decision:
    """Enter why a picture was left out. A picture decided before stays as it was. Raises OrphanImage."""
    return _save(tx, Finding(image=rejected, run=run, now=now))


def fail_image(
    tx: Connection,
    failed: FailedImage,
    *,
    retry_after: timedelta | None = None,
    run: Run | None = None,
    now: datetime | None = None,
) -> Decision:
    """Enter that a picture could not be fetched, and when to try again: later each time, not before ``retry_after``.

    A picture decided before stays as it was. Raises OrphanImage.
    """
    return _save(tx, Finding(image=failed, run=run, retry_after=retry_after, now=now))


def _save(tx: Connection, finding: Finding) -> Decision:
    (told,) = save_findings(tx, [finding])
    if isinstance(told, StoreError):
        raise told
    return told
