"""Whether a face may be taken for the performer's, and when those that wait are judged again.

Quality comes first (the screen), then whose page it is, duplicates and limits (``slots``), then trust: high is taken,
medium has to agree with the faces there are, low is gathered and judged as a whole once all pictures of the
performer there are fetched. What is not taken is a candidate, with its vectors; whenever a face is taken, all
candidates of the performer are judged again.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from enrich.faces.agreement import (
    ENOUGH_TO_DOUBT,
    agree_together,
    dominant,
    far_from_all,
    grouped,
    may_stand_alone,
    middle_of,
    nearest,
    stacked,
)
from enrich.items import EmbeddedImage, ImageRef, Reason
from enrich.store.acceptance.duplicates import as_copy, preferred, stored_copy, waiting_copy
from enrich.store.acceptance.performer_faces import Candidate, PerformerFaces
from enrich.store.acceptance.picture import Picture
from enrich.store.acceptance.policy import Policy
from enrich.store.acceptance.slots import fill_slot, find_slot, make_sure
from enrich.store.acceptance.unit_of_work import UnitOfWork
from enrich.store.ledger.runs import Run

UNCONFIRMED = {"unconfirmed": True}
"""The ledger's word on a face that stands although there was none to compare it with."""
GATHERED = {"gathered": True}
"""The ledger's word on a picture that is not judged before the others of its source are there."""


