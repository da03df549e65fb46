"""Recognisers: aligned crops in, raw vectors out, in batches that are halved where memory runs out."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from typing import Protocol

import cv2
import numpy as np

from enrich.errors import ModelError
from enrich.faces.graph import prepared
from enrich.faces.pack import ModelPack, RecogniserSpec
from enrich.faces.running import OutOfMemoryError
from enrich.faces.sessions import CPU, open_session
from enrich.items import FloatArray, Uint8Array

logger = logging.getLogger(__name__)


class Embedder(Protocol):
    """One recogniser of a pack."""

    spec: RecogniserSpec

    def raw(self, crops: Sequence[Uint8Array]) -> FloatArray:
        """Return float32 (n, dim) for n crops uint8 (112, 112, 3) RGB, as the graph gives them."""
        ...


class OnnxEmbedder:
    """A recogniser fed as its pack says: layout, colour order, mean, std, mirror image."""

    def __init__(self, pack: ModelPack, spec: RecogniserSpec, providers: Sequence[str], threads: int) -> None:
        self.spec = spec
        path = pack.path(spec)
        self._session = open_session(prepared(path, for_cpu=providers[0] == CPU), path, providers, threads)
        self._input = self._session.get_inputs()[0].name
        self._output = self._session.get_outputs()[0].name

    def raw(self, crops: Sequence[Uint8Array]) -> FloatArray:
        """Return float32 (n, dim); see Embedder."""
        pixels = np.stack([self._fitted(crop) for crop in crops])
        if not self.spec.flip:
            return self._run(pixels)
        both = self._run(np.concatenate([pixels, pixels[:, :, ::-1]]))
        return np.asarray((both[: len(crops)] + both[len(crops) :]) / 2, dtype=np.float32)

    def _fitted(self, crop: Uint8Array) -> Uint8Array:
        size = self.spec.input_size_px
        if crop.shape[0] == size:
            return crop
        # Also to enlarge: so the Stash Sense sidecar makes 160 px of 112, and vectors are compared with its own.
        return np.asarray(cv2.resize(crop, (size, size), interpolation=cv2.INTER_AREA), dtype=np.uint8)

    def _run(self, pixels: Uint8Array) -> FloatArray:
        if self.spec.colour == "bgr":
            pixels = pixels[..., ::-1]
        blob = (pixels.astype(np.float32) - np.float32(self.spec.mean)) / np.float32(self.spec.std)
        if self.spec.layout == "nchw":
            blob = blob.transpose(0, 3, 1, 2)
        vectors = self._session.run([self._output], {self._input: np.ascontiguousarray(blob)})[0]
        return np.asarray(vectors, dtype=np.float32)


class InsightfaceEmbedder:
    """An ArcFace-style recogniser fed by insightface, which reads mean and std off the graph."""

    def __init__(self, pack: ModelPack, spec: RecogniserSpec, providers: Sequence[str], threads: int) -> None:
        from insightface.model_zoo import ArcFaceONNX

        self.spec = spec
        path = pack.path(spec)
        session = open_session(prepared(path, for_cpu=providers[0] == CPU), path, providers, threads)
        self._model = ArcFaceONNX(model_file=str(path), session=session)

    def raw(self, crops: Sequence[Uint8Array]) -> FloatArray:
        """Return float32 (n, dim); see Embedder."""
        vectors = self._model.get_feat([cv2.cvtColor(crop, cv2.COLOR_RGB2BGR) for crop in crops])
        return np.asarray(vectors, dtype=np.float32)


class Halving:
    """A recogniser whose batches are halved when memory runs out, and from then on no larger than what went well."""

    def __init__(self, embedder: Embedder) -> None:
        self.spec = embedder.spec
        self._embedder = embedder
        self._most: int | None = None

    def raw(self, crops: Sequence[Uint8Array]) -> FloatArray:
        """Return float32 (n, dim); see Embedder. Raises OutOfMemoryError where a single crop is too much."""
        rows: list[FloatArray] = []
        done, halved = 0, False
        while done < len(crops):
            portion = crops[done : done + (self._most or len(crops))]
            try:
                rows.append(self._embedder.raw(portion))
            except OutOfMemoryError:
                if len(portion) == 1:
                    raise
                self._most, halved = len(portion) // 2, True
                continue
            done += len(portion)
        if halved:
            logger.warning("%s: no memory for %d faces at once; %d from now on", self.spec.file, len(crops), self._most)
        return np.concatenate(rows)


def open_embedders(pack: ModelPack, providers: Sequence[str], threads: int) -> list[Embedder]:
    """Return the pack's recognisers, ready to run. Raises ModelError."""
    kinds: dict[str, type[OnnxEmbedder | InsightfaceEmbedder]] = {
        "onnx": OnnxEmbedder,
        "insightface": InsightfaceEmbedder,
    }
    return [Halving(kinds[spec.kind](pack, spec, providers, threads)) for spec in pack.recognisers]


def weakness(raw: Mapping[str, FloatArray], specs: Sequence[RecogniserSpec]) -> dict[str, float] | None:
    """Why a face's vectors, recogniser name -> float32 (dim,) as the graphs give them, say too little of who it is.

    The norm of a face recogniser's vector tells how much of a face it found: Meng et al., "MagFace" (2021), and before
    it Ranjan et al., "L2-constrained softmax loss" (2017). ``None`` where no norm is below the recogniser's
    ``least_norm``; else both figures of the first that is.
    """
    for spec in specs:
        norm = float(np.linalg.norm(raw[spec.name]))
        if spec.least_norm is not None and norm < spec.least_norm:
            return {"norm": round(norm, 2), "least_norm": spec.least_norm}
    return None


def unit(vectors: FloatArray, spec: RecogniserSpec) -> FloatArray:
    """Return the vectors at L2 norm 1. Raises ModelError where one is zero, not finite, or of another length."""
    if vectors.ndim != 2 or vectors.shape[1] != spec.dim:
        raise ModelError(f"{spec.file} gives vectors of shape {vectors.shape[1:]}, the pack says {spec.dim}")
    norms = np.linalg.norm(vectors, axis=1, keepdims=True)
    if not (np.isfinite(norms).all() and (norms > 0).all()):
        raise ModelError(f"{spec.file} gave a vector that is zero or not finite: the model or the device is broken")
    return np.asarray(vectors / norms, dtype=np.float32)
