"""What a take-over did, in lines for a person: every face that did not come along is listed, with the reason."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from enrich.store.people.derive import UrlConflict
from enrich.store.takeover.arrivals import Arrivals
from enrich.store.takeover.people import People
from enrich.store.takeover.pictures import Plan

_LISTED_LINKS = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class TakeOver:
    """A take-over that is done. ``version``: the old schema's. ``backup``: of the database as it was before, if any.

    ``model``: fingerprint of the pack its vectors are of; ``None`` where none were taken. ``notes``: about its files.
    """

    path: Path
    version: int
    people: People
    arrivals: Arrivals
    plan: Plan
    model: str | None
    notes: Sequence[str]
    backup: Path | None

    def lines(self) -> Iterator[str]:
        """The report."""
        persons, plan, arrivals = self.people.persons, self.plan, self.arrivals
        count = f"{len(self.people.at)} performers, {len(plan.owner)} faces"
        yield f"{self.path}: Stash Sense schema {self.version}, {count}"
        yield from self.notes
        joined = len(self.people.at) - len(persons)
        refused = {why: sum(person.refused == why for person in persons) for why in ("underage", "forgotten")}
        yield "performers: " + _counts(
            (len(arrivals.added), "new"),
            (len(arrivals.homes) - len(arrivals.added), "were here"),
            (joined, "are one with another by a stash-box's id"),
            (refused["underage"], "may be under age: not taken"),
            (refused["forgotten"], "were forgotten: not taken"),
            (len(self.people.unnamed), "have no name: not taken"),
        )
        if arrivals.removed:
            yield (
                f"{arrivals.removed} performers who may be under age were here, and are removed; "
                "`scrapy forget` takes them out of backups, indices and exports as well"
            )
        yield "faces: " + _counts(
            (len(plan.take), "taken with their vectors"),
            (plan.known, "were decided here before"),
            (plan.repeated + len(plan.doubled), "are the same picture twice"),
            (len(plan.pending), "to be fetched again"),
            (plan.waiting, "were to be fetched already"),
            (len(plan.lost), "have neither a vector nor an address"),
            (sum(plan.refused.values()), "of performers who are not taken"),
            (len(plan.nobodys), "of nobody who is known"),
        )
        for why, faces in sorted(plan.unfit.items(), key=lambda item: -len(item[1])):
            yield f"  {len(faces)} not taken: {why}: {_ranges(faces)}"
        if plan.pending or plan.waiting:
            yield "  to be fetched again: by the next `scrapy crawl` of their source (-a pages=0: nothing but these)"
        if plan.lost:
            yield f"  {len(plan.lost)} of them cannot be fetched, they have no address: {_ranges(plan.lost)}"
        if plan.nobodys:
            yield f"  {len(plan.nobodys)} not imported: it is unknown whose they are: {_ranges(plan.nobodys)}"
        yield from _conflicts(arrivals.conflicts)
        if self.backup is not None:
            yield f"the database as it was before: {self.backup}"
        if self.model is not None:
            yield (
                f"its vectors are of model pack stash_sense ({self.model}): crawl on with MODEL_PACK=stash_sense, "
                "or have those of another pack made with `scrapy index --reembed`"
            )


def _conflicts(conflicts: Sequence[UrlConflict]) -> Iterator[str]:
    if conflicts:
        yield f"links: {len(conflicts)} are another performer's already and stay theirs:"
    for conflict in conflicts[:_LISTED_LINKS]:
        yield f"  {conflict.url} ({conflict.site}): performer {conflict.owner}"
    if len(conflicts) > _LISTED_LINKS:
        yield f"  and {len(conflicts) - _LISTED_LINKS} more"


def _counts(*counts: tuple[int, str]) -> str:
    return ", ".join(f"{number} {what}" for number, what in counts if number) or "none"


def _ranges(numbers: Sequence[int]) -> str:
    """Numbers as a person writes them: ``3-9, 44``."""
    found: list[list[int]] = []
    for number in sorted(numbers):
        if found and number == found[-1][1] + 1:
            found[-1][1] = number
        else:
            found.append([number, number])
    return ", ".join(str(first) if first == last else f"{first}-{last}" for first, last in found)
