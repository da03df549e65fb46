"""A pack of the stash_sense pack's shape that anybody may have: its two recognisers as tiny graphs with random weights.

The graphs take what FaceNet512 and ArcFace take, (n, 160, 160, 3) and (n, 112, 112, 3), and give 512 numbers. Colour
order, scale, layout and mirror image all show in the vector: 8 x 8 means of each channel, a PRelu, a sine (without
which a wrong scale would vanish when vectors are made unit vectors), a random matrix.
"""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import onnx
import yaml
from onnx import TensorProto, helper, numpy_helper

from enrich.faces.pack import ModelPack, load_pack, sha256_of
from enrich.items import FloatArray

TILES = 8
GAIN = 10.0
SLOPES = np.array([[[0.25]], [[0.5]], [[0.75]]], np.float32)
SEEDS = {"facenet": 1, "arcface": 2}


def weights(name: str) -> FloatArray:
    """The matrix (192, 512) of a tiny recogniser."""
    return np.random.default_rng(SEEDS[name]).normal(size=(3 * TILES * TILES, 512)).astype(np.float32)


def write_graph(path: Path, name: str, size_px: int) -> None:
    """Write the tiny recogniser ``name`` as tf2onnx writes one: NHWC in, turned to NCHW first."""
    tile = [size_px // TILES] * 2
    nodes = [
        helper.make_node("Transpose", ["input"], ["turned"], perm=[0, 3, 1, 2]),
        helper.make_node("AveragePool", ["turned"], ["tiles"], kernel_shape=tile, strides=tile),
        helper.make_node("PRelu", ["tiles", "slopes"], ["bent"]),
        helper.make_node("Mul", ["bent", "gain"], ["scaled"]),
        helper.make_node("Sin", ["scaled"], ["waves"]),
        helper.make_node("Flatten", ["waves"], ["flat"]),
        helper.make_node("MatMul", ["flat", "weights"], ["embedding"]),
    ]
    constants = {"slopes": SLOPES, "gain": np.float32(GAIN), "weights": weights(name)}
    graph = helper.make_graph(
        nodes,
        name,
        [helper.make_tensor_value_info("input", TensorProto.FLOAT, ["n", size_px, size_px, 3])],
        [helper.make_tensor_value_info("embedding", TensorProto.FLOAT, ["n", 512])],
        [numpy_helper.from_array(np.asarray(value), key) for key, value in constants.items()],
    )
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8), path)


def write_pack(folder: Path, zoo: ModelPack) -> Path:
    """Make ``folder`` a pack with the zoo's detector and two recognisers fed as stash_sense's are; return it."""
    folder.mkdir(parents=True)
    shutil.copyfile(zoo.path(zoo.detector), folder / zoo.detector.file)
    recognisers = []
    for spec in load_pack("stash_sense", folder, complete=False).recognisers:
        write_graph(folder / spec.file, spec.name, spec.input_size_px)
        recognisers.append({**spec.model_dump(mode="json"), "sha256": sha256_of(folder / spec.file)})
    described = zoo.model_dump(mode="json", include={"licence", "detector", "min_detection_confidence"})
    (folder / "pack.yaml").write_text(yaml.safe_dump({**described, "recognisers": recognisers}), encoding="utf-8")
    return folder
