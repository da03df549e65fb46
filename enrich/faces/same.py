"""Which face of a picture is the one that another pack's detector found there before."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from enrich.items import Face

LEAST_OVERLAP: Final = 0.5
"""The least overlap (intersection over union) of two detectors' boxes of one face.

Between YuNet and SCRFD-500M it is 0.77 and more on 110 portraits and 0.80 and more on 150 drawings.
"""

Box = tuple[float, float, float, float]


def same_face(faces: Sequence[Face], box_px: Box | None, min_confidence: float) -> Face | None:
    """Return the face whose box overlaps most with ``box_px`` (x1 y1 x2 y2), by half at least; ``None`` if none does.

    Where nobody remembers the box, the one face that reaches ``min_confidence``: of several nobody can say which.
    """
    if box_px is None:
        certain = [face for face in faces if face.confidence >= min_confidence]
        return certain[0] if len(certain) == 1 else None
    best = max(faces, key=lambda face: overlap(_box(face), box_px), default=None)
    return best if best is not None and overlap(_box(best), box_px) >= LEAST_OVERLAP else None


def overlap(one: Box, other: Box) -> float:
    """Intersection over union of two boxes, 0..1."""
    width = min(one[2], other[2]) - max(one[0], other[0])
    height = min(one[3], other[3]) - max(one[1], other[1])
    if width <= 0 or height <= 0:
        return 0.0
    common = width * height
    return common / (_area(one) + _area(other) - common)


def _area(box: Box) -> float:
    return (box[2] - box[0]) * (box[3] - box[1])


def _box(face: Face) -> Box:
    left, top, right, bottom = (float(edge) for edge in face.box_px)
    return left, top, right, bottom
