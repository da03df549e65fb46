"""Which limits are proposed of labelled pictures, and those of the packs on the portraits."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from enrich.errors import EnrichError
from enrich.faces.engine import FaceEngine
from enrich.faces.pack import ModelPack
from enrich.items import FloatArray
from tests.faces.conftest import ASSETS
from tests.faces.distances import strangers, unit_vectors
from tools.calibrate.distances import RATES, Bin, Limit, calibrate, confidence, limits_for, propose
from tools.calibrate.labelled import Labelled, Sample, embed_labelled, labelled_pictures
from tools.calibrate.trials import EXISTING, Trials

ONE, FEW, MANY = EXISTING


def own(largest: float) -> Trials:
    return Trials(np.array([0.1, largest]), np.ones(2), 2)


def test_too_few_trials_allow_no_more_than_fewer_faces_do() -> None:
    bins = [Bin(ONE, own(0.9), strangers(40_000, 0.4)), Bin(MANY, own(0.9), strangers(50, 0.8))]
    first, second = limits_for(1e-3, bins)
    assert first.carried
    assert second == Limit(first.distance, carried=False)
    bins = [Bin(ONE, own(0.9), strangers(50, 0.4)), Bin(MANY, own(0.9), strangers(50, 0.3))]
    assert limits_for(1e-3, bins) == (Limit(0.4, carried=False), Limit(0.3, carried=False))


@pytest.mark.parametrize(
    ("largest", "limits", "expected"),
    [
        ((0.2, 0.2, 0.2), (0.4, 0.4, 0.4), (0.3, 0.3, 0.3)),  # the middle of the gap
        ((0.2, 0.15, 0.1), (0.4, 0.4, 0.4), (0.3, 0.3, 0.3)),  # does not fall
        ((0.9, 0.8, 0.2), (0.6, 0.5, 0.4), (0.4, 0.4, 0.4)),  # nor stays above what is allowed with more faces
        ((0.9, 0.8, 0.7), (0.4, 0.5, 0.6), (0.4, 0.5, 0.6)),  # rises where the trials let it
        ((0.2312, 0.2312, 0.2312), (0.2316, 0.2316, 0.2316), (0.2314, 0.2314, 0.2314)),
    ],
)
def test_proposals(largest: tuple[float, ...], limits: tuple[float, ...], expected: tuple[float, ...]) -> None:
    bins = [Bin(existing, own(value), strangers(9)) for existing, value in zip(EXISTING, largest, strict=True)]
    proposed = propose(bins, [Limit(value, carried=True) for value in limits])
    assert list(proposed) == [1, 2, 4]
    assert list(proposed.values()) == pytest.approx(expected)


def sample_of(people: np.ndarray, vectors: FloatArray, confidences: FloatArray, decoys: FloatArray) -> Sample:
    pictures = [Labelled(path=Path(f"{n}.jpg"), name=f"{n}.jpg", person=str(who)) for n, who in enumerate(people)]
    return Sample(
        pictures=tuple(pictures),
        people=people,
        vectors={"a": vectors},
        norms={"a": np.ones(len(people), np.float32)},
        confidences=confidences,
        decoys=decoys,
        left_out={},
        digest="",
    )


def test_confidence_lies_between_faces_and_tiles() -> None:
    people = np.arange(200) // 2
    scores = np.linspace(0.8, 0.95, 200, dtype=np.float32)
    found = confidence(sample_of(people, np.zeros((200, 2), np.float32), scores, np.full(200, 0.6, np.float32)), 0.5)
    assert found.quantiles[0.0] == pytest.approx(0.8)
    assert found.quantiles[0.01] == pytest.approx(scores[1])
    assert (found.decoys, found.overlap, found.proposed) == (pytest.approx(0.6), False, 0.7)
    few = sample_of(people[:50], np.zeros((50, 2), np.float32), scores[:50], np.zeros(50, np.float32))
    found = confidence(few, 0.5)
    assert 0.01 not in found.quantiles, "half a face is none"
    assert found.decoys == 0.5, "the detector says nothing of what is below"
    overlapping = sample_of(people, np.zeros((200, 2), np.float32), scores, np.full(200, 0.9, np.float32))
    found = confidence(overlapping, 0.5)
    assert (found.overlap, found.proposed) == (True, 0.8)


def test_a_wrong_label_is_pointed_at() -> None:
    people = np.repeat(np.arange(4), 5)
    vectors, ones = unit_vectors(people, 0.3, 1), np.ones(20, np.float32)
    vectors[12] = (vectors[3] + vectors[4]) / np.linalg.norm(vectors[3] + vectors[4])  # person 0, in 2's folder
    result = calibrate(sample_of(people, vectors, ones, ones), "a")
    assert "12.jpg" in result.nearest
    assert 0 < result.nearest[2] < 0.2
    vectors[12] = vectors[3]
    with pytest.raises(EnrichError, match=r"3\.jpg and 12\.jpg are the same to a"):
        calibrate(sample_of(people, vectors, ones, ones), "a")


def test_packs_distances_lie_in_the_gap_of_the_portraits(engine: FaceEngine) -> None:
    """Of 22 generated people every right face is nearer, and no stranger."""
    folder = ASSETS / "faces"
    if not folder.is_dir():
        pytest.skip(f"no portraits at {folder}: set ENRICH_TEST_ASSETS")  # not the project's to ship
    sample = embed_labelled(engine, labelled_pictures(folder))
    assert (len(sample.pictures), dict(sample.left_out)) == (110, {})
    pack: ModelPack = engine.pack
    found = confidence(sample, pack.detector.threshold)
    assert found.decoys < pack.min_detection_confidence < found.quantiles[0.0]
    assert not found.overlap
    result = calibrate(sample, pack.primary.name)
    for each in result.bins:
        allowed = pack.primary.match_distance(each.existing.least)
        assert each.own.from_(allowed).hits == 0
        assert each.strangers.below(allowed).hits == 0
        assert each.own.largest < result.proposed[RATES[0]][each.existing.least] < each.strangers.safest
