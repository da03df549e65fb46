"""The rule of the trust levels: on plain vectors, and on portraits."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pytest

from enrich.faces.agreement import (
    Distances,
    agree_together,
    dominant,
    far_from_all,
    grouped,
    may_stand_alone,
    nearest,
    stacked,
)
from enrich.faces.engine import FaceEngine
from enrich.items import DetectedImage, FloatArray, Image, ImageRef

FACENET, ARCFACE = Distances({1: 0.30, 2: 0.33, 4: 0.36}, far=0.41), Distances({1: 0.50, 2: 0.53, 4: 0.56}, far=0.61)
TWO = {"facenet": FACENET, "arcface": ARCFACE}
ONE = {"arcface": ARCFACE}


def at(distance: float, *, aside: int = 1) -> FloatArray:
    """A unit vector at this cosine distance from the first axis."""
    vector = np.zeros(12, np.float32)
    vector[0] = 1.0 - distance
    vector[aside] = np.sqrt(1.0 - vector[0] ** 2)
    return vector


def two(facenet: float, arcface: float) -> dict[str, FloatArray]:
    return {"facenet": at(facenet), "arcface": at(arcface)}


def one(distance: float, *, aside: int = 1) -> dict[str, FloatArray]:
    return {"arcface": at(distance, aside=aside)}


@pytest.mark.parametrize(
    ("facenet", "arcface", "agrees", "objector"),
    [
        (0.01, 0.02, True, "arcface"),
        (0.29, 0.10, True, "facenet"),
        (0.31, 0.01, False, "facenet"),
        (0.01, 0.51, False, "arcface"),
        (0.90, 0.90, False, "facenet"),
    ],
)
def test_every_recogniser_has_to_agree(facenet: float, arcface: float, agrees: bool, objector: str) -> None:
    found = nearest(two(facenet, arcface), stacked([two(0, 0)]), TWO)
    assert (found.agrees, found.recogniser, found.faces) == (agrees, objector, 1)
    assert found.distance == pytest.approx(facenet if objector == "facenet" else arcface, abs=1e-5)


@pytest.mark.parametrize(("faces", "allowed"), [(1, 0.50), (2, 0.53), (3, 0.53), (4, 0.56), (20, 0.56)])
def test_more_faces_allow_more_distance_to_the_nearest(faces: int, allowed: float) -> None:
    others = stacked([one(0)] + [one(1.0, aside=2)] * (faces - 1))
    assert nearest(one(allowed - 0.01), others, ONE).agrees
    assert not nearest(one(allowed + 0.01), others, ONE).agrees
    assert nearest(one(0.2), others, ONE).allowed == allowed


@pytest.mark.parametrize(
    ("distance", "faces", "far"), [(0.62, 4, True), (0.60, 4, False), (0.62, 3, False), (1.0, 1, False)]
)
def test_far_from_all(distance: float, faces: int, far: bool) -> None:
    others = stacked([one(0)] + [one(1.0, aside=2)] * (faces - 1))
    found = far_from_all(one(distance), others, ONE)
    assert (found is not None) is far
    if found is not None:
        assert found.as_detail() == {"recogniser": "arcface", "distance": 0.62, "allowed": 0.61, "faces": 4}


def test_one_recogniser_is_enough_to_doubt() -> None:
    others = stacked([two(0, 0)] * 4)
    found = far_from_all(two(0.1, 0.7), others, TWO)
    assert found is not None
    assert found.recogniser == "arcface"


@pytest.mark.parametrize(("agreeing", "all_", "together"), [(1, 1, True), (1, 2, False), (2, 3, True), (2, 4, False)])
def test_more_than_half_of_a_group_have_to_agree(agreeing: int, all_: int, together: bool) -> None:
    group = [one(0.1)] * agreeing + [one(0.9)] * (all_ - agreeing)
    assert agree_together(group, stacked([one(0)]), ONE) is together


@pytest.mark.parametrize(
    ("groups", "first"),
    [
        ([], None),
        ([1], 1),
        ([1, 2], None),
        ([2, 1, 2], 2),
        ([1, 1, 2, 2, 2], None),
        ([1, 1, 1, 2, 2, 2, 2, 2], 2),
        ([1, 1, 2, 2, 2, 2], 2),
        ([1, 1, 1, 1, 2, 2, 2, 2], None),
    ],
)
def test_the_dominant_group(groups: list[int], first: int | None) -> None:
    assert dominant(groups) == first


@pytest.mark.parametrize(
    ("galleries", "may"),
    [(["a", "b", "a"], True), (["a", "a", "a"], False), (["a", "b"], False), (["a", None, None], False)],
)
def test_what_may_stand_alone(galleries: list[str | None], may: bool) -> None:
    assert may_stand_alone(galleries) is may


def test_groups() -> None:
    assert grouped([], ONE) == []
    assert grouped([one(0)], ONE) == [1]
    mine, others = [one(0.1, aside=n) for n in (3, 4, 5)], [one(1.0, aside=2)] * 2
    numbers = grouped([mine[0], others[0], *mine[1:], others[1]], ONE)
    assert numbers[0] == numbers[2] == numbers[3] != numbers[1] == numbers[4]


def test_a_group_is_one_person_for_every_recogniser() -> None:
    merged = [two(0, 0), two(0, 0.9)]  # FaceNet takes them for one person
    assert len(set(grouped(merged, TWO))) == 2
    assert len(set(grouped([two(0, 0), two(0.1, 0.1)], TWO))) == 1


def test_portraits_fall_into_a_group_for_each_person(engine: FaceEngine, portraits: Mapping[str, list[bytes]]) -> None:
    people: list[int] = []
    crops = []
    for person, bodies in enumerate(list(portraits.values())[::2]):
        for body in bodies[::2]:
            seen = engine.analyse(Image(ref=ImageRef(source="test", image_url="", source_id="x"), body=body))
            assert isinstance(seen, DetectedImage)
            people.append(person)
            crops.append(seen.faces[0].crop)
    name = engine.pack.primary.name
    vectors = [{name: vector} for vector in engine.embed(crops)[name]]
    numbers = grouped(vectors, {name: engine.pack.primary.distances})
    assert len(set(numbers)) == len(set(people)) == len(set(zip(people, numbers, strict=True)))
