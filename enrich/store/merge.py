"""Makes one performer of two: a stash-box has merged them, or a third source links them."""

from __future__ import annotations

from sqlalchemy import Connection, delete, func, select, update

from enrich.store.schema import (
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
from enrich.store.schema import gone as gone_there


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
                absorb(tx, performer, other)
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


def absorb(tx: Connection, keep: int, gone: int) -> None:
    """Give all that is ``gone``'s to ``keep``. Face ids stay; where both have a row for one thing, ``keep``'s stays."""
    mine = images.alias()
    tx.execute(
        delete(images).where(
            images.c.performer_id == gone,
            select(mine.c.id)
            .where(mine.c.performer_id == keep)
            .where(mine.c.source == images.c.source, mine.c.image_url == images.c.image_url)
            .exists(),
        )
    )
    tx.execute(delete(lookups).where(lookups.c.performer_id == gone))
    for derived in (aliases, tattoos, piercings):  # made anew from the profiles
        tx.execute(delete(derived).where(derived.c.performer_id == gone))
    for table in (images, faces, external_urls, stashbox_ids, merged_ids, profiles, gone_there):
        tx.execute(update(table).where(table.c.performer_id == gone).values(performer_id=keep))
    # What waits was not compared with the other's faces: the next crawl's end judges it again.
    theirs = select(images.c.id).where(images.c.performer_id == keep)
    not_new = (candidates.c.image_id.in_(theirs), candidates.c.seen_face.is_not(None))
    tx.execute(update(candidates).where(*not_new).values(seen_face=0))
    tx.execute(
        update(performers)
        .where(performers.c.id == keep)
        .values(face_count=select(func.count()).where(faces.c.performer_id == keep).scalar_subquery())
    )
    tx.execute(delete(performers).where(performers.c.id == gone))
