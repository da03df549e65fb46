"""What faces are worth together: a number that only rises, whatever the order in which they come."""

from __future__ import annotations

import itertools
import random

import pytest

from enrich.store.acceptance.ranking import LEAST_SESSION_GRADE, Entry, goes_for, grade, worth


def test_quality_counts_in_tenths() -> None:
    assert [grade(tenth / 10) for tenth in range(11)] == list(range(11))
    assert [grade(quality) for quality in (0.099, 0.55, 0.599999, 0.7 - 1e-12)] == [0, 5, 5, 7]


Faces = list[tuple[str, Entry]]


def entries(chance: random.Random, number: int) -> Faces:
    """Source and face, of few sessions and grades, so that much is equal."""
    found = []
    for face in range(1, number + 1):
        source = chance.choice("abc")
        gallery = chance.choice([None, "g", "h"])
        session = (source, gallery) if gallery else (source, None, face)
        found.append((source, Entry(face, session, chance.randrange(8), chance.random() < 0.15)))
    return found


def kept_of(stream: Faces, of_source: int, of_all: int, held: Faces | None = None) -> Faces:
    """What is left when they come one after the other and each takes the place that the limits leave it."""
    held = held or []
    for source, new in stream:
        full = sum(one == source for one, _ in held) >= of_source
        if full or len(held) >= of_all:
            may_go = [face.face_id for one, face in held if one == source or not full]
            goes = goes_for(new, [face for _, face in held], may_go, lambda face: (-face,))
            if goes is None:
                continue
            held = [one for one in held if one[1] is not goes]
        held.append((source, new))
    return held


@pytest.mark.parametrize("seed", range(60))
def test_whatever_the_order_what_is_left_is_worth_the_most(seed: int) -> None:
    chance = random.Random(seed)
    stream = entries(chance, chance.randrange(4, 9))
    of_source, of_all = chance.randrange(1, 4), chance.randrange(1, 6)
    sets = [list(some) for n in range(of_all + 1) for some in itertools.combinations(stream, n)]
    fitting = [some for some in sets if all(sum(s == one for s, _ in some) <= of_source for one in "abc")]
    most = max(map(len, fitting))
    best = max(worth(face for _, face in some) for some in fitting if len(some) == most)
    for _ in range(12):
        chance.shuffle(stream)
        left = kept_of(stream, of_source, of_all)
        assert (len(left), worth(face for _, face in left)) == (most, best)
        others = [one for one in stream if one not in left]
        assert kept_of(others, of_source, of_all, left) == left, "none of them comes back"


def test_a_session_counts_once_and_only_with_a_face_that_can_be_seen() -> None:
    poor = LEAST_SESSION_GRADE - 1
    assert worth([Entry(1, "s", 5), Entry(2, "s", 5)]) + 2 == worth([Entry(1, "s", 5), Entry(2, "t", 5)])
    assert worth([Entry(1, "s", 5), Entry(2, "t", poor)]) == worth([Entry(1, "s", 5), Entry(2, "s", poor)])
    doubtful = Entry(2, "t", 9, doubtful=True)
    assert worth([Entry(1, "s", 5), doubtful]) < worth([Entry(1, "s", 0)])
