"""Reads for a crawl: whom to look up, which pictures are open, what is known already."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import numpy as np
import numpy.typing as npt
from sqlalchemy import Connection, Engine, bindparam, func, select
from sqlalchemy.sql.elements import ColumnElement

from enrich.errors import StoreError
from enrich.items import FloatArray, ImageRef, Lookup, Mode, Reason
from enrich.store.database import utc_text
from enrich.store.due import candidates, due_performers, due_pictures
from enrich.store.ledger import KNOWN_ID, LIMIT_REASONS, Limits, Outcome, known_performer, limit_reached, owner
from enrich.store.readers import Readers
from enrich.store.schema import (
    aliases,
    embeddings,
    external_urls,
    faces,
    images,
    performers,
)

_PICTURE = select(
    images.c.outcome, images.c.reason, images.c.next_try_at, images.c.performer_id, images.c.face_id
).where(images.c.source == bindparam("source"), images.c.image_url == bindparam("url"))
_STATE = _PICTURE.where(images.c.performer_id == bindparam("performer"))
_STATE_BY_SOURCE_ID = _PICTURE.where(images.c.performer_id == KNOWN_ID.scalar_subquery())
_SHA256 = (
    select(images.c.performer_id)
    .where(images.c.sha256 == bindparam("sha256"), images.c.outcome == "accepted")
    .order_by(images.c.id)
    .limit(1)
)
_VECTORS = (
    select(embeddings.c.face_id, embeddings.c.vector)
    .join(faces, faces.c.id == embeddings.c.face_id)
    .where(faces.c.performer_id == bindparam("performer"), embeddings.c.recogniser == bindparam("recogniser"))
    .order_by(embeddings.c.face_id)
)


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
    """

    def __init__(self, engine: Engine, *, limits: Limits | None = None, refresh_after: timedelta | None = None) -> None:
        self.engine = engine
        self.limits = limits or Limits()
        self.refresh_after = refresh_after
        self._readers = Readers.of(engine)

    def close(self) -> None:
        """Nothing is read afterwards; with the last library of a database its connections are given back."""
        self._readers.release()

    # --- pictures -----------------------------------------------------------------------------------------------------

    def image_state(self, ref: ImageRef) -> ImageState | None:
        """What the ledger says of a picture; ``None`` if it does not know it."""
        which = {"source": ref.source, "url": ref.image_url}
        if ref.performer_id is not None:
            row = self._connection().execute(_STATE, {**which, "performer": ref.performer_id}).first()
        else:
            row = self._connection().execute(_STATE_BY_SOURCE_ID, {**which, "id": ref.source_id}).first()
        if row is None:
            return None
        due = (
            row.outcome == "pending"
            or (row.outcome == "failed" and (row.next_try_at is None or row.next_try_at <= utc_text()))
            or row.reason in LIMIT_REASONS
        )
        return ImageState(row.outcome, row.reason, due, row.performer_id, row.face_id)

    def image_decided(self, ref: ImageRef) -> bool:
        """Whether the ledger holds a verdict on the picture, or says that it is too early to try again."""
        state = self.image_state(ref)
        return state is not None and not state.due

    def no_room(self, ref: ImageRef) -> Reason | None:
        """The limit that leaves no room for another face of the picture's performer, or ``None``."""
        performer = self._owner(ref)
        return None if performer is None else limit_reached(self._connection(), performer, ref.source, self.limits)

    def due_images(
        self, source: str, *, after: int = 0, batch: int = 500, now: datetime | None = None
    ) -> list[tuple[int, ImageRef]]:
        """Pictures still to be fetched, with their keys, in key order, at most ``batch`` beyond the key ``after``.

        Pending ones, failed ones whose time has come, those left out by a limit; none of a performer without room.
        """
        statement = due_pictures(source, after=after, limits=self.limits, now=now).limit(batch)
        rows = self._connection().execute(statement).all()
        return list({row.id: (row.id, _ref(row)) for row in rows}.values())

    def sha256_known(self, sha256: str) -> int | None:
        """Our id of the performer of whom a picture of these very bytes was accepted."""
        found: int | None = self._connection().execute(_SHA256, {"sha256": sha256}).scalar()
        return found

    # --- performers ---------------------------------------------------------------------------------------------------

    def performer_id(self, source: str, source_id: str) -> int | None:
        """Our id of a stash-box's performer."""
        return known_performer(self._connection(), source, source_id)

    def vectors(self, ref: ImageRef, recogniser: str) -> tuple[npt.NDArray[np.int64], FloatArray]:
        """Face ids (n,) and unit vectors (n, dim) that the picture's performer has; empty for an unknown one."""
        performer = self._owner(ref)
        rows = self._connection().execute(_VECTORS, {"performer": performer, "recogniser": recogniser}).all()
        if not rows:
            return np.empty(0, np.int64), np.empty((0, 0), np.float32)
        matrix = np.frombuffer(b"".join(row.vector for row in rows), "<f4").reshape(len(rows), -1)
        return np.array([row.face_id for row in rows], np.int64), matrix.astype(np.float32, copy=False)

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

    def count_lookups(
        self, source: str, mode: Mode, *, genders: frozenset[str] | None = None, now: datetime | None = None
    ) -> int:
        """How many performers are due at a site."""
        statement = due_performers(source, mode, after=0, genders=genders, refresh_after=self.refresh_after, now=now)
        return self._connection().execute(select(func.count()).select_from(statement.subquery())).scalar_one()

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
