"""Whether a face may be taken for the performer's, and when those that wait are judged again.

Quality comes first (the screen), then whose page it is, duplicates and limits (``place``), then trust: high is taken,
medium has to agree with the faces there are, low is gathered and judged as a whole once the performer's pictures there
are had. What is not taken waits with its vectors; whenever a face is taken, all that waits of the performer is judged
again.
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
from enrich.items import EmbeddedImage, Reason
from enrich.store.acceptance.company import Company, Waiting
from enrich.store.acceptance.picture import Picture
from enrich.store.acceptance.settling import Settling, make_sure

GATHERED = {"gathered": True}
"""The ledger's word on a picture that is not judged before the others of its source are there."""


@dataclass(slots=True)
class Judging(Settling):
    """Judges, and has the consequences drawn."""

    # --- the picture that has come ------------------------------------------------------------------------------------

    def objection(self, picture: Picture, image: EmbeddedImage) -> bool:
        """Whether the face may not be taken now; then it waits, and the ledger says why."""
        trust = self.policy.trust(image.ref.source)
        if trust == "high":
            return False
        company = self._company(picture.performer)
        existing = company.existing()
        verdict = None if existing is None else nearest(image.vectors, existing, self.policy.rule)
        if trust != "low" and verdict is not None and verdict.agrees:
            return False
        if self._waits_as_copy(company, picture, image):
            return True
        waiting = Waiting(picture, image, seen_face=None if trust == "low" else company.newest)
        if trust == "low":
            self._turn_down(waiting, "no_existing_faces" if verdict is None else "suspicious_cluster", GATHERED)
        elif verdict is None:
            self._turn_down(waiting, "no_existing_faces", None)
        else:
            self._turn_down(waiting, "no_match", verdict.as_detail())
        company.wait(waiting)
        self.batch.wait(waiting)
        self.waits = True
        return True

    def is_waiting(self, picture: Picture) -> bool:
        """Whether a picture is turned down so far, and waits."""
        waiting = self.batch.known.waiting(picture.performer, self.policy.model)
        return any(one.picture is picture and not one.unconfirmed for one in waiting)

    def doubt(self, picture: Picture, image: EmbeddedImage) -> str | None:
        """For a face that is taken: the ledger's word where it is far from all the others, as JSON."""
        enough = sum(self.batch.known.faces_of(picture.performer).values()) >= ENOUGH_TO_DOUBT
        if not enough or self.policy.trust(image.ref.source) != "high":
            return None
        existing = self._company(picture.performer).existing()
        far = None if existing is None else far_from_all(image.vectors, existing, self.policy.rule)
        return None if far is None else json.dumps({"suspicious": True, **far.as_detail()})

    # --- those that wait ----------------------------------------------------------------------------------------------

    def again(self, performer: int, *, done_with: Iterable[str] = ()) -> None:
        """Judge all that waits of a performer, until nothing changes any more.

        ``done_with``: sources of low trust whose pictures of the performer are judged whatever is still to be had.
        """
        if not self.batch.known.waiting(performer, self.policy.model):
            return
        company, forced = self._company(performer), set(done_with)
        self._settle_copies(company)
        while self._confirm(company) or self._take_one(company) or self._take_group(company, forced):
            pass
        if company.existing() is None:  # nobody was compared, and nobody has to be until there is another face
            for one in company.waiting:
                if self._trust(one) is not None and one.seen_face not in (None, company.newest):
                    self._seen(company, one)

    def _confirm(self, company: Company) -> bool:
        """Compare faces that stand unconfirmed with sure ones, source by source; whether anything changed.

        Group by group: a source may have several, if two performers became one.
        """
        existing = company.existing()
        if existing is None:
            return False
        for _, of_source in _by_source(one for one in company.waiting if one.unconfirmed):
            groups = grouped([one.image.vectors for one in of_source], self.policy.rule)
            for number in sorted(set(groups)):
                group = [one for one, its in zip(of_source, groups, strict=True) if its == number]
                if agree_together([one.image.vectors for one in group], existing, self.policy.rule):
                    for one in group:
                        make_sure(self.batch, company, one)
                else:
                    self._take_back(company, group)
            return True
        return False

    def _take_back(self, company: Company, group: Sequence[Waiting]) -> None:
        """Take faces away that stood unconfirmed; they wait again."""
        for one in group:
            face = one.picture.face_id
            assert face is not None
            one.picture.face_id = None
            ref, sha256 = one.picture.ref, one.image.sha256
            self._turn_down(one, "suspicious_cluster", {"source": ref.source, "contradicted": True})
            self.batch.remove_face(company.performer, face, ref.source, sha256, self.at)
            self.batch.count_face(one.picture, self.run, self.at, faces=-1)
            self._seen(company, one)
            self.taken_away += 1

    def _take_one(self, company: Company) -> bool:
        """Take the nearest waiting face of a source that is judged face by face, if it agrees; whether one was taken.

        If none does, the ledger is told how near each is now.
        """
        existing = company.existing()
        single = [one for one in company.waiting if self._trust(one) in ("medium", "high") and not one.unconfirmed]
        if existing is None or not single:
            return False
        verdicts = [nearest(one.image.vectors, existing, self.policy.rule) for one in single]
        best = min(range(len(single)), key=lambda number: verdicts[number].share)
        if verdicts[best].agrees:
            self._take(company, single[best])
            return True
        for one, verdict in zip(single, verdicts, strict=True):
            if one.seen_face != company.newest:
                self._turn_down(one, "no_match", verdict.as_detail())
                self._seen(company, one)
        return False

    def _take_group(self, company: Company, forced: set[str]) -> bool:
        """Judge what was gathered of a source of low trust, if it is all there; whether faces were taken."""
        known = self.batch.known
        for source, group in _by_source(one for one in company.waiting if self._trust(one) == "low"):
            fresh = [one for one in group if not one.unconfirmed and one.seen_face != company.newest]
            gathering = any(one.seen_face is None for one in fresh) and source not in forced
            if not fresh or (gathering and known.pending(source, company.performer)):
                continue
            if self._judge_group(company, source, group):
                return True
        return False

    def _judge_group(self, company: Company, source: str, group: Sequence[Waiting]) -> bool:
        sure, existing = company.sure_of(source), company.existing()
        groups = grouped([*(one.image.vectors for one in group), *sure], self.policy.rule)
        first, of_group = dominant(groups), groups[: len(group)]
        members = [one for one, number in zip(group, of_group, strict=True) if number == first]
        new = [one for one in members if not one.unconfirmed]
        stands = bool(new) and (
            agree_together([one.image.vectors for one in members], existing, self.policy.rule)
            if existing is not None
            else self._stands_alone(company, members)
        )
        taken = False
        if stands:
            middle = existing if existing is not None else middle_of([one.image.vectors for one in members])
            for one in sorted(new, key=lambda one: nearest(one.image.vectors, middle, self.policy.rule).share):
                taken |= self._take(company, one, unconfirmed=existing is None)
        reason: Reason = "suspicious_cluster"
        if stands or (new == [] and first is not None):
            reason = "no_match"  # of those who belong to another group than the one that was taken
        elif existing is None:
            reason = "no_existing_faces"
        for one in group:
            if not one.unconfirmed and one in company.waiting:
                size = groups.count(of_group[group.index(one)])
                self._turn_down(one, reason, {"group": size, "of": len(groups)})
                self._seen(company, one)
        return taken

    def _stands_alone(self, company: Company, members: Sequence[Waiting]) -> bool:
        """Whether faces may stand though no sure one is there: enough of them, from several galleries.

        Where other faces stand unconfirmed already, these have to agree with them.
        """
        others = [one.image.vectors for one in company.waiting if one.unconfirmed and one not in members]
        if not may_stand_alone([one.picture.ref.gallery for one in members]):
            return False
        return not others or agree_together([one.image.vectors for one in members], stacked(others), self.policy.rule)


def _by_source(waiting: Iterable[Waiting]) -> list[tuple[str, list[Waiting]]]:
    found: dict[str, list[Waiting]] = {}
    for one in waiting:
        found.setdefault(one.picture.ref.source, []).append(one)
    return sorted(found.items())
