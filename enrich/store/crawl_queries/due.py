"""Statements that find what is still to be done: performers to look up, pictures to fetch."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import Select, and_, func, or_, select, true
from sqlalchemy.sql.elements import ColumnElement

from enrich.items import Mode
from enrich.store.db.database import utc_text
from enrich.store.db.schema import OPEN_IMAGE, external_urls, faces, images, lookups, performers, stashbox_ids
from enrich.store.ledger.rows import Limits, is_time
from enrich.store.people.lookups import AGAIN, asked


def candidates(source: str, mode: Mode, after: int = 0) -> Select[Any]:
    """Performers beyond the id ``after`` to ask a site for: all by name, those with a page there by URL."""
    statement = select(
        performers.c.id, performers.c.canonical_name, performers.c.gender, performers.c.birth_date
    ).where(performers.c.id > after)
    if mode == "name":
        return statement
    page = select(external_urls.c.id).where(
        external_urls.c.site == source, external_urls.c.performer_id == performers.c.id
    )
    return statement.where(page.exists())


def due_performers(
    source: str,
    mode: Mode,
    *,
    after: int,
    genders: frozenset[str] | None,
    refresh_after: timedelta | None,
    now: datetime | None,
) -> Select[Any]:
    """The candidates who have not been asked for, or whose time has come, or with whom something else can be asked."""
    now = now or datetime.now(UTC)
    again = lookups.c.outcome.in_(AGAIN)
    due = [
        lookups.c.performer_id.is_(None),
        lookups.c.asked != asked(source, mode),
        and_(again, is_time(lookups.c.next_try_at, utc_text(now))),
    ]
    if refresh_after is not None:
        old = lookups.c.checked_at <= utc_text(now - refresh_after)
        cannot_be = lookups.c.checked_at > utc_text(now + timedelta(days=1))  # made under a clock that was wrong
        due.append(and_(~again, or_(old, cannot_be)))
    mine = and_(lookups.c.source == source, lookups.c.mode == mode, lookups.c.performer_id == performers.c.id)
    statement = candidates(source, mode, after).outerjoin(lookups, mine).where(or_(*due))
    if genders is None:
        return statement
    wanted = sorted(gender.upper() for gender in genders)
    return statement.where(or_(performers.c.gender.is_(None), func.upper(performers.c.gender).in_(wanted)))


def owners_of_due_pictures(source: str, *, after: int, batch: int, limits: Limits, now: datetime | None) -> Select[Any]:
    """The next ``batch`` performers beyond the id ``after`` who have a due picture, and room for a face.

    Reads nothing but indices, and counts the faces of each performer once, however many pictures they have.
    """
    return (
        select(images.c.performer_id)
        .where(_is_due(source, now), images.c.performer_id > after)
        .group_by(images.c.performer_id)
        .having(and_(true(), *_room(source, limits)))
        .order_by(images.c.performer_id)
        .limit(batch)
    )


def due_pictures(source: str, owners: Sequence[int], *, now: datetime | None) -> Select[Any]:
    """The open rows of the ledger of these performers whose time has come, performer by performer.

    With the performer's id at the stash-box, if the source is one.
    """
    id_there = and_(stashbox_ids.c.performer_id == images.c.performer_id, stashbox_ids.c.endpoint == images.c.source)
    return (
        select(images, stashbox_ids.c.stashbox_performer_id)
        .outerjoin(stashbox_ids, id_there)
        .where(_is_due(source, now), images.c.performer_id.in_(owners))
        .order_by(images.c.performer_id, images.c.id)
    )


def _is_due(source: str, now: datetime | None) -> ColumnElement[bool]:
    return and_(images.c.source == source, OPEN_IMAGE, is_time(images.c.next_try_at, utc_text(now)))


def _room(source: str, limits: Limits) -> list[ColumnElement[bool]]:
    conditions: list[ColumnElement[bool]] = []
    of_performer = select(func.count()).where(faces.c.performer_id == images.c.performer_id).correlate(images)
    if limits.source is not None:  # before the other: it is the lower limit, and then the other is not looked at
        of_source = of_performer.where(faces.c.source_endpoint == source)
        conditions.append(of_source.scalar_subquery() < limits.source)
    if limits.total is not None:
        conditions.append(of_performer.scalar_subquery() < limits.total)
    return conditions
