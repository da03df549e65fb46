"""How the search for each performer at each reference site ended, and whether what was asked has changed since."""

from __future__ import annotations

from datetime import datetime
from functools import cache
from typing import Any

from sqlalchemy import Connection, ScalarSelect, String, cast, func, insert, or_, select, update
from sqlalchemy.sql.elements import ColumnElement

from enrich.items import LookupEnded, LookupOutcome, Mode
from enrich.store.db.database import utc_in, utc_text
from enrich.store.db.schema import aliases, external_urls, lookups, performers
from enrich.store.ledger.rows import OrphanPerformer, retry_seconds
from enrich.store.ledger.runs import Run, count

AGAIN = ("failed", "blocked")
"""Outcomes that are tried again after a time; the others stand until they are old or something else can be asked."""


@cache  # made once, not for every search: it says the same
def asked(source: str, mode: str) -> ColumnElement[str]:
    """Fingerprint of what a site is asked for a row of ``performers``: the name and aliases, or the stored links.

    What the site itself contributed does not count, else every page found would be a reason to look again. Rows of
    both tables are never reused, so their number and the last id tell of every change.
    """
    if mode == "name":
        table, own = aliases, or_(aliases.c.source_endpoint.is_(None), aliases.c.source_endpoint != source)
        return performers.c.canonical_name + " " + _mark(table, own)
    table = external_urls
    return _mark(table, (table.c.site == source) & (table.c.source_endpoint != source))


def _mark(table: Any, which: ColumnElement[bool]) -> ScalarSelect[str]:
    return (
        select(cast(func.count(), String) + ":" + cast(func.coalesce(func.max(table.c.id), 0), String))
        .where(table.c.performer_id == performers.c.id, which)
        .correlate(performers)
        .scalar_subquery()
    )


def end_lookup(tx: Connection, ended: LookupEnded, *, run: Run | None = None, now: datetime | None = None) -> None:
    """Enter how the search for a performer at a reference site ended. Raises OrphanPerformer."""
    at = utc_text(now)
    new = enter_lookup(tx, ended.source, ended.mode, ended.performer_id, ended.outcome, ended.detail, at)
    errors = int(ended.outcome in AGAIN)
    count(tx, run, at, performers=1, processed=int(new), errors=errors, last_id=ended.performer_id)


def enter_lookup(
    tx: Connection, source: str, mode: Mode, performer: int, outcome: LookupOutcome, detail: str | None, at: str
) -> bool:
    """Write the row; whether the lookup is over for the first time with this question. Raises OrphanPerformer."""
    mark = tx.execute(select(asked(source, mode)).where(performers.c.id == performer)).scalar()
    if mark is None:
        raise OrphanPerformer(f"{source}: performer {performer} is not in the database")
    key = (lookups.c.source == source) & (lookups.c.mode == mode) & (lookups.c.performer_id == performer)
    before = tx.execute(select(lookups).where(key)).first()
    attempts = 1 if before is None or before.outcome not in AGAIN else before.attempts + 1
    values: dict[str, Any] = {
        "outcome": outcome,
        "detail": detail,
        "attempts": attempts,
        "next_try_at": utc_in(retry_seconds(attempts), at) if outcome in AGAIN else None,
        "checked_at": at,
        "asked": mark,
    }
    if before is None:
        tx.execute(insert(lookups).values(source=source, mode=mode, performer_id=performer, **values))
    else:
        tx.execute(update(lookups).where(key).values(values))
    settled_before = before is not None and before.outcome not in AGAIN and before.asked == mark
    return outcome not in AGAIN and not settled_before
