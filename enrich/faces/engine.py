"""The face engine: one pack's models, loaded once a process and shared by every thread that needs them."""

from __future__ import annotations

import hashlib
import logging
import os
import threading
from collections.abc import Mapping, Sequence
from typing import Final

import cv2
import numpy as np

from enrich.errors import ModelError
from enrich.faces.align import CROP_PX, align
from enrich.faces.decode import MAX_PIXELS, ImageTooLargeError, ImageTooSmallError, NotAnImageError, decode
from enrich.faces.detections import Detections, Detector
from enrich.faces.detector import SMALLEST_FACE_PX, find_faces, open_detector
from enrich.faces.embedder import open_embedders, unit
from enrich.faces.hashes import crop_hash, picture_hash
from enrich.faces.measures import pitch_deg, roll_deg, sharpness_and_exposure, visible_share, yaw_deg
from enrich.faces.pack import ModelPack, sha256_of
from enrich.faces.running import DeviceError
from enrich.faces.sessions import CPU, device_of, providers_for
from enrich.items import DetectedImage, Face, FloatArray, Image, RejectedImage, Uint8Array

logger = logging.getLogger(__name__)

FEW: Final = 2
"""Crops embedded to warm a processor up: it needs no run of every size."""


class FaceEngine:
    """Decodes, detects, aligns and embeds with one pack. Every method may be called from several threads at once.

    ``threads`` is how many of them call ``analyse`` at a time; by default as many as the process may use cores, each
    detection in one thread. Measured on two cores with SCRFD-500M and MobileFaceNet: 58 images a second with two
    workers of one thread, 30 with one worker of two; the bare sessions, without decoding or alignment, do 65 and 33.

    ``device`` is EMBED_DEVICE; ``auto`` falls back to the processor, with one warning, where a GPU cannot be used.
    ``batch_size``: the most crops that will be embedded at once, so that an accelerator has done it before.
    """

    def __init__(
        self, pack: ModelPack, device: str = "auto", threads: int | None = None, batch_size: int = FEW
    ) -> None:
        pack.require_files()
        _verify(pack)
        self.pack = pack
        self.threads = threads or _cores()
        cv2.setNumThreads(1)  # the workers are the parallelism; OpenCV's own pool would fight them for the cores
        self.device = self._start(device, batch_size)

    def _start(self, device: str, batch_size: int) -> str:
        """Load the models on the best device that works; its name."""
        providers = providers_for(device)
        for provider in providers:
            try:
                self._open(provider)
                self._warm_up(FEW if provider == CPU else batch_size)
                break
            except DeviceError as error:
                if provider == providers[-1]:
                    without = "" if provider == CPU else "; EMBED_DEVICE=auto continues without it"
                    raise ModelError(f"EMBED_DEVICE={device}: {error}{without}") from error
                logger.warning("EMBED_DEVICE=%s: %s; the processor does the work", device, error)
        return device_of(provider)

    def _open(self, provider: str) -> None:
        cores = _cores()
        detector = open_detector(self.pack, [provider], max(1, cores // self.threads))
        self._detector: Detector = _Swapped(detector) if self.pack.detector.swap_colours else detector
        self._embedders = open_embedders(self.pack, [provider], max(1, cores // 4))

    def analyse(
        self,
        image: Image,
        smallest_face_px: int = SMALLEST_FACE_PX,
        max_pixels: int = MAX_PIXELS,
        min_side_px: int = 0,
        sha256: str | None = None,
    ) -> DetectedImage | RejectedImage:
        """Decode a picture, find its faces, align and measure them; what cannot be decoded or is too large is rejected.

        Faces smaller than ``smallest_face_px`` may be missed. A picture whose header says that its shorter side is
        less than ``min_side_px`` is not decoded. ``sha256``: of the bytes, where somebody has it already.
        """
        sha256 = sha256 or hashlib.sha256(image.body).hexdigest()
        try:
            rgb = decode(image.body, max_pixels=max_pixels, min_side_px=min_side_px)
        except NotAnImageError as error:
            detail = {"error": str(error), "bytes": len(image.body)}
            return RejectedImage(ref=image.ref, reason="not_an_image", sha256=sha256, detail=detail)
        except ImageTooSmallError as error:
            size = {"width_px": error.width_px, "height_px": error.height_px}
            return RejectedImage(ref=image.ref, reason="image_too_small", sha256=sha256, detail=size)
        except ImageTooLargeError as error:
            size = {"width_px": error.width_px, "height_px": error.height_px}
            if error.scans > 1:
                size["scans"] = error.scans
            return RejectedImage(ref=image.ref, reason="image_too_large", sha256=sha256, detail=size)
        height, width = rgb.shape[:2]
        faces = _faces(rgb, self.detect(rgb, smallest_face_px))
        return DetectedImage(
            ref=image.ref, sha256=sha256, width_px=width, height_px=height, faces=faces,
            picture_hash=picture_hash(rgb) if faces else None,
        )  # fmt: skip

    def detect(self, rgb: Uint8Array, smallest_face_px: int = SMALLEST_FACE_PX) -> Detections:
        """Return the faces in ``rgb``, uint8 (height, width, 3), most confident first."""
        return find_faces(self._detector, rgb, self.pack.min_detection_confidence, smallest_face_px)

    def embed(self, crops: Sequence[Uint8Array]) -> dict[str, FloatArray]:
        """Return, by recogniser, float32 (n, dim) of L2 norm 1 for n crops uint8 (112, 112, 3) RGB.

        Raises ModelError where a vector is zero or not finite.
        """
        raw = self.embed_raw(crops)
        return {spec.name: unit(raw[spec.name], spec) for spec in self.pack.recognisers}

    def embed_raw(self, crops: Sequence[Uint8Array]) -> dict[str, FloatArray]:
        """Return the same as the graphs give it: the norms tell how much of a face was found (``weakness``)."""
        if not crops:
            return {embedder.spec.name: np.empty((0, embedder.spec.dim), np.float32) for embedder in self._embedders}
        return {embedder.spec.name: embedder.raw(crops) for embedder in self._embedders}

    def units(self, raw: Mapping[str, FloatArray]) -> dict[str, FloatArray]:
        """Return one face's vectors of ``embed_raw``, float32 (dim,), at L2 norm 1. Raises ModelError as ``embed``."""
        return {spec.name: unit(raw[spec.name][None], spec)[0] for spec in self.pack.recognisers}

    def _warm_up(self, batch_size: int) -> None:
        """Run everything once: the first run allocates, and a pack that does not fit its description shows here."""
        noise = np.random.default_rng(0).integers(0, 256, (batch_size, CROP_PX, CROP_PX, 3), dtype=np.uint8)
        try:
            self.detect(np.zeros((64, 64, 3), dtype=np.uint8))  # nothing is found, so on every size of canvas
            self.embed(list(noise))
        except ModelError:
            raise
        except Exception as error:  # onnxruntime's have no public base class; another model's outputs raise anything
            said = " ".join(f"{type(error).__name__}: {error}".split())
            raise ModelError(
                f"model pack {self.pack.name} does not run: {said}; is each file what the pack says?"
            ) from error


class _Swapped:
    """A detector that sees red and blue exchanged."""

    def __init__(self, detector: Detector) -> None:
        self.sizes_px = detector.sizes_px
        self.step_px = detector.step_px
        self._detector = detector

    def find(self, canvas: Uint8Array) -> Detections:
        return self._detector.find(np.asarray(cv2.cvtColor(canvas, cv2.COLOR_RGB2BGR), dtype=np.uint8))


_engines: dict[tuple[str, str], FaceEngine] = {}
_loading = threading.Lock()


def load_engine(pack: ModelPack, device: str = "auto", batch_size: int = FEW) -> FaceEngine:
    """Return the process's engine for this pack and device, loading it on the first call. Raises ModelError."""
    with _loading:
        key = (f"{pack.fingerprint} {pack.folder}", device)
        if key not in _engines:
            _engines[key] = FaceEngine(pack, device, batch_size=batch_size)
        return _engines[key]


def _cores() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _verify(pack: ModelPack) -> None:
    for spec in pack.specs:
        path = pack.path(spec)
        if sha256_of(path) != spec.sha256:
            remedy = f"`scrapy models pull {pack.name}` replaces it" if pack.fetch else "replace it"
            raise ModelError(f"{path} is not the file that model pack {pack.name} names (its sha256 differs); {remedy}")


def _faces(rgb: Uint8Array, found: Detections) -> tuple[Face, ...]:
    faces = []
    for box, landmarks, score in zip(found.boxes_px, found.landmarks_px, found.scores, strict=True):
        crop = align(rgb, landmarks)
        sharpness, exposure = sharpness_and_exposure(crop)
        faces.append(
            Face(
                box_px=box,
                landmarks_px=landmarks,
                confidence=float(score),
                visible=visible_share(landmarks, *rgb.shape[1::-1]),
                yaw_deg=yaw_deg(landmarks),
                pitch_deg=pitch_deg(landmarks),
                roll_deg=roll_deg(landmarks),
                sharpness=sharpness,
                exposure=exposure,
                crop=crop,
                crop_hash=crop_hash(crop),
            )
        )
    return tuple(faces)
