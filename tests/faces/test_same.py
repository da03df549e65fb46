"""Which face of a picture another detector's box is of."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pytest

from enrich.faces.decode import decode
from enrich.faces.engine import FaceEngine
from enrich.faces.same import LEAST_OVERLAP, Box, overlap, same_face
from enrich.items import Face
from tests.faces.made import a_face


def face(box: Box, confidence: float = 0.9) -> Face:
    return a_face(box_px=np.array(box, np.float32), confidence=confidence)


LEFT, RIGHT = face((0, 0, 100, 100)), face((200, 0, 300, 100))


@pytest.mark.parametrize(
    ("box", "chosen"),
    [
        ((10, 10, 110, 110), LEFT),
        ((205, 0, 290, 100), RIGHT),
        ((0, 0, 100, 51), LEFT),
        ((0, 0, 100, 49), None),  # less than half
        ((100, 0, 200, 100), None),  # between the two, touching both
        ((400, 400, 500, 500), None),
    ],
)
def test_the_one_whose_box_it_is(box: Box, chosen: Face | None) -> None:
    for faces in ([LEFT, RIGHT], [RIGHT, LEFT]):
        assert same_face(faces, box, 0.8) is chosen
    assert same_face([], box, 0.8) is None


def test_without_a_box_only_a_picture_of_one_person_tells() -> None:
    faint = face((0, 200, 50, 250), 0.5)
    assert same_face([LEFT, faint], None, 0.8) is LEFT
    assert same_face([LEFT, RIGHT], None, 0.8) is None
    assert same_face([faint], None, 0.8) is None
    assert same_face([], None, 0.8) is None


def test_overlap() -> None:
    assert overlap((0, 0, 10, 10), (0, 0, 10, 10)) == 1
    assert overlap((0, 0, 10, 10), (5, 0, 15, 10)) == pytest.approx(1 / 3)
    assert overlap((0, 0, 10, 10), (10, 10, 20, 20)) == 0


def test_two_detectors_agree_on_every_portrait(
    zoo_engine: FaceEngine, insight_engine: FaceEngine, portraits: Mapping[str, list[bytes]]
) -> None:
    for bodies in list(portraits.values())[::2]:
        rgb = decode(bodies[0])
        one, other = (engine.detect(rgb).boxes_px[0] for engine in (zoo_engine, insight_engine))
        assert overlap(tuple(map(float, one)), tuple(map(float, other))) > LEAST_OVERLAP + 0.2