@dataclass(slots=True)
class Judging:
    """By which policy faces are judged in a transaction, and how it went.

    ``waits``: the picture that has come was made to wait. ``confirmed``: it showed that a face is surely the
    performer's. ``also_taken``, ``taken_away``: faces that had waited.
    """

    work: UnitOfWork
    policy: Policy
    run: Run | None
    at: str
    waits: bool = False
    confirmed: bool = False
    also_taken: int = 0
    taken_away: int = 0

    def objection(self, picture: Picture, image: EmbeddedImage) -> bool:
        """Whether the face may not be taken now; then it waits, and the ledger says why."""
        trust = self.policy.trust(image.ref.source)
        if trust == "high":
            return False
        owned = self._owned(picture.performer)
        existing = owned.existing()
        verdict = None if existing is None else nearest(image.vectors, existing, self.policy.rule)
        if trust != "low" and verdict is not None and verdict.agrees:
            return False
        if self._waits_as_copy(owned, picture, image):
            return True
        waiting = Candidate(picture, image, seen_face=None if trust == "low" else owned.newest)
        if trust == "low":
            self._turn_down(waiting, "no_existing_faces" if verdict is None else "suspicious_cluster", GATHERED)
        elif verdict is None:
            self._turn_down(waiting, "no_existing_faces", None)
        else:
            self._turn_down(waiting, "no_match", verdict.as_detail())
        owned.wait(waiting)
        self.work.wait(waiting)
        self.waits = True
        return True

    def is_waiting(self, picture: Picture) -> bool:
        """Whether a picture is turned down so far, and waits."""
        waiting = self.work.loaded.candidates(picture.performer, self.policy.model)
        return any(one.picture is picture and not one.unconfirmed for one in waiting)

    def doubt(self, picture: Picture, image: EmbeddedImage) -> str | None:
        """For a face that is taken: the ledger's word where it is far from all the others, as JSON."""
        enough = sum(self.work.loaded.faces_of(picture.performer).values()) >= ENOUGH_TO_DOUBT
        if not enough or self.policy.trust(image.ref.source) != "high":
            return None
        existing = self._owned(picture.performer).existing()
        far = None if existing is None else far_from_all(image.vectors, existing, self.policy.rule)
        return None if far is None else json.dumps({"suspicious": True, **far.as_detail()})

    def again(self, performer: int, *, done_with: Iterable[str] = ()) -> None:
        """Judge all that waits of a performer, until nothing changes any more.

        ``done_with``: sources of low trust whose pictures of the performer are judged whatever is pending.
        """
        if not self.work.loaded.candidates(performer, self.policy.model):
            return
        owned, forced = self._owned(performer), set(done_with)
        self._settle_copies(owned)
        while self._confirm(owned) or self._take_one(owned) or self._take_group(owned, forced):
            pass
        if owned.existing() is None:  # nobody was compared, and nobody has to be until there is another face
            for one in owned.candidates:
                if self._trust(one) is not None and one.seen_face not in (None, owned.newest):
                    self._seen(owned, one)

    def _confirm(self, owned: PerformerFaces) -> bool:
        """Compare faces that stand unconfirmed with sure ones, source by source; whether anything changed.

        Group by group: a source may have several, if two performers became one.
        """
        existing = owned.existing()
        if existing is None:
            return False
        for _, of_source in _by_source(one for one in owned.candidates if one.unconfirmed):
            groups = grouped([one.image.vectors for one in of_source], self.policy.rule)
            for number in sorted(set(groups)):
                group = [one for one, its in zip(of_source, groups, strict=True) if its == number]
                if agree_together([one.image.vectors for one in group], existing, self.policy.rule):
                    for one in group:
                        make_sure(self.work, owned, one)
                else:
                    self._take_back(owned, group)
            return True
        return False

    def _take_back(self, owned: PerformerFaces, group: Sequence[Candidate]) -> None:
        """Take faces away that stood unconfirmed; they wait again."""
        for one in group:
            face = one.picture.face_id
            assert face is not None
            one.picture.face_id = None
            ref, sha256 = one.picture.ref, one.image.sha256
            self._turn_down(one, "suspicious_cluster", {"source": ref.source, "contradicted": True})
            self.work.remove_face(owned.performer, face, ref.source, sha256, self.at)
            self.work.count_face(one.picture, self.run, self.at, faces=-1)
            self._seen(owned, one)
            self.taken_away += 1

    def _take_one(self, owned: PerformerFaces) -> bool:
        """Take the nearest waiting face of a source that is judged face by face, if it agrees; whether one was taken.

        If none does, the ledger is told how near each is now.
        """
        existing = owned.existing()
        single = [one for one in owned.candidates if self._trust(one) in ("medium", "high") and not one.unconfirmed]
        if existing is None or not single:
            return False
        verdicts = [nearest(one.image.vectors, existing, self.policy.rule) for one in single]
        best = min(range(len(single)), key=lambda number: verdicts[number].share)
        if verdicts[best].agrees:
            self._take(owned, single[best])
            return True
        for one, verdict in zip(single, verdicts, strict=True):
            if one.seen_face != owned.newest:
                self._turn_down(one, "no_match", verdict.as_detail())
                self._seen(owned, one)
        return False

    def _take_group(self, owned: PerformerFaces, forced: set[str]) -> bool:
        """Judge what was gathered of a source of low trust, if it is all there; whether faces were taken."""
        loaded = self.work.loaded
        for source, group in _by_source(one for one in owned.candidates if self._trust(one) == "low"):
            fresh = [one for one in group if not one.unconfirmed and one.seen_face != owned.newest]
            gathering = any(one.seen_face is None for one in fresh) and source not in forced
            if not fresh or (gathering and loaded.pending(source, owned.performer)):
                continue
            if self._judge_group(owned, source, group):
                return True
        return False

    def _judge_group(self, owned: PerformerFaces, source: str, group: Sequence[Candidate]) -> bool:
        sure, existing = owned.sure_of(source), owned.existing()
        groups = grouped([*(one.image.vectors for one in group), *sure], self.policy.rule)
        first, of_group = dominant(groups), groups[: len(group)]
        members = [one for one, number in zip(group, of_group, strict=True) if number == first]
        new = [one for one in members if not one.unconfirmed]
        stands = bool(new) and (
            agree_together([one.image.vectors for one in members], existing, self.policy.rule)
            if existing is not None
            else self._stands_alone(owned, members)
        )
        taken = False
        if stands:
            middle = existing if existing is not None else middle_of([one.image.vectors for one in members])
            for one in sorted(new, key=lambda one: nearest(one.image.vectors, middle, self.policy.rule).share):
                taken |= self._take(owned, one, unconfirmed=existing is None)
        reason: Reason = "suspicious_cluster"
        if stands or (new == [] and first is not None):
            reason = "no_match"  # of those who belong to another group than the one that was taken
        elif existing is None:
            reason = "no_existing_faces"
        for one in group:
            if not one.unconfirmed and one in owned.candidates:
                size = groups.count(of_group[group.index(one)])
                self._turn_down(one, reason, {"group": size, "of": len(groups)})
                self._seen(owned, one)
        return taken

    def _stands_alone(self, owned: PerformerFaces, members: Sequence[Candidate]) -> bool:
        """Whether faces may stand though no sure one is there: enough of them, from several galleries.

        Where other faces stand unconfirmed already, these have to agree with them.
        """
        others = [one.image.vectors for one in owned.candidates if one.unconfirmed and one not in members]
        if not may_stand_alone([one.picture.ref.gallery for one in members]):
            return False
        return not others or agree_together([one.image.vectors for one in members], stacked(others), self.policy.rule)

    def confirm(self, image: ImageRef, performer: int, face: int | None) -> None:
        """A picture was turned down as a copy of this face: if its source is believed, the face is surely theirs."""
        if face is None or self.policy.trust(image.source) != "high":
            return
        owned = self._owned(performer)
        one = owned.unconfirmed().get(face)
        if one is None:
            return
        make_sure(self.work, owned, one)
        for other in owned.candidates:
            if other.seen_face is not None:  # there was no such face to compare with
                other.seen_face = 0
                self.work.wait(other)
        self.confirmed = True

    def _settle_copies(self, owned: PerformerFaces) -> None:
        """End the wait of other versions of photographs that are stored by now: they are better, or not needed."""
        for one in [one for one in owned.candidates if not one.unconfirmed and self._trust(one) is not None]:
            copied = stored_copy(self.work.loaded, owned.performer, one.image)
            if copied is not None and copied.face.face_id not in owned.unconfirmed():
                self._take(owned, one)

    def _waits_as_copy(self, owned: PerformerFaces, picture: Picture, image: EmbeddedImage) -> bool:
        """Whether another version of the photograph waits already, and goes on waiting: it counts once in a group."""
        found = waiting_copy(owned, image)
        if found is None:
            return False
        other, how = found
        performer, theirs, ours = picture.performer, other.picture.ref, image.ref
        if preferred(other.image) <= preferred(image):
            picture.turn_down(how.reason, json.dumps(as_copy(performer, None, theirs.source, theirs.image_url, how)))
            return True
        self._turn_down(other, how.reason, as_copy(performer, None, ours.source, ours.image_url, how))
        self._end(owned, other)
        return False

    def _take(self, owned: PerformerFaces, one: Candidate, *, unconfirmed: bool = False) -> bool:
        """Store a face that waited, unless it is barred as any other would be; whether it was stored."""
        picture, image = one.picture, one.image
        picture.reason = picture.detail = None
        picture.decided_at = self.at
        limits = self.policy.limits(image.ref.source)
        slot = find_slot(self.work, picture, image, limits, self.policy, lambda: unconfirmed)
        if slot.there:
            picture.outcome = "accepted"
            picture.face_id = fill_slot(self.work, slot, picture, image, self.run, self.at)
            self.work.count_face(picture, self.run, self.at)
            self.also_taken += 1
        self.work.decide(picture)
        if slot.there and unconfirmed:
            picture.detail = json.dumps(UNCONFIRMED)
            self._seen(owned, one)
        else:
            self._end(owned, one)
        return slot.there

    def _turn_down(self, one: Candidate, reason: Reason, detail: object) -> None:
        one.picture.turn_down(reason, None if detail is None else json.dumps(detail))
        one.picture.decided_at = self.at
        self.work.decide(one.picture)

    def _seen(self, owned: PerformerFaces, one: Candidate) -> None:
        one.seen_face = owned.newest
        self.work.wait(one)

    def _end(self, owned: PerformerFaces, one: Candidate) -> None:
        owned.candidates.remove(one)
        self.work.end_wait(one)

    def _owned(self, performer: int) -> PerformerFaces:
        return self.work.loaded.performer_faces(performer, self.policy.model)

    def _trust(self, one: Candidate) -> str | None:
        return self.policy.trust(one.picture.ref.source)


def _by_source(waiting: Iterable[Candidate]) -> list[tuple[str, list[Candidate]]]:
    found: dict[str, list[Candidate]] = {}
    for one in waiting:
        found.setdefault(one.picture.ref.source, []).append(one)
    return sorted(found.items())
