"""Forgets performers and faces: their rows go, what others' rows tell of them goes, and they are kept out from then on.

Everything here happens in the caller's transaction. What lies in files is the business of ``forget_files``, which is
owed from the moment the transaction is written.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, and_, delete, func, insert, or_, select, update

from enrich.errors import StoreError
from enrich.store.acceptance.duplicates import pictures_copying
from enrich.store.db.database import utc_text
from enrich.store.db.schema import (
    aliases,
    candidates,
    external_urls,
    face_details,
    faces,
    images,
    merged_ids,
    performers,
    profiles,
    stashbox_ids,
)
from enrich.store.forgetting.files import owe
from enrich.store.forgetting.forgotten import is_remembered, link_marks, mark, remember, salt_of
from enrich.store.forgetting.traces import chunks, delete_performers
from enrich.store.ledger.rows import known_performer, recount


@dataclass(frozen=True, slots=True, kw_only=True)
class Going:
    """What goes of a performer: numbers of faces, of pictures in the ledger, of other names, of links.

    ``entirely``: the performer goes; else only what one source gave. ``ids``: as ``source:id``.
    """

    performer_id: int
    name: str
    ids: tuple[str, ...]
    faces: int
    pictures: int
    names: int
    links: int
    entirely: bool = True


def find_performer(connection: Connection, who: str) -> int | None:
    """Our number of a performer, given as that number, or as ``source:id`` at a stash-box or a reference site.

    ``None``: there is none, but there was one, who is forgotten. Raises StoreError where nobody is meant.
    """
    source, colon, number = who.partition(":")
    found: int | None = None
    if colon:
        found = known_performer(connection, source, number) or _by_page(connection, source, number)
        was = is_remembered(connection, "person", source, number) or is_remembered(connection, "entry", source, number)
    elif who.isascii() and who.isdecimal():
        found = connection.execute(select(performers.c.id).where(performers.c.id == int(who))).scalar()
        was = is_remembered(connection, "number", str(int(who)))
    else:
        raise StoreError(f"performer {who!r}: neither our number nor SOURCE:ID, such as 17 or stashdb:6f1c…")
    if found is None and not was:
        raise StoreError(f"performer {who}: not in the database; nothing was forgotten")
    return found


def _by_page(connection: Connection, source: str, number: str) -> int | None:
    page = select(profiles.c.performer_id).where(profiles.c.source == source, profiles.c.source_id == number)
    link = select(external_urls.c.performer_id).where(
        external_urls.c.site == source, external_urls.c.normalized_id == number.casefold()
    )
    found: int | None = connection.execute(page).scalar() or connection.execute(link).scalar()
    return found


def going(connection: Connection, performer: int, source: str | None = None, *, entirely: bool = True) -> Going:
    """What is stored of a performer; ``source``: what that source gave."""

    def count(table: Any, by: str) -> int:
        counted = select(func.count()).where(table.c.performer_id == performer)
        return connection.execute(counted if source is None else counted.where(table.c[by] == source)).scalar_one()

    ids = select(stashbox_ids.c.endpoint, stashbox_ids.c.stashbox_performer_id)
    if source is not None:
        ids = ids.where(stashbox_ids.c.endpoint == source)
    name = select(performers.c.canonical_name).where(performers.c.id == performer)
    there = connection.execute(ids.where(stashbox_ids.c.performer_id == performer)).all()
    return Going(
        performer_id=performer,
        name=connection.execute(name).scalar_one(),
        ids=tuple(sorted(f"{box}:{number}" for box, number in there)),
        faces=count(faces, "source_endpoint"),
        pictures=count(images, "source"),
        names=count(aliases, "source_endpoint"),
        links=count(external_urls, "source_endpoint"),
        entirely=entirely,
    )


def forget_performers(tx: Connection, numbers: Sequence[int], *, now: datetime | None = None) -> int:
    """Forget performers; how many there were."""
    at = utc_text(now)
    for chunk in chunks(numbers):
        remember(tx, _marks(tx, chunk), at)
    if numbers:
        owe(tx)
    return delete_performers(tx, numbers)


def forget_faces(tx: Connection, numbers: Sequence[int], *, now: datetime | None = None) -> int:
    """Forget single faces: their pictures, and what was left out as copies of them, are ``forgotten`` in the ledger.

    How many there were. Raises StoreError where a number is that of no face, and of none that was.
    """
    at, salt = utc_text(now), salt_of(tx)
    found = 0
    for number in dict.fromkeys(numbers):
        face = tx.execute(
            select(faces, face_details.c.sha256).outerjoin(face_details).where(faces.c.id == number)
        ).first()
        if face is None:
            if not is_remembered(tx, "face", str(number)):
                raise StoreError(f"face {number}: not in the database; nothing was forgotten")
            continue
        found += 1
        remember(tx, [mark(salt, "face", str(number))], at)
        verdict = {"outcome": "rejected", "reason": "forgotten", "detail": None, "error": None}
        same_bytes = and_(images.c.reason == "duplicate_image", images.c.detail["of_face"].as_integer() == number)
        copies = pictures_copying(tx, face.performer_id, number, face.source_endpoint, face.image_url)
        held = tx.execute(update(images).where(images.c.face_id == number).values(decided_at=at, **verdict)).rowcount
        tx.execute(update(images).where(or_(same_bytes, images.c.id.in_(copies))).values(**verdict))
        if not held and face.image_url is not None:
            row = {"source": face.source_endpoint, "performer_id": face.performer_id, "image_url": face.image_url}
            said = {"sha256": face.sha256, "created_at": at, "decided_at": at}
            tx.execute(insert(images), {**row, **said, **verdict})
        shows = images.c.face_id == number
        if face.sha256 is not None:  # it may wait elsewhere too, or stand there unconfirmed
            shows = or_(shows, images.c.sha256 == face.sha256)
        waits = images.c.id.in_(select(candidates.c.image_id))
        of_it = list(tx.execute(select(images.c.id).where(shows, waits)).scalars())
        tx.execute(delete(candidates).where(candidates.c.image_id.in_(of_it)))
        tx.execute(update(images).where(images.c.id.in_(of_it)).values(decided_at=at, **verdict))
        tx.execute(delete(faces).where(faces.c.id == number))
        recount(tx, [face.performer_id], at)
    if found:
        owe(tx)
    return found


def _marks(connection: Connection, numbers: Sequence[int]) -> Iterator[str]:
    """The hashes of performers: of their ids, also the merged ones, of their pages and links, and of our numbers."""
    salt = salt_of(connection)
    yield from (mark(salt, "number", str(number)) for number in numbers)
    for table, source, number in (
        (stashbox_ids, stashbox_ids.c.endpoint, stashbox_ids.c.stashbox_performer_id),
        (merged_ids, merged_ids.c.endpoint, merged_ids.c.merged_stashbox_id),
        (profiles, profiles.c.source, profiles.c.source_id),
    ):
        for row in connection.execute(select(source, number).where(table.c.performer_id.in_(numbers))):
            yield mark(salt, "person", *row)
    names: dict[int, list[str]] = defaultdict(list)
    named = select(performers.c.id, performers.c.canonical_name).where(performers.c.id.in_(numbers))
    also = select(aliases.c.performer_id, aliases.c.alias).where(aliases.c.performer_id.in_(numbers))
    for performer, name in connection.execute(named.union_all(also)):
        names[performer].append(name)
    # A link to the page of somebody else whom we know is theirs, whoever may have given it to this one.
    other = and_(
        stashbox_ids.c.endpoint == external_urls.c.site,
        func.lower(stashbox_ids.c.stashbox_performer_id) == external_urls.c.normalized_id,
        stashbox_ids.c.performer_id != external_urls.c.performer_id,
    )
    links = select(external_urls).outerjoin(stashbox_ids, other).where(
        external_urls.c.performer_id.in_(numbers), stashbox_ids.c.performer_id.is_(None)
    )  # fmt: skip
    for link in connection.execute(links):
        yield from link_marks(salt, (link.site, link.normalized_id), link.confidence, names[link.performer_id])
