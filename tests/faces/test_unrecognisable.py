"""A vector that says nothing of who it is, is never stored: heads the detector takes for upright, mosaics, blur."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from io import BytesIO
from types import SimpleNamespace
from typing import Any

import cv2
import numpy as np
import pytest
from PIL import Image as PillowImage

from enrich.errors import ModelError
from enrich.faces.batcher import Batcher
from enrich.faces.embedder import weakness
from enrich.faces.engine import FaceEngine
from enrich.faces.pack import ModelPack
from enrich.items import EmbeddedImage, ImageRef, RejectedImage, ScreenedImage, Uint8Array
from enrich.pipelines.embed import EmbedStage
from tests.faces.made import a_face

NAME = "sface"


def mosaic(rgb: Uint8Array, box: tuple[int, int, int, int]) -> Uint8Array:
    """The face in squares, 12 across."""
    x1, y1, x2, y2 = box
    out, face = rgb.copy(), rgb[y1:y2, x1:x2]
    small = cv2.resize(face, (12, 12 * face.shape[0] // face.shape[1]), interpolation=cv2.INTER_AREA)
    out[y1:y2, x1:x2] = cv2.resize(small, face.shape[1::-1], interpolation=cv2.INTER_NEAREST)
    return out


SPOILED: dict[str, Callable[[Uint8Array, tuple[int, int, int, int]], Uint8Array]] = {
    "upside down": lambda rgb, box: np.ascontiguousarray(np.rot90(rgb, 2)),
    "on its left": lambda rgb, box: np.ascontiguousarray(np.rot90(rgb, 1)),
    "on its right": lambda rgb, box: np.ascontiguousarray(np.rot90(rgb, 3)),
    "mosaic": mosaic,
    "blurred": lambda rgb, box: np.asarray(cv2.GaussianBlur(rgb, (0, 0), 0.1 * (box[2] - box[0])), np.uint8),
}


def largest(engine: FaceEngine, rgb: Uint8Array) -> tuple[Uint8Array, tuple[int, int, int, int]] | None:
    """The crop and the box of the face that the filters would take."""
    found = engine.analyse(picture(rgb))
    faces = () if isinstance(found, RejectedImage) else found.faces
    certain = [face for face in faces if face.confidence >= engine.pack.min_detection_confidence]
    if not certain:
        return None
    face = max(certain, key=lambda one: one.size_px)
    x1, y1, x2, y2 = (int(side) for side in face.box_px)
    return face.crop, (x1, y1, x2, y2)


def picture(rgb: Uint8Array) -> Any:
    out = BytesIO()
    PillowImage.fromarray(rgb).save(out, "PNG")
    return SimpleNamespace(body=out.getvalue(), ref=ImageRef(source="stashdb", image_url="https://x/1.png"))


def test_of_spoiled_portraits_hardly_a_vector_is_taken_that_is_nobodys(
    zoo_engine: FaceEngine, portraits: Mapping[str, list[bytes]]
) -> None:
    specs, distance = zoo_engine.pack.recognisers, zoo_engine.pack.primary.match_distance(1)
    taken_far, refused_plain, spoiled = 0, 0, 0
    for bodies in portraits.values():
        rgb = np.array(PillowImage.open(BytesIO(bodies[0])).convert("RGB"))
        plain = largest(zoo_engine, rgb)
        assert plain is not None
        raw = {NAME: zoo_engine.embed_raw([plain[0]])[NAME][0]}
        refused_plain += weakness(raw, specs) is not None
        own = zoo_engine.units(raw)[NAME]
        for spoil in SPOILED.values():
            found = largest(zoo_engine, spoil(rgb, plain[1]))
            if found is None:
                continue
            spoiled += 1
            raw = {NAME: zoo_engine.embed_raw([found[0]])[NAME][0]}
            far = 1 - float(zoo_engine.units(raw)[NAME] @ own) > distance
            taken_far += far and weakness(raw, specs) is None
    assert refused_plain == 0
    assert spoiled > 2 * len(portraits), "the detector takes many of them for faces, or this shows nothing"
    assert taken_far <= spoiled * 0.02


def floored(pack: ModelPack, least: float | None) -> ModelPack:
    return pack.model_copy(
        update={"recognisers": tuple(spec.model_copy(update={"least_norm": least}) for spec in pack.recognisers)}
    )


def test_the_floor_is_no_part_of_what_made_a_vector(zoo: ModelPack) -> None:
    assert floored(zoo, 99.0).fingerprint == floored(zoo, None).fingerprint == zoo.fingerprint


@pytest.mark.parametrize(("norm", "least", "weak"), [(9.8, 9.9, True), (9.95, 9.9, False), (0.1, None, False)])
def test_a_norm_below_the_floor_is_weak(zoo: ModelPack, norm: float, least: float | None, weak: bool) -> None:
    vector = np.zeros(128, np.float32)
    vector[3] = norm
    found = weakness({NAME: vector}, floored(zoo, least).recognisers)
    assert found == ({"norm": pytest.approx(norm, abs=0.01), "least_norm": least} if weak else None)


async def stage(pack: ModelPack, rows: list[float]) -> list[object]:
    """What the stage makes of faces whose vectors have these norms, in one batch."""

    def raw(crops: list[Uint8Array]) -> dict[str, Any]:
        assert len(crops) == len(rows)
        return {NAME: np.outer(np.float32(rows), np.eye(128, dtype=np.float32)[5])}

    embedding = EmbedStage(SimpleNamespace(), 8, 0.01)  # type: ignore[arg-type]
    embedding.engine = SimpleNamespace(  # type: ignore[assignment]
        pack=pack,
        units=lambda vectors: FaceEngine.units(SimpleNamespace(pack=pack), vectors),  # type: ignore[arg-type]
    )
    embedding.batcher = Batcher(raw, 8, 0.01)
    ref = ImageRef(source="stashdb", image_url="https://x/1.png", source_id="jane")
    item = ScreenedImage(ref=ref, sha256="0" * 64, width_px=9, height_px=9, face=a_face(), quality=0.5)
    try:
        return await asyncio.gather(*(embedding.process(item) for _ in rows), return_exceptions=True)
    finally:
        await embedding.batcher.close()


def test_each_of_a_batch_is_judged_alone(zoo: ModelPack) -> None:
    good, weak, broken, zero = asyncio.run(stage(zoo, [20.0, 5.0, np.nan, 0.0]))
    assert isinstance(good, EmbeddedImage)
    assert np.linalg.norm(good.vectors[NAME]) == pytest.approx(1)
    assert isinstance(weak, RejectedImage)
    assert (weak.reason, weak.detail) == ("unrecognisable", {"norm": 5.0, "least_norm": 9.9})
    assert isinstance(broken, ModelError)
    assert isinstance(zero, RejectedImage | ModelError)
