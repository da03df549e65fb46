"""Whether vectors are in the order in which the database has their faces: told by which neighbours are alike.

Faces were written performer by performer, so the numbers of one performer's faces stand together. Where a number
points to the vector that belongs to it, two neighbours are alike if and only if they are one performer's. Where all
numbers point a few vectors further, whether neighbours are alike has nothing to do with that.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

import numpy as np
import numpy.typing as npt

from enrich.store.takeover.vectors import Numbers, OldIndex, Survey

WINDOW = 200
"""Numbers that are judged together: enough of both kinds of neighbours, few enough to find where it begins."""

STEP = 20
LEAST = 10
"""Neighbours of each kind that a window needs to be judged at all."""

GOOD = 0.6
"""From this difference on, between the shares of alike neighbours of one performer and of two, the order is right."""

BAD = 0.4
"""Below this the order is wrong, in an index that is mostly right."""

MARGIN = 0.2
"""By so much the difference must exceed what a shifted order could show, which is much where all have as many faces."""

MOST_SHIFTED = 5000
"""A larger shift than this is not looked into."""

Signs = npt.NDArray[np.int8]
"""For each number and the next one: 1 yes, 0 no, -1 not known."""


@dataclass(frozen=True, slots=True)
class Evidence:
    """By number: is the next face the ``same`` performer's, are their vectors ``alike``. ``end``: of the index."""

    same: Signs
    alike: Signs
    end: int

    @classmethod
    def of(cls, index: OldIndex, survey: Survey, stored: Numbers, person: Numbers, limit: float | None) -> Self:
        """What an index and the database say of each number. ``limit``: the cosine from which vectors are alike."""
        size = index.end + MOST_SHIFTED
        if limit is None or index.end > 4 * index.labels.size + MOST_SHIFTED:
            return cls(np.empty(0, np.int8), np.empty(0, np.int8), index.end)
        owner = np.full(size + 1, -1, np.int64)
        known = (stored >= 0) & (stored < size) & (person >= 0)
        owner[stored[known]] = person[known]
        same = np.where((owner[:-1] < 0) | (owner[1:] < 0), -1, owner[:-1] == owner[1:]).astype(np.int8)
        alike = np.full(size, -1, np.int8)
        rows, following = survey.order[:-1], survey.order[1:]
        told = (stored[following] - stored[rows] == 1) & ~np.isnan(survey.likeness[rows])
        alike[stored[rows[told]]] = survey.likeness[rows[told]] > limit
        return cls(same, alike, index.end)


def proven_until(evidence: Evidence, behind: int, ahead: int) -> int:
    """The number up to which the order is certainly right, though it may be wrong further on.

    ``behind``, ``ahead``: by how much it may be shifted. Each window on the way has to show the right order, and that
    it could not show it if it were shifted.
    """
    if not evidence.same.size or max(behind, ahead) > MOST_SHIFTED:
        return 0
    shifts = [shift for shift in range(-behind, ahead + 1) if shift]
    proven = 0
    for start in range(0, evidence.end - WINDOW + 1, STEP):
        window = slice(start, start + WINDOW)
        shown = _difference(evidence.same[window], evidence.alike[window][None, :])
        if not shown[0] >= GOOD:  # NaN: too few neighbours
            break
        padded = np.pad(evidence.same, (behind, ahead), constant_values=-1)
        at = start + behind
        shifted = np.stack([padded[at + shift : at + shift + WINDOW] for shift in shifts])
        if not shown[0] >= np.nan_to_num(_difference(evidence.same[window], shifted)).max() + MARGIN:
            break
        proven = start
    return proven


def torn(evidence: Evidence, stored: Numbers) -> npt.NDArray[np.bool_]:
    """For each face whether it is where the order is wrong, in an index whose order is otherwise right."""
    found = np.zeros(stored.size, np.bool_)
    starts = np.arange(0, evidence.end - WINDOW + 1, STEP) if evidence.same.size else np.empty(0, np.int64)
    if not starts.size:
        return found
    windows = np.lib.stride_tricks.sliding_window_view
    same = windows(evidence.same, WINDOW)[starts]
    alike = windows(evidence.alike, WINDOW)[starts]
    shown = np.array([_difference(one, other[None, :])[0] for one, other in zip(same, alike, strict=True)])
    judged = shown[~np.isnan(shown)]
    if not judged.size or np.median(judged) < GOOD:
        return found  # such vectors tell nobody apart, here or elsewhere
    wrong = np.zeros(evidence.same.size, np.bool_)
    for start in starts[shown < BAD]:
        wrong[start : start + WINDOW] = True
    inside = (stored >= 0) & (stored < wrong.size)
    found[inside] = wrong[stored[inside]]
    return found


def _difference(same: Signs, others: Signs) -> npt.NDArray[np.float64]:
    """For each row of ``others`` the share of ones where ``same`` is 1, less that where it is 0; NaN for too few."""
    told = others >= 0
    yes = others == 1
    one, two = same == 1, same == 0
    of_one, of_two = (told & one).sum(axis=1), (told & two).sum(axis=1)
    with np.errstate(invalid="ignore", divide="ignore"):
        difference: npt.NDArray[np.float64] = (yes & one).sum(axis=1) / of_one - (yes & two).sum(axis=1) / of_two
    difference[(of_one < LEAST) | (of_two < LEAST)] = np.nan
    return difference
