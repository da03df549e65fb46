"""Brushes: colour laid over a picture where a coverage says, and two simple shapes."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from enrich.demo.look import Colour
from enrich.demo.relief import FloatArray

Points = npt.NDArray[np.float64]


def blend(colours: FloatArray, colour: Colour | FloatArray, cover: FloatArray) -> None:
    """Paint a colour over ``colours`` (rows, columns, 3) in place, where ``cover`` (rows, columns) says."""
    window = _where(cover)
    part = colours[window]
    part += (np.asarray(colour, dtype=np.float32) - part) * cover[window][:, :, None]


def blend_lit(colours: FloatArray, colour: Colour, cover: FloatArray, shade: FloatArray) -> None:
    """Paint a colour under the light that is already there (``shade``: rows, columns, 1), in place."""
    window = _where(cover)
    part = colours[window]
    part += (np.asarray(colour, dtype=np.float32) * shade[window] - part) * cover[window][:, :, None]


def _where(cover: FloatArray) -> tuple[slice, slice]:
    """The smallest window that holds all of a coverage."""
    rows, columns = np.flatnonzero(cover.any(axis=1)), np.flatnonzero(cover.any(axis=0))
    if rows.size == 0:
        return slice(0, 0), slice(0, 0)
    return slice(int(rows[0]), int(rows[-1]) + 1), slice(int(columns[0]), int(columns[-1]) + 1)


def oval(x: float, y: float, half_width: float, half_height: float) -> Points:
    """An ellipse as 24 corners."""
    angle = np.linspace(0, 2 * np.pi, 24, endpoint=False)
    return np.stack([x + half_width * np.cos(angle), y + half_height * np.sin(angle)], axis=1)


def curve(points: Points, steps: int = 16) -> Points:
    """A quadratic Bézier curve that passes through three points."""
    first, through, last = points
    bend = 2 * through - (first + last) / 2
    t = np.linspace(0, 1, steps)[:, None]
    return np.asarray((1 - t) ** 2 * first + 2 * t * (1 - t) * bend + t**2 * last)
