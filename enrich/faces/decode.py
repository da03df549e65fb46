"""Bytes of a picture to pixels: sRGB-ordered 8-bit RGB, upright, or a clear refusal.

Pillow decodes; its own size check is replaced by ours, which refuses from the header, before any pixel is decoded.
"""

from __future__ import annotations

import warnings
from io import BytesIO
from typing import Any, Final

import numpy as np
import numpy.typing as npt
from PIL import Image

from enrich.items import Uint8Array

MAX_PIXELS: Final = 50_000_000
"""The largest picture taken: 50 megapixels are 150 MB once decoded."""

FORMATS: Final = ("JPEG", "PNG", "WEBP", "GIF", "AVIF", "BMP")
"""What sites serve as photographs. Pillow's other decoders are not let near bytes from the internet."""

_UPRIGHT: Final = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
"""EXIF orientation -> what brings the picture upright."""

_ORIENTATION_TAG: Final = 0x0112
_WHITE: Final = (255, 255, 255, 255)

Image.MAX_IMAGE_PIXELS = None  # Pillow warns at one limit and raises at another, process-wide; decode() has its own
warnings.filterwarnings("ignore", module=r"PIL\.")  # about pictures' defects; not per call: threads share the filters


class NotAnImageError(Exception):
    """The bytes are no picture, or a damaged one."""


class ImageTooLargeError(Exception):
    """The header announces more pixels than the limit."""

    def __init__(self, width_px: int, height_px: int) -> None:
        super().__init__(f"{width_px} x {height_px} pixels")
        self.width_px = width_px
        self.height_px = height_px


def sniff(body: bytes) -> str | None:
    """Return the format that the first bytes announce, or None. Looks at no more than 12 bytes."""
    head = body[:12]
    if head.startswith(b"\xff\xd8\xff"):
        return "JPEG"
    if head.startswith(b"\x89PNG\r\n\x1a\n"):
        return "PNG"
    if head.startswith((b"GIF87a", b"GIF89a")):
        return "GIF"
    if head.startswith(b"RIFF") and head[8:12] == b"WEBP":
        return "WEBP"
    if head[4:12] in (b"ftypavif", b"ftypavis"):
        return "AVIF"
    if head.startswith(b"BM"):
        return "BMP"
    return None


def decode(body: bytes, *, max_pixels: int = MAX_PIXELS) -> Uint8Array:
    """Return the picture as uint8 (height, width, 3) RGB, turned upright by its EXIF orientation.

    Of an animation the first frame; transparent parts become white; 16-bit values keep their upper 8 bits.
    Raises ImageTooLargeError from the header, and NotAnImageError for anything that cannot be decoded to its last row.
    """
    announced = sniff(body)
    if announced is None:
        raise NotAnImageError("no format that is known")
    try:
        with Image.open(BytesIO(body), formats=(announced,)) as image:
            width, height = image.size
            if width * height > max_pixels:
                raise ImageTooLargeError(width, height)
            image.load()
            return _pixels(_upright(_rgb(image), _orientation(image)))
    except (ImageTooLargeError, MemoryError):
        raise
    except Exception as error:  # damaged bytes make Pillow's plugins raise nearly anything, SyntaxError included
        raise NotAnImageError(f"{announced} that does not decode: {error}") from error


def _orientation(image: Image.Image) -> int:
    try:
        return int(image.getexif().get(_ORIENTATION_TAG, 1))
    except Exception:  # noqa: BLE001  # a damaged note refuses no picture, and it may raise nearly anything
        return 1


def _upright(image: Image.Image, orientation: int) -> Image.Image:
    turn = _UPRIGHT.get(orientation)
    return image if turn is None else image.transpose(turn)


def _rgb(image: Image.Image) -> Image.Image:
    """``image`` in mode RGB; what is transparent becomes white."""
    if image.mode == "RGB" and "transparency" not in image.info:
        return image
    if image.mode.startswith("I"):
        return Image.fromarray(_upper_bits(np.asarray(image))).convert("RGB")
    if image.has_transparency_data:
        with_alpha = image.convert("RGBA")
        return Image.alpha_composite(Image.new("RGBA", image.size, _WHITE), with_alpha).convert("RGB")
    return image.convert("RGB")


def _upper_bits(grey: npt.NDArray[np.integer[Any]]) -> Uint8Array:
    """Grey values of 16 bits, as Pillow keeps them in modes I and I;16, reduced to 8."""
    eight: Uint8Array = (np.clip(grey, 0, 0xFFFF) >> 8).astype(np.uint8)
    return eight


def _pixels(image: Image.Image) -> Uint8Array:
    return np.array(image, dtype=np.uint8)
