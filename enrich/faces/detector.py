"""Face detectors behind one small door: a square canvas in, boxes and five landmarks out.

YuNet runs in onnxruntime with the decoding below and not in ``cv2.FaceDetectorYN``: on 110 portraits the results are
the same (to 1e-4 px and 1e-6 of confidence), a 640 px canvas takes 10 ms in place of 21 on one core, and a session may
be called from any thread while a FaceDetectorYN may not. SCRFD is insightface's own class.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Protocol

import cv2
import numpy as np

from enrich.faces.pack import DetectorSpec, ModelPack
from enrich.faces.sessions import open_session, session_options
from enrich.items import FloatArray, Uint8Array

YUNET_STRIDES_PX: Final = (8, 16, 32)
YUNET_NMS_OVERLAP: Final = 0.3
SECOND_LOOK: Final = 0.5
"""How much of the canvas the picture fills when the first look found no face."""


@dataclass(frozen=True, slots=True, eq=False)
class Detections:
    """n faces, all float32: ``boxes_px`` (n, 4) as x1 y1 x2 y2, ``landmarks_px`` (n, 5, 2), ``scores`` (n,)."""

    boxes_px: FloatArray
    landmarks_px: FloatArray
    scores: FloatArray

    @property
    def best(self) -> float:
        """The highest score, 0 without a face."""
        return float(self.scores.max(initial=0.0))


class Detector(Protocol):
    """Finds faces on a canvas of exactly ``input_size_px`` squared. May be called from several threads at once."""

    input_size_px: int

    def find(self, canvas: Uint8Array) -> Detections:
        """Return the faces on ``canvas``, uint8 (size, size, 3) RGB, in canvas pixels."""
        ...


def find_faces(detector: Detector, rgb: Uint8Array, min_confidence: float) -> Detections:
    """Return the faces in a picture of any size, in its own pixels, boxes clamped to it, most confident first.

    The picture is scaled to fill the detector's input (by area when it shrinks). Where nothing reaches
    ``min_confidence``, a second look at half that size follows: detectors miss faces that fill the frame. The better
    look counts. On 110 portraits SCRFD-500M finds 106 at first and all of them at the second look.
    """
    found = _look(detector, rgb, 1.0)
    if found.best < min_confidence:
        again = _look(detector, rgb, SECOND_LOOK)
        if again.best > found.best:
            found = again
    return _clamped(found, *rgb.shape[1::-1])


def _look(detector: Detector, rgb: Uint8Array, fill: float) -> Detections:
    size = detector.input_size_px
    height, width = rgb.shape[:2]
    scale = fill * size / max(width, height)
    fitted = (max(1, round(width * scale)), max(1, round(height * scale)))
    canvas = np.zeros((size, size, 3), dtype=np.uint8)
    method = cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR
    canvas[: fitted[1], : fitted[0]] = cv2.resize(rgb, fitted, interpolation=method)
    found = detector.find(canvas)
    back = np.array([width / fitted[0], height / fitted[1]], dtype=np.float32)  # each axis was rounded on its own
    return Detections(found.boxes_px * np.tile(back, 2), found.landmarks_px * back, found.scores)


def _clamped(found: Detections, width: int, height: int) -> Detections:
    limits = np.array([width, height, width, height], dtype=np.float32)
    boxes = np.clip(found.boxes_px, 0, limits)
    inside = (boxes[:, 2] > boxes[:, 0]) & (boxes[:, 3] > boxes[:, 1])
    spread = np.ptp(found.landmarks_px, axis=1).max(axis=1, initial=0)
    faces = np.flatnonzero(inside & (spread > 0))  # also drops what is not a number
    order = faces[np.argsort(-found.scores[faces], kind="stable")]
    return Detections(boxes[order], found.landmarks_px[order], found.scores[order])


class YuNet:
    """YuNet 2023 (Wu et al., "YuNet: A Tiny Millisecond-level Face Detector"): BGR 0..255 in, anchor-free heads out."""

    def __init__(self, pack: ModelPack, providers: Sequence[str], threads: int) -> None:
        spec = pack.detector
        self.input_size_px = spec.input_size_px
        self._threshold = spec.threshold
        self._session = open_session(pack.path(spec), pack.path(spec), providers, threads)
        self._input = self._session.get_inputs()[0].name
        self._outputs = [output.name for output in self._session.get_outputs()]
        self._cells = {stride: _cells(spec.input_size_px // stride) for stride in YUNET_STRIDES_PX}

    @property
    def providers(self) -> list[str]:
        """The providers in use."""
        return list(self._session.get_providers())

    def find(self, canvas: Uint8Array) -> Detections:
        """Return the faces on ``canvas``; see Detector."""
        blob = cv2.dnn.blobFromImage(canvas, swapRB=True)
        heads = dict(zip(self._outputs, self._session.run(self._outputs, {self._input: blob}), strict=True))
        boxes, landmarks, scores = (
            np.concatenate(parts)
            for parts in zip(*(self._decode(heads, stride) for stride in YUNET_STRIDES_PX), strict=True)
        )
        kept = cv2.dnn.NMSBoxes(boxes.tolist(), scores.tolist(), self._threshold, YUNET_NMS_OVERLAP)
        chosen = np.asarray(kept, dtype=np.intp).ravel()
        corners, sizes = boxes[chosen, :2], boxes[chosen, 2:]
        return Detections(np.hstack([corners, corners + sizes]), landmarks[chosen], scores[chosen])

    def _decode(self, heads: dict[str, FloatArray], stride: int) -> tuple[FloatArray, FloatArray, FloatArray]:
        """Boxes (x, y, width, height), landmarks and scores of one stride's cells above the threshold."""
        probability = np.clip(heads[f"cls_{stride}"][0, :, 0], 0, 1) * np.clip(heads[f"obj_{stride}"][0, :, 0], 0, 1)
        scores = np.sqrt(probability)
        over = scores >= self._threshold
        cells = self._cells[stride][over]
        raw = heads[f"bbox_{stride}"][0][over]
        centres = (cells + raw[:, :2]) * stride
        sizes = np.exp(raw[:, 2:]) * stride
        points = (heads[f"kps_{stride}"][0][over].reshape(-1, 5, 2) + cells[:, None]) * stride
        return np.hstack([centres - sizes / 2, sizes]), points, scores[over]


