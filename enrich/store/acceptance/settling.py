"""What becomes of faces that wait, once they are judged: taken, turned down, waiting on, confirmed, or not needed."""

from __future__ import annotations

import json
from dataclasses import dataclass

from enrich.items import EmbeddedImage, ImageRef, Reason
from enrich.store.acceptance.batch import Batch
from enrich.store.acceptance.company import Company, Waiting
from enrich.store.acceptance.copies import as_copy, preferred, stored_copy, waiting_copy
from enrich.store.acceptance.picture import Picture
from enrich.store.acceptance.place import fill_place, find_place
from enrich.store.acceptance.policy import Policy
from enrich.store.ledger.runs import Run

UNCONFIRMED = {"unconfirmed": True}
"""The ledger's word on a face that stands although there was none to compare it with."""


@dataclass(slots=True)
class Settling:
    """By which policy faces are judged in a transaction, and how it went.

    ``waits``: the picture that has come was made to wait. ``confirmed``: it showed that a face is surely the
    performer's. ``also_taken``, ``taken_away``: faces that had waited.
    """

    batch: Batch
    policy: Policy
    run: Run | None
    at: str
    waits: bool = False
    confirmed: bool = False
    also_taken: int = 0
    taken_away: int = 0

    def confirm(self, image: ImageRef, performer: int, face: int | None) -> None:
        """A picture was turned down as a copy of this face: if its source is believed, the face is surely theirs."""
        if face is None or self.policy.trust(image.source) != "high":
            return
        company = self._company(performer)
        one = company.unconfirmed().get(face)
        if one is None:
            return
        make_sure(self.batch, company, one)
        for other in company.waiting:
            if other.seen_face is not None:  # there was no such face to compare with
                other.seen_face = 0
                self.batch.wait(other)
        self.confirmed = True

    def _settle_copies(self, company: Company) -> None:
        """End the wait of other versions of photographs that are stored by now: they are better, or not needed."""
        for one in [one for one in company.waiting if not one.unconfirmed and self._trust(one) is not None]:
            copied = stored_copy(self.batch.known, company.performer, one.image)
            if copied is not None and copied.face.face_id not in company.unconfirmed():
                self._take(company, one)

    def _waits_as_copy(self, company: Company, picture: Picture, image: EmbeddedImage) -> bool:
        """Whether another version of the photograph waits already, and goes on waiting: it counts once in a group."""
        found = waiting_copy(company, image)
        if found is None:
            return False
        other, how = found
        performer, theirs, ours = picture.performer, other.picture.ref, image.ref
        if preferred(other.image) <= preferred(image):
            picture.turn_down(how.reason, json.dumps(as_copy(performer, None, theirs.source, theirs.image_url, how)))
            return True
        self._turn_down(other, how.reason, as_copy(performer, None, ours.source, ours.image_url, how))
        self._end(company, other)
        return False

    def _take(self, company: Company, one: Waiting, *, unconfirmed: bool = False) -> bool:
        """Store a face that waited, unless it is barred as any other would be; whether it was stored."""
        picture, image = one.picture, one.image
        picture.reason = picture.detail = None
        picture.decided_at = self.at
        limits = self.policy.limits(image.ref.source)
        place = find_place(self.batch, picture, image, limits, self.policy, lambda: unconfirmed)
        if place.there:
            picture.outcome = "accepted"
            picture.face_id = fill_place(self.batch, place, picture, image, self.run, self.at)
            self.batch.count_face(picture, self.run, self.at)
            self.also_taken += 1
        self.batch.decide(picture)
        if place.there and unconfirmed:
            picture.detail = json.dumps(UNCONFIRMED)
            self._seen(company, one)
        else:
            self._end(company, one)
        return place.there

    def _turn_down(self, one: Waiting, reason: Reason, detail: object) -> None:
        picture = one.picture
        picture.outcome, picture.reason = "rejected", reason
        picture.detail = None if detail is None else json.dumps(detail)
        picture.decided_at = self.at
        self.batch.decide(picture)

    def _seen(self, company: Company, one: Waiting) -> None:
        one.seen_face = company.newest
        self.batch.wait(one)

    def _end(self, company: Company, one: Waiting) -> None:
        company.waiting.remove(one)
        self.batch.end_wait(one)

    def _company(self, performer: int) -> Company:
        return self.batch.known.company(performer, self.policy.model)

    def _trust(self, one: Waiting) -> str | None:
        return self.policy.trust(one.picture.ref.source)


def make_sure(batch: Batch, company: Company, one: Waiting) -> None:
    """A face that stood unconfirmed is surely the performer's."""
    company.waiting.remove(one)
    batch.end_wait(one)
    one.picture.detail = None
    batch.decide(one.picture)
