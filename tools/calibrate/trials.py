"""Trials: the decision whether a face is a person's, as a crawl makes it, counted over pictures of known people.

A trial is one picture against the nearest of a number of faces that a person has. Of all subsets of a person's pictures
of that size the exact share is counted, none is drawn by lot. What is shown of a rate is its upper bound at 95 %
(Clopper and Pearson 1934; without any hit the rule of three).
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import chain, combinations
from typing import Final

import numpy as np
import numpy.typing as npt
from scipy.special import betaincinv, comb

from enrich.items import FloatArray

SURENESS: Final = 0.95
DECIMALS: Final = 4

Distances = npt.NDArray[np.float64]
Numbers = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Existing:
    """How many faces there are to compare with, from ``least`` to ``most``.

    Misses are counted with the least, false matches with the most, each the worse end: a bound holds for all between.
    """

    least: int
    most: int
    label: str

    @property
    def spoken(self) -> str:
        """``1 face``, ``2-3 faces``."""
        return f"{self.label} face{'' if self.most == 1 else 's'}"


EXISTING: Final = (Existing(1, 1, "1"), Existing(2, 3, "2-3"), Existing(4, 20, "4+"))


def at_most(hits: float, trials: int) -> float:
    """The rate that ``hits`` of ``trials`` leave possible, at 95 %; 1 without trials."""
    return 1.0 if hits >= trials else float(betaincinv(hits + 1, trials - hits, SURENESS))


@dataclass(frozen=True, slots=True)
class Share:
    """``hits`` of ``trials``. The hits may be broken: of some subsets of the faces there is one, of others none."""

    hits: float
    trials: int

    @property
    def rate(self) -> float:
        """The share itself."""
        return self.hits / self.trials if self.trials else 0.0

    @property
    def at_most(self) -> float:
        """The rate that this leaves possible."""
        return at_most(self.hits, self.trials)

    @property
    def complement(self) -> Share:
        """The trials that are no hits."""
        hits = self.trials - self.hits
        return Share(hits if hits > 1e-9 * self.trials else 0.0, self.trials)


class Trials:
    """Decisions, each a distance to the nearest face with a weight: how often that is the nearest."""

    def __init__(self, distances: Distances, weights: Distances, trials: int) -> None:
        order = np.argsort(distances, kind="stable")
        self.distances = distances[order]
        self.trials = trials
        self._up_to = np.concatenate([[0.0], np.cumsum(weights[order])])

    def below(self, distance: float) -> Share:
        """The decisions that fall for one person at this match distance."""
        return Share(float(self._up_to[np.searchsorted(self.distances, distance, side="left")]), self.trials)

    def from_(self, distance: float) -> Share:
        """The decisions that do not."""
        return self.below(distance).complement

    def distance_for(self, rate: float) -> float | None:
        """The largest distance below which the rate is at most ``rate``; ``None`` where the trials are too few."""
        within = bisect_right(
            range(len(self.distances)), rate, key=lambda index: self.below(float(self.distances[index])).at_most
        )
        return rounded_down(self.distances[within - 1]) if within else None

    @property
    def safest(self) -> float:
        """The largest distance below which there is none."""
        return rounded_down(self.distances[0])

    @property
    def largest(self) -> float:
        """The largest distance of all."""
        return float(self.distances[-1])


def distances_of(vectors: FloatArray) -> Distances:
    """Cosine distances (n, n) of n vectors of length 1."""
    return np.asarray(1.0 - vectors.astype(np.float64) @ vectors.T.astype(np.float64))


def genuine(distances: Distances, people: Numbers, existing: Existing) -> Trials | None:
    """Every picture against ``least`` others of the same person; ``None`` where nobody has so many."""
    if existing.least == 1:
        return _pairs(distances, people, same=True)
    parts = []
    for person in np.unique(people):
        rows = np.flatnonzero(people == person)
        if len(rows) > existing.least:
            among = distances[np.ix_(rows, rows)].copy()
            np.fill_diagonal(among, np.inf)
            parts.append(_nearest(np.sort(among, axis=1)[:, :-1], existing.least))
    return _joined(parts)


def impostors(distances: Distances, people: Numbers, existing: Existing) -> Trials | None:
    """Every picture against as many of every other person's, ``most`` of them at most; ``None`` if nobody has enough.

    With one face each pair of pictures is one trial, otherwise each picture with each other person.
    """
    if existing.most == 1:
        return _pairs(distances, people, same=False)
    parts = []
    for person in np.unique(people):
        theirs = np.flatnonzero(people == person)
        others = np.flatnonzero(people != person)
        if len(theirs) >= existing.least and len(others):
            near = np.sort(distances[np.ix_(others, theirs)], axis=1)
            parts.append(_nearest(near, min(len(theirs), existing.most)))
    return _joined(parts)


def together(
    distances: Mapping[str, Distances],
    limits: Mapping[str, Mapping[int, float]],
    people: Numbers,
    existing: Existing,
    *,
    same: bool,
) -> Share:
    """The decisions in which every recogniser finds a face nearer than its limit, each perhaps another one.

    With ``same`` of pictures of one person against ``least`` others, else of strangers against ``most`` at most.
    """
    hits, trials = 0.0, 0
    near = {name: values < _limit(limits[name], existing) for name, values in distances.items()}
    if existing.most == 1:
        pairs = _upper(people, same=same)
        return Share(float(np.logical_and.reduce([hit[pairs] for hit in near.values()]).sum()), len(pairs[0]))
    for person in np.unique(people):
        theirs = np.flatnonzero(people == person)
        probes = theirs if same else np.flatnonzero(people != person)
        faces = len(theirs) - same
        if faces < existing.least or not len(probes):
            continue
        taken = existing.least if same else min(faces, existing.most)
        block = np.ix_(probes, theirs)
        own = probes[:, None] == theirs[None, :]
        found = np.ones(len(probes))  # 1 - P(none near by A) - P(none by B) + P(none by either) ...
        for names in chain.from_iterable(combinations(near, size) for size in range(1, len(near) + 1)):
            any_near = np.logical_or.reduce([near[name][block] for name in names]) & ~own
            none = comb(faces - any_near.sum(axis=1), taken) / comb(faces, taken)
            found += (-1) ** len(names) * none
        hits, trials = hits + float(found.sum()), trials + len(probes)
    return Share(round(hits, 9), trials)


def rounded_down(distance: float) -> float:
    """To four decimals, so that nothing that was not below the distance comes to be."""
    return float(np.floor(distance * 10**DECIMALS) / 10**DECIMALS)


def _upper(people: Numbers, *, same: bool) -> tuple[npt.NDArray[np.intp], npt.NDArray[np.intp]]:
    rows, columns = np.triu_indices(len(people), 1)
    chosen = (people[rows] == people[columns]) == same
    return rows[chosen], columns[chosen]


def _pairs(distances: Distances, people: Numbers, *, same: bool) -> Trials | None:
    found = distances[_upper(people, same=same)]
    return Trials(found, np.ones(len(found)), len(found)) if len(found) else None


def _nearest(rising: Distances, taken: int) -> tuple[Distances, Distances, int]:
    """Rows of rising distances -> those that can be the nearest of ``taken``, how often they are, and how many rows."""
    faces = rising.shape[1]
    ranks = np.arange(faces - taken + 1)
    weights = comb(faces - 1 - ranks, taken - 1) / comb(faces, taken)
    return rising[:, : len(ranks)].ravel(), np.tile(weights, len(rising)), len(rising)


def _joined(parts: Sequence[tuple[Distances, Distances, int]]) -> Trials | None:
    if not parts:
        return None
    distances, weights, trials = zip(*parts, strict=True)
    return Trials(np.concatenate(distances), np.concatenate(weights), sum(trials))


def _limit(limits: Mapping[int, float], existing: Existing) -> float:
    return limits[max(count for count in limits if count <= existing.least)]
