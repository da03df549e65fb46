"""Writes the performers of an old database: new ones in bulk; to those who are here already only what is not known."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from sqlalchemy import Connection, Table, func, insert, select, text

from enrich.items import Performer, RefusedPerformer
from enrich.store.db.schema import (
    aliases,
    external_urls,
    merged_ids,
    performers,
    piercings,
    profiles,
    stashbox_ids,
    tattoos,
)
from enrich.store.forgetting.forgotten import ForgottenPerformer, admit, all_marks, salt_if_any
from enrich.store.people.derive import UrlConflict, derive, mark_key
from enrich.store.people.resolve import identities, resolve
from enrich.store.people.save import remove_performer
from enrich.store.takeover.people import Key, People, Person
from enrich.store.takeover.rows import PersonRows, Row

_AT_ONCE = 2000
"""Performers whose rows are written together."""


@dataclass(slots=True)
class Arrivals:
    """Who came. ``homes``: position in ``people.persons`` -> our id. ``added``: positions of those who are new.

    ``elsewhere``: (position, source) -> our id of whom that source's pictures are instead; ``None``: not to be told.
    ``removed``: performers under age who were here. ``conflicts``: links that stay another performer's.
    """

    homes: dict[int, int] = field(default_factory=dict)
    added: set[int] = field(default_factory=set)
    elsewhere: dict[tuple[int, str], int | None] = field(default_factory=dict)
    removed: int = 0
    conflicts: list[UrlConflict] = field(default_factory=list)


def write_people(tx: Connection, people: People, priorities: Mapping[str, int], at: str) -> Arrivals:
    """Write everybody who may be stored; those who may not get their reason as ``refused``."""
    arriving = _Arriving(tx, priorities, at)
    _refuse_forgotten(tx, people, priorities)
    for key in (key for person in people.persons if person.refused == "underage" for key in person.ids):
        if key in arriving.ids:
            refused = RefusedPerformer(source=key[0], source_id=key[1], reason="underage")
            arriving.told.removed += remove_performer(tx, refused)
    if arriving.told.removed:
        arriving.read()
    new: list[int] = []
    for position, person in enumerate(people.persons):
        if person.refused is None and not arriving.joins(person, position):
            new.append(position)
    numbers = _numbers(tx, [people.persons[position].old_ids[0] for position in new])
    arriving.told.homes.update(zip(new, numbers, strict=True))
    arriving.told.added.update(new)
    for start in range(0, len(new), _AT_ONCE):
        chunk = [
            (people.persons[position], arriving.told.homes[position]) for position in new[start : start + _AT_ONCE]
        ]
        arriving.insert([PersonRows(person, number, at) for person, number in chunk])
    return arriving.told


def _refuse_forgotten(tx: Connection, people: People, priorities: Mapping[str, int]) -> None:
    if salt_if_any(tx) is None:
        return
    held = all_marks(tx)
    for person in people.persons:
        if person.refused is None:
            try:
                for said in _said_of(person):
                    kept = set(admit(tx, said, priorities, held).urls)
                    person.urls = [(url, source) for url, source in person.urls if url in kept]
            except ForgottenPerformer:
                person.refused = "forgotten"


def _said_of(person: Person) -> list[Performer]:
    """What tells who a person is, as if each of their stash-boxes said all of it."""
    return [
        replace(
            profile,
            urls=tuple(url for url, _ in person.urls),
            aliases=tuple(alias for alias, _ in person.aliases),
            birth_date=person.columns.get("birth_date"),
        )
        for profile in person.profiles() or [Performer(source="", source_id="", name=person.name)]
    ]


class _Arriving:
    """What the database holds in as far as it decides who somebody is and whose a link is, and what is added to it."""

    def __init__(self, tx: Connection, priorities: Mapping[str, int], at: str) -> None:
        self.tx = tx
        self.priorities = priorities
        self.at = at
        self.told = Arrivals()
        self.read()

    def read(self) -> None:
        """Read it all; of a database without performers that costs nothing."""
        tx = self.tx
        self.ids: dict[Key, int] = {}
        for table, number in ((merged_ids, "merged_stashbox_id"), (stashbox_ids, "stashbox_performer_id")):
            self.ids.update(_keyed(tx, table, "endpoint", number))
        self.boxes: dict[int, set[str]] = defaultdict(set)
        for endpoint, performer in tx.execute(select(stashbox_ids.c.endpoint, stashbox_ids.c.performer_id)):
            self.boxes[performer].add(endpoint)
        self.urls = _keyed(tx, external_urls, "site", "normalized_id")
        self.profiles = set(_keyed(tx, profiles, "source", "source_id"))
        self.without_id: dict[tuple[Any, ...], list[int]] = defaultdict(list)
        without = (
            select(performers.c.id, performers.c.canonical_name, performers.c.disambiguation, performers.c.birth_date)
            .outerjoin(stashbox_ids, stashbox_ids.c.performer_id == performers.c.id)
            .where(stashbox_ids.c.performer_id.is_(None))
            .order_by(performers.c.id)
        )
        for performer, *known_by in tx.execute(without):
            self.without_id[tuple(known_by)].append(performer)

    # --- who is here already ------------------------------------------------------------------------------------------

    def joins(self, person: Person, position: int) -> bool:
        """Add a person to whom they are here; whether they are anybody here."""
        home = self._home(person)
        if home is not None:
            self.told.homes[position] = home
            self._add(PersonRows(person, home, self.at), position)
        return home is not None

    def _home(self, person: Person) -> int | None:
        """Our id: by an id at a stash-box, else by our own rules, if these name just one."""
        for key in person.ids:
            if key in self.ids:
                return self.ids[key]
        if not self.ids and not self.urls and not self.without_id:
            return None
        pages = [(source, number.casefold()) for source, number in person.ids]
        links = identities(url for url, _ in person.urls)
        if any(key in self.ids or key in self.urls for key in (*person.merged, *links, *pages)):
            found = resolve(self.tx, _said_of(person)[0], self.priorities)
            if len(found) == 1:
                return found[0]
        known_by = (person.name, person.columns.get("disambiguation"), person.columns.get("birth_date"))
        same = self.without_id.get(known_by) if not person.ids else None
        return same.pop(0) if same else None

    def _add(self, rows: PersonRows, position: int) -> None:
        """What a source says here already stands; the old database only says what nobody here has said."""
        home, changed = rows.performer, False
        for profile in rows.profiles:
            key = (profile.source, profile.source_id)
            # Two performers of one stash-box are one person only if that stash-box says so.
            if key not in self.ids and profile.source not in self.boxes[home]:
                self.ids[key] = home
                self.boxes[home].add(profile.source)
                self._write(stashbox_ids, [rows.of_id(key)])
            if self.ids.get(key) == home and key not in self.profiles:
                self.profiles.add(key)
                self._write(profiles, [rows.of_profile(profile)])
                changed = True
        for source in {source for source, _ in rows.person.ids}:
            owners = [self.ids.get(key) for key in rows.person.ids if key[0] == source]
            if home not in owners:
                self.told.elsewhere[position, source] = next((owner for owner in owners if owner), None)
        if changed:
            self.told.conflicts += derive(self.tx, home, self.priorities, self.at)
            of_home = select(external_urls.c.site, external_urls.c.normalized_id).where(
                external_urls.c.performer_id == home
            )
            self.urls.update(dict.fromkeys(self.tx.execute(of_home), home))
        self._add_more(rows)

    def _add_more(self, rows: PersonRows) -> None:
        tx, home = self.tx, rows.performer
        more = list(rows.more_aliases())
        if more:
            held = tx.execute(select(aliases.c.alias).where(aliases.c.performer_id == home)).scalars()
            name = tx.execute(select(performers.c.canonical_name).where(performers.c.id == home)).scalar_one()
            known = {alias.casefold() for alias in (name, *held)}
            self._write(aliases, [row for row in more if row["alias"].casefold() not in known])
        for table in (tattoos, piercings):
            more = list(rows.more_marks(table))
            if more:
                held_marks = tx.execute(
                    select(table.c.location, table.c.description).where(table.c.performer_id == home)
                )
                marked = {mark_key(where, what) for where, what in held_marks}
                fresh = [row for row in more if mark_key(row["location"], row["description"]) not in marked]
                self._write(table, fresh)
        self._write(external_urls, self._free(rows.more_urls()))

    # --- who is new ---------------------------------------------------------------------------------------------------

    def insert(self, arriving: Sequence[PersonRows]) -> None:
        """Write new performers, all tables at once."""
        rows: dict[Table, list[Row]] = defaultdict(list)
        for one in arriving:
            rows[performers].append(one.of_performer())
            rows[stashbox_ids] += [one.of_id(key) for key in one.person.ids]
            for key in one.person.merged:
                if self.ids.setdefault(key, one.performer) == one.performer:
                    rows[merged_ids].append(one.of_merged(key))
            rows[profiles] += [one.of_profile(profile) for profile in one.profiles]
            rows[aliases] += one.aliases()
            for table in (tattoos, piercings):
                rows[table] += one.marks(table)
            rows[external_urls] += self._free(one.urls())
        for table, some in rows.items():
            self._write(table, some)

    def _free(self, rows: Iterable[Row]) -> list[Row]:
        """The links that are nobody's yet; another performer's are told, and stay theirs."""
        free = []
        for row in rows:
            key, performer = (row["site"], row["normalized_id"]), row["performer_id"]
            if key not in self.urls:
                self.urls[key] = performer
                free.append(row)
            elif self.urls[key] != performer:
                self.told.conflicts.append(UrlConflict(row["url"], row["site"], self.urls[key]))
        return free

    def _write(self, table: Table, rows: Sequence[Row]) -> None:
        if rows:
            self.tx.execute(insert(table), list(rows))


def _keyed(tx: Connection, table: Table, *key: str) -> dict[Key, int]:
    """The performers of a table by two of its columns."""
    columns = select(*(table.c[name] for name in key), table.c.performer_id)
    return {(row[0], row[1]): row[2] for row in tx.execute(columns)}


def _numbers(tx: Connection, old: Sequence[int]) -> list[int]:
    """Ids for new performers: their old ones where no performer was ever here, else such as were never given out."""
    if tx.dialect.name != "sqlite":
        series = text("SELECT nextval(pg_get_serial_sequence('performers', 'id')) FROM generate_series(1, :n)")
        return list(tx.execute(series, {"n": len(old)}).scalars())
    given = tx.execute(text("SELECT seq FROM sqlite_sequence WHERE name = 'performers'")).scalar()
    if not given and all(0 < number < 2**53 for number in old):
        return list(old)
    highest = max(given or 0, tx.execute(select(func.coalesce(func.max(performers.c.id), 0))).scalar_one())
    return list(range(highest + 1, highest + 1 + len(old)))
