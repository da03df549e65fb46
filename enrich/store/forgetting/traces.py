"""What the rows that stay tell of somebody who goes: found by their names, ids and links, and taken out."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Any

from sqlalchemy import Connection, and_, delete, or_, select, update

from enrich.identity import host_of, identify
from enrich.store.acceptance.duplicates import COPY_REASONS
from enrich.store.db.schema import (
    aliases,
    external_urls,
    faces,
    images,
    lookups,
    merged_ids,
    performers,
    profiles,
    runs,
    scrape_progress,
    stashbox_ids,
)
from enrich.store.ledger.rows import LIMIT_REASONS

FORGOTTEN = "(forgotten)"
"""Stands in the records of earlier runs where somebody was named."""

_OFFSITE = "images/offsite/"
_CHUNK = 500


def chunks(numbers: Sequence[int]) -> Iterator[Sequence[int]]:
    """Our numbers, as many at a time as a statement takes."""
    yield from (numbers[start : start + _CHUNK] for start in range(0, len(numbers), _CHUNK))


class Traces:
    """Names, ids and links by which somebody can be recognised in a text; and our numbers of them and their faces."""

    def __init__(self) -> None:
        self.performers: set[int] = set()
        self.faces: set[int] = set()
        self.ids: set[str] = set()
        self.urls: set[str] = set()
        self._hosts: set[str] = set()
        self._told: set[tuple[str, ...]] = set()
        self._lengths: dict[str, set[int]] = {}

    def gather(self, connection: Connection, numbers: Sequence[int], source: str | None = None) -> None:
        """Note what is stored of these performers; ``source``: only what that source says of them."""
        for chunk in chunks(numbers):
            self._gather(connection, chunk, source)

    def tells(self, text: str) -> bool:
        """Whether a text names one of them: word for word, capitals and punctuation aside."""
        words = _words(text)
        return any(
            words[at : at + length] in self._told
            for at, word in enumerate(words)
            for length in self._lengths.get(word, ())
        )

    def without(self, stats: Any) -> Any:
        """A run's statistics without what names one of them."""
        if isinstance(stats, str):
            return FORGOTTEN if self.tells(stats) else stats
        if isinstance(stats, list):
            return [self.without(value) for value in stats]
        if isinstance(stats, dict):
            return {
                key: self.without(value)
                for key, value in stats.items()
                if not (key.startswith(_OFFSITE) and key.removeprefix(_OFFSITE) in self._hosts)
            }
        return stats

    # --- noting -------------------------------------------------------------------------------------------------------

    def _gather(self, connection: Connection, chunk: Sequence[int], source: str | None) -> None:
        def of(table: Any, *columns: Any, by: str = "source") -> Iterator[Any]:
            which = [table.c.performer_id.in_(chunk)]
            if source is not None:
                which.append(table.c[by] == source)
            yield from connection.execute(select(*columns).where(*which))

        for row in of(faces, faces.c.id, faces.c.image_url, by="source_endpoint"):
            self.faces.add(row.id)
            self._links(row.image_url)
        for row in of(images, images.c.image_url, images.c.page_url):
            self._links(row.image_url, row.page_url)
        for row in of(external_urls, external_urls.c.url, by="source_endpoint"):
            self._links(row.url)
        for row in of(stashbox_ids, stashbox_ids.c.stashbox_performer_id, by="endpoint"):
            self._id(row.stashbox_performer_id)
        for row in of(merged_ids, merged_ids.c.merged_stashbox_id, by="endpoint"):
            self._id(row.merged_stashbox_id)
        for row in of(profiles, profiles.c.source_id, profiles.c.data):
            self._id(row.source_id)
            self._links(*row.data.get("urls", ()), row.data.get("page_url"), row.data.get("image_url"))
        if source is None:  # what other sources say of them stays, and their names with it
            self.performers.update(chunk)
            for number in chunk:
                self._tell(f"performer {number}")
            named = select(performers.c.canonical_name).where(performers.c.id.in_(chunk))
            also = select(aliases.c.alias).where(aliases.c.performer_id.in_(chunk))
            for name in connection.execute(named.union(also)).scalars():
                self._tell(name)

    def _id(self, number: str) -> None:
        self.ids.add(number)
        self._tell(number)

    def _links(self, *urls: str | None) -> None:
        for url in urls:
            if url is None:
                continue
            self.urls.add(url)
            self._tell(url)
            identity, host = identify(url), host_of(url)
            if identity is not None and host is not None and identity.site == host:  # not one of the sites we know
                self._hosts.add(host)

    def _tell(self, text: str) -> None:
        words = _words(text)
        if words:
            self._told.add(words)
            self._lengths.setdefault(words[0], set()).add(len(words))

    # --- taking out ---------------------------------------------------------------------------------------------------

    def scrub(self, tx: Connection, *, of_source: bool = False) -> None:
        """Take them out of what is stored of others, once their own rows are gone.

        A picture that was left out as a copy of one of theirs stays out, as ``forgotten``. ``of_source``: only what one
        source gave goes; then the copy may be fetched again, and a link that others give as well stays.
        """
        self._pictures(tx, come_back=of_source)
        if not of_source:
            self._profiles(tx)
        for row in tx.execute(select(lookups).where(lookups.c.detail.is_not(None))).all():
            if self.tells(row.detail):
                key = and_(*(column == row._mapping[column.name] for column in lookups.primary_key))
                tx.execute(update(lookups).where(key).values(detail=None))
        for row in tx.execute(select(runs.c.id, runs.c.stats).where(runs.c.stats.is_not(None))).all():
            kept = self.without(row.stats)
            if kept != row.stats:
                tx.execute(update(runs).where(runs.c.id == row.id).values(stats=kept))
        for row in tx.execute(select(scrape_progress.c.source, scrape_progress.c.last_processed_id)).all():
            ours = ":" in row.source  # reference sites go by our numbers
            if row.last_processed_id in ({str(number) for number in self.performers} if ours else self.ids):
                one = scrape_progress.c.source == row.source
                tx.execute(update(scrape_progress).where(one).values(last_processed_id=None))

    def _profiles(self, tx: Connection) -> None:
        for row in tx.execute(select(profiles.c.source, profiles.c.source_id, profiles.c.data)).all():
            said = row.data.get("urls", [])
            if not self.urls.isdisjoint(said):
                data = {**row.data, "urls": [url for url in said if url not in self.urls]}
                key = (profiles.c.source == row.source) & (profiles.c.source_id == row.source_id)
                tx.execute(update(profiles).where(key).values(data=data))

    def _pictures(self, tx: Connection, *, come_back: bool) -> None:
        replaced = and_(images.c.reason.in_(LIMIT_REASONS), images.c.detail.is_not(None))
        named = images.c.reason.in_((*COPY_REASONS, "wrong_person"))
        telling = or_(named, replaced, images.c.error.is_not(None))
        columns = (images.c.id, images.c.reason, images.c.detail, images.c.error)
        for row in tx.execute(select(*columns).where(telling)).all():
            values: dict[str, Any] = {}
            detail = row.detail or {}
            copy_of_theirs = detail.get("of_face") in self.faces or detail.get("of_performer") in self.performers
            if copy_of_theirs and come_back:
                values = {"outcome": "pending", "reason": None, "detail": None, "sha256": None, "decided_at": None}
            elif copy_of_theirs:
                values = {"reason": "forgotten", "detail": None}
            elif (
                detail.get("page_of_performer") in self.performers
                or detail.get("replaced_by_face") in self.faces
                or self.tells(detail.get("of_image_url") or "")
            ):
                values = {"detail": None}
            if row.error is not None and self.tells(row.error):
                values["error"] = None
            if values:
                tx.execute(update(images).where(images.c.id == row.id).values(values))


def _words(text: str) -> tuple[str, ...]:
    return tuple(re.findall(r"\w+", text.casefold()))


def delete_performers(tx: Connection, numbers: Sequence[int]) -> int:
    """Delete performers with everything that is stored of them, and what tells of them elsewhere; how many there were.

    Their pages in the database's file are overwritten, as far as they can be at once.
    """
    if tx.dialect.name == "sqlite":
        tx.exec_driver_sql("PRAGMA secure_delete = ON")
    traces = Traces()
    traces.gather(tx, numbers)
    found = sum(tx.execute(delete(performers).where(performers.c.id.in_(chunk))).rowcount for chunk in chunks(numbers))
    if found:
        traces.scrub(tx)
    return found
