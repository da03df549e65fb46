"""The quality filters: which pictures are left out and why, and which face of a picture is the one to store."""

from __future__ import annotations

from typing import Any, Final

from enrich.config import QualityFilters, TrustLevel
from enrich.faces.measures import quality_score
from enrich.faces.pack import ModelPack
from enrich.items import DetectedImage, Face, Reason, RejectedImage, ScreenedImage

LEAST_VISIBLE: Final = 0.6
"""The share of a face that has to be inside the picture. Measured on 44 portraits cut in sixteen ways, with two packs:
of those that show less five in six are no longer nearer to another portrait of the same person than the pack's distance
for one face; of those that show 0.8 and more one in a hundred."""


def screen(
    image: DetectedImage, filters: QualityFilters, trust: TrustLevel, pack: ModelPack
) -> ScreenedImage | RejectedImage:
    """Return the picture with its best face, the largest that passes every filter, or the first reason it fails for.

    The order: image_too_small, no_face, face_too_small, low_confidence, extreme_angle, multi_face. A face is as large
    as what the picture shows of it, and too small where that is too little of it. Only faces that pass size and
    confidence count as second faces, and only trust high minds them: elsewhere their distances tell people apart.
    """

    def rejected(reason: Reason, **figures: Any) -> RejectedImage:
        return RejectedImage(ref=image.ref, reason=reason, sha256=image.sha256, detail=figures)

    shorter_side = min(image.width_px, image.height_px)
    if shorter_side < filters.min_image_size:
        return rejected("image_too_small", width_px=image.width_px, height_px=image.height_px)
    if not image.faces:
        return rejected("no_face")

    large = [face for face in image.faces if face.size_px >= filters.min_face_size and face.visible >= LEAST_VISIBLE]
    if not large:
        best = max(image.faces, key=lambda face: face.size_px)
        return rejected("face_too_small", size_px=_rounded(best.size_px), visible=_rounded(best.visible, 2))

    limit = filters.min_detection_confidence
    min_confidence = pack.min_detection_confidence if limit == "auto" else limit
    certain = [face for face in large if face.confidence >= min_confidence]
    if not certain:
        return rejected("low_confidence", confidence=_rounded(max(face.confidence for face in large), 3))

    frontal = [face for face in certain if _angle(face) <= filters.max_face_angle]
    if not frontal:
        best = min(certain, key=_angle)
        return rejected("extreme_angle", yaw_deg=_rounded(best.yaw_deg), pitch_deg=_rounded(best.pitch_deg))
    if filters.prefer_single_face and trust == "high" and len(certain) > 1:
        return rejected("multi_face", faces=len(certain))

    best = max(frontal, key=lambda face: face.size_px)
    return ScreenedImage(
        ref=image.ref,
        sha256=image.sha256,
        width_px=image.width_px,
        height_px=image.height_px,
        face=best,
        quality=quality_score(best, pack.min_detection_confidence),
        picture_hash=image.picture_hash,
    )


def _angle(face: Face) -> float:
    """How far the head is turned or nods, whichever is more, in degrees."""
    return max(abs(face.yaw_deg), abs(face.pitch_deg))


def _rounded(value: float, digits: int = 1) -> float:
    return round(float(value), digits)
