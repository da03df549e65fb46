"""Spoiled portraits: how many are taken, and how many of those are far from the person's own plain portrait."""

from __future__ import annotations

import io
from collections import defaultdict
from collections.abc import Callable, Iterator
from functools import partial

import cv2
import numpy as np
from PIL import Image

from bench.corpus import TESTPACK, portraits
from bench.crawling import MODELS
from enrich.faces.align import align
from enrich.faces.embedder import unit
from enrich.faces.engine import FaceEngine
from enrich.faces.pack import load_pack
from enrich.items import FloatArray, Uint8Array

EVERY = 3
"""Every third portrait is spoiled: 37 of 110."""
FACES = 2
"""The match distance is that for a performer who has so many faces."""
Box = tuple[int, int, int, int]
Spoiler = Callable[[Uint8Array, Box, np.random.Generator], Uint8Array]


def turned(degrees: int, rgb: Uint8Array, box: Box, noise: np.random.Generator) -> Uint8Array:
    if degrees % 90 == 0:
        return np.ascontiguousarray(np.rot90(rgb, degrees // 90))
    height, width = rgb.shape[:2]
    matrix = cv2.getRotationMatrix2D((width / 2, height / 2), degrees, 0.8)
    return np.asarray(cv2.warpAffine(rgb, matrix, (width, height), borderMode=cv2.BORDER_REFLECT), np.uint8)


def mosaic(squares: int, rgb: Uint8Array, box: Box, noise: np.random.Generator) -> Uint8Array:
    x1, y1, x2, y2 = box
    out, face = rgb.copy(), rgb[y1:y2, x1:x2]
    rows = int(squares * face.shape[0] / face.shape[1])
    small = cv2.resize(face, (squares, rows), interpolation=cv2.INTER_AREA)
    out[y1:y2, x1:x2] = cv2.resize(small, face.shape[1::-1], interpolation=cv2.INTER_NEAREST)
    return out


def blurred(share: float, rgb: Uint8Array, box: Box, noise: np.random.Generator) -> Uint8Array:
    return np.asarray(cv2.GaussianBlur(rgb, (0, 0), share * (box[2] - box[0])), np.uint8)


def lit(factor: float, rgb: Uint8Array, box: Box, noise: np.random.Generator) -> Uint8Array:
    grain = noise.normal(0, 2, rgb.shape) if factor < 1 else 0
    return np.clip(rgb * np.float32(factor) + grain, 0, 255).astype(np.uint8)


def covered(part: Box, rgb: Uint8Array, box: Box, noise: np.random.Generator) -> Uint8Array:
    """``part``: x1 y1 x2 y2 in percent of the face."""
    (x1, y1, x2, y2), out = box, rgb.copy()
    xs = [x1 + share * (x2 - x1) // 100 for share in part[::2]]
    ys = [y1 + share * (y2 - y1) // 100 for share in part[1::2]]
    out[ys[0] : ys[1], xs[0] : xs[1]] = (90, 120, 60)
    return out


def noisy(sigma: int, rgb: Uint8Array, box: Box, noise: np.random.Generator) -> Uint8Array:
    return np.clip(rgb + noise.normal(0, sigma, rgb.shape), 0, 255).astype(np.uint8)


SPOILERS: dict[str, list[Spoiler]] = {
    "90, 180, 270 degrees": [partial(turned, degrees) for degrees in (90, 180, 270)],
    "135, 225 degrees": [partial(turned, degrees) for degrees in (135, 225)],
    "60, 300 degrees": [partial(turned, degrees) for degrees in (60, 300)],
    "30, 45, 315, 330 degrees": [partial(turned, degrees) for degrees in (30, 45, 315, 330)],
    "mosaic of 8, 12, 16": [partial(mosaic, squares) for squares in (8, 12, 16)],
    "mosaic of 20, 28": [partial(mosaic, squares) for squares in (20, 28)],
    "blurred": [partial(blurred, share) for share in (0.02, 0.04, 0.07, 0.1)],
    "dark": [partial(lit, factor) for factor in (0.1, 0.04, 0.02)],
    "burnt out": [partial(lit, factor) for factor in (3, 6, 10)],
    "half covered, eyes": [partial(covered, part) for part in ((0, 55, 100, 100), (0, 0, 50, 100), (0, 20, 100, 50))],
    "noise": [partial(noisy, sigma) for sigma in (30, 60)],
}


def degraded() -> None:
    """Print a row a kind for each pack at hand."""
    for name in ("opencv_zoo", *([str(TESTPACK)] if TESTPACK.is_dir() else [])):
        judged(FaceEngine(load_pack(name, MODELS), "cpu"))


def judged(engine: FaceEngine) -> None:
    """A pack without a floor gets one for this: 2 % below the least norm of the plain portraits."""
    spec = engine.pack.primary
    far_from = spec.match_distance(FACES)
    noise, found = np.random.default_rng(1), defaultdict[str, list[tuple[float, bool]]](list)
    for body in [body for bodies in portraits(1) for body in bodies][::EVERY]:
        rgb = np.array(Image.open(io.BytesIO(body)).convert("RGB"))
        own = largest(engine, rgb)
        if own is None:
            continue
        raw = vector_of(engine, own[0])
        plain = unit(raw[None], spec)[0]
        found["plain"].append((float(np.linalg.norm(raw)), False))
        for kind, picture in spoiled(rgb, own[1], noise):
            seen = largest(engine, picture)
            if seen is not None:
                raw = vector_of(engine, seen[0])
                is_far = 1 - float(unit(raw[None], spec)[0] @ plain) > far_from
                found[kind].append((float(np.linalg.norm(raw)), is_far))
    floor = spec.least_norm or 0.98 * min(norm for norm, _ in found["plain"])
    found["all that are spoiled"] = [row for kind, rows in found.items() if kind != "plain" for row in rows]
    print(f"spoiled portraits ({engine.pack.name}, least norm {floor:.2f}, far is beyond {far_from}):")
    for kind, rows in found.items():
        taken = [is_far for norm, is_far in rows if norm >= floor]
        before = sum(is_far for _, is_far in rows)
        print(f"  {kind}: {len(taken)} of {len(rows)} taken, {sum(taken)} of them far, {before} before")


def spoiled(rgb: Uint8Array, box: Box, noise: np.random.Generator) -> Iterator[tuple[str, Uint8Array]]:
    """Every kind and strength."""
    for kind, spoilers in SPOILERS.items():
        for spoil in spoilers:
            yield kind, spoil(rgb, box, noise)


def vector_of(engine: FaceEngine, crop: Uint8Array) -> FloatArray:
    """The first recogniser's vector, float32 (dim,), as its graph gives it."""
    return engine.embed_raw([crop])[engine.pack.primary.name][0]


def largest(engine: FaceEngine, rgb: Uint8Array) -> tuple[Uint8Array, Box] | None:
    """Crop and box of the largest face that the pack is sure of."""
    faces = engine.detect(rgb)
    sure = [at for at, score in enumerate(faces.scores) if score >= engine.pack.min_detection_confidence]
    if not sure:
        return None
    at = max(sure, key=lambda one: faces.boxes_px[one][2] - faces.boxes_px[one][0])
    x1, y1, x2, y2 = (max(0, int(side)) for side in faces.boxes_px[at])
    return align(rgb, faces.landmarks_px[at]), (x1, y1, x2, y2)
