"""Turn of the head and quality: right where they can be computed, monotone where they rank."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from enrich.faces.measures import quality_score, yaw_deg
from enrich.items import Face, FloatArray


def head(yaw: float, tilt: float = 0.0, scale: float = 60.0) -> FloatArray:
    """Landmarks of a head whose nose stands out by half the distance of the eyes, turned, tilted and projected."""
    points = np.array([[-0.5, 0, 0], [0.5, 0, 0], [0, 0.5, 0.5], [-0.4, 1, 0.1], [0.4, 1, 0.1]])
    turn, roll = np.deg2rad(yaw), np.deg2rad(tilt)
    seen = np.column_stack([points[:, 0] * np.cos(turn) + points[:, 2] * np.sin(turn), points[:, 1]])
    rotation = np.array([[np.cos(roll), -np.sin(roll)], [np.sin(roll), np.cos(roll)]])
    return np.asarray(seen @ rotation.T * scale + 300, np.float32)


@pytest.mark.parametrize("tilt", [0, 30, -75, 180])
@pytest.mark.parametrize("yaw", [0, 10, -25, 45, -60, 80])
def test_yaw(yaw: float, tilt: float) -> None:
    assert yaw_deg(head(yaw, tilt)) == pytest.approx(yaw, abs=0.1)


def test_a_head_turned_to_the_viewers_left_is_negative() -> None:
    landmarks = head(0)
    landmarks[2, 0] -= 20
    assert yaw_deg(landmarks) < 0


def test_eyes_in_one_point_are_a_profile() -> None:
    landmarks = head(0)
    landmarks[1] = landmarks[0]
    assert yaw_deg(landmarks) == 90


def a_face(size: float = 200, yaw: float = 0, confidence: float = 0.9) -> Face:
    return Face(
        box_px=np.array([10, 10, 10 + size, 10 + size * 1.3], np.float32),
        landmarks_px=head(yaw),
        confidence=confidence,
        yaw_deg=yaw,
        crop=np.zeros((112, 112, 3), np.uint8),
    )


@pytest.mark.parametrize(
    "worsening",
    [
        [a_face(size) for size in (900, 400, 200, 100, 50, 0)],
        [a_face(yaw=yaw) for yaw in (0, -10, 20, -40, 70, 90)],
        [a_face(confidence=confidence) for confidence in (1.0, 0.9, 0.7, 0.5, 0.1)],
    ],
    ids=["size", "pose", "confidence"],
)
def test_quality_falls_with_each_component(worsening: list[Face]) -> None:
    scores = [quality_score(face) for face in worsening]
    assert scores == sorted(scores, reverse=True)
    assert len(set(scores)) == len(scores)
    assert all(0 <= score <= 1 for score in scores)


def test_quality_of_a_known_face() -> None:
    assert quality_score(replace(a_face(80), confidence=1.0)) == pytest.approx(0.5)
