"""A performer as the sum of what the sources say: columns, aliases, links, tattoos and piercings out of the profiles.

Made anew from all profiles each time, so it does not matter in which order or how often they came.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Row, Table, delete, insert, select, update

from enrich.identity import UrlIdentity
from enrich.items import Performer
from enrich.store.db.schema import aliases, external_urls, performers, piercings, profiles, tattoos
from enrich.store.people.resolve import identities, links_with

COLUMNS = (
    "disambiguation", "gender", "country", "ethnicity", "birth_date", "death_date", "height_cm", "eye_color",
    "hair_color", "career_start_year", "career_end_year", "scene_count", "image_url",
)  # fmt: skip
"""Columns of ``performers`` that have the same name in ``Performer``."""

LAST = 10**6
"""The priority of a source that has none."""


@dataclass(frozen=True, slots=True)
class UrlConflict:
    """A link that a source gives to one performer and that is another's already: it stays the other's."""

    url: str
    site: str
    owner: int


@dataclass(frozen=True, slots=True)
class Said:
    """What a source says of a performer: its profile's ``data``."""

    source: str
    data: Mapping[str, Any]

    @property
    def is_reference(self) -> bool:
        """Whether it is a reference site's, which has no say on the columns."""
        return "reference" in self.data


def profile_data(performer: Performer) -> dict[str, Any]:
    """What a source says of a performer, as JSON; what it does not say is left out."""
    said: dict[str, Any] = {
        "reference": None if performer.performer_id is None else True,
        "name": performer.name,
        "aliases": list(performer.aliases),
        "urls": list(performer.urls),
        "merged_ids": list(performer.merged_ids),
        "tattoos": [[mark.location, mark.description] for mark in performer.tattoos],
        "piercings": [[mark.location, mark.description] for mark in performer.piercings],
        "page_url": performer.page_url,
        "matched": performer.matched,
        "updated": performer.updated,
        **{name: getattr(performer, name) for name in COLUMNS},
    }
    return {key: value for key, value in said.items() if value is not None and value != []}


def derive(tx: Connection, performer: int, priorities: Mapping[str, int], at: str) -> tuple[UrlConflict, ...]:
    """Bring a performer's rows in line with the profiles. A source without priority comes after those with one."""
    rows = tx.execute(select(profiles).where(profiles.c.performer_id == performer)).all()
    rows = sorted(rows, key=lambda row: (priorities.get(row.source, LAST), row.source, row.source_id))
    said = [Said(row.source, row.data) for row in rows]
    said.sort(key=lambda profile: profile.is_reference)  # stable: stash-boxes first, whatever their priority
    boxes = [profile for profile in said if not profile.is_reference]
    current = tx.execute(select(performers).where(performers.c.id == performer)).one()
    name = _derive_columns(tx, current, boxes, at)
    _derive_aliases(tx, performer, name, said, at)
    _derive_marks(tx, tattoos, performer, boxes, at)
    _derive_marks(tx, piercings, performer, boxes, at)
    return _derive_urls(tx, performer, said, at)


def wanted_columns(boxes: Sequence[Said]) -> dict[str, Any]:
    """A performer's columns by what stash-boxes say, of one at least, the most believed first."""
    wanted: dict[str, Any] = {"canonical_name": boxes[0].data["name"]}
    for column in COLUMNS:
        wanted[column] = next((box.data[column] for box in boxes if column in box.data), None)
    updated = [box.data["updated"] for box in boxes if box.source == "stashdb" and "updated" in box.data]
    wanted["stashdb_updated_at"] = max(updated, default=None)
    return wanted


def wanted_aliases(name: str, said: Sequence[Said]) -> dict[str, tuple[str, str]]:
    """The aliases of a performer of this name: what to compare -> the alias and the first source that gives it."""
    wanted: dict[str, tuple[str, str]] = {}
    for profile in said:
        for alias in (profile.data["name"], *profile.data.get("aliases", ())):
            if alias.casefold() != name.casefold():
                wanted.setdefault(alias.casefold(), (alias, profile.source))
    return wanted


def wanted_marks(table: Table, boxes: Sequence[Said]) -> dict[tuple[str, str], tuple[str, str | None, str]]:
    """The rows of ``tattoos`` or ``piercings``: ``mark_key`` -> location, description, source."""
    wanted: dict[tuple[str, str], tuple[str, str | None, str]] = {}
    for box in boxes:
        for location, description in box.data.get(table.name, ()):
            wanted.setdefault(mark_key(location, description), (location, description, box.source))
    return wanted


