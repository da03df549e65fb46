"""Forgets what came from one source, of some performers or of all; who is known from nowhere else goes entirely."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Table, delete, func, or_, select, update

from enrich.store.db.database import utc_text
from enrich.store.db.schema import (
    aliases,
    external_urls,
    faces,
    gone,
    images,
    lookups,
    merged_ids,
    performers,
    piercings,
    profiles,
    runs,
    scrape_progress,
    stashbox_ids,
    tattoos,
)
from enrich.store.forgetting.files import owe
from enrich.store.forgetting.forgotten import mark, remember, salt_of
from enrich.store.forgetting.traces import Traces, chunks, delete_performers
from enrich.store.ledger.rows import recount
from enrich.store.people.derive import COLUMNS, derive

_GIVEN: tuple[tuple[Table, str], ...] = (
    (images, "source"),
    (faces, "source_endpoint"),
    (lookups, "source"),
    (profiles, "source"),
    (aliases, "source_endpoint"),
    (external_urls, "source_endpoint"),
    (tattoos, "source_endpoint"),
    (piercings, "source_endpoint"),
    (merged_ids, "endpoint"),
    (gone, "source"),
    (stashbox_ids, "endpoint"),
)
"""The tables that hold what sources gave, and the column that says which; pictures before faces, which they name."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Taken:
    """What came from a source: numbers. ``entirely``: performers whom only it knew, and who go."""

    performers: int
    entirely: int
    faces: int
    pictures: int


def known_sources(connection: Connection) -> set[str]:
    """The sources of which anything is stored, or that were crawled."""
    columns = [table.c[by] for table, by in _GIVEN] + [runs.c.source]
    return {name for column in columns for name in connection.execute(select(column).distinct()).scalars() if name}


def known_from_nowhere_else(connection: Connection, source: str, numbers: Iterable[int]) -> list[int]:
    """Of these performers those whom no other stash-box knows: reference sites make nobody known."""
    mine = select(stashbox_ids.c.performer_id).where(stashbox_ids.c.endpoint == source)
    others = select(stashbox_ids.c.performer_id).where(stashbox_ids.c.endpoint != source)
    wanted = set(numbers)
    return sorted(wanted.intersection(connection.execute(mine.except_(others)).scalars()))


def forget_source(
    tx: Connection,
    source: str,
    priorities: Mapping[str, int],
    performers_only: Sequence[int] | None = None,
    *,
    now: datetime | None = None,
) -> Taken:
    """Forget what a source gave: to all, and that it was ever crawled; or to ``performers_only``.

    In the second case its entries of these performers are kept out from then on. In the first nothing is kept out: a
    source that is crawled again gives again. ``priorities``: as in ``save_performer``.
    """
    at = utc_text(now)
    touched = _touched(tx, source) if performers_only is None else sorted(set(performers_only))
    if performers_only is not None:
        for chunk in chunks(touched):
            remember(tx, _marks(tx, source, chunk), at)
    else:
        tx.execute(delete(runs).where(runs.c.source == source))
        key = scrape_progress.c.source
        tx.execute(delete(scrape_progress).where(or_(key == source, key.startswith(f"{source}:", autoescape=True))))
    counts = {table: _count(tx, table, by, source, touched) for table, by in _GIVEN[:2]}
    leaving = known_from_nowhere_else(tx, source, touched)
    if touched:
        owe(tx)
    delete_performers(tx, leaving)
    staying = sorted(set(touched) - set(leaving))
    _take_back(tx, source, staying, priorities, at)
    return Taken(performers=len(touched), entirely=len(leaving), faces=counts[faces], pictures=counts[images])


def _touched(connection: Connection, source: str) -> list[int]:
    """Everybody to whom the source gave anything."""
    given = (select(table.c.performer_id).where(table.c[by] == source) for table, by in _GIVEN)
    return sorted({number for statement in given for number in connection.execute(statement.distinct()).scalars()})


def _count(connection: Connection, table: Table, by: str, source: str, numbers: Sequence[int]) -> int:
    counted = select(func.count()).select_from(table).where(table.c[by] == source)
    return sum(
        connection.execute(counted.where(table.c.performer_id.in_(chunk))).scalar_one() for chunk in chunks(numbers)
    )


def _marks(connection: Connection, source: str, numbers: Sequence[int]) -> Iterable[str]:
    salt = salt_of(connection)
    for table, by, number in (
        (stashbox_ids, stashbox_ids.c.endpoint, stashbox_ids.c.stashbox_performer_id),
        (profiles, profiles.c.source, profiles.c.source_id),
        (external_urls, external_urls.c.site, external_urls.c.normalized_id),
    ):
        which = (by == source) & table.c.performer_id.in_(numbers)
        found = connection.execute(select(number).where(which)).scalars()
        yield from (mark(salt, "entry", source, one) for one in found)


def _take_back(tx: Connection, source: str, numbers: Sequence[int], priorities: Mapping[str, int], at: str) -> None:
    """Take what the source gave from performers who stay, and make the rest what the other sources say."""
    traces = Traces()
    traces.gather(tx, numbers, source)
    for chunk in chunks(numbers):
        of_chunk = profiles.c.performer_id.in_(chunk)
        said = tx.execute(select(profiles).where(profiles.c.source == source, of_chunk)).all()
        for table, by in _GIVEN:
            tx.execute(delete(table).where(table.c[by] == source, table.c.performer_id.in_(chunk)))
        for row in said:
            _take_back_columns(tx, row.performer_id, row.data)
        for number in sorted({row.performer_id for row in said}):
            derive(tx, number, priorities, at)
    recount(tx, numbers, at)
    traces.scrub(tx, of_source=True)


def _take_back_columns(tx: Connection, performer: int, said: Mapping[str, Any]) -> None:
    """Empty the columns that hold what the source said: where no other source's word is kept, nobody else would."""
    if "reference" in said:
        return
    held = tx.execute(select(performers).where(performers.c.id == performer)).one()._mapping
    emptied: dict[str, Any] = {name: None for name in COLUMNS if name in said and held[name] == said[name]}
    if "updated" in said and held["stashdb_updated_at"] == said["updated"]:
        emptied["stashdb_updated_at"] = None
    if emptied:
        tx.execute(update(performers).where(performers.c.id == performer).values(**emptied))
