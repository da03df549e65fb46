"""The reads of a crawl that embeds accepted faces anew."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import Engine

from enrich.items import ImageRef, Lookup, Performer, Reason
from enrich.store.db.database import utc_text
from enrich.store.db.readers import Readers
from enrich.store.db.schema import face_details, faces, reembedded
from enrich.store.ledger.rows import is_time
from enrich.store.reembedding.reembed import Wanted, missing, wanted


class ReembedLibrary:
    """What a crawl that embeds anew may read, in place of a crawl's library: pictures of accepted faces, nobody else.

    The reads are those of the spiders' ``Library``, from any thread.
    """

    def __init__(self, engine: Engine, model: str) -> None:
        self.model = model
        self._readers = Readers.of(engine)

    def close(self) -> None:
        """Nothing is read afterwards."""
        self._readers.release()

    def due_images(
        self, source: str, *, after: int, batch: int, now: datetime | None = None
    ) -> list[tuple[int, ImageRef]]:
        """Pictures of faces without new vectors, but for those lost or to be tried later; key: the face's id."""
        again = reembedded.c.next_try_at
        statement = (
            missing(self.model, faces, face_details.c.page_url, face_details.c.gallery, face_details.c.matched)
            .where(faces.c.source_endpoint == source, faces.c.id > after, faces.c.image_url.is_not(None))
            .where(is_time(again, utc_text(now)))
            .limit(batch)
        )
        return [
            (
                row.id,
                ImageRef(
                    source=source, image_url=row.image_url, performer_id=row.performer_id, page_url=row.page_url,
                    gallery=row.gallery, matched=row.matched,
                ),
            )
            for row in self._readers.connection().execute(statement)
        ]  # fmt: skip

    def wanted(self, ref: ImageRef) -> list[Wanted]:
        """The performer's faces from that picture that are still to be embedded."""
        return wanted(self._readers.connection(), self.model, ref)

    def image_decided(self, ref: ImageRef) -> bool:
        """Whether nothing is wanted of the picture (any more)."""
        return not self.wanted(ref)

    def no_room(self, ref: ImageRef) -> Reason | None:
        """No limit holds for faces that are there already."""
        return None

    def is_forgotten(self, said: Performer) -> bool:
        """Of who was forgotten there is no face to embed."""
        return False

    def ids_there(self, source: str) -> list[str]:
        """Nobody is looked for."""
        return []

    def lookups_by_url(
        self, source: str, *, after: int, batch: int, genders: frozenset[str] | None, performer: str | None
    ) -> Sequence[Lookup]:
        """Nobody is looked for."""
        return ()

    lookups_by_name = lookups_by_url
