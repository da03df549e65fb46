"""Face detectors behind one small door: a canvas in, boxes and five landmarks out.

YuNet runs in onnxruntime with the decoding below and not in ``cv2.FaceDetectorYN``: on 110 portraits the results are
the same (to 1e-4 px and 1e-6 of confidence), a 640 px canvas takes 10 ms in place of 21 on one core, and a session may
be called from any thread while a FaceDetectorYN may not. SCRFD is in ``scrfd.py``.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import cv2
import numpy as np

from enrich.faces.detections import Detections, Detector, cells_at, open_graph
from enrich.faces.measures import yaw_deg
from enrich.faces.pack import ModelPack
from enrich.faces.scrfd import Scrfd
from enrich.items import FloatArray, Uint8Array

YUNET_STRIDES_PX: Final = (8, 16, 32)
YUNET_NMS_OVERLAP: Final = 0.3
HALF: Final = 0.5
"""How much of the canvas the picture fills at the second look of a detector that has one canvas only."""
TURNED_DEG: Final = 25
"""From here on an angle found on the small canvas is not believed. Of 110 portraits no estimate reaches 20."""
PADDED_PX: Final = 224
"""How long the longer side of the picture becomes in the middle of the canvas at the look with padding. On 44 portraits
cut down to eyes, nose and mouth YuNet then finds 39 in place of 3, SCRFD-500M 44 in place of 35."""
PADDED_ASPECT: Final = 2.0
"""A picture that is longer than this times its width is no face alone."""
LEAST_ON_CANVAS_PX: Final = 20
"""How small a face may get on the canvas. SCRFD's smallest anchors, and YuNet's smallest boxes, are 16 px."""
SMALLEST_FACE_PX: Final = 80
"""The smallest face looked for where nobody says otherwise: the default of ``min_face_size``."""
HALVED_BELOW: Final = 0.5
"""Pictures are halved until the rest of the way is no shorter than this, from where bilinear reads every pixel. OpenCV
halves by area six times as fast as it scales by area to any other size."""


def find_faces(
    detector: Detector, rgb: Uint8Array, min_confidence: float, smallest_face_px: int = SMALLEST_FACE_PX
) -> Detections:
    """Return the faces in a picture of any size, in its own pixels, boxes clamped to it, most confident first.

    The first look is on the smallest canvas on which faces of ``smallest_face_px`` can still be seen: all faces that
    can count are then found. Where nothing reaches ``min_confidence``, a second look follows: larger for what was too
    small, or smaller for a face that fills the frame, which detectors miss. The better look counts. On 110 portraits
    SCRFD-500M finds all at 320 px, and 106 at 640 px, which takes four times as long.

    A head that seems turned is looked at on the large canvas too: on the small one the angle is 5 to 20 degrees off. A
    picture that shows nothing may be a face cut at chin and forehead: a third look has its edges drawn out around it.
    """
    small, large = detector.sizes_px[0], detector.sizes_px[-1]
    is_small_enough = LEAST_ON_CANVAS_PX * max(rgb.shape[:2]) <= smallest_face_px * small
    first = small if is_small_enough else large
    found = _look(detector, rgb, first, 1.0)
    if found.best < min_confidence:
        again = _look(detector, rgb, small + large - first, HALF if small == large else 1.0)
        if again.best > found.best:
            found = again
    elif first < large and _is_turned(found, min_confidence):
        again = _look(detector, rgb, large, 1.0)
        if again.best >= min_confidence:
            found = again
    if found.best < min_confidence and max(rgb.shape[:2]) <= PADDED_ASPECT * min(rgb.shape[:2]):
        padded = _padded_look(detector, rgb, small)
        if padded.best > found.best:
            found = padded
    return _clamped(found, *rgb.shape[1::-1])


def _look(detector: Detector, rgb: Uint8Array, size: int, fill: float) -> Detections:
    fitted, back = _fitted(rgb, fill * size)
    rows, columns = (min(size, -(-side // detector.step_px) * detector.step_px) for side in fitted.shape[:2])
    canvas = np.zeros((rows, columns, 3), dtype=np.uint8)
    canvas[: fitted.shape[0], : fitted.shape[1]] = fitted
    return _in_the_picture(detector.find(canvas), back, (0, 0))


def _is_turned(found: Detections, min_confidence: float) -> bool:
    return any(abs(yaw_deg(points)) > TURNED_DEG for points in found.landmarks_px[found.scores >= min_confidence])


def _padded_look(detector: Detector, rgb: Uint8Array, size: int) -> Detections:
    fitted, back = _fitted(rgb, min(PADDED_PX, size))
    left, top = (size - fitted.shape[1]) // 2, (size - fitted.shape[0]) // 2
    right, bottom = size - fitted.shape[1] - left, size - fitted.shape[0] - top
    # Its own edges: a mirror image in their place makes faces of half faces and mouths.
    canvas = cv2.copyMakeBorder(fitted, top, bottom, left, right, cv2.BORDER_REPLICATE)
    return _in_the_picture(detector.find(np.asarray(canvas, dtype=np.uint8)), back, (left, top))


def _fitted(rgb: Uint8Array, longer_side: float) -> tuple[Uint8Array, FloatArray]:
    """The picture scaled, and how many of its pixels, float32 (2,) across and down, one of the result's is."""
    height, width = rgb.shape[:2]
    scale, halvings = longer_side / max(width, height), 0
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    while scale * 2**halvings < HALVED_BELOW and min(rgb.shape[:2]) > 1:
        rows, columns = (side // 2 for side in rgb.shape[:2])  # an odd last row or column is left out
        even = rgb[: 2 * rows, : 2 * columns]
        rgb = np.asarray(cv2.resize(even, (columns, rows), interpolation=cv2.INTER_AREA), dtype=np.uint8)
        halvings += 1
    back = np.array(rgb.shape[1::-1], dtype=np.float32) * 2**halvings / size  # each axis was rounded on its own
    fitted = np.asarray(cv2.resize(rgb, size, interpolation=cv2.INTER_LINEAR), dtype=np.uint8)
    return fitted, np.asarray(back, dtype=np.float32)


def _in_the_picture(found: Detections, back: FloatArray, corner: tuple[int, int]) -> Detections:
    """What was found on a canvas on which a picture lies at ``corner``, in the picture's pixels; see ``_fitted``."""
    at = np.array(corner, dtype=np.float32)
    boxes = (found.boxes_px - np.tile(at, 2)) * np.tile(back, 2)
    return Detections(boxes, (found.landmarks_px - at) * back, found.scores)


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
        self.sizes_px = spec.sizes_px
        self._threshold = spec.threshold
        self._session, self.step_px = open_graph(pack, providers, threads)
        self._input = self._session.get_inputs()[0].name
        self._outputs = [output.name for output in self._session.get_outputs()]

    def find(self, canvas: Uint8Array) -> Detections:
        """Return the faces on ``canvas``; see Detector."""
        blob = cv2.dnn.blobFromImage(canvas, swapRB=True)
        heads = dict(zip(self._outputs, self._session.run(self._outputs, {self._input: blob}), strict=True))
        levels = [self._decode(heads, canvas.shape[1], stride) for stride in YUNET_STRIDES_PX]
        boxes, landmarks, scores = (np.concatenate(parts) for parts in zip(*levels, strict=True))
        kept = cv2.dnn.NMSBoxes(boxes.tolist(), scores.tolist(), self._threshold, YUNET_NMS_OVERLAP)
        chosen = np.asarray(kept, dtype=np.intp).ravel()
        corners, sizes = boxes[chosen, :2], boxes[chosen, 2:]
        return Detections(np.hstack([corners, corners + sizes]), landmarks[chosen], scores[chosen])

    def _decode(
        self, heads: dict[str, FloatArray], width: int, stride: int
    ) -> tuple[FloatArray, FloatArray, FloatArray]:
        """Boxes (x, y, width, height), landmarks and scores of one stride's cells above the threshold."""
        probability = np.clip(heads[f"cls_{stride}"][0, :, 0], 0, 1) * np.clip(heads[f"obj_{stride}"][0, :, 0], 0, 1)
        scores = np.sqrt(probability)
        over = np.flatnonzero(scores >= self._threshold)
        cells = cells_at(over, width // stride)
        raw = heads[f"bbox_{stride}"][0][over]
        centres = (cells + raw[:, :2]) * stride
        sizes = np.exp(raw[:, 2:]) * stride
        points = (heads[f"kps_{stride}"][0][over].reshape(-1, 5, 2) + cells[:, None]) * stride
        return np.hstack([centres - sizes / 2, sizes]), points, scores[over]


def open_detector(pack: ModelPack, providers: Sequence[str], threads: int) -> YuNet | Scrfd:
    """Return the pack's detector, ready to run. Raises ModelError."""
    kinds: dict[str, type[YuNet | Scrfd]] = {"yunet": YuNet, "scrfd": Scrfd}
    return kinds[pack.detector.kind](pack, providers, threads)