class Scrfd:
    """SCRFD (Guo et al., "Sample and Computation Redistribution for Efficient Face Detection"), run by insightface."""

    def __init__(self, pack: ModelPack, providers: Sequence[str], threads: int) -> None:
        from insightface.model_zoo import get_model

        spec: DetectorSpec = pack.detector
        self.input_size_px = spec.input_size_px
        self._size = (spec.input_size_px, spec.input_size_px)
        self._model = get_model(str(pack.path(spec)), providers=list(providers), sess_options=session_options(threads))
        self._model.prepare(0, input_size=self._size, det_thresh=spec.threshold)

    @property
    def providers(self) -> list[str]:
        """The providers in use."""
        return list(self._model.session.get_providers())

    def find(self, canvas: Uint8Array) -> Detections:
        """Return the faces on ``canvas``; see Detector."""
        rows, landmarks = self._model.detect(cv2.cvtColor(canvas, cv2.COLOR_RGB2BGR), input_size=self._size)
        numbers = rows.astype(np.float32, copy=False)
        return Detections(numbers[:, :4], landmarks.astype(np.float32, copy=False).reshape(-1, 5, 2), numbers[:, 4])


def open_detector(pack: ModelPack, providers: Sequence[str], threads: int) -> YuNet | Scrfd:
    """Return the pack's detector, ready to run. Raises ModelError."""
    kinds: dict[str, type[YuNet | Scrfd]] = {"yunet": YuNet, "scrfd": Scrfd}
    return kinds[pack.detector.kind](pack, providers, threads)


def _cells(count: int) -> FloatArray:
    """Column and row, float32 (count * count, 2), of a grid's cells in reading order."""
    rows, columns = np.mgrid[:count, :count]
    return np.stack([columns, rows], axis=-1).reshape(-1, 2).astype(np.float32)
