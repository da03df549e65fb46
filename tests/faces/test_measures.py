"""Angles, sharpness, exposure and quality: right where they can be computed, monotone where they rank."""

from __future__ import annotations

from dataclasses import replace

import cv2
import numpy as np
import pytest

from enrich.faces.engine import FaceEngine
from enrich.faces.measures import (
    NOSE_BELOW_MIDDLE,
    NOSE_DEPTH,
    pitch_deg,
    quality_score,
    roll_deg,
    sharpness_and_exposure,
    visible_share,
    yaw_deg,
)
from enrich.items import Face, FloatArray, Uint8Array
from tests.faces.made import a_face


def head(yaw: float = 0, pitch: float = 0, tilt: float = 0, scale: float = 60) -> FloatArray:
    """Landmarks of a head whose nose stands out by half the distance of the eyes: turned, nodding, tilted, seen."""
    nose = [0, 0.5 + NOSE_BELOW_MIDDLE, NOSE_DEPTH]
    x, y, z = np.array([[-0.5, 0, 0], [0.5, 0, 0], nose, [-0.4, 1, 0], [0.4, 1, 0]]).T
    turn, nod, roll = np.deg2rad([yaw, pitch, tilt])
    x, z = x * np.cos(turn) + z * np.sin(turn), z * np.cos(turn) - x * np.sin(turn)
    seen = np.column_stack([x, y * np.cos(nod) - z * np.sin(nod)])
    rotation = np.array([[np.cos(roll), -np.sin(roll)], [np.sin(roll), np.cos(roll)]])
    return np.asarray(seen @ rotation.T * scale + 300, np.float32)


TILTS = pytest.mark.parametrize("tilt", [0, 30, -75, 180])


@TILTS
@pytest.mark.parametrize("yaw", [0, 10, -25, 45, -60, 80])
def test_yaw(yaw: float, tilt: float) -> None:
    assert yaw_deg(head(yaw, tilt=tilt)) == pytest.approx(yaw, abs=0.1)


@TILTS
@pytest.mark.parametrize("pitch", [0, 10, -25, 45, -60, 80])
def test_pitch(pitch: float, tilt: float) -> None:
    assert pitch_deg(head(pitch=pitch, tilt=tilt)) == pytest.approx(pitch, abs=0.1)


@pytest.mark.parametrize("roll", [0, 10, -25, 90, -120, 180])
def test_roll(roll: float) -> None:
    assert roll_deg(head(tilt=roll)) == pytest.approx(roll, abs=0.1)


def test_a_turned_head_does_not_nod_and_a_nodding_one_does_not_turn() -> None:
    for yaw in (-40, 20, 40):
        assert pitch_deg(head(yaw)) == pytest.approx(0, abs=0.1)
        assert abs(yaw_deg(head(pitch=yaw))) < 0.1
        assert pitch_deg(head(yaw, 20)) == pytest.approx(20, abs=10)


def test_signs() -> None:
    """Left, down and anticlockwise are negative, for the viewer."""
    for measure, point, axis in ((yaw_deg, 2, 0), (roll_deg, 1, 1)):
        landmarks = head()
        landmarks[point, axis] -= 20
        assert measure(landmarks) < 0
    nose_down = head()
    nose_down[2, 1] += 20
    assert pitch_deg(nose_down) < 0


def test_landmarks_of_no_head_are_a_profile() -> None:
    one_eye, mouth_above = head(), head()
    one_eye[1] = one_eye[0]
    mouth_above[3:, 1] -= 100
    assert yaw_deg(one_eye) == pitch_deg(one_eye) == pitch_deg(mouth_above) == 90


@pytest.mark.parametrize("tilt", [0, 90, 180])
def test_what_the_picture_shows_of_a_face(tilt: float) -> None:
    landmarks = head(tilt=tilt) - 300 + 500
    centre = int(landmarks.mean(axis=0)[0]), int(landmarks.mean(axis=0)[1])
    assert visible_share(landmarks, 1000, 1000) == 1
    assert visible_share(landmarks + 1000, 1000, 1000) == 0
    assert visible_share(landmarks - 500, 1000, 1000) < 0.4
    assert visible_share(landmarks, centre[0], 1000) == pytest.approx(0.5, abs=0.15)
    assert visible_share(landmarks, 1000, centre[1]) == pytest.approx(0.5, abs=0.15)


def test_a_face_that_is_cut_in_half_is_half_visible(engine: FaceEngine, face: Uint8Array) -> None:
    whole = engine.detect(face).landmarks_px[0]
    assert visible_share(whole, 640, 640) == 1
    middle = int(whole[2, 0])
    assert visible_share(whole, middle, 640) == pytest.approx(0.5, abs=0.1)


