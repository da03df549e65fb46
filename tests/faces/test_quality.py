"""The quality score ranks: it falls when a picture is made worse step by step, whichever pack looks at it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from io import BytesIO

import cv2
import numpy as np
import pytest
from PIL import Image as PillowImage

from enrich.demo.pictures import Studio
from enrich.demo.world import build_world
from enrich.faces.decode import decode
from enrich.faces.engine import FaceEngine
from enrich.faces.measures import quality_score
from enrich.items import DetectedImage, Face, Image, ImageRef, Uint8Array

Worsen = Callable[[Uint8Array, Face, float], Uint8Array]
"""A picture, its face, and how much -> the worse picture."""


def unit_px(face: Face) -> float:
    """How many pixels of the picture are one of the aligned crop."""
    return float(np.hypot(*(face.landmarks_px[1] - face.landmarks_px[0])) / 35.24)


def blurred(rgb: Uint8Array, face: Face, crop_px: float) -> Uint8Array:
    return np.asarray(cv2.GaussianBlur(rgb, (0, 0), crop_px * unit_px(face)), np.uint8)


def shrunk_and_enlarged(rgb: Uint8Array, face: Face, crop_px: float) -> Uint8Array:
    height, width = rgb.shape[:2]
    by = crop_px * unit_px(face)
    small = cv2.resize(rgb, (round(width / by), round(height / by)), interpolation=cv2.INTER_AREA)
    return np.asarray(cv2.resize(small, (width, height), interpolation=cv2.INTER_CUBIC), np.uint8)


def darkened(rgb: Uint8Array, face: Face, gain: float) -> Uint8Array:
    return (rgb * np.float32(gain)).astype(np.uint8)


def overexposed(rgb: Uint8Array, face: Face, level: float) -> Uint8Array:
    """Lit until the face would be at ``level`` on average, if there were such levels."""
    gain = level / face.crop[32:96, 32:80].mean()
    return np.clip(rgb * np.float32(gain), 0, 255).astype(np.uint8)


def compressed(rgb: Uint8Array, face: Face, quality: float) -> Uint8Array:
    out = BytesIO()
    PillowImage.fromarray(rgb).save(out, "JPEG", quality=int(quality))
    return decode(out.getvalue())


WORSE: Mapping[str, tuple[Worsen, tuple[float, ...]]] = {
    "blur": (blurred, (0.8, 1.8, 4)),
    "downscaling": (shrunk_and_enlarged, (2, 3, 5)),
    "darkness": (darkened, (0.6, 0.4, 0.25, 0.12)),
    "overexposure": (overexposed, (220, 320, 450)),
    "compression": (compressed, (17, 10, 6)),
}


@dataclass(frozen=True)
class Sitting:
    """The pictures to start from, each one's face, and its score."""

    pictures: list[Uint8Array]
    faces: list[Face]
    scores: list[float]


def best_face(engine: FaceEngine, rgb: Uint8Array) -> Face | None:
    out = BytesIO()
    PillowImage.fromarray(rgb).save(out, "BMP")
    ref = ImageRef(source="stashdb", image_url="https://img.example/1.bmp", source_id="p1")
    found = engine.analyse(Image(ref=ref, body=out.getvalue()))
    assert isinstance(found, DetectedImage)
    return found.faces[0] if found.faces else None


def score(engine: FaceEngine, face: Face | None) -> float:
    return 0.0 if face is None else quality_score(face, engine.pack.min_detection_confidence)


@pytest.fixture(scope="module")
def drawings() -> list[Uint8Array]:
    world = build_world()
    studio = Studio(world.people)
    shown = [picture for picture in world.pictures.values() if picture.site == "stashdb"]
    drawings = {p.drawing for p in shown if any(v.outcome == "accepted" for v in p.expected)}
    ordered = sorted(drawings, key=lambda drawing: (drawing.people, drawing.seed))
    return [np.ascontiguousarray(studio.pixels(drawing)) for drawing in ordered[:: len(ordered) // 8]]


@pytest.fixture(scope="module", params=["portraits", "drawings"])
def sitting(request: pytest.FixtureRequest, engine: FaceEngine) -> Sitting:
    if request.param == "portraits":
        portraits: Mapping[str, list[bytes]] = request.getfixturevalue("portraits")
        pictures = [decode(bodies[n % 5]) for n, bodies in enumerate(list(portraits.values())[::2])]
    else:
        pictures = request.getfixturevalue("drawings")
    faces = [face for rgb in pictures if (face := best_face(engine, rgb))]
    assert len(faces) == len(pictures) >= 8
    return Sitting(pictures, faces, [score(engine, face) for face in faces])


@pytest.mark.parametrize("how", WORSE)
def test_quality_falls_step_by_step(engine: FaceEngine, sitting: Sitting, how: str) -> None:
    """On average at every step; every single picture by the end of them."""
    worsen, steps = WORSE[how]
    chains = np.array(
        [
            [first, *(score(engine, best_face(engine, worsen(rgb, face, step))) for step in steps)]
            for rgb, face, first in zip(sitting.pictures, sitting.faces, sitting.scores, strict=True)
        ]
    )
    means = chains.mean(axis=0)
    assert (np.diff(means) < 0).all(), means
    assert (chains[:, -1] < chains[:, 0]).all(), chains
    if how not in ("overexposure", "compression"):  # light does some good to a dark picture; blocks look a bit sharp
        assert (np.diff(chains) < 0.01 * chains[:, :-1]).mean() > 0.95, chains


def test_a_mirrored_picture_is_as_good(engine: FaceEngine, sitting: Sitting) -> None:
    for rgb, first in list(zip(sitting.pictures, sitting.scores, strict=True))[:3]:
        flipped = score(engine, best_face(engine, np.ascontiguousarray(rgb[:, ::-1])))
        assert flipped == pytest.approx(first, rel=0.1)