def mark_key(location: str | None, description: str | None) -> tuple[str, str]:
    """What to compare of a tattoo or piercing; one without a description is the same each time it is told."""
    return (location or "").casefold(), (description or "").casefold()


def wanted_urls(said: Sequence[Said]) -> dict[tuple[str, str], dict[str, Any]]:
    """The rows of ``external_urls`` by what the links identify, without performer and time."""
    wanted: dict[tuple[str, str], dict[str, Any]] = {}
    for profile in said:
        page = [profile.data["page_url"]] if profile.is_reference and "page_url" in profile.data else []
        for key, (url, identity) in identities([*profile.data.get("urls", ()), *page]).items():
            wanted.setdefault(key, url_row(key, url, identity, profile.source))
    return wanted


def url_row(key: tuple[str, str], url: str, identity: UrlIdentity, source: str) -> dict[str, Any]:
    """A row of ``external_urls`` without performer and time. ``key``: the identity's, from ``identities``."""
    site, number = key
    return {
        "site": site,
        "url": url,
        "normalized_id": number,
        "source_endpoint": source,
        "confidence": identity.confidence,
    }


def _derive_columns(tx: Connection, current: Row[Any], boxes: Sequence[Said], at: str) -> str:
    wanted = wanted_columns(boxes) if boxes else {"canonical_name": current.canonical_name}
    if any(current._mapping[column] != value for column, value in wanted.items()):
        tx.execute(update(performers).where(performers.c.id == current.id).values(**wanted, updated_at=at))
    name: str = wanted["canonical_name"]
    return name


def _derive_aliases(tx: Connection, performer: int, name: str, said: Sequence[Said], at: str) -> None:
    wanted = wanted_aliases(name, said)
    ours = {profile.source for profile in said}
    stale = []
    for row in tx.execute(select(aliases).where(aliases.c.performer_id == performer)).all():
        key = row.alias.casefold()
        if key in wanted:
            alias, source = wanted.pop(key)
            if (row.alias, row.source_endpoint) != (alias, source):
                tx.execute(update(aliases).where(aliases.c.id == row.id).values(alias=alias, source_endpoint=source))
        elif row.source_endpoint in ours or key == name.casefold():
            stale.append(row.id)
    _replace(tx, aliases, stale, [
        {"performer_id": performer, "alias": alias, "source_endpoint": source, "created_at": at}
        for alias, source in wanted.values()
    ])  # fmt: skip


def _derive_marks(tx: Connection, table: Table, performer: int, boxes: Sequence[Said], at: str) -> None:
    wanted = wanted_marks(table, boxes)
    ours = {box.source for box in boxes}
    stale = []
    for row in tx.execute(select(table).where(table.c.performer_id == performer)).all():
        mark = wanted.get(mark_key(row.location, row.description))
        if mark == (row.location, row.description, row.source_endpoint):
            del wanted[mark_key(row.location, row.description)]
        elif mark is not None or row.source_endpoint in ours:
            stale.append(row.id)
    _replace(tx, table, stale, [
        {"performer_id": performer, "location": where, "description": what, "source_endpoint": source, "created_at": at}
        for where, what, source in wanted.values()
    ])  # fmt: skip


def _derive_urls(tx: Connection, performer: int, said: Sequence[Said], at: str) -> tuple[UrlConflict, ...]:
    wanted = wanted_urls(said)
    held = list(tx.execute(select(external_urls).where(external_urls.c.performer_id == performer)).all())
    mine = {(row.site, row.normalized_id) for row in held}
    held += links_with(tx, [key for key in wanted if key not in mine])
    ours = {profile.source for profile in said}
    conflicts, stale = [], []
    for row in held:
        value = wanted.pop((row.site, row.normalized_id), None)
        if value is None:
            if row.source_endpoint in ours:
                stale.append(row.id)
        elif row.performer_id != performer:
            conflicts.append(UrlConflict(value["url"], row.site, row.performer_id))
        elif (row.url, row.source_endpoint) != (value["url"], value["source_endpoint"]):
            tx.execute(
                update(external_urls)
                .where(external_urls.c.id == row.id)
                .values(url=value["url"], source_endpoint=value["source_endpoint"], confidence=value["confidence"])
            )
    new = [{**value, "performer_id": performer, "created_at": at} for value in wanted.values()]
    _replace(tx, external_urls, stale, new)
    return tuple(conflicts)


def _replace(tx: Connection, table: Table, stale: list[int], rows: list[dict[str, Any]]) -> None:
    if stale:
        tx.execute(delete(table).where(table.c.id.in_(stale)))
    if rows:
        tx.execute(insert(table), rows)
