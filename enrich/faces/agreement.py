"""Whether faces are one person's, by their distances: the rule of the trust levels, without database and crawl.

Distances are cosine distances, 0 (same) to 2 (opposite). Of several recognisers all have to agree: they err on
different people, and a face that is left out costs less than one on the wrong person.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final, TypeAlias

import numpy as np
import numpy.typing as npt

from enrich.items import FloatArray

Vectors: TypeAlias = Mapping[str, FloatArray]
"""Recogniser -> float32 unit vectors: (dim,) of one face, (n, dim) of several."""

ENOUGH_TO_DOUBT: Final = 4
"""So many faces a performer has to have before a new one that is far from all of them is suspicious."""

CLEARLY_MORE: Final = 2
"""The largest group counts if it has so many faces more than the second, or so many times as many."""

LEAST_UNCONFIRMED: Final = 3
LEAST_GALLERIES: Final = 2
"""What a group has to have to stand without any face to compare with: faces, and galleries that they are from."""


@dataclass(frozen=True, slots=True)
class Distances:
    """What a recogniser's distances mean.

    ``match``: number of faces a performer has (at least) -> below this a new face is taken for the same person; it
    does not fall. ``far``: beyond this from all of several faces, a face hardly is the same person's.
    """

    match: Mapping[int, float]
    far: float

    def allowed(self, faces: int) -> float:
        """The distance below which a face matches a performer who has ``faces`` (1 or more) already."""
        return self.match[max(count for count in self.match if count <= faces)]


Rule: TypeAlias = Mapping[str, Distances]
"""Recogniser -> what its distances mean."""


@dataclass(frozen=True, slots=True)
class Nearest:
    """How far a face is from the nearest of ``faces`` others, by the recogniser that objects most."""

    recogniser: str
    distance: float
    allowed: float
    faces: int

    @property
    def agrees(self) -> bool:
        """Whether every recogniser takes it for the same person."""
        return self.distance < self.allowed

    @property
    def share(self) -> float:
        """The distance as a share of what is allowed: below 1 where it agrees."""
        return self.distance / self.allowed

    def as_detail(self) -> dict[str, object]:
        """The same for the ledger."""
        return {
            "recogniser": self.recogniser,
            "distance": round(self.distance, 4),
            "allowed": self.allowed,
            "faces": self.faces,
        }


def stacked(faces: Sequence[Vectors]) -> Vectors:
    """The vectors (n, dim) of one or more faces (dim,)."""
    return {name: np.stack([face[name] for face in faces]) for name in faces[0]}


def middle_of(faces: Sequence[Vectors]) -> Vectors:
    """The one vector (1, dim) that points where the faces point on average."""
    found = {}
    for name, matrix in stacked(faces).items():
        mean = matrix.mean(axis=0, keepdims=True)
        found[name] = (mean / max(float(np.linalg.norm(mean)), 1e-12)).astype(np.float32)
    return found


def nearest(face: Vectors, others: Vectors, rule: Rule) -> Nearest:
    """Compare a face with one or more others, by the match distance for as many."""
    return max(_compared(face, others, rule, far=False), key=lambda one: one.share)


def far_from_all(face: Vectors, others: Vectors, rule: Rule) -> Nearest | None:
    """By which recogniser a face is farther from all others than ``far``; ``None``: by none, or they are too few."""
    worst = max(_compared(face, others, rule, far=True), key=lambda one: one.share)
    return worst if worst.faces >= ENOUGH_TO_DOUBT and worst.distance > worst.allowed else None


def agree_together(group: Sequence[Vectors], others: Vectors, rule: Rule) -> bool:
    """Whether more than half of a group agree with the others, each by its nearest one."""
    agreeing = sum(nearest(face, others, rule).agrees for face in group)
    return 2 * agreeing > len(group)


def grouped(faces: Sequence[Vectors], rule: Rule) -> list[int]:
    """The number of the group that each face belongs to.

    Average linkage, cut at the match distance for one face; of several recognisers the one that objects most counts.
    """
    if len(faces) < 2:
        return [1] * len(faces)
    from scipy.cluster.hierarchy import fcluster, linkage  # a third of what a crawl imports, and not every crawl groups

    matrices = stacked(faces)
    shares: npt.NDArray[np.float64] = np.max(
        [_pairs(matrices[name]) / distances.allowed(1) for name, distances in rule.items()], axis=0
    )
    upper = np.triu_indices(len(faces), 1)
    return [int(number) for number in fcluster(linkage(shares[upper], "average"), 1.0, "distance")]


def dominant(groups: Sequence[int]) -> int | None:
    """The group that is clearly larger than every other; ``None`` if none is."""
    ranked = Counter(groups).most_common(2)
    if not ranked:
        return None
    (first, size), second = ranked[0], ranked[1][1] if len(ranked) > 1 else 0
    return first if size - second >= CLEARLY_MORE or size >= CLEARLY_MORE * second else None


def may_stand_alone(galleries: Sequence[str | None]) -> bool:
    """Whether a group may stand without a face to compare with; by the gallery of each of its faces, if known."""
    return len(galleries) >= LEAST_UNCONFIRMED and len({one for one in galleries if one}) >= LEAST_GALLERIES


def _compared(face: Vectors, others: Vectors, rule: Rule, *, far: bool) -> list[Nearest]:
    found = []
    for name, distances in rule.items():
        matrix = others[name]
        distance = 1.0 - float((matrix @ face[name]).max())
        found.append(Nearest(name, distance, distances.far if far else distances.allowed(len(matrix)), len(matrix)))
    return found


def _pairs(vectors: FloatArray) -> npt.NDArray[np.float64]:
    matrix = vectors.astype(np.float64)
    return np.clip(1.0 - matrix @ matrix.T, 0.0, 2.0)
