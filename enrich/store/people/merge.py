"""Makes one performer of two: a stash-box has merged them, or a third source links them."""

from __future__ import annotations

from sqlalchemy import Connection, FromClause, and_, case, delete, select, update
from sqlalchemy.sql.elements import ColumnElement

from enrich.store.acceptance.merge_faces import settle_versions
from enrich.store.db.schema import (
    aliases,
    candidates,
    external_urls,
    faces,
    images,
    lookups,
    merged_ids,
    performers,
    piercings,
    profiles,
    stashbox_ids,
    tattoos,
)
from enrich.store.db.schema import gone as gone_there
from enrich.store.ledger.rows import recount
from enrich.store.ledger.runs import credit


def take_over_merged(tx: Connection, source: str, performer: int, merged: tuple[str, ...], at: str) -> tuple[int, ...]:
    """Make the ids merged into a performer's of this stash-box point at them; who was known by one becomes them.

    The ids of the performers that are gone. What the stash-box said under a merged id no longer counts.
    """
    gone = []
    for old in merged:
        other = tx.execute(
            select(stashbox_ids.c.performer_id).where(
                stashbox_ids.c.endpoint == source, stashbox_ids.c.stashbox_performer_id == old
            )
        ).scalar()
        if other is not None:
            tx.execute(
                delete(stashbox_ids).where(
                    stashbox_ids.c.endpoint == source, stashbox_ids.c.stashbox_performer_id == old
                )
            )
            for table in (profiles, gone_there):
                tx.execute(delete(table).where(table.c.source == source, table.c.source_id == old))
            if other != performer:
                absorb(tx, performer, other, at)
                gone.append(other)
        known = tx.execute(
            select(merged_ids.c.performer_id).where(
                merged_ids.c.endpoint == source, merged_ids.c.merged_stashbox_id == old
            )
        ).scalar()
        if known is None:
            tx.execute(
                merged_ids.insert().values(
                    performer_id=performer, merged_stashbox_id=old, endpoint=source, merged_at=at
                )
            )
    return tuple(gone)


def absorb(tx: Connection, keep: int, gone: int, at: str) -> None:
    """Give all that is ``gone``'s to ``keep``. Face ids stay; of several versions of one photograph the best face does.

    Where both have a row for one picture, the one that says most stays; for anything else ``keep``'s.
    """
    _name_instead(tx, keep, gone)
    _leave_one_row_each(tx, keep, gone)
    newly = set(tx.execute(select(faces.c.id).where(faces.c.performer_id == gone)).scalars())
    tx.execute(delete(lookups).where(lookups.c.performer_id == gone))
    for derived in (aliases, tattoos, piercings):  # made anew from the profiles
        tx.execute(delete(derived).where(derived.c.performer_id == gone))
    for table in (images, faces, external_urls, stashbox_ids, merged_ids, profiles, gone_there):
        tx.execute(update(table).where(table.c.performer_id == gone).values(performer_id=keep))
    # What waits was not compared with the other's faces: the next crawl's end judges it again.
    theirs = select(images.c.id).where(images.c.performer_id == keep)
    not_new = (candidates.c.image_id.in_(theirs), candidates.c.seen_face.is_not(None))
    tx.execute(update(candidates).where(*not_new).values(seen_face=0))
    recount(tx, [keep], at)
    tx.execute(delete(performers).where(performers.c.id == gone))
    settle_versions(tx, keep, newly, at)


def _name_instead(tx: Connection, keep: int, gone: int) -> None:
    """Have others' pictures of the same bytes, which were left out as copies of ``gone``'s, name ``keep``."""
    theirs = select(images.c.sha256).where(images.c.performer_id == gone, images.c.sha256.is_not(None))
    copies = select(images.c.id, images.c.detail).where(
        images.c.sha256.in_(theirs),
        images.c.reason == "duplicate_image",
        images.c.detail["of_performer"].as_integer() == gone,
    )
    for number, detail in tx.execute(copies).all():
        tx.execute(update(images).where(images.c.id == number).values(detail={**detail, "of_performer": keep}))


def _leave_one_row_each(tx: Connection, keep: int, gone: int) -> None:
    """Of two rows for one picture leave the one that says more: forgotten, then accepted, else ``keep``'s.

    With the other goes its face: an address that is two faces' showed another picture once.
    """
    mine, theirs = images.alias(), images.alias()
    lost = (
        select(case((_says(theirs) > _says(mine), mine.c.id), else_=theirs.c.id))
        .join_from(mine, theirs, and_(mine.c.source == theirs.c.source, mine.c.image_url == theirs.c.image_url))
        .where(mine.c.performer_id == keep, theirs.c.performer_id == gone)
    )
    numbers = list(tx.execute(lost).scalars())
    shown = select(images.c.face_id, images.c.source, images.c.mode).where(images.c.face_id.is_not(None))
    for face, source, mode in tx.execute(shown.where(images.c.id.in_(numbers))).all():
        tx.execute(delete(faces).where(faces.c.id == face))
        if mode is not None:
            credit(tx, source, mode, -1)
    tx.execute(delete(images).where(images.c.id.in_(numbers)))


def _says(row: FromClause) -> ColumnElement[int]:
    return case((row.c.reason == "forgotten", 2), (row.c.outcome == "accepted", 1), else_=0)
