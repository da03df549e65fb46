"""The performers of an old database: cleaned, each person once, told apart by what which stash-box says of them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Any

from enrich.identity import clean_text, is_adult
from enrich.items import BodyMark, Performer
from enrich.store.people.derive import LAST
from enrich.store.takeover.old import OldDatabase
from enrich.store.takeover.values import (
    read_address,
    read_alias,
    read_country,
    read_date,
    read_endpoint,
    read_gender,
    read_height_cm,
    read_number,
    read_stashbox_id,
    read_time,
    read_word,
    read_year,
)

Key = tuple[str, str]
"""A stash-box and a performer's id there."""

_COLUMNS = {
    "disambiguation": clean_text,
    "gender": read_gender,
    "country": read_country,
    "ethnicity": read_word,
    "birth_date": read_date,
    "death_date": read_date,
    "height_cm": read_height_cm,
    "eye_color": read_word,
    "hair_color": read_word,
    "career_start_year": read_year,
    "career_end_year": read_year,
    "scene_count": lambda value: read_number(value, 0, 10**7),
    "image_url": read_address,
}


@dataclass(slots=True, kw_only=True)
class Person:
    """A performer, of one row of the old database or of several that are one person by a stash-box's id.

    ``old_ids``: their rows', the one that stays first. ``ids``: the stash-boxes', the most believed first. ``merged``:
    ids that were merged into theirs. The rest is by the source that said it (``None``: not known), which need not be
    one of the stash-boxes that know them. ``refused``: why they are not taken.
    """

    old_ids: list[int]
    name: str
    ids: list[Key] = field(default_factory=list)
    merged: list[Key] = field(default_factory=list)
    columns: dict[str, Any] = field(default_factory=dict)
    updated: str | None = None
    aliases: list[tuple[str, str | None]] = field(default_factory=list)
    urls: list[tuple[str, str | None]] = field(default_factory=list)
    tattoos: list[tuple[BodyMark, str | None]] = field(default_factory=list)
    piercings: list[tuple[BodyMark, str | None]] = field(default_factory=list)
    created_at: str | None = None
    updated_at: str | None = None
    refused: str | None = None

    def profiles(self) -> list[Performer]:
        """What each stash-box that knows them is taken to have said. The columns are the most believed one's.

        Which stash-box said what of the columns, the old database does not tell.
        """
        said = []
        for position, (source, number) in enumerate(self.ids):
            first_of_source = source not in [earlier for earlier, _ in self.ids[:position]]
            said.append(
                Performer(
                    source=source,
                    source_id=number,
                    name=self.name,
                    aliases=_of(self.aliases, source) if first_of_source else (),
                    urls=_of(self.urls, source) if first_of_source else (),
                    tattoos=_of(self.tattoos, source) if first_of_source else (),
                    piercings=_of(self.piercings, source) if first_of_source else (),
                    merged_ids=tuple(old for box, old in self.merged if box == source) if first_of_source else (),
                    updated=self.updated if source == "stashdb" and first_of_source else None,
                    **(self.columns if position == 0 else {}),
                )
            )
        return said


def _of(said: Sequence[tuple[Any, str | None]], source: str) -> tuple[Any, ...]:
    return tuple(dict.fromkeys(value for value, by in said if by == source))


@dataclass(frozen=True, slots=True)
class People:
    """Everybody. ``at``: id of a row of ``performers`` -> position in ``persons``. ``unnamed``: rows left out."""

    persons: list[Person]
    at: Mapping[int, int]
    unnamed: list[int]

    def by_key(self) -> dict[Key, int]:
        """Stash-box ids, also merged ones -> position in ``persons``."""
        found = {key: position for position, person in enumerate(self.persons) for key in person.merged}
        found.update((key, position) for position, person in enumerate(self.persons) for key in person.ids)
        return found


def read_people(old: OldDatabase, priorities: Mapping[str, int], today: date) -> People:
    """Everybody in the old database. ``priorities``: the stash-boxes', the lowest number is believed most."""
    persons, unnamed = _read_persons(old, today)
    _read_more(old, persons)
    kept, at = _one_each(persons)
    for person in kept:
        person.ids.sort(key=lambda key: priorities.get(key[0], LAST))
    return People(kept, at, unnamed)


