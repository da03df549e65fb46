"""What every kind of detector has in common: its graph's session, what it finds, and the grid it finds it on."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Protocol

import numpy as np
import numpy.typing as npt

from enrich.faces.graph import any_size
from enrich.faces.pack import ModelPack
from enrich.faces.running import Session
from enrich.faces.sessions import CPU, open_session
from enrich.items import FloatArray, Uint8Array

STEP_PX: Final = 32
"""The largest stride of both kinds of detector, which the sides of a canvas are multiples of."""


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
    """Finds faces on a canvas whose longer side is one of ``sizes_px``, which rise. May be called from several threads.

    The other side may be shorter: any multiple of ``step_px``. Time goes with the area.
    """

    sizes_px: tuple[int, ...]
    step_px: int

    def find(self, canvas: Uint8Array) -> Detections:
        """Return the faces on ``canvas``, uint8 (height, width, 3) RGB, in canvas pixels."""
        ...


def open_graph(pack: ModelPack, providers: Sequence[str], threads: int) -> tuple[Session, int]:
    """Return the session of the pack's detector and its ``step_px``. Raises ModelError.

    On a processor a canvas ends where the picture does. An accelerator is shown squares: it makes itself ready for
    each shape anew, and has the time. So is a graph that is tied to its one size, and where the pack wants it.
    """
    path, sizes = pack.path(pack.detector), pack.detector.sizes_px
    may_end = providers[0] == CPU and not pack.detector.square_canvas
    if len(sizes) > 1:
        return open_session(any_size(path), path, providers, threads), STEP_PX if may_end else sizes[-1]
    untied = _untied(path, threads) if may_end else None
    return (untied, STEP_PX) if untied else (open_session(path, path, providers, threads), sizes[-1])


def _untied(path: Path, threads: int) -> Session | None:
    """A session of a graph made for one size that has shown that it runs at others."""
    try:
        session = open_session(any_size(path), path, [CPU], threads)
        session.run(None, {session.get_inputs()[0].name: np.zeros((1, 3, STEP_PX, 2 * STEP_PX), dtype=np.float32)})
    except Exception:  # noqa: BLE001  # onnxruntime's have no public base class; what ails a file shows below
        return None
    return session


def cells_at(places: npt.NDArray[np.intp], columns: int) -> FloatArray:
    """Column and row, float32 (n, 2), of the cells at ``places`` in the reading order of a grid."""
    rows, within = np.divmod(places, columns)
    return np.stack([within, rows], axis=-1).astype(np.float32)
