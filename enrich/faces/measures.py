"""What is measured on a face: the turn of the head, and one number that says how well it can be recognised."""

from __future__ import annotations

import math
from typing import Final

from enrich.items import Face, FloatArray

NOSE_DEPTH: Final = 0.5
"""How far the nose tip stands out from the plane of the eyes, in distances between the eyes' centres.

Turned by ``yaw`` the eyes come together by its cosine and the nose moves by its sine, so that nose offset over eye
distance is ``NOSE_DEPTH * tan(yaw)``. Stash Sense uses 0.5 too: a nose off by half the eye distance is 45 degrees.
"""

SIZE_HALF_PX: Final = 80
"""The face size at which the size component is a half."""


def yaw_deg(landmarks_px: FloatArray) -> float:
    """Return the turn of the head in degrees, -90..90, negative to the viewer's left, from landmarks (5, 2).

    Measured along the line through the eyes, so that a tilted head does not look turned. Both eyes in one point: 90.
    """
    left, right, nose = (complex(*map(float, point)) for point in landmarks_px[:3])
    eyes = right - left
    distance = abs(eyes)
    if distance == 0:
        return 90.0
    offset = ((nose - (left + right) / 2) / (eyes / distance)).real
    return math.degrees(math.atan2(offset, NOSE_DEPTH * distance))


def quality_score(face: Face) -> float:
    """Return 0..1, the product of three components; it ranks, it does not filter.

    - size: ``s / (s + 80)`` with ``s`` the shorter side of the box in pixels: never saturates, 80 -> 0.5, 240 -> 0.75
    - pose: ``cos(yaw)``
    - confidence: the detector's
    """
    size = face.size_px / (face.size_px + SIZE_HALF_PX) if face.size_px > 0 else 0.0
    pose = math.cos(math.radians(min(abs(face.yaw_deg), 90.0)))
    return max(0.0, min(1.0, size * pose * face.confidence))
