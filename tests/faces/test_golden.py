"""Golden vectors: what each pack made of fixed crops when it was right, and that no other way of feeding makes it.

Colour order, scale, layout, size, mirror image and alignment each move a vector far beyond the tolerance.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt
import pytest
from PIL import Image

from enrich.faces.align import align
from enrich.faces.embedder import OnnxEmbedder, open_embedders, unit
from enrich.faces.engine import FaceEngine
from enrich.faces.pack import ModelPack, load_pack
from enrich.faces.sessions import CPU
from enrich.items import FloatArray, Uint8Array
from tests.faces import tiny

FOLDER = Path(__file__).parent / "golden"
GOLDEN: Mapping[str, Any] = json.loads((FOLDER / "golden.json").read_text(encoding="utf-8"))
NAMES = sorted(GOLDEN["landmarks_px"]["opencv_zoo"])
EXACT = 1e-4
"""Largest difference of a number in vectors made of one crop: the rounding of other machines' arithmetic."""

Engines = Callable[[str], FaceEngine]


def golden(pack: str, recogniser: str, name: str) -> FloatArray:
    return np.frombuffer(base64.b64decode(GOLDEN["vectors"][pack][recogniser][name]), "<f4")


def picture(name: str) -> Uint8Array:
    return np.asarray(Image.open(FOLDER / f"{name}.png").convert("RGB"))


def crop(name: str) -> Uint8Array:
    return picture(f"{name}_crop")


def landmarks(name: str, pack: str = "opencv_zoo") -> FloatArray:
    return np.array(GOLDEN["landmarks_px"][pack][name], np.float32)


def apart(ours: FloatArray, theirs: FloatArray) -> float:
    return float(np.abs(ours - theirs).max())


@pytest.fixture(scope="module")
def tiny_pack(zoo: ModelPack, tmp_path_factory: pytest.TempPathFactory) -> ModelPack:
    folder = tiny.write_pack(tmp_path_factory.mktemp("tiny") / "pack", zoo)
    return load_pack(str(folder), folder)


@pytest.fixture(scope="module")
def engines(request: pytest.FixtureRequest) -> Engines:
    """A function: name of a pack -> its engine."""
    made: dict[str, FaceEngine] = {}

    def engine(name: str) -> FaceEngine:
        if name == "tiny" and name not in made:
            made[name] = FaceEngine(request.getfixturevalue("tiny_pack"), "cpu", threads=1)
        fixtures = {"opencv_zoo": "zoo_engine", "insightface": "insight_engine"}
        return made[name] if name in made else request.getfixturevalue(fixtures[name])

    return engine


PACKS = pytest.mark.parametrize("pack", ["opencv_zoo", "insightface", "tiny"])


@PACKS
def test_the_vectors_of_fixed_crops(pack: str, engines: Engines) -> None:
    vectors = engines(pack).embed([crop(name) for name in NAMES])
    assert set(vectors) == set(GOLDEN["vectors"][pack])
    for recogniser, rows in vectors.items():
        for name, row in zip(NAMES, rows, strict=True):
            assert apart(row, golden(pack, recogniser, name)) < EXACT, (recogniser, name)


@PACKS
@pytest.mark.parametrize("name", NAMES)
def test_the_vectors_of_fixed_landmarks(pack: str, name: str, engines: Engines) -> None:
    """Alignment, held by the vector: whoever cuts otherwise gets another one."""
    cut = align(picture(name), landmarks(name))
    assert np.abs(cut.astype(int) - crop(name)).max() <= 1
    left, top = landmarks(name).min(axis=0) - 25
    right, bottom = landmarks(name).max(axis=0) + 25
    box = picture(name)[max(0, int(top)) : int(bottom), max(0, int(left)) : int(right)]
    unaligned = np.asarray(cv2.resize(box, (112, 112)), np.uint8)
    exchanged = align(picture(name), landmarks(name)[[1, 0, 2, 4, 3]])
    for recogniser, rows in engines(pack).embed([cut, unaligned, exchanged]).items():
        right_one = golden(pack, recogniser, name)
        assert rows[0] @ right_one > 0.998
        assert rows[1] @ right_one < 0.95
        assert rows[2] @ right_one < 0.95


