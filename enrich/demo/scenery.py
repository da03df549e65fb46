"""Pictures with nobody in them: hills under a sky."""

from __future__ import annotations

import cv2
import numpy as np
import numpy.typing as npt


def landscape(seed: int, width_px: int = 600, height_px: int = 800) -> npt.NDArray[np.uint8]:
    """Hills in layers of haze: uint8 (height, width, 3), RGB."""
    rng = np.random.default_rng([seed, 37])
    top, low = rng.uniform(0.35, 0.75, 3), rng.uniform(0.75, 0.98, 3)
    down = np.linspace(0, 1, height_px, dtype=np.float32)[:, None, None]
    picture = np.repeat((top * (1 - down) + low * down).astype(np.float32), width_px, axis=1)
    x = np.linspace(0, 1, width_px)
    near = rng.uniform(0.10, 0.35, 3)
    for layer in range(5):
        share = layer / 4
        ridge = 0.45 + 0.11 * layer + 0.05 * np.sin(x * rng.uniform(4, 11) + rng.uniform(0, 6))
        ridge += 0.02 * np.sin(x * rng.uniform(17, 31) + rng.uniform(0, 6))
        edge = np.stack([x * width_px, ridge * height_px], axis=1)
        hill = np.concatenate([edge, [[width_px, height_px], [0, height_px]]])
        colour = low * (1 - share) * 0.9 + near * share
        cv2.fillPoly(picture, [hill.astype(np.int32)], tuple(float(c) for c in colour), cv2.LINE_AA)
    grain = rng.standard_normal((height_px, width_px, 1), dtype=np.float32) * np.float32(0.01)
    return np.asarray(np.clip((picture + grain) * 255, 0, 255), np.uint8)
