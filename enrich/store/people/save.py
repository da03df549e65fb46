"""Writes what a source says of a performer: who they are among the known, their profile, and what follows from it."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, insert, select, update

from enrich.identity import identify
from enrich.items import Performer, RefusedPerformer
from enrich.store.db.database import utc_text
from enrich.store.db.schema import external_urls, performers, profiles, stashbox_ids
from enrich.store.forgetting.files import owe
from enrich.store.forgetting.forget import forget_performers
from enrich.store.forgetting.forgotten import admit, keep_out
from enrich.store.forgetting.gone import is_back
from enrich.store.forgetting.traces import delete_performers
from enrich.store.ledger.rows import OrphanPerformer, enter_pending, known_performer
from enrich.store.ledger.runs import Run, count
from enrich.store.people.derive import UrlConflict, derive, profile_data
from enrich.store.people.lookups import end_lookup, enter_lookup
from enrich.store.people.merge import absorb, take_over_merged
from enrich.store.people.resolve import resolve

__all__ = ["SavedPerformer", "UrlConflict", "end_lookup", "remove_performer", "save_performer"]


@dataclass(frozen=True, slots=True, kw_only=True)
class SavedPerformer:
    """What became of a performer.

    ``changed``: the source says something it did not say before. ``new_images``: pictures entered in the ledger.
    ``conflicts``: links that are another performer's. ``merged``: our ids of performers who were found to be this one,
    and are gone. ``page_of``: set if a reference site's page is another performer's: nothing was taken from it.
    """

    performer_id: int
    created: bool = False
    changed: bool = False
    new_images: int = 0
    conflicts: tuple[UrlConflict, ...] = ()
    merged: tuple[int, ...] = ()
    page_of: int | None = None


def save_performer(
    tx: Connection,
    performer: Performer,
    priorities: Mapping[str, int],
    *,
    run: Run | None = None,
    now: datetime | None = None,
) -> SavedPerformer:
    """Create or update a performer, and enter their pictures as pending.

    ``priorities``: the stash-boxes, whose word on a column counts by the lower number. A reference site (the item
    names our id) adds aliases and links, and its lookup is entered as done. Raises OrphanPerformer if that id is not
    in the database, ForgottenPerformer for who must not be in it again.
    """
    at = utc_text(now)
    performer = admit(tx, performer, priorities)
    if performer.performer_id is not None:
        return _save_page(tx, performer, performer.performer_id, priorities, run, at)
    ours = known_performer(tx, performer.source, performer.source_id)
    created, same = False, list[int]()
    if ours is not None and _was_merged(tx, performer):  # a page crawled late: the id it was merged into has the word
        new = enter_pending(tx, performer.images, ours, performer.mode, at)
        return SavedPerformer(performer_id=ours, new_images=new)
    if ours is not None:
        is_back(tx, performer.source, performer.source_id)
    else:
        known = resolve(tx, performer, priorities)
        created = not known
        ours, *same = known or [_create(tx, performer.name, at)]
        for other in same:
            absorb(tx, ours, other, at)
        tx.execute(
            insert(stashbox_ids).values(
                performer_id=ours, endpoint=performer.source, stashbox_performer_id=performer.source_id, created_at=at
            )
        )
    others = tuple(one for one in performer.merged_ids if one != performer.source_id)
    merged = (*same, *take_over_merged(tx, performer.source, ours, others, at))
    changed = _write_profile(tx, performer, ours, at)
    conflicts = derive(tx, ours, priorities, at)
    new = enter_pending(tx, performer.images, ours, performer.mode, at)
    count(tx, run, at, performers=1, processed=int(changed), last_id=performer.source_id)
    return SavedPerformer(
        performer_id=ours, created=created, changed=changed, new_images=new, conflicts=conflicts, merged=merged
    )


def remove_performer(
    tx: Connection, refused: RefusedPerformer, *, run: Run | None = None, now: datetime | None = None
) -> bool:
    """Remove a performer who must not be stored, with all that is stored of them; whether there was anything.

    The page of a reference site that was forgotten says nothing of the performer it was asked for: only that search is
    entered as ``skipped``.
    """
    at = utc_text(now)
    count(tx, run, at, performers=1)
    ours = refused.performer_id
    if refused.reason == "forgotten":
        keep_out(tx, refused, at)
        if ours is not None:
            with suppress(OrphanPerformer):
                enter_lookup(tx, refused.source, refused.mode, ours, "skipped", "forgotten", at)
            return False
    if ours is None:
        ours = known_performer(tx, refused.source, refused.source_id)
    if ours is None:
        return False
    if refused.reason == "forgotten":  # known under another id, with which the stash-box has merged this one
        return forget_performers(tx, [ours], now=now) > 0
    found = delete_performers(tx, [ours]) > 0
    if found:
        owe(tx)
    return found


def _save_page(
    tx: Connection, page: Performer, ours: int, priorities: Mapping[str, int], run: Run | None, at: str
) -> SavedPerformer:
    if tx.execute(select(performers.c.id).where(performers.c.id == ours)).first() is None:
        raise OrphanPerformer(f"{page.source}: performer {ours} is not in the database")
    other = _page_owner(tx, page)
    if other is not None and other != ours:
        enter_lookup(tx, page.source, page.mode, ours, "wrong_person", f"the page is performer {other}'s", at)
        count(tx, run, at, performers=1, last_id=ours)
        return SavedPerformer(performer_id=ours, page_of=other)
    first = enter_lookup(tx, page.source, page.mode, ours, "done", page.page_url, at)
    changed = _write_profile(tx, page, ours, at)
    conflicts = derive(tx, ours, priorities, at)
    new = enter_pending(tx, page.images, ours, page.mode, at)
    count(tx, run, at, performers=1, processed=int(first), last_id=ours)
    return SavedPerformer(performer_id=ours, changed=changed, new_images=new, conflicts=conflicts)


def _page_owner(tx: Connection, page: Performer) -> int | None:
    """Who has the page already: by what a source says of it, or because it was found for them before."""
    identity = identify(page.page_url) if page.page_url else None
    found: int | None = None
    if identity is not None and identity.site == page.source:
        site, number = identity.key
        found = tx.execute(
            select(external_urls.c.performer_id).where(
                external_urls.c.site == site, external_urls.c.normalized_id == number
            )
        ).scalar()
    if found is None:
        found = tx.execute(
            select(profiles.c.performer_id).where(
                profiles.c.source == page.source, profiles.c.source_id == page.source_id
            )
        ).scalar()
    return found


def _was_merged(tx: Connection, performer: Performer) -> bool:
    return (
        tx.execute(
            select(stashbox_ids.c.performer_id).where(
                stashbox_ids.c.endpoint == performer.source,
                stashbox_ids.c.stashbox_performer_id == performer.source_id,
            )
        ).first()
        is None
    )


def _create(tx: Connection, name: str, at: str) -> int:
    values = {"canonical_name": name, "face_count": 0, "created_at": at, "updated_at": at}
    number: int = tx.execute(insert(performers).values(values).returning(performers.c.id)).scalar_one()
    return number


def _write_profile(tx: Connection, performer: Performer, ours: int, at: str) -> bool:
    """Keep what the source says; whether it is new."""
    key = (profiles.c.source == performer.source) & (profiles.c.source_id == performer.source_id)
    data = profile_data(performer)
    before = tx.execute(select(profiles.c.data).where(key)).first()
    values: dict[str, Any] = {"performer_id": ours, "data": data, "updated": performer.updated, "seen_at": at}
    if before is None:
        tx.execute(insert(profiles).values(source=performer.source, source_id=performer.source_id, **values))
        return True
    tx.execute(update(profiles).where(key).values(values))
    return bool(before.data != data)
