"""Reads for a crawl: whom to look up, which pictures are open, what is known already."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, Engine, bindparam, select
from sqlalchemy.sql.elements import ColumnElement

from enrich.errors import StoreError
from enrich.items import ImageRef, Lookup, Mode, Performer, Reason
from enrich.store.acceptance.identity_map import HELD
from enrich.store.crawl_queries.due import candidates, due_performers, due_pictures, owners_of_due_pictures
from enrich.store.db.database import utc_text
from enrich.store.db.prepared import Prepared
from enrich.store.db.readers import Readers
from enrich.store.db.schema import (
    aliases,
    external_urls,
    images,
    performers,
)
from enrich.store.forgetting.forgotten import ForgottenPerformer, admit, all_marks, is_remembered
from enrich.store.forgetting.gone import ids_there
from enrich.store.ledger.rows import (
    KNOWN_ID,
    LIMIT_REASONS,
    Limits,
    Outcome,
    has_come,
    known_performer,
    limit_reached,
    owner,
)

_PICTURE = select(
    images.c.outcome, images.c.reason, images.c.next_try_at, images.c.performer_id, images.c.face_id
).where(images.c.source == bindparam("source"), images.c.image_url == bindparam("url"))
_STATE = Prepared(_PICTURE.where(images.c.performer_id == bindparam("performer")), "source", "url", "performer")
_STATE_BY_SOURCE_ID = Prepared(
    _PICTURE.where(images.c.performer_id == KNOWN_ID.scalar_subquery()), "source", "url", "id"
)
_HELD = Prepared(select(images.c.id).where(images.c.sha256 == bindparam("sha256"), HELD).limit(1), "sha256")


@dataclass(frozen=True, slots=True)
class ImageState:
    """What the ledger says of a picture.

    ``due``: to be fetched: it is pending, its time to try again has come, or it was left out only for want of room
    (whether there is room now, ``no_room`` tells).
    """

    outcome: Outcome
    reason: str | None
    due: bool
    performer_id: int
    face_id: int | None


class Library:
    """Reads of one database for one crawl, from any thread (each has its connection); each read sees the newest.

    ``limits``: the crawl's. ``refresh_after``: a look-up older than this is made again; ``None``: never.
    ``priorities``: as in ``save_performer``.
    """

    def __init__(
        self,
        engine: Engine,
        *,
        limits: Limits | None = None,
        refresh_after: timedelta | None = None,
        priorities: Mapping[str, int] | None = None,
    ) -> None:
        self.engine = engine
        self.priorities = priorities or {}
        self.limits = limits or Limits()
        self.refresh_after = refresh_after
        self._readers = Readers.of(engine)
        self._forgotten: frozenset[str] | None = None

    def close(self) -> None:
        """Nothing is read afterwards; with the last library of a database its connections are given back."""
        self._readers.release()

    # --- pictures -----------------------------------------------------------------------------------------------------

    def image_state(self, ref: ImageRef) -> ImageState | None:
        """What the ledger says of a picture; ``None`` if it does not know it."""
        state, whose = (_STATE_BY_SOURCE_ID, ref.source_id) if ref.performer_id is None else (_STATE, ref.performer_id)
        row = state.on(self._connection()).first(ref.source, ref.image_url, whose)
        if row is None:
            return None
        outcome, reason, next_try_at, performer, face_id = row
        due = (
            outcome == "pending"
            or (outcome == "failed" and has_come(next_try_at, utc_text()))
            or reason in LIMIT_REASONS
        )
        return ImageState(outcome, reason, due, performer, face_id)

    def image_decided(self, ref: ImageRef) -> bool:
        """Whether the ledger holds a verdict on the picture, or says that it is too early to try again."""
        state = self.image_state(ref)
        return state is not None and not state.due

    def no_room(self, ref: ImageRef) -> Reason | None:
        """The limit that leaves no room for another face of the picture's performer, or ``None``."""
        performer = self._owner(ref)
        return None if performer is None else limit_reached(self._connection(), performer, ref.source, self.limits)

    def due_images(
        self, source: str, *, after: int = 0, batch: int = 50, now: datetime | None = None
    ) -> list[tuple[int, ImageRef]]:
        """All pictures still to be fetched of the next ``batch`` performers beyond the id ``after`` who have any.

        Each with its performer's id, in the order of these. Pending ones, failed ones whose time has come, those left
        out by a limit; none of a performer without room.
        """
        connection = self._connection()
        while True:
            owners = owners_of_due_pictures(source, after=after, batch=batch, limits=self.limits, now=now)
            found = connection.execute(owners).scalars().all()
            rows = connection.execute(due_pictures(source, found, now=now)).all() if found else ()
            if rows or not found:
                return list({row.id: (row.performer_id, _ref(row)) for row in rows}.values())
            after = found[-1]  # another process has done all of theirs meanwhile

    def is_held(self, sha256: str) -> bool:
        """Whether a picture of these very bytes was accepted, or forgotten: whatever shows it again is left out."""
        return _HELD.on(self._connection()).first(sha256) is not None

    def is_forgotten_picture(self, ref: ImageRef) -> bool:
        """Whether it is a picture of a stash-box's performer who was forgotten."""
        return ref.source_id is not None and is_remembered(self._connection(), "person", ref.source, ref.source_id)

    # --- performers ---------------------------------------------------------------------------------------------------

    def performer_id(self, source: str, source_id: str) -> int | None:
        """Our id of a stash-box's performer."""
        return known_performer(self._connection(), source, source_id)

    def ids_there(self, source: str) -> list[str]:
        """The ids that performers have at a stash-box, without those that are known to be gone."""
        return ids_there(self._connection(), source)

    def is_forgotten(self, said: Performer) -> bool:
        """Whether what a source says is of a performer who must not be stored again.

        By what was forgotten when the crawl began: writing has the last word.
        """
        if self._forgotten is None:
            self._forgotten = all_marks(self._connection())
        if not self._forgotten:
            return False
        try:
            admit(self._connection(), said, self.priorities, self._forgotten)
        except ForgottenPerformer:
            return True
        return False

    def lookups_by_url(
        self,
        source: str,
        *,
        after: int = 0,
        batch: int = 500,
        genders: frozenset[str] | None = None,
        performer: str | None = None,
        now: datetime | None = None,
    ) -> list[Lookup]:
        """Performers with a stored page at the site who are due, beyond the id ``after``, at most ``batch``.

        Each with all their pages there. ``genders``: the GenderEnum words wanted; an unknown gender is wanted always.
        ``performer``: only this one (our id, or ``source:id``), due or not. Raises StoreError if there is no such one.
        """
        return self._lookups(source, "url", after, batch, genders, performer, now)

    def lookups_by_name(
        self,
        source: str,
        *,
        after: int = 0,
        batch: int = 500,
        genders: frozenset[str] | None = None,
        performer: str | None = None,
        now: datetime | None = None,
    ) -> list[Lookup]:
        """The same for all performers, to be looked for by name; with the pages of those who have any."""
        return self._lookups(source, "name", after, batch, genders, performer, now)

    def _lookups(
        self,
        source: str,
        mode: Mode,
        after: int,
        batch: int,
        genders: frozenset[str] | None,
        performer: str | None,
        now: datetime | None,
    ) -> list[Lookup]:
        if performer is None:
            statement = due_performers(
                source, mode, after=after, genders=genders, refresh_after=self.refresh_after, now=now
            )
        else:
            statement = candidates(source, mode, after).where(performers.c.id == self._named(performer))
        connection = self._connection()
        rows = connection.execute(statement.order_by(performers.c.id).limit(batch)).all()
        names = _gather(connection, aliases.c.alias, rows)
        pages = _gather(connection, external_urls.c.url, rows, external_urls.c.site == source)
        return [
            Lookup(
                performer_id=row.id,
                name=row.canonical_name,
                aliases=names.get(row.id, ()),
                gender=row.gender,
                birth_date=row.birth_date,
                urls=pages.get(row.id, ()),
            )
            for row in rows
        ]

    def _named(self, performer: str) -> int:
        source, colon, number = performer.rpartition(":")
        if colon:
            found = self.performer_id(source, number)
        elif number.isascii() and number.isdecimal():
            found = self._connection().execute(select(performers.c.id).where(performers.c.id == int(number))).scalar()
        else:
            raise StoreError(f"performer {performer!r}: neither our number nor SOURCE:ID, such as 17 or stashdb:6f1c…")
        if found is None:
            raise StoreError(f"performer {performer}: not in the database")
        return found

    def _owner(self, ref: ImageRef) -> int | None:
        # Our own id needs no look-up here: of a performer who is gone there is nothing to be found.
        return ref.performer_id if ref.performer_id is not None else owner(self._connection(), ref)

    def _connection(self) -> Connection:
        return self._readers.connection()


def _gather(
    connection: Connection, column: Any, rows: Sequence[Any], *conditions: ColumnElement[bool]
) -> dict[int, tuple[str, ...]]:
    """The column's values of each performer, in the order in which they were stored."""
    table = column.table
    found: dict[int, tuple[str, ...]] = {}
    if rows:
        statement = select(table.c.performer_id, column).where(table.c.performer_id.in_([row.id for row in rows]))
        for performer, value in connection.execute(statement.where(*conditions).order_by(table.c.id)):
            found[performer] = (*found.get(performer, ()), value)
    return found


def _ref(row: Any) -> ImageRef:
    source_id = row.stashbox_performer_id
    return ImageRef(
        source=row.source,
        image_url=row.image_url,
        performer_id=row.performer_id if source_id is None else None,
        source_id=source_id,
        page_url=row.page_url,
        gallery=row.gallery,
        matched=row.matched,
        width_px=row.width_px,
        height_px=row.height_px,
    )
