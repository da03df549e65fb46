"""What is peculiar to the pack of Stash Sense's sidecar: a detector that sees colours exchanged, two recognisers."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest

from enrich.faces.engine import FaceEngine
from enrich.faces.pack import ModelPack, load_pack
from enrich.items import DetectedImage, Image, Uint8Array
from tests.faces.tiny import write_pack


@pytest.fixture
def two(zoo: ModelPack, tmp_path: Path) -> FaceEngine:
    """An engine with two recognisers."""
    return FaceEngine(load_pack(str(write_pack(tmp_path / "tiny", zoo)), tmp_path), "cpu", threads=1)


def test_the_detector_sees_what_the_sidecars_sees(
    insight: ModelPack, insight_engine: FaceEngine, face: Uint8Array
) -> None:
    """The sidecar gives RGB to insightface, which takes it for BGR: its landmarks, and not those of other packs.

    It looks at a square, whatever the picture, and the black in it moves them a little.
    """
    from insightface.model_zoo import get_model

    as_theirs = load_pack("stash_sense", Path(), complete=False).detector.model_dump(
        include={"swap_colours", "square_canvas"}
    )
    exchanging = insight.detector.model_copy(update={**as_theirs, "small_input_size_px": None})
    engine = FaceEngine(insight.model_copy(update={"detector": exchanging}), "cpu", threads=1)
    sidecars = get_model(str(insight.path(insight.detector)), providers=["CPUExecutionProvider"])
    sidecars.prepare(0, input_size=(640, 640), det_thresh=insight.detector.threshold)
    upright = cv2.resize(face[:, 120:520], (800, 1280))
    tinted = (upright * np.array([1.0, 0.8, 0.5])).astype(np.uint8)
    _, landmarks = sidecars.detect(tinted, input_size=(640, 640))
    assert np.abs(engine.detect(tinted).landmarks_px[0] - landmarks[0]).max() < 1e-2
    assert np.abs(insight_engine.detect(tinted, 1).landmarks_px[0] - landmarks[0]).max() > 0.1


def test_every_face_gets_a_vector_of_each_recogniser(
    two: FaceEngine, face: Uint8Array, encoded: Callable[..., bytes], image: Callable[[bytes], Image]
) -> None:
    found = two.analyse(image(encoded(face)))
    assert isinstance(found, DetectedImage)
    crop = found.faces[0].crop
    other = np.ascontiguousarray(crop[::-1])
    together = two.embed([crop, other, crop])
    assert {name: vectors.shape for name, vectors in together.items()} == {"facenet": (3, 512), "arcface": (3, 512)}
    for name, vectors in together.items():
        assert np.allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-6)
        assert np.array_equal(vectors[0], vectors[2])
        assert np.abs(vectors[0] - two.embed([crop])[name][0]).max() < 1e-5
        assert np.abs(vectors[0] - vectors[1]).max() > 1e-2
    assert np.abs(together["facenet"] - together["arcface"]).max() > 1e-2
    assert {name: vectors.shape for name, vectors in two.embed([]).items()} == {
        "facenet": (0, 512),
        "arcface": (0, 512),
    }


def test_a_mirror_image_has_the_same_vectors(two: FaceEngine, face: Uint8Array) -> None:
    crop = np.ascontiguousarray(face[100:212, 100:212])
    for vectors in two.embed([crop, np.ascontiguousarray(crop[:, ::-1])]).values():
        assert np.abs(vectors[0] - vectors[1]).max() < 1e-3  # enlarged and then mirrored is rounded otherwise
