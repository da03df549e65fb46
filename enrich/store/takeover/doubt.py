"""Which faces of an old database may be trusted to be their performer's; every other one with the reason.

The old program let Voyager number the vectors, wrote down the number that it expected, and saved an index only every
thousand faces. After a crash the numbers in the database ran ahead, and from then on each pointed to another person's
vector, without a sign at the single face. So the whole is looked at: where a file does not fit the database to its end,
its numbers count only as far as the vectors themselves show that faces of one performer are alike and of two are not.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

import numpy as np
import numpy.typing as npt

from enrich.store.takeover.order import Evidence, proven_until, torn
from enrich.store.takeover.strangers import alike_from, odd_ones_out
from enrich.store.takeover.vectors import ABSENT, BEYOND, DAMAGED, WHOLE, Numbers, OldIndex, Survey

_GAP = 1000
"""Numbers past the end go on from there, give or take what failed to be written; others are rubbish one by one."""


@dataclass(frozen=True, slots=True)
class OldFaces:
    """The rows of ``faces`` in the order of their ids. ``person``: whose it is said to be, below 0: nobody's.

    ``stored``: recogniser -> the number of its vector. ``written``: when, where that can be read.
    """

    id: Numbers
    person: Numbers
    stored: Mapping[str, Numbers]
    written: Sequence[datetime | None]


@dataclass(frozen=True, slots=True)
class _Suspicion:
    """Why the numbers of an index may be another face's, and by how much: ``behind`` less to ``ahead`` more."""

    why: str
    behind: int = 0
    ahead: int = 0


def doubts(faces: OldFaces, indices: Mapping[str, OldIndex], named: Numbers) -> tuple[list[str | None], list[bytes]]:
    """For each face why its vectors are not to be trusted, ``None`` where nothing speaks against them, and its print.

    Prints are equal for equal vectors. ``named``: whose the face at a number is by another file, below 0: not known.
    """
    found = _Doubts(faces.id.size)
    surveys = {name: index.survey(faces.stored[name]) for name, index in indices.items()}
    for name, index in indices.items():
        for state, why in (
            (BEYOND, f"its number is past the end of {index.path.name}"),
            (ABSENT, f"its vector is deleted or missing in {index.path.name}"),
            (DAMAGED, f"its vector in {index.path.name} is damaged"),
        ):
            found.add(surveys[name].state == state, why)
    limits = {
        name: limit
        for name, index in indices.items()
        if (limit := alike_from(index, faces.stored[name], faces.person, np.flatnonzero(surveys[name].state == WHOLE)))
    }
    suspicions = _suspicions(faces, indices)
    for name, index in indices.items():
        evidence = Evidence.of(index, surveys[name], faces.stored[name], faces.person, limits.get(name))
        suspicion = suspicions.get(name)
        stored = faces.stored[name]
        if suspicion is not None:
            found.add(stored >= proven_until(evidence, suspicion.behind, suspicion.ahead), suspicion.why)
        else:
            found.add(torn(evidence, stored), f"faces of one performer are not alike around it in {index.path.name}")
    said = _named(faces.stored[next(iter(indices))], named)
    found.add((said >= 0) & (said != faces.person), "faces.json has another performer at its number")
    for name, index in indices.items():
        found.add(_doubled(faces, surveys[name]), f"{index.path.name} has the very same vector for another performer")
    trusted = np.flatnonzero(found.open & (faces.person >= 0))
    odd, like_odd = odd_ones_out(indices, faces.stored, faces.person, trusted, limits)
    found.add(odd, "its vectors are not like those of the performer's other faces")
    found.add(like_odd, "its vectors are like those of another performer, one of whose faces is odd")
    return found.why, surveys[next(iter(indices))].prints


class _Doubts:
    """The first reason found for each face counts: the later ones may only follow from it."""

    def __init__(self, size: int) -> None:
        self.open = np.ones(size, np.bool_)
        self.why: list[str | None] = [None] * size

    def add(self, which: npt.NDArray[np.bool_], why: str) -> None:
        for row in np.flatnonzero(which & self.open):
            self.why[row] = why
        self.open &= ~which


def _suspicions(faces: OldFaces, indices: Mapping[str, OldIndex]) -> dict[str, _Suspicion]:
    found: dict[str, _Suspicion] = {}
    cut_off = set()
    for name, index in indices.items():
        tail = _tail(faces.stored[name], index.end)
        if not tail.size:
            continue
        lost = int(faces.stored[name][tail].max()) + 1 - index.end
        if _is_older(index.written, [faces.written[row] for row in tail]):
            cut_off.add(name)  # it was never written again after the crash: it lacks its end and nothing else
        else:
            found[name] = _Suspicion(
                f"{index.path.name} lacks the last {lost} numbers of the database though it is not older: "
                "after a crash its numbers were given twice",
                ahead=lost,
            )
    longest = max(indices.values(), key=lambda index: index.end)
    shortest = min(indices.values(), key=lambda index: index.end)
    more = longest.end - shortest.end
    if more and longest.recogniser not in found and shortest.recogniser not in {*found, *cut_off}:
        found[longest.recogniser] = _Suspicion(
            f"{longest.path.name} has {more} vectors more than {shortest.path.name}: its numbers may have shifted",
            behind=more,
        )
    return found


def _tail(stored: Numbers, end: int) -> Numbers:
    """The last faces, if their numbers go on past the end."""
    inside = np.flatnonzero(stored < end)
    tail = np.arange(inside[-1] + 1 if inside.size else 0, stored.size)
    return tail if tail.size and stored[tail].min() - end <= _GAP else tail[:0]


def _is_older(file: datetime, faces: Sequence[datetime | None]) -> bool:
    """Whether the file was written before the first of the faces, so that it never can have had one of them."""
    times = [face for face in faces if face is not None]
    return len(times) == len(faces) and file < min(times)


def _named(stored: Numbers, named: Numbers) -> Numbers:
    """Whose the faces at these numbers are by the other file; below 0: not known."""
    said = np.full(stored.size, -1, np.int64)
    inside = (stored >= 0) & (stored < named.size)
    said[inside] = named[stored[inside]]
    return said


def _doubled(faces: OldFaces, survey: Survey) -> npt.NDArray[np.bool_]:
    """Faces whose vector is another performer's as well: whose it is, nobody can tell."""
    by_print: dict[bytes, list[int]] = defaultdict(list)
    for row, print_ in enumerate(survey.prints):
        if survey.state[row] == WHOLE:
            by_print[print_].append(row)
    doubled = np.zeros(faces.id.size, np.bool_)
    for rows in by_print.values():
        if len(rows) > 1 and len(set(faces.person[rows].tolist())) > 1:
            doubled[rows] = True
    return doubled
