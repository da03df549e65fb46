"""What the spiders may read of the store: they are handed an object with these reads and know no other."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from enrich.items import ImageRef, Lookup, Performer, Reason


class Library(Protocol):
    """The reads that spiders and their ledger middleware need of the store; every call may wait for the database.

    ``after`` and ``batch`` page through: what has the ``batch`` next keys greater than ``after``, in key order.
    """

    def lookups_by_url(
        self, source: str, *, after: int, batch: int, genders: frozenset[str] | None, performer: str | None
    ) -> Sequence[Lookup]:
        """Performers with a stored page at the source, all of a performer's URLs in one; key: the performer's id."""

    def lookups_by_name(
        self, source: str, *, after: int, batch: int, genders: frozenset[str] | None, performer: str | None
    ) -> Sequence[Lookup]:
        """Performers to be looked for by name; key: the performer's id."""

    def due_images(self, source: str, *, after: int, batch: int) -> Sequence[tuple[int, ImageRef]]:
        """Pictures left pending by an earlier run, and failed ones whose time has come; key: the performer's id.

        What stands in for a store may page by the picture: a key is only handed back as ``after``.
        """

    def image_decided(self, ref: ImageRef) -> bool:
        """Whether the ledger holds a verdict on the picture, or says that it is too early to try again."""

    def no_room(self, ref: ImageRef) -> Reason | None:
        """The limit that leaves no room for another face of the picture's performer, or ``None``."""

    def is_forgotten(self, said: Performer) -> bool:
        """Whether what the source says is of a performer who must not be stored again."""

    def ids_there(self, source: str) -> Sequence[str]:
        """The ids that performers have at a stash-box, without those that are known to be gone."""
