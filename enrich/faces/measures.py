"""What is measured on a face: how the head is turned, how sharp and well lit it is, and one number that ranks it.

Angles are estimates from five landmarks: good enough to tell a profile from a portrait, not to steer anything by.
"""

from __future__ import annotations

import math
from typing import Final

import cv2
import numpy as np

from enrich.faces.align import CROP_PX, similarity
from enrich.items import Face, FloatArray, Uint8Array

NOSE_DEPTH: Final = 0.5
"""How far the nose tip stands out from the plane of the eyes, in distances between the eyes' centres.

Turned by ``yaw`` the eyes come together by its cosine and the nose moves by its sine, so that nose offset over eye
distance is ``NOSE_DEPTH * tan(yaw)``. Stash Sense uses 0.5 too: a nose off by half the eye distance is 45 degrees.
"""
EYES_TO_MOUTH: Final = 1.0
"""The distance of the line of the mouth from that of the eyes, in the same unit. Measured on 110 portraits: 1.01."""
NOSE_BELOW_MIDDLE: Final = 0.085
"""How far below the middle of these two lines the nose tip of a level face lies, in their distance. Measured: 0.089
with YuNet and 0.085 with SCRFD-500M, standard deviations 0.03 and 0.07, which are 4 and 7 degrees."""

SIZE_HALF_PX: Final = 80
"""The face size at which the size component is a half."""
DETAIL_SCALE: Final = 0.15
"""The share of detail at which sharpness is 0.63. Good portraits have 0.19 to 0.25, badly blurred ones 0.05."""
FULL_RANGE_BITS: Final = 7.0
"""The entropy of the luma of a well exposed face."""
_AS_BRIGHT: Final = 0.97
_HIGHLIGHTS: Final = 0.995


def _oval() -> Uint8Array:
    mask = np.zeros((CROP_PX, CROP_PX), dtype=np.uint8)
    cv2.ellipse(mask, (56, 64), (38, 48), 0, 0, 360, 255, thickness=-1)
    return mask


_FACE: Final = _oval() > 0
"""The part of an aligned crop that is face, whatever is behind it."""
_POINTS: Final = np.argwhere(_FACE)[::29, ::-1].astype(np.float64)
"""Two hundred points (x, y) all over it."""


def visible_share(landmarks_px: FloatArray, width_px: int, height_px: int) -> float:
    """Return how much of the face is inside the picture, 0..1, by where alignment would lay it.

    The detector's box does not tell: of a face that is cut in half it often frames the half that is there.
    """
    move = similarity(landmarks_px)
    points = (_POINTS - move[:, 2]) @ np.linalg.inv(move[:, :2]).T
    inside = (points >= 0) & (points <= (width_px - 1, height_px - 1))
    return float(inside.all(axis=1).mean())


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


def pitch_deg(landmarks_px: FloatArray) -> float:
    """Return the nod of the head in degrees, -90..90, negative downwards, from landmarks (5, 2).

    A head that nods by ``pitch`` moves its nose tip, which stands out, along the line from eyes to mouth by
    ``NOSE_DEPTH * sin(pitch)``, while the line shortens by the cosine. Measured across the line through the eyes, so
    that neither tilt nor turn count. Coarse: noses differ. Eyes in one point, or a mouth that is not below them: 90.
    """
    left, right, nose, *mouth = (complex(*map(float, point)) for point in landmarks_px)
    eyes = right - left
    if abs(eyes) == 0:
        return 90.0
    down = [((point - (left + right) / 2) / eyes).imag for point in (nose, sum(mouth) / 2)]
    if down[1] <= 0:
        return 90.0
    below_middle = down[0] / down[1] - 0.5
    return math.degrees(math.atan((NOSE_BELOW_MIDDLE - below_middle) * EYES_TO_MOUTH / NOSE_DEPTH))


def roll_deg(landmarks_px: FloatArray) -> float:
    """Return the tilt of the head in degrees, -180..180, positive clockwise for the viewer, from landmarks (5, 2).

    Alignment takes it out again; nothing is left out for it.
    """
    across, down = (landmarks_px[1] - landmarks_px[0]).astype(float)
    return math.degrees(math.atan2(down, across))


def sharpness_and_exposure(crop: Uint8Array) -> tuple[float, float]:
    """Return two measures, 0..1, of the face in an aligned crop uint8 (112, 112, 3) RGB, in 0.1 ms.

    - sharpness: the contrast of details of about a pixel to three (the difference of two Gaussians, 0.8 and 2 px) in
      the contrast of the whole face, ``d``, as ``1 - exp(-d / 0.15)``. Finer ones are left to noise and compression.
    - exposure: the entropy of the luma, of which 7 bits are enough, times the share of the face that is not as bright
      as its brightest spots: darkness and posterised colours cost bits, blown highlights both. Compare "dynamic range"
      and "exposure" in ISO/IEC 29794-5. Not the brightness itself: that would be a measure of the skin.
    """
    luma = np.asarray(cv2.cvtColor(crop, cv2.COLOR_RGB2GRAY), dtype=np.float32)
    detail = cv2.GaussianBlur(luma, (0, 0), 0.8) - cv2.GaussianBlur(luma, (0, 0), 2.0)
    face = luma[_FACE]
    share_of_detail = float(detail[_FACE].std()) / max(float(face.std()), 1.0)

    levels = np.bincount(face.astype(np.uint8), minlength=256) / face.size
    used = levels[levels > 0]
    bits = float(-(used * np.log2(used)).sum())
    brightest = int(np.searchsorted(np.cumsum(levels), _HIGHLIGHTS))
    blown = float(levels[math.ceil(_AS_BRIGHT * brightest) :].sum())
    return 1 - math.exp(-share_of_detail / DETAIL_SCALE), min(bits / FULL_RANGE_BITS, 1.0) * (1 - blown)


def quality_score(face: Face, min_confidence: float) -> float:
    """Return 0..1, the product of what follows; it ranks the faces of one person, it does not filter.

    - size: ``s / (s + 80)`` with ``s`` the shorter side of the box in pixels: never saturates, 80 -> 0.5, 240 -> 0.75
    - visible: the share of the face that is inside the picture
    - pose: ``cos(yaw) * cos(pitch)``
    - confidence: the square root of where the detector's lies on the pack's scale, on which ``min_confidence`` (what
      ``auto`` means for the pack) is a half
    - sharpness and exposure, as measured on the aligned crop
    """
    size = face.size_px / (face.size_px + SIZE_HALF_PX) if face.size_px > 0 else 0.0
    pose = math.cos(math.radians(face.yaw_deg)) * math.cos(math.radians(face.pitch_deg))
    over = (face.confidence - min_confidence) / (1 - min_confidence)
    confidence = (1 + over) / 2 if over >= 0 else face.confidence / min_confidence / 2
    score = size * face.visible * pose * math.sqrt(confidence) * face.sharpness * face.exposure
    return max(0.0, min(1.0, score))
