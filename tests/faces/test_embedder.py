"""Vectors against OpenCV's and insightface's own pipelines, and the feeding of packs that describe themselves."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt
import onnx
import onnxruntime
import pytest
from onnx import TensorProto, helper, numpy_helper

from enrich.errors import ModelError
from enrich.faces.align import align
from enrich.faces.decode import decode
from enrich.faces.embedder import OnnxEmbedder, unit
from enrich.faces.engine import FaceEngine
from enrich.faces.graph import prepared
from enrich.faces.pack import ModelPack, RecogniserSpec, sha256_of
from enrich.faces.sessions import CPU
from enrich.items import FloatArray, Uint8Array


@pytest.fixture
def crops(face: Uint8Array) -> list[Uint8Array]:
    """Three different aligned crops: a drawn face in three colours."""
    small = np.asarray(cv2.resize(face[90:560, 90:560], (112, 112), interpolation=cv2.INTER_AREA), np.uint8)
    return [small, np.ascontiguousarray(small[..., ::-1]), np.ascontiguousarray(small[:, ::-1] // 2)]


def normed(vector: npt.ArrayLike) -> FloatArray:
    numbers = np.asarray(vector, np.float32).ravel()
    return np.asarray(numbers / np.linalg.norm(numbers), np.float32)


def test_sface_gives_opencvs_vectors(zoo_engine: FaceEngine, crops: list[Uint8Array]) -> None:
    spec = zoo_engine.pack.primary
    theirs = cv2.FaceRecognizerSF.create(str(zoo_engine.pack.path(spec)), "")
    ours = zoo_engine.embed(crops)["sface"]
    assert ours.shape == (3, 128)
    for vector, crop in zip(ours, crops, strict=True):
        assert np.abs(vector - normed(theirs.feature(cv2.cvtColor(crop, cv2.COLOR_RGB2BGR)))).max() < 1e-4
        assert np.abs(vector - normed(theirs.feature(crop))).max() > 1e-2  # the test sees the colour order


def test_arcface_gives_insightfaces_vectors(insight_engine: FaceEngine, crops: list[Uint8Array]) -> None:
    from insightface.model_zoo import get_model

    theirs = get_model(str(insight_engine.pack.path(insight_engine.pack.primary)), providers=[CPU])
    ours = insight_engine.embed(crops)["arcface"]
    assert ours.shape == (3, 512)
    for vector, crop in zip(ours, crops, strict=True):
        assert np.abs(vector - normed(theirs.get_feat(cv2.cvtColor(crop, cv2.COLOR_RGB2BGR)))).max() < 1e-4
        assert np.abs(vector - normed(theirs.get_feat(crop))).max() > 1e-2


def test_from_picture_to_vector_as_opencv_does_it(
    zoo_engine: FaceEngine, zoo: ModelPack, portraits: Mapping[str, list[bytes]]
) -> None:
    """Their detector, their alignment, their recogniser on a picture that needs no scaling: the same vector."""
    recogniser = cv2.FaceRecognizerSF.create(str(zoo.path(zoo.primary)), "")
    for bodies in list(portraits.values())[:5]:
        rgb = np.asarray(cv2.resize(decode(bodies[2]), (640, 640)), np.uint8)
        bgr = cv2.cvtColor(rgb, cv2.COLOR_RGB2BGR)
        rows = cv2.FaceDetectorYN.create(str(zoo.path(zoo.detector)), "", (640, 640), 0.5).detect(bgr)[1]
        theirs = normed(recogniser.feature(recogniser.alignCrop(bgr, rows[0])))
        ours = zoo_engine.embed([align(rgb, zoo_engine.detect(rgb).landmarks_px[0])])["sface"][0]
        assert np.abs(ours - theirs).max() < 1e-3  # the crops differ by the rounding of a few pixels


def test_a_batch_gives_what_single_crops_give(engine: FaceEngine, crops: list[Uint8Array]) -> None:
    name = engine.pack.primary.name
    together = engine.embed(crops * 3)[name]
    for row, crop in enumerate(crops * 3):
        assert np.abs(together[row] - engine.embed([crop])[name][0]).max() < 1e-5


def test_vectors_are_unit_float32(engine: FaceEngine, crops: list[Uint8Array]) -> None:
    for vectors in engine.embed(crops).values():
        assert vectors.dtype == np.float32
        assert np.allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-6)
    assert {name: vectors.shape[0] for name, vectors in engine.embed([]).items()} == {engine.pack.primary.name: 0}


def test_the_prepared_graph_is_the_same_function(engine: FaceEngine, crops: list[Uint8Array]) -> None:
    path = engine.pack.path(engine.pack.primary)
    blob = np.stack(crops).astype(np.float32).transpose(0, 3, 1, 2)
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    original = onnxruntime.InferenceSession(path, options, providers=[CPU])
    name = original.get_inputs()[0].name
    one_by_one = np.concatenate([original.run(None, {name: blob[row : row + 1]})[0] for row in range(3)])
    for for_cpu in (False, True):
        session = onnxruntime.InferenceSession(prepared(path, for_cpu=for_cpu), options, providers=[CPU])
        vectors = session.run(None, {name: blob})[0]
        assert np.abs(vectors - one_by_one).max() < 1e-4 * np.abs(one_by_one).max()


def tiny(path: Path, layout: str, size: int) -> RecogniserSpec:
    """A recogniser of 6 numbers: means of the three channels over the left and over the right half."""
    nchw = layout == "nchw"
    weights = np.zeros((3 * size * size, 6), np.float32)
    for channel in range(3):
        for row in range(size):
            for column in range(size):
                place = (channel * size + row) * size + column if nchw else (row * size + column) * 3 + channel
                weights[place, channel * 2 + (column >= size // 2)] = 2 / size**2
    shape: list[str | int | None] = ["n", 3, size, size] if nchw else ["n", size, size, 3]
    graph = helper.make_graph(
        [helper.make_node("Flatten", ["x"], ["flat"]), helper.make_node("MatMul", ["flat", "w"], ["y"])],
        "tiny",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, shape)],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, ["n", 6])],
        [numpy_helper.from_array(weights, "w")],
    )
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8), path)
    described = {"name": "tiny", "file": path.name, "sha256": sha256_of(path), "layout": layout}
    return RecogniserSpec.model_validate({**described, "input_size_px": size, "dim": 6, "match_distances": {1: 0.3}})


@pytest.mark.parametrize("layout", ["nchw", "nhwc"])
@pytest.mark.parametrize("size", [16, 112, 160])
@pytest.mark.parametrize("colour", ["rgb", "bgr"])
@pytest.mark.parametrize("flip", [False, True])
def test_a_described_recogniser_is_fed_as_it_says(
    zoo: ModelPack, tmp_path: Path, layout: str, size: int, colour: str, flip: bool
) -> None:
    spec = tiny(tmp_path / "tiny.onnx", layout, size).model_copy(
        update={"colour": colour, "mean": 127.5, "std": 128.0, "flip": flip}
    )
    pack = zoo.model_copy(update={"folder": tmp_path, "recognisers": (spec,)})
    crop = np.zeros((112, 112, 3), np.uint8)
    crop[:, :56] = (10, 20, 30)
    crop[:, 56:] = (110, 120, 130)
    vectors = OnnxEmbedder(pack, spec, [CPU], 1).raw([crop, crop])
    halves = np.array([[10, 110], [20, 120], [30, 130]], np.float32)[:: 1 if colour == "rgb" else -1]
    expected = (halves - 127.5) / 128
    if flip:
        expected = np.repeat(expected.mean(axis=1, keepdims=True), 2, axis=1)
    assert np.allclose(vectors, np.tile(expected.ravel(), (2, 1)), atol=0.02)


@pytest.mark.parametrize("broken", [np.nan, np.inf, 0.0])
def test_broken_vectors_are_never_given_out(zoo: ModelPack, broken: float) -> None:
    vectors = np.ones((3, 128), np.float32)
    vectors[1] = broken
    with pytest.raises(ModelError, match="zero or not finite"):
        unit(vectors, zoo.primary)


def test_vectors_of_another_length_are_refused(zoo: ModelPack) -> None:
    with pytest.raises(ModelError, match="the pack says 128"):
        unit(np.ones((3, 512), np.float32), zoo.primary)
