"""Who a stash-box's performer is among those the database knows, in the order of how sure the sign is."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from sqlalchemy import Connection, Row, and_, or_, select

from enrich.identity import UrlIdentity, identify, names_match
from enrich.items import Performer
from enrich.store.db.schema import aliases, external_urls, performers, stashbox_ids
from enrich.store.ledger.rows import known_performer

SURE_ENOUGH = 0.8
"""From this confidence on two links with one identity mean one person, if the names agree too."""

_AT_ONCE = 100


def identities(urls: Iterable[str]) -> dict[tuple[str, str], tuple[str, UrlIdentity]]:
    """Links by what they identify, ``(site, id) -> (url, identity)``; of two links with one identity the first."""
    found: dict[tuple[str, str], tuple[str, UrlIdentity]] = {}
    for url in urls:
        identity = identify(url)
        if identity is not None:
            found.setdefault(identity.key, (url, identity))
    return found


def links_with(connection: Connection, keys: Sequence[tuple[str, str]]) -> list[Row[Any]]:
    """The stored links with these identities, each found by the index."""
    found: list[Row[Any]] = []
    for start in range(0, len(keys), _AT_ONCE):
        # Not (site, id) IN (...), for which SQLite reads the whole table.
        each = (
            and_(external_urls.c.site == site, external_urls.c.normalized_id == number)
            for site, number in keys[start : start + _AT_ONCE]
        )
        found += connection.execute(select(external_urls).where(or_(*each))).all()
    return found


def resolve(tx: Connection, performer: Performer, priorities: Mapping[str, int]) -> list[int]:
    """Our ids of a stash-box's performer who is new under this id; empty if they are nobody we know.

    By a merged id; by a link to another stash-box's page, or from there to this; by a shared link to a page of theirs,
    if a name agrees and no birth date speaks against it. Two performers of one stash-box are one person only if that
    stash-box says so. More than one id: links and names say that these, so far held apart, are the one performer.
    """
    for merged in performer.merged_ids:
        known = known_performer(tx, performer.source, merged)
        if known is not None:
            return [known]
    links = identities(performer.urls)
    linked = _linked(tx, performer, links, priorities)
    if linked:
        return linked
    sure = [key for key, (_, identity) in links.items() if identity.confidence >= SURE_ENOUGH]
    return _of_shared_links(tx, performer, sure)


def _linked(
    tx: Connection,
    performer: Performer,
    links: Mapping[tuple[str, str], tuple[str, UrlIdentity]],
    priorities: Mapping[str, int],
) -> list[int]:
    found = [
        known_performer(tx, site, number) for site, number in links if site in priorities and site != performer.source
    ]
    found.append(
        tx.execute(
            select(external_urls.c.performer_id).where(
                external_urls.c.site == performer.source,
                external_urls.c.normalized_id == performer.source_id.casefold(),
            )
        ).scalar()
    )
    free = sorted({one for one in found if one is not None and _is_free(tx, one, performer.source)})
    if len(free) <= 1:
        return free
    fitting = [one for one in free if _fits(tx, one, performer)]
    return fitting if len(fitting) <= 1 or _may_be_one(tx, fitting) else []  # in doubt nobody


def _may_be_one(tx: Connection, candidates: list[int]) -> bool:
    endpoints = tx.execute(
        select(stashbox_ids.c.endpoint).where(stashbox_ids.c.performer_id.in_(candidates))
    ).scalars().all()  # fmt: skip
    dates = tx.execute(select(performers.c.birth_date).where(performers.c.id.in_(candidates))).scalars().all()
    return len(set(endpoints)) == len(endpoints) and not any(contradict(a, b) for a in dates for b in dates)


def _of_shared_links(tx: Connection, performer: Performer, keys: list[tuple[str, str]]) -> list[int]:
    if not keys:
        return []
    owners = (row.performer_id for row in links_with(tx, keys))
    fitting = [one for one, _ in Counter(owners).most_common() if _fits(tx, one, performer)]
    return fitting if len(fitting) == 1 else []


def _fits(tx: Connection, candidate: int, performer: Performer) -> bool:
    if not _is_free(tx, candidate, performer.source):
        return False
    row = tx.execute(
        select(performers.c.canonical_name, performers.c.birth_date).where(performers.c.id == candidate)
    ).one()
    if contradict(row.birth_date, performer.birth_date):
        return False
    known = tx.execute(select(aliases.c.alias).where(aliases.c.performer_id == candidate)).scalars()
    return names_match([row.canonical_name, *known], [performer.name, *performer.aliases]) is not None


def contradict(a: str | None, b: str | None) -> bool:
    """Whether two birth dates cannot be one person's; ``1990`` and ``1990-05-17`` can."""
    if a is None or b is None:
        return False
    length = min(len(a), len(b))
    return a[:length] != b[:length]


def _is_free(tx: Connection, candidate: int, source: str) -> bool:
    """Whether the candidate has no id of this stash-box yet."""
    return (
        tx.execute(
            select(stashbox_ids.c.performer_id).where(
                stashbox_ids.c.performer_id == candidate, stashbox_ids.c.endpoint == source
            )
        ).first()
        is None
    )
