"""From a drawing's description to the bytes a server sends."""

from __future__ import annotations

import io
from collections.abc import Mapping
from dataclasses import replace

import cv2
import numpy as np
import numpy.typing as npt
from PIL import Image

from enrich.demo.cast import Person
from enrich.demo.chance import shot_from_seed
from enrich.demo.portrait import draw, draw_group
from enrich.demo.scenery import landscape
from enrich.demo.truth import Drawing

Uint8Array = npt.NDArray[np.uint8]

_HTML = (
    b"<!DOCTYPE html><html><head><title>One moment</title></head><body><p>The picture is on its way.</p></body></html>"
)
_SVG = b'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 8 8"><circle cx="4" cy="4" r="3" fill="#c66"/></svg>'
_TYPES = {"jpeg": "image/jpeg", "jpeg_exif_rotated": "image/jpeg", "png": "image/png", "webp": "image/webp"}
_ORIENTATION = 0x0112


class Studio:
    """Makes the bytes of every drawing in a world; thread-safe, keeps nothing."""

    def __init__(self, people: Mapping[str, Person]) -> None:
        self._people = people

    def develop(self, drawing: Drawing, longest_px: int | None = None) -> tuple[bytes, str]:
        """Bytes and content type; the same drawing gives the same bytes."""
        if drawing.kind == "html":
            return _HTML, "text/html; charset=utf-8"
        if drawing.kind == "svg":
            return _SVG, "image/svg+xml"
        pixels = self.pixels(drawing)
        longest_px = min((px for px in (longest_px, drawing.saved_px) if px), default=None)
        if longest_px and longest_px < max(pixels.shape[:2]):
            scale = longest_px / max(pixels.shape[:2])
            pixels = np.asarray(cv2.resize(pixels, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA), np.uint8)
        body = _encoded(pixels, drawing)
        return body[: len(body) // 4] if drawing.kind == "truncated" else body, _TYPES[drawing.encoding]

    def pixels(self, drawing: Drawing) -> Uint8Array:
        """What the drawing shows: uint8 (height, width, 3), RGB, upright."""
        if drawing.kind in ("landscape", "missing"):
            return landscape(drawing.seed, drawing.width_px, drawing.height_px)
        looks = [self._people[key].look for key in drawing.people]
        shot = shot_from_seed(drawing.seed, width_px=drawing.width_px, height_px=drawing.height_px)
        if drawing.kind == "two_people":
            face = 0.085 * drawing.width_px
            calm = replace(shot, face_px=face, yaw_deg=4.0, roll_deg=2.0)
            return draw_group(
                [(looks[0], replace(calm, centre_x=0.27)), (looks[1], replace(calm, centre_x=0.73, centre_y=0.45))]
            )
        if drawing.kind == "turned":
            side = 1.0 if drawing.seed % 2 else -1.0
            shot = replace(
                shot,
                yaw_deg=side * 68.0,
                light_deg=side * 40.0,
                roll_deg=0.0,
                pitch_deg=0.0,
                ambient=0.66,
                exposure=1.0,
            )
        elif drawing.kind == "far":
            shot = replace(shot, face_px=26.0, centre_x=0.6, centre_y=0.5, yaw_deg=3.0)
        return draw(looks[0], shot)


def _encoded(pixels: Uint8Array, drawing: Drawing) -> bytes:
    out = io.BytesIO()
    picture = Image.fromarray(pixels)
    quality = 82 + drawing.seed % 12
    if drawing.encoding == "png":
        picture.save(out, "PNG", compress_level=3)
    elif drawing.encoding == "webp":
        picture.save(out, "WEBP", quality=quality, method=2)
    elif drawing.encoding == "jpeg_exif_rotated":
        exif = Image.Exif()
        exif[_ORIENTATION] = 6
        picture.transpose(Image.Transpose.ROTATE_90).save(out, "JPEG", quality=quality, exif=exif)
    else:
        picture.save(out, "JPEG", quality=quality)
    return out.getvalue()
