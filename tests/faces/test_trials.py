"""The counting of matches against brute force, and what so many trials may say."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from tests.faces.distances import strangers, unit_vectors
from tools.calibrate.trials import EXISTING, Existing, at_most, distances_of, genuine, impostors, together

ONE, FEW, MANY = EXISTING


def by_hand(
    distances: list[np.ndarray], limits: list[float], people: np.ndarray, existing: Existing, same: bool
) -> tuple[float, int]:
    """Every subset of every person's faces, each tried: the decisions for a match, and all."""
    hits, trials = 0.0, 0
    for probe, person in itertools.product(range(len(people)), range(people.max() + 1)):
        faces = [i for i in range(len(people)) if people[i] == person and i != probe]
        if (people[probe] == person) != same or len(faces) < existing.least:
            continue
        size = existing.least if same else min(len(faces), existing.most)
        subsets = list(itertools.combinations(faces, size))
        matched = [
            all(values[probe, subset].min() < limit for values, limit in zip(distances, limits, strict=True))
            for subset in map(list, subsets)
        ]
        hits, trials = hits + sum(matched) / len(subsets), trials + 1
    return hits, trials


@pytest.mark.parametrize("same", [True, False])
@pytest.mark.parametrize("existing", [FEW, MANY])
def test_shares_are_those_of_all_subsets(existing: Existing, same: bool) -> None:
    people = np.repeat(np.arange(6), [1, 2, 3, 4, 5, 7])
    first, second = (distances_of(unit_vectors(people, 1.0, seed)) for seed in (1, 2))
    trials = (genuine if same else impostors)(first, people, existing)
    assert trials is not None
    for limit in (0.2, 0.4, 0.6, 0.9):
        hits, count = by_hand([first], [limit], people, existing, same)
        found = trials.below(limit)
        assert (found.trials, found.hits) == (count, pytest.approx(hits))
        assert found.hits + trials.from_(limit).hits == pytest.approx(count)
        hits, count = by_hand([first, second], [limit, 0.5], people, existing, same)
        both = together({"a": first, "b": second}, {"a": {1: limit}, "b": {1: 0.5}}, people, existing, same=same)
        assert (both.trials, both.hits) == (count, pytest.approx(hits))


def test_with_one_face_each_pair_is_one_trial() -> None:
    people = np.array([0, 0, 1, 1, 1])
    distances = distances_of(unit_vectors(people, 1.0, 3))
    own, others = genuine(distances, people, ONE), impostors(distances, people, ONE)
    assert own is not None
    assert others is not None
    assert (own.trials, others.trials) == (1 + 3, 6)
    assert own.largest == max(distances[0, 1], distances[2, 3], distances[2, 4], distances[3, 4])
    assert others.below(others.safest).hits == 0
    assert others.below(others.safest + 2e-4).hits == 1
    limit = float(np.median(distances[:2, 2:]))
    both = together({"a": distances, "b": distances}, {"a": {1: 9.0}, "b": {1: limit}}, people, ONE, same=False)
    assert (both.hits, both.trials) == (3, 6)


def test_nobody_has_four_other_pictures() -> None:
    people = np.repeat(np.arange(3), 3)
    distances = distances_of(unit_vectors(people, 1.0, 3))
    assert genuine(distances, people, MANY) is None
    assert impostors(distances, people, MANY) is None


def test_the_bound_is_the_rule_of_three_and_the_exact_one() -> None:
    assert at_most(0, 5775) == pytest.approx(1 - 0.05 ** (1 / 5775), rel=1e-9)
    assert at_most(0, 5775) == pytest.approx(3 / 5775, rel=2e-3)
    assert at_most(5, 1000) == pytest.approx(0.01048, abs=1e-5)  # sum of binomials up to 5 is 0.05 there
    assert at_most(7, 7) == at_most(0, 0) == 1


def test_a_distance_is_given_where_the_trials_carry_the_rate() -> None:
    many = strangers(40_000)
    distance = many.distance_for(1e-3)
    assert distance is not None
    allowed = many.below(distance)
    assert allowed.at_most <= 1e-3 < at_most(allowed.hits + 1, 40_000)
    assert allowed.hits < 40, "as many as the rate itself would be a coin's throw"
    assert many.distance_for(1e-4) == 0.5, "no false match at all"
    assert strangers(29_000).distance_for(1e-4) is None
    assert strangers(2_900).distance_for(1e-3) is None
    assert strangers(3_000).distance_for(1e-3) == 0.5