def _read_persons(old: OldDatabase, today: date) -> tuple[dict[int, Person], list[int]]:
    persons: dict[int, Person] = {}
    unnamed = []
    columns = ("id", "canonical_name", "stashdb_updated_at", "created_at", "updated_at", *_COLUMNS)
    for number, written, stashdb_updated_at, created_at, updated_at, *values in old.rows("performers", *columns):
        name = clean_text(written)
        if name is None:
            unnamed.append(number)
            continue
        read = {column: clean(value) for (column, clean), value in zip(_COLUMNS.items(), values, strict=True)}
        persons[number] = Person(
            old_ids=[number],
            name=name,
            columns={column: value for column, value in read.items() if value is not None},
            updated=clean_text(stashdb_updated_at),
            created_at=read_time(created_at),
            updated_at=read_time(updated_at),
            refused=None if is_adult(read_date(read["birth_date"]), today) else "underage",
        )
    return persons, unnamed


def _read_more(old: OldDatabase, persons: Mapping[int, Person]) -> None:
    for performer, endpoint, number in old.rows("stashbox_ids", "performer_id", "endpoint", "stashbox_performer_id"):
        _add(persons, performer, "ids", _key(endpoint, number))
    for performer, number, endpoint in old.rows("merged_ids", "performer_id", "merged_stashbox_id", "endpoint"):
        _add(persons, performer, "merged", _key(endpoint, number))
    for performer, alias, source in old.rows("aliases", "performer_id", "alias", "source_endpoint"):
        _add(persons, performer, "aliases", _said(read_alias(alias), source))
    for performer, url, source in old.rows("external_urls", "performer_id", "url", "source_endpoint"):
        _add(persons, performer, "urls", _said(read_address(url), source))
    for table in ("tattoos", "piercings"):
        for performer, where, what, source in old.rows(
            table, "performer_id", "location", "description", "source_endpoint"
        ):
            location = clean_text(where)
            mark = None if location is None else BodyMark(location=location, description=clean_text(what))
            _add(persons, performer, table, _said(mark, source))


def _add(persons: Mapping[int, Person], performer: int, what: str, value: object) -> None:
    person = persons.get(performer)
    if person is not None and value is not None:
        getattr(person, what).append(value)


def _said(value: Any, source: object) -> tuple[Any, str | None] | None:
    return None if value is None else (value, read_endpoint(source))


def _key(endpoint: object, number: object) -> Key | None:
    source, source_id = read_endpoint(endpoint), read_stashbox_id(number)
    return None if source is None or source_id is None else (source, source_id)


def _one_each(persons: Mapping[int, Person]) -> tuple[list[Person], dict[int, int]]:
    """The persons, those of one stash-box id, or of an id merged into another's, made one; and where each row went."""
    same: dict[int, int] = {}

    def first(number: int) -> int:
        while number in same:
            number = same[number]
        return number

    owner: dict[Key, int] = {}
    for what in ("ids", "merged"):
        for number, person in persons.items():
            for key in getattr(person, what):
                other = first(owner.setdefault(key, number))
                mine = first(number)
                if other != mine:
                    same[max(mine, other)] = min(mine, other)
    groups: dict[int, list[int]] = defaultdict(list)
    for number in persons:
        groups[first(number)].append(number)
    kept = [_joined([persons[number] for number in group]) for group in groups.values()]
    return kept, dict(_positions(kept))


def _positions(persons: Sequence[Person]) -> Iterator[tuple[int, int]]:
    for position, person in enumerate(persons):
        for number in person.old_ids:
            yield number, position


def _joined(group: Sequence[Person]) -> Person:
    """One person of several rows: the first whose id was not merged into another's has the word."""
    gone = {key for person in group for key in person.merged}
    head, *others = sorted(group, key=lambda person: not any(key not in gone for key in person.ids))
    for other in others:
        head.old_ids += other.old_ids
        if other.name != head.name:
            head.aliases.append((other.name, other.ids[0][0] if other.ids else None))
        for what in ("ids", "merged", "aliases", "urls", "tattoos", "piercings"):
            getattr(head, what).extend(getattr(other, what))
        head.columns = {**other.columns, **head.columns}
        head.updated = max(filter(None, (head.updated, other.updated)), default=None)
        head.refused = head.refused or other.refused
    ids = list(dict.fromkeys(head.ids))
    head.ids = [key for key in ids if key not in gone]
    for key in ids:  # merged into itself, or two into each other: the first one stays, none would be wrong
        if all(key[0] != source for source, _ in head.ids):
            head.ids.append(key)
    head.merged = [key for key in dict.fromkeys(head.merged) if key not in head.ids]
    return head
