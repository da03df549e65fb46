"""Faces that are not like the others of their performer, and faces that are like those: by what the vectors show.

No threshold is taken from a table: how alike strangers are, and how alike one performer's faces, each old index says
itself. Nothing is searched in its graph either, which nobody has checked.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import numpy.typing as npt

from enrich.items import FloatArray
from enrich.store.takeover.vectors import Numbers, OldIndex

PAIRS = 4000
"""Pairs of strangers to look at."""

RARE = 0.99
"""Of so many pairs of strangers, none of the others is more alike than the limit."""

MOST_ODD = 1 / 3
"""With more odd faces than this, the vectors tell nobody apart, and oddness says nothing."""

UNUSUAL = 0.05
"""Of so many faces, the performer's other ones are less alike than is usual."""

_CHUNK = 4096

Flags = npt.NDArray[np.bool_]


def alike_from(index: OldIndex, stored: Numbers, person: Numbers, rows: Numbers) -> float | None:
    """The cosine above which hardly any two strangers are; ``None`` where there are too few to tell."""
    if rows.size < 2:
        return None
    pick = np.random.default_rng(0).integers(rows.size, size=(2, PAIRS))
    one, other = rows[pick[0]], rows[pick[1]]
    strangers = person[one] != person[other]
    if strangers.sum() < PAIRS // 4:
        return None
    one, other = one[strangers], other[strangers]
    likeness = np.einsum("ij,ij->i", index.vectors(stored[one]), index.vectors(stored[other]))
    return float(np.quantile(likeness, RARE))


def odd_ones_out(
    indices: Mapping[str, OldIndex],
    stored: Mapping[str, Numbers],
    person: Numbers,
    rows: Numbers,
    limits: Mapping[str, float],
) -> tuple[Flags, Flags]:
    """Among ``rows``: faces no more like any other of their performer's than strangers are; and whose those may be.

    The second are only faces of their performers, and like faces of a performer who has such an odd one: they may have
    been exchanged. In all indices at once: one recogniser alone errs.
    """
    odd, like_odd = np.zeros(person.size, np.bool_), np.zeros(person.size, np.bool_)
    several = _with_others(person, rows)
    if not several.size or limits.keys() != indices.keys():
        return odd, like_odd
    best = {name: _best_likeness(index, stored[name], person, several) for name, index in indices.items()}
    is_odd = np.all([best[name] < limits[name] for name in indices], axis=0)
    if is_odd.mean() > MOST_ODD or is_odd.all():
        return odd, like_odd
    odd[several[is_odd]] = True
    # Half-way between what strangers hardly ever and one performer's faces nearly always reach.
    usual = {name: (limits[name] + float(np.quantile(best[name][~is_odd], UNUSUAL))) / 2 for name in indices}
    torn = several[np.isin(person[several], person[several[is_odd]])]
    alone = np.setdiff1d(rows, several)
    for start in range(0, alone.size if torn.size else 0, _CHUNK):
        chunk = alone[start : start + _CHUNK]
        like = np.ones((chunk.size, torn.size), np.bool_)
        for name, index in indices.items():
            like &= index.vectors(stored[name][chunk]) @ index.vectors(stored[name][torn]).T >= usual[name]
        like_odd[chunk] = like.any(axis=1)
    return odd, like_odd


def _with_others(person: Numbers, rows: Numbers) -> Numbers:
    """The rows of performers who have several, performer by performer."""
    ordered: Numbers = rows[np.argsort(person[rows], kind="stable")]
    _, first, count = np.unique(person[ordered], return_index=True, return_counts=True)
    return ordered[np.repeat(count > 1, count)] if first.size else ordered


def _best_likeness(index: OldIndex, stored: Numbers, person: Numbers, rows: Numbers) -> FloatArray:
    """For each row, which stand performer by performer, the greatest cosine with another of the same performer."""
    best = np.full(rows.size, -1.0, np.float32)
    ends = np.append(np.flatnonzero(np.diff(person[rows])) + 1, rows.size)
    start = 0
    while start < rows.size:
        later = ends[ends <= start + _CHUNK]
        stop = int(later[-1]) if later.size and later[-1] > start else int(ends[ends > start][0])
        vectors = index.vectors(stored[rows[start:stop]])
        group = start
        for end in ends[(ends > start) & (ends <= stop)].tolist():
            own = vectors[group - start : end - start]
            likeness = own @ own.T
            np.fill_diagonal(likeness, -1.0)
            best[group:end] = likeness.max(axis=1)
            group = end
        start = stop
    return best
