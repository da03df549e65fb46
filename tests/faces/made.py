"""Faces made by hand, for tests of what is done with a face's figures."""

from __future__ import annotations

from typing import Any

import numpy as np

from enrich.items import Face


def a_face(size: float = 200, **measured: Any) -> Face:
    """A good face of ``size`` pixels, but for what is said to be ``measured``."""
    good = {
        "box_px": np.array([10, 10, 10 + size, 10 + size * 1.3], np.float32),
        "landmarks_px": np.zeros((5, 2), np.float32),
        "confidence": 0.9,
        "visible": 1.0,
        "yaw_deg": 0.0,
        "pitch_deg": 0.0,
        "roll_deg": 0.0,
        "sharpness": 0.8,
        "exposure": 0.9,
        "crop": np.zeros((112, 112, 3), np.uint8),
    }
    return Face(**{**good, **measured})
