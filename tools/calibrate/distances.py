"""Match distances from pictures of known people, with no more said than the number of comparisons carries."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from enrich.errors import EnrichError
from tools.calibrate.labelled import Sample
from tools.calibrate.trials import EXISTING, Distances, Existing, Trials, distances_of, genuine, impostors, rounded_down

RATES: Final = (1e-3, 1e-4)
"""The false match rates asked for; for the first the match distances are proposed."""


@dataclass(frozen=True, slots=True)
class Bin:
    """The trials with so many faces to compare with: of one person, and of strangers."""

    existing: Existing
    own: Trials
    strangers: Trials


@dataclass(frozen=True, slots=True)
class Limit:
    """A match distance for a false match rate; where the trials do not carry that rate, one without a false match."""

    distance: float
    carried: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """One recogniser's figures. ``limits``: rate -> one for each bin. ``proposed``: rate -> match distances for a pack.

    ``nearest``: the two strangers nearest to each other, and their distance; a wrong label is found there.
    """

    bins: tuple[Bin, ...]
    distances: Distances
    limits: Mapping[float, tuple[Limit, ...]]
    proposed: Mapping[float, Mapping[int, float]]
    nearest: tuple[str, str, float]


def calibrate(sample: Sample, recogniser: str) -> Result:
    """Return what one recogniser's distances say. Raises EnrichError where there is nothing to compare."""
    people = sample.people
    if len(np.unique(people)) < 2:
        raise EnrichError("false matches need pictures of two people at least, each with one face")
    distances = distances_of(sample.vectors[recogniser])
    known = [(each, genuine(distances, people, each), impostors(distances, people, each)) for each in EXISTING]
    bins = tuple(Bin(each, own, others) for each, own, others in known if own is not None and others is not None)
    if not bins:
        raise EnrichError("misses need two pictures of one person at least, each with one face")
    strangers = np.where(people[:, None] == people[None, :], np.inf, distances)
    one, other = divmod(int(strangers.argmin()), len(people))
    nearest = sample.pictures[one].name, sample.pictures[other].name, float(strangers[one, other])
    limits = {rate: limits_for(rate, bins) for rate in RATES}
    proposed = {rate: propose(bins, limits[rate]) for rate in RATES}
    if proposed[RATES[0]][1] <= 0:
        raise EnrichError(f"{nearest[0]} and {nearest[1]} are the same to {recogniser}: are they two people?")
    return Result(bins=bins, distances=distances, limits=limits, proposed=proposed, nearest=nearest)


def limits_for(rate: float, bins: Sequence[Bin]) -> tuple[Limit, ...]:
    """Return the limit of each bin.

    The nearest of more strangers is nearer: a bin with too few trials may allow no more than the one before it.
    """
    found: list[Limit] = []
    for each in bins:
        distance = each.strangers.distance_for(rate)
        if distance is None:
            before = [found[-1].distance] if found else []
            found.append(Limit(min([each.strangers.safest, *before]), carried=False))
        else:
            found.append(Limit(distance, carried=True))
    return tuple(found)


def propose(bins: Sequence[Bin], limits: Sequence[Limit]) -> dict[int, float]:
    """Return match distances that do not fall with more faces, none above the limit of its own or of a later bin.

    Where a limit misses nobody, the middle between it and the largest distance of one person is taken: there it is as
    far to a miss as to a false match.
    """
    proposed: dict[int, float] = {}
    for position, each in enumerate(bins):
        limit = min(later.distance for later in limits[position:])
        if each.own.largest < limit:
            middle = (each.own.largest + limit) / 2
            short = round(middle, 2)
            limit = short if each.own.largest < short <= limit else rounded_down(middle)
        proposed[each.existing.least] = max(limit, *proposed.values(), 0.0)
    return proposed


@dataclass(frozen=True, slots=True, kw_only=True)
class Confidence:
    """The detector's confidence on n faces. ``quantiles``: share of the faces -> confidence that they stay below.

    ``decoys``: the highest on shuffled tiles, or the threshold from which the detector reports anything at all.
    ``proposed``: what ``auto`` may mean: halfway to the tiles, or, where they overlap, what nearly all faces reach.
    """

    faces: int
    quantiles: Mapping[float, float]
    decoys: float
    overlap: bool
    proposed: float


def confidence(sample: Sample, threshold: float) -> Confidence:
    """Return the figures of a detector that reports nothing below ``threshold``.

    A share of 1 % is spoken of from 100 faces on.
    """
    shares = [share for share in (0.0, 0.01, 0.05, 0.5, 1.0) if share in (0.0, 1.0) or len(sample.people) * share >= 1]
    found = {share: float(np.quantile(sample.confidences, share, method="lower")) for share in shares}
    low, high = found.get(0.01, found[0.0]), max(float(sample.decoys.max()), threshold)
    edge = low if high >= low else (low + high) / 2
    return Confidence(
        faces=len(sample.people),
        quantiles=found,
        decoys=high,
        overlap=high >= low,
        proposed=float(np.floor(edge * 100) / 100),
    )