def texture(seed: int = 0) -> Uint8Array:
    """Blotches and fine detail in all tones but the last, uint8 (112, 112, 3)."""
    rng = np.random.default_rng(seed)
    tones = sum(cv2.GaussianBlur(rng.normal(0, size, (112, 112)), (0, 0), size) for size in (1, 3, 9))
    low, high = np.percentile(tones, [1, 99])
    grey = np.clip((tones - low) / (high - low) * 200 + 20, 0, 255).astype(np.uint8)
    return np.dstack([grey] * 3)


def falling(scores: list[float]) -> bool:
    return scores == sorted(scores, reverse=True) and len(set(scores)) == len(scores)


def test_sharpness_falls_with_blur_and_stays_with_light() -> None:
    crop = texture()
    blurred = [np.asarray(cv2.GaussianBlur(crop, (0, 0), size), np.uint8) for size in (0.6, 1, 2, 4)]
    assert falling([sharpness_and_exposure(one)[0] for one in (crop, *blurred)])
    assert sharpness_and_exposure(crop // 3)[0] == pytest.approx(sharpness_and_exposure(crop)[0], abs=0.02)


def test_sharpness_is_not_noise() -> None:
    soft = np.asarray(cv2.GaussianBlur(texture(), (0, 0), 3), np.float32)
    noisy = np.clip(soft + np.random.default_rng(1).normal(0, 6, soft.shape), 0, 255).astype(np.uint8)
    sharp, as_soft, with_noise = (
        sharpness_and_exposure(np.asarray(one, np.uint8))[0] for one in (texture(), soft, noisy)
    )
    assert with_noise - as_soft < 0.15 * (sharp - as_soft)


def test_exposure_falls_with_too_little_and_too_much_light() -> None:
    crop = texture()
    assert sharpness_and_exposure(crop)[1] > 0.9
    assert falling([sharpness_and_exposure((crop * gain).astype(np.uint8))[1] for gain in (1, 0.4, 0.2, 0.1, 0.03, 0)])
    blown = [np.clip(crop * gain, 0, 255).astype(np.uint8) for gain in (1.3, 1.8, 2.5, 4.0, 30.0)]
    assert falling([sharpness_and_exposure(one)[1] for one in (crop, *blown)])


def test_exposure_counts_what_was_blown_even_if_it_was_darkened_afterwards() -> None:
    blown = np.clip(texture() * 2.5, 0, 255)
    was, now = (sharpness_and_exposure((blown * gain).astype(np.uint8))[1] for gain in (1, 0.7))
    assert now == pytest.approx(was, abs=0.05)


@pytest.mark.parametrize("level", [0, 1, 128, 255])
def test_a_crop_of_one_colour_is_neither_sharp_nor_exposed(level: int) -> None:
    assert sharpness_and_exposure(np.full((112, 112, 3), level, np.uint8)) == (0, 0)


@pytest.mark.parametrize(
    "worsening",
    [
        [a_face(size) for size in (900, 400, 200, 100, 50, 0)],
        [a_face(visible=share) for share in (1, 0.9, 0.5, 0)],
        [a_face(yaw_deg=yaw) for yaw in (0, -10, 20, -40, 70, 90)],
        [a_face(pitch_deg=pitch) for pitch in (0, 10, -20, 40, -70, 90)],
        [a_face(confidence=confidence) for confidence in (1.0, 0.9, 0.7, 0.5, 0.1)],
        [a_face(sharpness=sharpness) for sharpness in (1, 0.7, 0.4, 0)],
        [a_face(exposure=exposure) for exposure in (1, 0.7, 0.4, 0)],
    ],
    ids=["size", "visible", "yaw", "pitch", "confidence", "sharpness", "exposure"],
)
def test_quality_falls_with_each_component(worsening: list[Face]) -> None:
    scores = [quality_score(face, 0.6) for face in worsening]
    assert falling(scores)
    assert all(0 <= score <= 1 for score in scores)


def test_quality_of_a_known_face() -> None:
    best = a_face(80, confidence=1.0, sharpness=1.0, exposure=1.0)
    assert quality_score(best, 0.8) == pytest.approx(0.5)
    assert quality_score(replace(best, confidence=0.8), 0.8) == pytest.approx(0.5 * 0.5**0.5)


def test_confidence_counts_on_the_packs_own_scale() -> None:
    """What is a plain portrait to one detector is a doubtful face to another."""
    sure = quality_score(a_face(confidence=0.9), 0.8)
    assert sure == pytest.approx(quality_score(a_face(confidence=0.75), 0.5))
    assert sure < quality_score(a_face(confidence=0.9), 0.5)


def test_roll_does_not_count() -> None:
    assert quality_score(a_face(roll_deg=170), 0.5) == quality_score(a_face(), 0.5)
