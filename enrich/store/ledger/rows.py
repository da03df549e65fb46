"""The ledger's rows: which pictures of which performer are known, what became of each, and when to try again."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from sqlalchemy import Connection, Table, bindparam, func, or_, select, update
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.sql.elements import ColumnElement

from enrich.errors import StoreError
from enrich.items import ImageRef, Mode, Reason
from enrich.store.db.database import utc_in
from enrich.store.db.prepared import Prepared
from enrich.store.db.schema import faces, images, merged_ids, performers, stashbox_ids

Outcome = Literal["accepted", "rejected", "failed", "pending"]

LIMIT_REASONS = frozenset({"source_limit", "total_limit"})
"""Reasons that may pass: such a picture is due again as soon as there is room for a face."""

FIRST_RETRY_SECONDS = 15 * 60
LONGEST_RETRY_SECONDS = 7 * 24 * 3600
"""No wait is longer, so a time to try again that is further off was written by a clock gone wrong, and has come."""


class OrphanImage(StoreError):  # noqa: N818  # what it is, not only that it is an error
    """A picture of a performer whom the database does not know (any more)."""


class OrphanPerformer(StoreError):  # noqa: N818  # as above
    """Something about a performer, by our own id, whom the database does not know (any more)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """Most faces a performer may have from one source, and from all; ``None``: no limit."""

    source: int | None = None
    total: int | None = None

    def reached(self, held: Mapping[str, int], source: str) -> Reason | None:
        """The limit that leaves no room for a face of ``source`` beside those ``held`` (source -> number)."""
        if self.source is not None and held.get(source, 0) >= self.source:
            return "source_limit"
        if self.total is not None and sum(held.values()) >= self.total:
            return "total_limit"
        return None


NO_LIMITS = Limits()


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """What became of a picture. ``repeated``: it had been decided before, and nothing was changed.

    ``waits``: its face is kept, to be judged again. ``suspicious``: taken, though it is far from all of several faces.
    ``also_taken``: faces that had waited, and were taken because of it. ``taken_away``: faces that stood unconfirmed,
    and do not agree with it. ``replaced``: faces that gave their places to better ones.
    """

    outcome: Outcome
    performer_id: int
    reason: Reason | None = None
    face_id: int | None = None
    repeated: bool = False
    waits: bool = False
    suspicious: bool = False
    also_taken: int = 0
    taken_away: int = 0
    replaced: int = 0


def has_come(next_try_at: str | None, at: str) -> bool:
    """Whether it is time to try again. Times as text."""
    return next_try_at is None or not at < next_try_at <= utc_in(LONGEST_RETRY_SECONDS, at)


def is_time(next_try_at: ColumnElement[Any], at: str) -> ColumnElement[bool]:
    """The same of a column."""
    return or_(next_try_at.is_(None), next_try_at <= at, next_try_at > utc_in(LONGEST_RETRY_SECONDS, at))


def retry_seconds(attempts: int) -> int:
    """How long to wait after the ``attempts``-th failure: a quarter of an hour, doubling, a week at most."""
    return int(min(FIRST_RETRY_SECONDS * 2.0 ** (attempts - 1), LONGEST_RETRY_SECONDS))


def insert_missing(tx: Connection, table: Table, rows: list[dict[str, Any]]) -> int:
    """Insert the rows whose keys are not taken; the number inserted."""
    if not rows:
        return 0
    dialect = postgresql if tx.dialect.name == "postgresql" else sqlite
    return tx.execute(dialect.insert(table).on_conflict_do_nothing(), rows).rowcount


KNOWN_ID = select(
    func.coalesce(
        select(stashbox_ids.c.performer_id)
        .where(stashbox_ids.c.endpoint == bindparam("source"), stashbox_ids.c.stashbox_performer_id == bindparam("id"))
        .scalar_subquery(),
        select(merged_ids.c.performer_id)
        .where(merged_ids.c.endpoint == bindparam("source"), merged_ids.c.merged_stashbox_id == bindparam("id"))
        .scalar_subquery(),
    )
)
"""Our id of the stash-box ``source``'s performer ``id``, also by an id that was merged into another."""
_KNOWN = Prepared(KNOWN_ID, "source", "id")
_EXISTS = Prepared(select(performers.c.id).where(performers.c.id == bindparam("id")), "id")
_RECOUNT = (
    update(performers)
    .where(performers.c.id == bindparam("number"))
    .values(face_count=select(func.count()).where(faces.c.performer_id == performers.c.id).scalar_subquery())
)
_FACES_OF = Prepared(
    select(faces.c.source_endpoint, func.count())
    .where(faces.c.performer_id == bindparam("performer"))
    .group_by(faces.c.source_endpoint),
    "performer",
)


def known_performer(connection: Connection, source: str, source_id: str) -> int | None:
    """Our id of a stash-box's performer, also by an id that was merged into another."""
    found: int | None
    (found,) = _KNOWN.on(connection).first(source, source_id)
    return found


def owner(connection: Connection, ref: ImageRef) -> int | None:
    """Our id of the performer whose picture it is, if the database knows them."""
    if ref.performer_id is None:
        return None if ref.source_id is None else known_performer(connection, ref.source, ref.source_id)
    return ref.performer_id if _EXISTS.on(connection).first(ref.performer_id) else None


def require_owner(tx: Connection, ref: ImageRef) -> int:
    """The same. Raises OrphanImage."""
    performer = owner(tx, ref)
    if performer is None:
        who = f"performer {ref.performer_id}" if ref.performer_id is not None else f"{ref.source}:{ref.source_id}"
        raise OrphanImage(f"{ref.image_url}: a picture of {who}, who is not in the database")
    return performer


def faces_of(connection: Connection, performer: int) -> dict[str, int]:
    """How many faces a performer has of each source."""
    return dict(_FACES_OF.on(connection).all(performer))


def recount(tx: Connection, numbers: Iterable[int], at: str) -> None:
    """Make the face counts of performers true."""
    rows = [{"number": number} for number in numbers]
    if rows:
        tx.execute(_RECOUNT.values(updated_at=at), rows)


def limit_reached(connection: Connection, performer: int, source: str, limits: Limits) -> Reason | None:
    """``source_limit`` or ``total_limit`` if the performer has all the faces they may have; else ``None``."""
    if limits.source is None and limits.total is None:
        return None
    return limits.reached(faces_of(connection, performer), source)


def enter_pending(tx: Connection, refs: Iterable[ImageRef], performer: int, mode: Mode, at: str) -> int:
    """Enter pictures that are not in the ledger as pending; the number of new ones."""
    rows = [{**described(ref, performer), "mode": mode, "outcome": "pending", "created_at": at} for ref in refs]
    return insert_missing(tx, images, rows)


def described(ref: ImageRef, performer: int) -> dict[str, Any]:
    """What a ref says of its picture, as the ledger's columns."""
    return {
        "source": ref.source,
        "performer_id": performer,
        "image_url": ref.image_url,
        "matched": ref.matched,
        "page_url": ref.page_url,
        "gallery": ref.gallery,
        "width_px": ref.width_px,
        "height_px": ref.height_px,
    }
