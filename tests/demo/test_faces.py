"""What the real models make of the drawings: found with confidence, and told apart."""

from __future__ import annotations

import numpy as np
import pytest

from enrich.demo.truth import Drawing
from tests.demo.conftest import Eyes, Pixels, Seen


@pytest.fixture(scope="module", params=["zoo", "insight"])
def seen(request: pytest.FixtureRequest, good: dict[Drawing, Pixels]) -> tuple[str, dict[Drawing, list[Seen]]]:
    look: Eyes = request.getfixturevalue(request.param)
    return request.param, {drawing: look(picture) for drawing, picture in good.items()}


LEAST = {"zoo": 0.8, "insight": 0.55}
"""The least confidence with which each detector has to find a good portrait; their scales differ."""
GAP = {"zoo": 0.15, "insight": 0.15}
"""The least difference of the lowest same-person and the highest different-person similarity."""


def test_every_good_portrait_has_one_sure_face(seen: tuple[str, dict[Drawing, list[Seen]]]) -> None:
    eyes, found = seen
    assert len(found) > 120
    for drawing, faces in found.items():
        assert len(faces) == 1, drawing
        assert faces[0].confidence >= LEAST[eyes], drawing
        assert faces[0].size_px >= 100, drawing
        assert abs(faces[0].yaw_deg) < 35, drawing


def test_recogniser_tells_people_apart(seen: tuple[str, dict[Drawing, list[Seen]]]) -> None:
    eyes, found = seen
    vectors = np.array([faces[0].vector for faces in found.values()])
    people = np.array([drawing.people[0] for drawing in found])
    alike = vectors @ vectors.T
    same = (people[:, None] == people[None, :]) & ~np.eye(len(people), dtype=bool)
    different = people[:, None] != people[None, :]
    lowest, highest = alike[same].min(), alike[different].max()
    assert lowest - highest > GAP[eyes], f"lowest same person {lowest:.3f}, highest different people {highest:.3f}"


def test_pictures_of_one_person_are_not_the_same_picture(seen: tuple[str, dict[Drawing, list[Seen]]]) -> None:
    _, found = seen
    vectors = np.array([faces[0].vector for faces in found.values()])
    alike = vectors @ vectors.T
    np.fill_diagonal(alike, 0)
    assert alike.max() < 0.995
