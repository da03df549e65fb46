"""A person of an old database as rows: what ``derive`` would make of their profiles, and what it leaves alone."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from functools import cached_property
from typing import Any

from sqlalchemy import Table

from enrich.items import BodyMark, Performer
from enrich.store.db.schema import performers
from enrich.store.people.derive import (
    Said,
    mark_key,
    profile_data,
    url_row,
    wanted_aliases,
    wanted_columns,
    wanted_marks,
    wanted_urls,
)
from enrich.store.people.resolve import identities
from enrich.store.takeover.people import Key, Person

Row = dict[str, Any]

UNSAID = "stashdb"
"""Where rows without a source are from: Stash Sense had no other source when it wrote such."""

_COLUMNS = frozenset(column.name for column in performers.columns) - {"id", "face_count", "created_at", "updated_at"}


class PersonRows:
    """The rows of a person who has, or gets, the number ``performer`` here.

    Those named ``more`` are of sources that are none of the stash-boxes that know them: reference sites, mostly.
    """

    def __init__(self, person: Person, performer: int, at: str) -> None:
        self.person = person
        self.performer = performer
        self.at = at
        self.profiles = person.profiles()
        self._boxes = [Said(profile.source, profile_data(profile)) for profile in self.profiles]
        self._columns = (
            wanted_columns(self._boxes) if self._boxes else {**person.columns, "canonical_name": person.name}
        )
        self.name: str = self._columns["canonical_name"]

    def of_performer(self) -> Row:
        """The row of ``performers``; its faces are not counted yet."""
        person = self.person
        times = {"created_at": person.created_at or self.at, "updated_at": person.updated_at or self.at}
        return {**dict.fromkeys(_COLUMNS), **self._columns, **times, "id": self.performer, "face_count": 0}

    def of_id(self, key: Key) -> Row:
        """A row of ``stashbox_ids``."""
        at = self.person.created_at or self.at
        return {"performer_id": self.performer, "endpoint": key[0], "stashbox_performer_id": key[1], "created_at": at}

    def of_merged(self, key: Key) -> Row:
        """A row of ``merged_ids``."""
        return {"performer_id": self.performer, "endpoint": key[0], "merged_stashbox_id": key[1], "merged_at": self.at}

    def of_profile(self, profile: Performer) -> Row:
        """A row of ``profiles``."""
        return {
            "source": profile.source,
            "source_id": profile.source_id,
            "performer_id": self.performer,
            "data": profile_data(profile),
            "updated": profile.updated,
            "seen_at": self.at,
        }

    def aliases(self) -> Iterator[Row]:
        """All rows of ``aliases``."""
        for alias, source in self._aliases.values():
            yield self._alias(alias, source)
        yield from self.more_aliases()

    def more_aliases(self) -> Iterator[Row]:
        """Those of other sources."""
        seen = {self.name.casefold(), *self._aliases}
        for alias, source in self.person.aliases:
            if alias.casefold() not in seen:
                seen.add(alias.casefold())
                yield self._alias(alias, source)

    def marks(self, table: Table) -> Iterator[Row]:
        """All rows of ``tattoos`` or ``piercings``."""
        for where, what, source in wanted_marks(table, self._boxes).values():
            yield self._mark(where, what, source)
        yield from self.more_marks(table)

    def more_marks(self, table: Table) -> Iterator[Row]:
        """Those of other sources."""
        seen = set(wanted_marks(table, self._boxes))
        marks: list[tuple[BodyMark, str | None]] = getattr(self.person, table.name)
        for mark, source in marks:
            key = mark_key(mark.location, mark.description)
            if key not in seen:
                seen.add(key)
                yield self._mark(mark.location, mark.description, source)

    def urls(self) -> Iterator[Row]:
        """All rows of ``external_urls``."""
        for row in self._urls.values():
            yield {**row, "performer_id": self.performer, "created_at": self.at}
        yield from self.more_urls()

    def more_urls(self) -> Iterator[Row]:
        """Those of other sources."""
        by_source: dict[str, list[str]] = defaultdict(list)
        of_boxes = {source for source, _ in self.person.ids}
        for url, source in self.person.urls:
            if source not in of_boxes:
                by_source[source or UNSAID].append(url)
        seen = set(self._urls) if by_source else set()
        for source, urls in by_source.items():
            for key, (url, identity) in identities(urls).items():
                if key not in seen:
                    seen.add(key)
                    row = url_row(key, url, identity, source)
                    yield {**row, "performer_id": self.performer, "created_at": self.at}

    @cached_property
    def _aliases(self) -> dict[str, tuple[str, str]]:
        return wanted_aliases(self.name, self._boxes)

    @cached_property
    def _urls(self) -> dict[Key, Row]:
        return wanted_urls(self._boxes)

    def _alias(self, alias: str, source: str | None) -> Row:
        return {"performer_id": self.performer, "alias": alias, "source_endpoint": source, "created_at": self.at}

    def _mark(self, where: str | None, what: str | None, source: str | None) -> Row:
        return {
            "performer_id": self.performer,
            "location": where,
            "description": what,
            "source_endpoint": source,
            "created_at": self.at,
        }
