"""SCRFD (Guo et al., "Sample and Computation Redistribution for Efficient Face Detection") between canvas and faces.

The graph is told apart and overlapping boxes are dropped by insightface's own class. What lies between is here, and
takes a third of the time with the same bits: the blob is looked up value by value, and only what is above the
threshold is worked out.
"""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np

from enrich.errors import ModelError
from enrich.faces.detections import Detections, cells_at, open_graph
from enrich.faces.pack import DetectorSpec, ModelPack
from enrich.items import FloatArray, Uint8Array


class Scrfd:
    """See Detector. Raises ModelError for a graph without landmarks, or of another size than the pack says."""

    def __init__(self, pack: ModelPack, providers: Sequence[str], threads: int) -> None:
        from insightface.model_zoo import SCRFD

        spec: DetectorSpec = pack.detector
        self.sizes_px = spec.sizes_px
        path = pack.path(spec)
        self._session, self.step_px = open_graph(pack, providers, threads)
        self._model = SCRFD(model_file=None, session=self._session)  # a file's name would have it make its own sessions
        self._model.prepare(0, input_size=(self.sizes_px[-1],) * 2, det_thresh=spec.threshold)
        if not self._model.use_kps:
            raise ModelError(f"{path} gives no landmarks, which alignment needs")
        fixed = self._model.static_input_size
        if fixed is not None and fixed != (self.sizes_px[-1],) * 2:
            raise ModelError(f"{path} takes {fixed[0]} x {fixed[1]} px, the pack says {self.sizes_px[-1]}")
        self._values = self._looked_up()
        self._strides = [int(stride) for stride in self._model._feat_stride_fpn]

    def find(self, canvas: Uint8Array) -> Detections:
        """Return the faces on ``canvas``; see Detector."""
        model, strides = self._model, self._strides
        outputs = self._session.run(model.output_names, {model.input_name: self._blob(canvas)})
        if model.batched:
            outputs = [output[0] for output in outputs]
        count = len(strides)
        levels = [self._decode(outputs[level::count], canvas.shape[1], stride) for level, stride in enumerate(strides)]
        scores, boxes, landmarks = (np.concatenate(parts) for parts in zip(*levels, strict=True))
        order = np.argsort(-scores, kind="stable")
        scores, boxes, landmarks = scores[order], boxes[order], landmarks[order]
        kept = np.asarray(model.nms(np.hstack([boxes, scores[:, None]])), dtype=np.intp)
        return Detections(boxes[kept], landmarks[kept], scores[kept])

    def _decode(
        self, heads: Sequence[FloatArray], width: int, stride: int
    ) -> tuple[FloatArray, FloatArray, FloatArray]:
        """Scores, corners and landmarks of one stride's anchors above the threshold, in canvas pixels."""
        scores, boxes, landmarks = heads
        over = np.flatnonzero(scores[:, 0] >= self._model.det_thresh)
        centres = cells_at(over // self._model._num_anchors, width // stride) * stride
        reach = boxes[over].astype(np.float32, copy=False) * stride
        points = landmarks[over].astype(np.float32, copy=False).reshape(-1, 5, 2) * stride + centres[:, None]
        found = scores[over, 0].astype(np.float32, copy=False)
        return found, np.hstack([centres - reach[:, :2], centres + reach[:, 2:]]), points

    def _looked_up(self) -> FloatArray:
        """What insightface makes of the values 0 to 255 of a colour."""
        values = np.repeat(np.arange(256, dtype=np.uint8).reshape(16, 16, 1), 3, axis=2)
        blob: FloatArray = self._model._prepare_input_blob(values, (16, 16))
        return np.ascontiguousarray(blob[0, 0].ravel())

    def _blob(self, canvas: Uint8Array) -> FloatArray:
        blob = np.empty((1, 3, *canvas.shape[:2]), dtype=np.float32)
        for plane, values in zip(cv2.split(canvas), blob[0], strict=True):
            cv2.LUT(plane, self._values, dst=values)
        return blob
