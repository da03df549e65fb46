"""The quality filters: each reason, their order, and which face is the one to store."""

from __future__ import annotations

from typing import Any

import pytest

from enrich.config import QualityFilters, TrustLevel
from enrich.faces.pack import ModelPack
from enrich.faces.screen import screen
from enrich.items import DetectedImage, Face, ImageRef, RejectedImage, ScreenedImage
from tests.faces.made import a_face

FILTERS = QualityFilters()


def picture(*faces: Face, width: int = 800, height: int = 600) -> DetectedImage:
    ref = ImageRef(source="babepedia", image_url="https://img.example/1.jpg", performer_id=1)
    return DetectedImage(ref=ref, sha256="0" * 64, width_px=width, height_px=height, faces=faces)


SMALL, DOUBTFUL, OUTSIDE = a_face(79), a_face(confidence=0.79), a_face(180, visible=0.59)
TURNED, NODDING = a_face(yaw_deg=-46), a_face(yaw_deg=-3, pitch_deg=47)


@pytest.mark.parametrize(
    ("image", "reason", "detail"),
    [
        (picture(a_face(), width=399), "image_too_small", {"width_px": 399, "height_px": 600}),
        (picture(a_face(), height=399), "image_too_small", {"width_px": 800, "height_px": 399}),
        (picture(), "no_face", {}),
        (picture(SMALL, a_face(20)), "face_too_small", {"size_px": 79.0, "visible": 1.0}),
        (picture(SMALL, OUTSIDE), "face_too_small", {"size_px": 180.0, "visible": 0.59}),
        (picture(DOUBTFUL), "low_confidence", {"confidence": 0.79}),
        (picture(TURNED), "extreme_angle", {"yaw_deg": -46.0, "pitch_deg": 0.0}),
        (picture(NODDING), "extreme_angle", {"yaw_deg": -3.0, "pitch_deg": 47.0}),
        (picture(TURNED, NODDING), "extreme_angle", {"yaw_deg": -46.0, "pitch_deg": 0.0}),
        (picture(a_face(), a_face(100)), "multi_face", {"faces": 2}),
        # the order of the reasons
        (picture(width=10, height=10), "image_too_small", {"width_px": 10, "height_px": 10}),
        (picture(a_face(79, confidence=0.1, yaw_deg=80)), "face_too_small", {"size_px": 79.0, "visible": 1.0}),
        (picture(a_face(confidence=0.1, yaw_deg=80)), "low_confidence", {"confidence": 0.1}),
        (picture(TURNED, a_face(yaw_deg=70)), "extreme_angle", {"yaw_deg": -46.0, "pitch_deg": 0.0}),
        # no face has to pass alone what two pass together
        (picture(SMALL, DOUBTFUL), "low_confidence", {"confidence": 0.79}),
    ],
)
def test_reasons(image: DetectedImage, reason: str, detail: dict[str, Any], zoo: ModelPack) -> None:
    rejected = screen(image, FILTERS, "high", zoo)
    assert isinstance(rejected, RejectedImage)
    assert (rejected.reason, rejected.detail, rejected.sha256) == (reason, detail, image.sha256)


def kept(image: DetectedImage, filters: QualityFilters, trust: TrustLevel, pack: ModelPack) -> Face:
    screened = screen(image, filters, trust, pack)
    assert isinstance(screened, ScreenedImage), screened
    assert 0 < screened.quality < 1
    return screened.face


def test_what_just_reaches_every_limit_passes(zoo: ModelPack) -> None:
    face = a_face(80, confidence=0.8, yaw_deg=45, pitch_deg=-45, visible=0.6)
    assert kept(picture(face, width=400, height=400), FILTERS, "high", zoo) is face


def test_a_tilted_head_is_no_extreme_angle(zoo: ModelPack) -> None:
    face = a_face(roll_deg=170)
    assert kept(picture(face), FILTERS, "high", zoo) is face


@pytest.mark.parametrize("second", [SMALL, DOUBTFUL, OUTSIDE])
def test_only_faces_that_pass_themselves_are_second_faces(second: Face, zoo: ModelPack) -> None:
    face = a_face(150)
    assert kept(picture(second, face), FILTERS, "high", zoo) is face


def test_a_turned_face_is_a_second_face(zoo: ModelPack) -> None:
    rejected = screen(picture(TURNED, a_face()), FILTERS, "high", zoo)
    assert isinstance(rejected, RejectedImage)
    assert rejected.reason == "multi_face"


@pytest.mark.parametrize("trust", ["medium", "low"])
def test_elsewhere_the_largest_face_that_passes_is_kept(trust: TrustLevel, zoo: ModelPack) -> None:
    face = a_face(150, confidence=0.85)
    largest_is_turned = picture(a_face(300, yaw_deg=60), a_face(100, confidence=0.95), face)
    assert kept(largest_is_turned, FILTERS, trust, zoo) is face


def test_several_faces_may_be_allowed(zoo: ModelPack) -> None:
    face = a_face(150)
    filters = QualityFilters(prefer_single_face=False)
    assert kept(picture(a_face(100), face), filters, "high", zoo) is face


def test_auto_is_the_packs_own_confidence(zoo: ModelPack) -> None:
    auto = QualityFilters(min_detection_confidence="auto")
    lenient = zoo.model_copy(update={"min_detection_confidence": 0.5})
    face = a_face(confidence=0.6)
    assert kept(picture(face), auto, "high", lenient) is face
    assert isinstance(screen(picture(face), auto, "high", zoo), RejectedImage)
    assert isinstance(screen(picture(face), FILTERS, "high", lenient), RejectedImage)
