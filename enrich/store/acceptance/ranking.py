"""Which faces of a performer are worth keeping, where they may not have more: a number that only ever rises.

A set of faces is worth the sum of their grades, and two grades for every photo session among them. A new face takes
another's place only if that makes the set worth more: so no two faces ever take turns, and what is left is worth the
same in whatever order the pictures came. (Sessions lie within sources, and sources within the whole: where limits and
worths are nested like this, what was left out once is never missed later.)
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Sequence
from dataclasses import dataclass
from typing import Final

GRADES: Final = 10
"""Quality counts in tenths: less is no gain that is worth another face, with another number, in the index."""

SESSION_GRADES: Final = 2
"""What another photo session is worth: a new one may cost a tenth of quality."""

LEAST_SESSION_GRADE: Final = 2
"""A session counts only with a face of this grade: variety is no reason to keep what is hardly to be seen."""

DOUBT_GRADES: Final = 100
"""What a doubt takes from a face: more than any quality can make up for."""


@dataclass(frozen=True, slots=True)
class Entry:
    """A face in a set. ``doubtful``: it stands unconfirmed, or is suspicious."""

    face_id: int
    session: Hashable
    grade: int
    doubtful: bool = False


def grade(quality: float) -> int:
    """The tenth that a quality, 0..1, lies in: 0..10."""
    return int(quality * GRADES + 1e-9)


def worth(entries: Iterable[Entry]) -> int:
    """What a set of faces is worth."""
    entries = list(entries)
    sessions = {one.session for one in entries if one.grade >= LEAST_SESSION_GRADE and not one.doubtful}
    grades = sum(one.grade - DOUBT_GRADES * one.doubtful for one in entries)
    return grades + SESSION_GRADES * len(sessions)


def goes_for(
    new: Entry, held: Sequence[Entry], may_go: Iterable[int], dispensable: Callable[[int], tuple[float, ...]]
) -> Entry | None:
    """The face in whose place the new one is worth most; ``None``: none of those that ``may_go`` is worth less.

    Of several for whom that is equal the most ``dispensable`` one, by its id.
    """
    may, now = set(may_go), worth(held)
    gains = {
        one: worth([*(other for other in held if other is not one), new]) - now for one in held if one.face_id in may
    }
    best = max(gains.values(), default=0)
    if best <= 0:
        return None
    return max((one for one, gain in gains.items() if gain == best), key=lambda one: dispensable(one.face_id))
