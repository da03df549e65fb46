"""Alignment against what insightface and OpenCV do with the same landmarks."""

from __future__ import annotations

import warnings
from collections.abc import Mapping

import cv2
import numpy as np
import pytest

from enrich.faces.align import TEMPLATE_PX, align, similarity
from enrich.faces.decode import decode
from enrich.faces.engine import FaceEngine
from enrich.faces.pack import ModelPack
from enrich.items import FloatArray, Uint8Array


def moved(scale: float, degrees: float, shift: tuple[float, float], noise: float, seed: int) -> FloatArray:
    turn = np.deg2rad(degrees)
    rotation = scale * np.array([[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]])
    jitter = np.random.default_rng(seed).normal(0, noise, (5, 2))
    return np.asarray(TEMPLATE_PX @ rotation.T + shift + jitter, dtype=np.float32)


CASES = [
    moved(1, 0, (0, 0), 0, 0),
    moved(3.7, 25, (120, 60), 4, 1),
    moved(0.4, -80, (200, 300), 1, 2),
    moved(2, 179, (300, 300), 6, 3),
]


def insightface_matrix(landmarks: FloatArray) -> FloatArray:
    from insightface.utils.face_align import estimate_norm

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)  # insightface calls scikit-image by a name that is going away
        return np.asarray(estimate_norm(landmarks), dtype=np.float32)


@pytest.mark.parametrize("landmarks", CASES)
def test_the_similarity_is_insightfaces(landmarks: FloatArray) -> None:
    assert np.allclose(similarity(landmarks), insightface_matrix(landmarks), atol=1e-3)


def test_landmarks_on_the_template_stay_there() -> None:
    assert np.allclose(similarity(TEMPLATE_PX.astype(np.float32)), [[1, 0, 0], [0, 1, 0]], atol=1e-5)


@pytest.mark.parametrize("landmarks", CASES[1:])
def test_the_crop_is_insightfaces_and_opencvs(landmarks: FloatArray, face: Uint8Array, zoo: ModelPack) -> None:
    ours = align(face, landmarks)
    theirs = cv2.warpAffine(face, insightface_matrix(landmarks).astype(np.float64), (112, 112))
    row = np.concatenate([[0, 0, 1, 1], landmarks.ravel(), [1]]).astype(np.float32)[None]
    recogniser = cv2.FaceRecognizerSF.create(str(zoo.path(zoo.primary)), "")
    assert ours.shape == (112, 112, 3)
    assert np.abs(ours.astype(int) - theirs).max() <= 2
    assert np.abs(ours.astype(int) - recogniser.alignCrop(face, row)).max() <= 2


def test_portraits_are_cropped_as_by_insightface(portraits: Mapping[str, list[bytes]], zoo_engine: FaceEngine) -> None:
    from insightface.utils.face_align import norm_crop

    for bodies in list(portraits.values())[:6]:
        rgb = decode(bodies[0])
        landmarks = zoo_engine.detect(rgb).landmarks_px[0]
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", FutureWarning)
            theirs = norm_crop(rgb, landmarks)
        assert np.abs(align(rgb, landmarks).astype(int) - theirs).max() <= 2


def test_five_times_the_same_point_is_no_face() -> None:
    with pytest.raises(ValueError, match="one point"):
        similarity(np.full((5, 2), 7, dtype=np.float32))
