"""Performers whom their stash-box no longer has: recorded when it says so, deleted when they reappear."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Literal

from sqlalchemy import Connection, and_, bindparam, delete, func, select

from enrich.items import GonePerformer
from enrich.store.db.database import utc_text
from enrich.store.db.prepared import Prepared
from enrich.store.db.schema import gone, stashbox_ids
from enrich.store.ledger.rows import insert_missing, known_performer
from enrich.store.people.derive import derive
from enrich.store.people.merge import take_over_merged

_IS_BACK = Prepared(
    delete(gone).where(gone.c.source == bindparam("source"), gone.c.source_id == bindparam("source_id")),
    "source",
    "source_id",
)

Found = Literal["gone", "merged", "known", "unknown"]
"""What became of it: newly entered; one with another performer; entered before; nobody of ours."""


def enter_gone(
    tx: Connection, found: GonePerformer, priorities: Mapping[str, int], *, now: datetime | None = None
) -> Found:
    """Enter that a stash-box no longer has a performer; or, if it says into whom they were merged, make them one."""
    at = utc_text(now)
    held = select(stashbox_ids.c.performer_id).where(
        stashbox_ids.c.endpoint == found.source, stashbox_ids.c.stashbox_performer_id == found.source_id
    )
    ours: int | None = tx.execute(held).scalar()
    if ours is None:
        return "unknown"
    into = None
    if found.merged_into is not None and found.merged_into != found.source_id:
        into = known_performer(tx, found.source, found.merged_into)
    if into is not None:
        take_over_merged(tx, found.source, into, (found.source_id,), at)
        derive(tx, into, priorities, at)
        return "merged"
    row = {"source": found.source, "source_id": found.source_id, "performer_id": ours, "reason": found.reason}
    return "gone" if insert_missing(tx, gone, [{**row, "found_at": at}]) else "known"


def is_back(tx: Connection, source: str, source_id: str) -> None:
    """Strike out a performer whom the stash-box has."""
    _IS_BACK.on(tx).run(source, source_id)


def ids_there(connection: Connection, source: str) -> list[str]:
    """The ids that performers have at a stash-box, without those that are known to be gone."""
    missing = select(gone.c.source_id).where(gone.c.source == source)
    held = select(stashbox_ids.c.stashbox_performer_id).where(stashbox_ids.c.endpoint == source)
    return list(connection.execute(held.except_(missing)).scalars())


def gone_counts(connection: Connection) -> dict[str, int]:
    """How many performers each stash-box no longer has."""
    rows = connection.execute(select(gone.c.source, func.count()).group_by(gone.c.source))
    return {row[0]: row[1] for row in rows}


def gone_everywhere(connection: Connection) -> list[int]:
    """Our numbers of performers whom none of their stash-boxes has any more."""
    still = select(stashbox_ids.c.performer_id).outerjoin(
        gone, and_(gone.c.source == stashbox_ids.c.endpoint, gone.c.source_id == stashbox_ids.c.stashbox_performer_id)
    )
    left = still.where(gone.c.source.is_(None))
    return sorted(connection.execute(select(gone.c.performer_id).except_(left)).scalars())