@pytest.mark.parametrize("pack", ["opencv_zoo", "insightface"])
@pytest.mark.parametrize("name", NAMES)
def test_from_picture_to_vector(pack: str, name: str, engines: Engines) -> None:
    """With the pack's own detector, which may find a point a little beside the golden landmarks."""
    engine = engines(pack)
    found = engine.detect(picture(name))
    assert len(found.scores) == 1
    seen, known = found.landmarks_px[0], landmarks(name, pack)
    assert np.abs(seen - known).max() < 0.1 * np.linalg.norm(known[1] - known[0])
    (vectors,) = engine.embed([align(picture(name), points) for points in (seen, known)]).values()
    assert vectors[0] @ vectors[1] > 0.99


@PACKS
def test_red_and_blue_exchanged_is_another_vector(pack: str, engines: Engines) -> None:
    for name in NAMES:
        for recogniser, rows in engines(pack).embed([np.ascontiguousarray(crop(name)[..., ::-1])]).items():
            assert apart(rows[0], golden(pack, recogniser, name)) > 100 * EXACT


WRONG = [
    ("opencv_zoo", {"colour": "bgr"}),
    ("opencv_zoo", {"mean": 127.5}),
    ("opencv_zoo", {"std": 128.0}),
    ("opencv_zoo", {"flip": True}),
    ("tiny", {"colour": "bgr"}),
    ("tiny", {"mean": 0.0}),
    ("tiny", {"mean": 128.0}),
    ("tiny", {"std": 255.0}),
    ("tiny", {"flip": False}),
]


@pytest.mark.parametrize(("pack", "change"), WRONG, ids=lambda value: str(value))
def test_fed_otherwise_it_is_another_vector(pack: str, change: dict[str, Any], engines: Engines) -> None:
    right = engines(pack).pack
    wrong = right.model_copy(update={"recognisers": tuple(s.model_copy(update=change) for s in right.recognisers)})
    for embedder in open_embedders(wrong, [CPU], 1):
        rows = unit(embedder.raw([crop(name) for name in NAMES]), embedder.spec)
        for name, row in zip(NAMES, rows, strict=True):
            assert apart(row, golden(pack, embedder.spec.name, name)) > 10 * EXACT


def test_the_scales_of_the_two_recognisers_are_told_apart(engines: Engines) -> None:
    """127.5 and 128 are a trifle apart, and the golden vectors see it."""
    pack = engines("tiny").pack
    for spec, other_std in zip(pack.recognisers, (128.0, 127.5), strict=True):
        wrong = spec.model_copy(update={"std": other_std})
        for name in NAMES:
            row = unit(OnnxEmbedder(pack, wrong, [CPU], 1).raw([crop(name)]), wrong)[0]
            assert apart(row, golden("tiny", spec.name, name)) > 10 * EXACT


@pytest.mark.parametrize("name", NAMES)
def test_the_tiny_packs_vectors_by_hand(name: str, tiny_pack: ModelPack) -> None:
    """What stash_sense's way of feeding means, written out in double precision, without our code or onnxruntime."""

    def vector(pixels: npt.NDArray[np.float64], recogniser: str) -> npt.NDArray[np.float64]:
        size = pixels.shape[0] // tiny.TILES
        tiles = pixels.reshape(tiny.TILES, size, tiny.TILES, size, 3).mean(axis=(1, 3)).transpose(2, 0, 1)
        bent = np.where(tiles < 0, tiles * tiny.SLOPES, tiles)
        return np.sin(tiny.GAIN * bent).ravel() @ tiny.weights(recogniser).astype(np.float64)

    enlarged = cv2.resize(crop(name), (160, 160), interpolation=cv2.INTER_AREA)
    for recogniser, pixels in (("facenet", (enlarged - 127.5) / 127.5), ("arcface", (crop(name) - 127.5) / 128.0)):
        both = (vector(pixels, recogniser) + vector(pixels[:, ::-1], recogniser)) / 2
        expected = both / np.linalg.norm(both)
        assert np.abs(golden("tiny", recogniser, name) - expected).max() < EXACT


def test_the_tiny_pack_is_fed_as_stash_sense_is(tiny_pack: ModelPack) -> None:
    real = load_pack("stash_sense", tiny_pack.folder, complete=False)
    for mine, theirs in zip(tiny_pack.recognisers, real.recognisers, strict=True):
        assert mine.model_copy(update={"sha256": theirs.sha256}) == theirs
