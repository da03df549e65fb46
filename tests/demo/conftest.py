"""The demo world, its drawings, and what the real models see in them."""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt
import pytest

from enrich.demo.pictures import Studio
from enrich.demo.running import RunningWorld, running_world
from enrich.demo.truth import Drawing, World
from enrich.demo.world import build_world

Pixels = npt.NDArray[np.uint8]


@dataclass(frozen=True)
class Seen:
    """One face as a detector sees it. ``landmarks``: (5, 2), pixels; ``vector``: L2 norm 1."""

    confidence: float
    size_px: float
    landmarks: npt.NDArray[np.float64]
    vector: npt.NDArray[np.float64]

    @property
    def yaw_deg(self) -> float:
        """The turn of the head that the nose's place between the eyes tells."""
        left, right, nose = self.landmarks[:3]
        middle = (left + right) / 2
        return math.degrees(math.atan2(nose[0] - middle[0], math.hypot(*(right - left)) / 2))


Eyes = Callable[[Pixels], list[Seen]]
"""A detector and a recogniser: every face in an RGB picture, the most confident first."""


@pytest.fixture(scope="session")
def world() -> World:
    return build_world()


@pytest.fixture(scope="session")
def studio(world: World) -> Studio:
    return Studio(world.people)


@pytest.fixture(scope="session")
def served() -> Iterator[RunningWorld]:
    with running_world() as running:
        yield running


@pytest.fixture(scope="session")
def good(world: World, studio: Studio) -> dict[Drawing, Pixels]:
    """Every drawing that must end as a face in the database."""
    # Of two sites: enough of everybody, and the suite has no time for all of them through two packs.
    shown = [picture for picture in world.pictures.values() if picture.site in ("stashdb", "babepedia")]
    drawings = {p.drawing.original for p in shown if any(v.outcome == "accepted" for v in p.expected)}
    return {drawing: studio.pixels(drawing) for drawing in sorted(drawings, key=lambda d: (d.people, d.seed))}


@pytest.fixture(scope="session")
def zoo(models_dir: Path) -> Eyes:
    """YuNet, on pictures fitted to 640 pixels, and SFace, through OpenCV's own classes."""
    folder = models_dir / "opencv_zoo"
    detector = cv2.FaceDetectorYN.create(str(folder / "face_detection_yunet_2023mar.onnx"), "", (640, 640), 0.4)
    recogniser = cv2.FaceRecognizerSF.create(str(folder / "face_recognition_sface_2021dec.onnx"), "")

    def look(picture: Pixels) -> list[Seen]:
        bgr = np.ascontiguousarray(picture[:, :, ::-1])
        scale = 640 / max(bgr.shape[:2])
        canvas = np.zeros((640, 640, 3), np.uint8)
        small = cv2.resize(bgr, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
        canvas[: small.shape[0], : small.shape[1]] = small
        faces = detector.detect(canvas)[1]
        found = []
        for face in [] if faces is None else faces:
            face[:14] /= scale
            vector = recogniser.feature(recogniser.alignCrop(bgr, face))[0].astype(np.float64)
            landmarks = face[4:14].reshape(5, 2).astype(np.float64)
            found.append(Seen(float(face[14]), float(min(face[2:4])), landmarks, vector / np.linalg.norm(vector)))
        return sorted(found, key=lambda seen: -seen.confidence)

    return look


@pytest.fixture(scope="session")
def insight(testpack: Path) -> Eyes:
    """SCRFD-500M and a MobileFaceNet through the insightface library."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # deprecations in what insightface imports are not ours to mend
        from insightface.app import FaceAnalysis

        analysis = FaceAnalysis(name=str(testpack), providers=["CPUExecutionProvider"])
        analysis.prepare(ctx_id=-1, det_thresh=0.4, det_size=(640, 640))

    def look(picture: Pixels) -> list[Seen]:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            faces = analysis.get(np.ascontiguousarray(picture[:, :, ::-1]))
        found = [
            Seen(
                float(face.det_score),
                float(min(face.bbox[2:] - face.bbox[:2])),
                face.kps.astype(np.float64),
                face.normed_embedding.astype(np.float64),
            )
            for face in faces
        ]
        return sorted(found, key=lambda seen: -seen.confidence)

    return look
