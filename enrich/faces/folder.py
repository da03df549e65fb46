"""Packs in insightface's layout: a folder of ONNX files, told apart by their graphs as insightface tells them apart."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path
from typing import Any

import onnx

from enrich.errors import ModelError
from enrich.faces.graph import read_model
from enrich.faces.pack import PACK_FILE, ModelPack, sha256_of, valid_pack

SCRFD_THRESHOLD = 0.4
SCRFD_MIN_CONFIDENCE = 0.5
"""``auto`` for an SCRFD that nobody calibrated: what SCRFD-500M needs.

110 portraits (22 people, 5 photos each) score 0.68 to 0.89 at the first look, at 320 px, and 0.62 blurred or darkened;
106 of them 0.51 and more at 640 px, where larger pictures are looked at. Cut into tiles of an eighth of the face and
shuffled the same pictures score 0.50 at most (``scrapy models calibrate``), noise nothing.
"""

ARCFACE_MATCH_DISTANCES = {1: 0.30, 2: 0.32, 4: 0.35}
"""Cosine distances for an ArcFace-style recogniser that nobody calibrated.

``scrapy models calibrate`` on the same portraits (220 pairs of one person, 5,775 of two), MobileFaceNet: 0.077 at most
within and 0.374 at least between people, with up to five faces to compare with. Anything between misses nobody there
and lets no stranger through; as real photographs of one person differ more than these, nearer to the strangers.
"""


def pack_from_graphs(folder: Path) -> ModelPack:
    """Return the pack of the first detector and the first recogniser among ``folder/*.onnx`` by name.

    The rules are those of ``insightface.model_zoo``: five outputs and more are a detector; one square input of at least
    112 px, a multiple of 16 and not 192, is a recogniser. Raises ModelError where one of the two is not found or has
    sizes that no pack can have.
    """
    paths = sorted(folder.glob("*.onnx"))
    return _pack(folder, tuple((path, path.stat().st_size, path.stat().st_mtime_ns) for path in paths))


@lru_cache(maxsize=4)  # several stages of a crawl ask for the pack, and large models take a second to read
def _pack(folder: Path, stamps: tuple[tuple[Path, int, int], ...]) -> ModelPack:
    detector: dict[str, Any] | None = None
    recogniser: dict[str, Any] | None = None
    for path, _, _ in stamps:
        graph = read_model(path).graph
        inputs = _inputs(graph)
        size = _sizes(inputs[0]) if len(inputs) == 1 else []
        if len(size) != 4:
            continue
        if len(graph.output) >= 5 and detector is None:
            detector = {
                "kind": "scrfd",
                "file": path.name,
                "sha256": sha256_of(path),
                "input_size_px": size[2] or 640,
                "small_input_size_px": 320,
                "threshold": SCRFD_THRESHOLD,
            }
        elif len(graph.output) == 1 and recogniser is None and _is_recognisers(*size[2:]):
            recogniser = {
                "name": "arcface",
                "kind": "insightface",
                "file": path.name,
                "sha256": sha256_of(path),
                "input_size_px": size[2],
                "dim": next(reversed(_sizes(graph.output[0])), 0),
                "match_distances": ARCFACE_MATCH_DISTANCES,
            }
    if detector is None or recogniser is None:
        lacking = "detector" if detector is None else "recogniser"
        raise ModelError(
            f"{folder} is no model pack: it has neither a {PACK_FILE} nor, among its .onnx files, "
            f"a {lacking} that insightface would recognise"
        )
    content = {
        "name": folder.name,
        "folder": folder,
        "licence": "unknown: see where the files came from",
        "detector": detector,
        "recognisers": (recogniser,),
        "min_detection_confidence": SCRFD_MIN_CONFIDENCE,
    }
    return valid_pack(content, f"{folder} has no {PACK_FILE} and is read off its graphs")


def _is_recognisers(height: int, width: int) -> bool:
    return height == width and height >= 112 and height % 16 == 0 and height != 192


def _inputs(graph: onnx.GraphProto) -> list[onnx.ValueInfoProto]:
    weights = {tensor.name for tensor in graph.initializer}
    return [value for value in graph.input if value.name not in weights]


def _sizes(value: onnx.ValueInfoProto) -> list[int]:
    """The tensor's dimensions; 0 where the graph leaves one open."""
    return [dimension.dim_value for dimension in value.type.tensor_type.shape.dim]
