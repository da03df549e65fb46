"""Does a pack work here? Its hashes are verified and it runs once on a face drawn by code."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass
from io import BytesIO
from typing import Final

import cv2
import numpy as np
from PIL import Image as PillowImage

from enrich.faces.engine import FaceEngine
from enrich.faces.pack import ModelPack
from enrich.items import DetectedImage, FloatArray, Image, ImageRef, Uint8Array

SIDE_PX: Final = 640


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """What one run of a pack gave. ``confidence`` is None where the drawn face was not found.

    ``device``: where it ran. ``apart``: the largest cosine distance of its vectors from a processor's, where that was
    not the device.
    """

    device: str
    load_seconds: float
    analyse_seconds: float
    embed_seconds: float
    confidence: float | None
    dims: dict[str, int]
    apart: float | None = None


def check(pack: ModelPack, device: str = "auto") -> Check:
    """Load the pack, which verifies its files, and run it once; on a processor too, to compare. Raises ModelError."""
    started = time.perf_counter()
    engine = FaceEngine(pack, device)
    loaded = time.perf_counter()
    ref = ImageRef(source="check", image_url="drawn", performer_id=0)
    found = engine.analyse(Image(ref=ref, body=_png(drawn_face())))
    analysed = time.perf_counter()
    faces = found.faces if isinstance(found, DetectedImage) else ()
    crop = faces[0].crop if faces else np.full((112, 112, 3), 128, dtype=np.uint8)
    vectors = engine.embed([crop])
    embedded = time.perf_counter()
    return Check(
        device=engine.device,
        load_seconds=loaded - started,
        analyse_seconds=analysed - loaded,
        embed_seconds=embedded - analysed,
        confidence=faces[0].confidence if faces else None,
        dims={name: vector.shape[1] for name, vector in vectors.items()},
        apart=None if engine.device == "cpu" else _apart(vectors, FaceEngine(pack, "cpu").embed([crop])),
    )


def _apart(ours: Mapping[str, FloatArray], theirs: Mapping[str, FloatArray]) -> float:
    return max(0.0, *(float(1 - ours[name][0].astype(float) @ theirs[name][0]) for name in ours))


def drawn_face() -> Uint8Array:
    """A face of soft ellipses, uint8 (640, 640, 3) RGB: nobody's, but a face to a detector."""
    picture = np.full((SIDE_PX, SIDE_PX, 3), (150, 165, 180), dtype=np.uint8)
    _oval(picture, (320, 300), (165, 215), (70, 48, 36))  # hair
    _oval(picture, (320, 560), (230, 130), (80, 90, 130))  # shoulders
    _oval(picture, (320, 455), (60, 90), (190, 145, 120))  # neck
    _oval(picture, (320, 330), (130, 170), (222, 178, 152))
    for side in (-1, 1):
        eye = (320 + side * 55, 300)
        _oval(picture, (eye[0], 268), (34, 8), (85, 58, 44))
        _oval(picture, eye, (27, 14), (243, 240, 236))
        _oval(picture, eye, (13, 13), (80, 60, 45))
        _oval(picture, eye, (6, 6), (15, 12, 12))
        _oval(picture, (320 + side * 13, 378), (9, 6), (150, 100, 85))  # nostril
        _oval(picture, (320 + side * 80, 365), (30, 22), (228, 165, 145))  # cheek
    _oval(picture, (320, 345), (14, 40), (233, 192, 168))  # nose
    _oval(picture, (320, 432), (46, 16), (182, 85, 85))
    _oval(picture, (320, 430), (42, 3), (110, 45, 50))
    return np.asarray(cv2.GaussianBlur(picture, (0, 0), 3), dtype=np.uint8)


def _oval(picture: Uint8Array, centre: tuple[int, int], axes: tuple[int, int], colour: tuple[int, int, int]) -> None:
    cv2.ellipse(picture, centre, axes, 0, 0, 360, colour, thickness=-1, lineType=cv2.LINE_AA)


def _png(rgb: Uint8Array) -> bytes:
    out = BytesIO()
    PillowImage.fromarray(rgb).save(out, "PNG")
    return out.getvalue()
