"""Alignment: the similarity that lays five landmarks on ArcFace's template, and the crop it cuts.

Umeyama, "Least-squares estimation of transformation parameters between two point patterns" (1991). In the plane the
optimum has a closed form: with points as complex numbers it is one division. No RANSAC: the same landmarks always give
the same crop. Equal to insightface's ``norm_crop`` and OpenCV's ``alignCrop`` within rounding, which the tests hold.
"""

from __future__ import annotations

from typing import Final

import cv2
import numpy as np
import numpy.typing as npt

from enrich.items import FloatArray, Uint8Array

CROP_PX: Final = 112

TEMPLATE_PX: Final = np.array(
    [[38.2946, 51.6963], [73.5318, 51.5014], [56.0252, 71.7366], [41.5493, 92.3655], [70.7299, 92.2041]]
)
"""Left eye, right eye, nose, left and right mouth corner (as the viewer sees them) in a 112 x 112 crop: ArcFace's."""


def similarity(landmarks_px: FloatArray) -> npt.NDArray[np.float64]:
    """Return the (2, 3) rotation, scale and shift that best lays landmarks (5, 2) on the template.

    Raises ValueError where all five are one point, which no similarity can spread.
    """
    points = landmarks_px.astype(np.float64)
    centre, goal = points.mean(axis=0), TEMPLATE_PX.mean(axis=0)
    here = (points - centre) @ (1, 1j)
    there = (TEMPLATE_PX - goal) @ (1, 1j)
    spread = np.vdot(here, here).real
    if not spread > 0:
        raise ValueError("the landmarks are one point")
    turn = np.vdot(here, there) / spread
    rotation = np.array([[turn.real, -turn.imag], [turn.imag, turn.real]])
    return np.column_stack([rotation, goal - rotation @ centre])


def align(rgb: Uint8Array, landmarks_px: FloatArray) -> Uint8Array:
    """Return the crop uint8 (112, 112, 3) of ``rgb`` with the landmarks on the template; black beyond the edge."""
    crop = cv2.warpAffine(rgb, similarity(landmarks_px), (CROP_PX, CROP_PX), flags=cv2.INTER_LINEAR)
    return np.asarray(crop, dtype=np.uint8)
