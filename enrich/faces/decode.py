"""Bytes of a picture to pixels: 8-bit RGB, upright, or a clear refusal.

What can be refused from the header is refused: more pixels than the limit, fewer than are asked for, more passes over
them, more parts than a picture has. A plain JPEG, which most pictures are, goes through simplejpeg: the same pixels in
less than half the time, and without the interpreter's lock. It refuses whatever is not entirely in order, which Pillow
then judges. Colours are taken for sRGB: an embedded profile of another space is not applied, so wide-gamut pictures
come out paler.
"""

from __future__ import annotations

import threading
import warnings
from contextlib import nullcontext
from io import BytesIO
from typing import Any, Final

import cv2
import numpy as np
import numpy.typing as npt
import simplejpeg
from PIL import Image

from enrich.faces.notes import Bare, bare, exif_orientation
from enrich.items import Uint8Array

MAX_PIXELS: Final = 50_000_000
"""The largest picture taken where nobody says otherwise: 50 megapixels are 150 MB once decoded."""
MAX_SCANS: Final = 12
"""How often the pixels of a picture of the largest size may be gone over; of one of half the size twice as often. A
progressive JPEG has about 10 scans, each of which takes 1.6 ns a pixel; a bomb has thousands."""
LARGE_PIXELS: Final = 12_000_000
"""From here on Pillow decodes one picture at a time: it takes up to 24 bytes a pixel."""

_WHITE: Final = (255, 255, 255)
_LYING: Final = (5, 6, 7, 8)
"""EXIF's orientations that exchange width and height."""
_AVIF: Final = frozenset({b"avif", b"avis"})
_RUN_LENGTHS: Final = (1, 2)
"""BMP's compressions RLE8 and RLE4, which no site serves and Pillow reads byte by byte."""

Image.MAX_IMAGE_PIXELS = None  # Pillow warns at one limit and raises at another, process-wide; decode() has its own
warnings.filterwarnings("ignore", module=r"PIL\.")  # about pictures' defects; not per call: threads share the filters


_one_at_a_time = threading.Lock()


class NotAnImageError(Exception):
    """The bytes are no picture, or a damaged one."""


class ImageTooLargeError(Exception):
    """The header announces more pixels than the limit, or more passes over them than any picture needs."""

    def __init__(self, width_px: int, height_px: int, scans: int = 1) -> None:
        super().__init__(f"{width_px} x {height_px} pixels" + (f", {scans} scans" if scans > 1 else ""))
        self.width_px = width_px
        self.height_px = height_px
        self.scans = scans


class ImageTooSmallError(Exception):
    """The header announces a shorter side than is asked for. Width and height are those of the upright picture."""

    def __init__(self, width_px: int, height_px: int) -> None:
        super().__init__(f"{width_px} x {height_px} pixels")
        self.width_px = width_px
        self.height_px = height_px


def sniff(body: bytes) -> str | None:
    """Return the format that the first bytes announce, of those that sites serve photographs in, or None.

    Pillow's other decoders are not let near bytes from the internet. Looks at no more than the first 256 bytes.
    """
    head = body[:12]
    if head.startswith(b"\xff\xd8\xff"):
        return "JPEG"
    if head.startswith(b"\x89PNG\r\n\x1a\n"):
        return "PNG"
    if head.startswith((b"GIF87a", b"GIF89a")):
        return "GIF"
    if head.startswith(b"RIFF") and head[8:12] == b"WEBP":
        return "WEBP"
    if head[4:8] == b"ftyp" and _AVIF & _brands(body):
        return "AVIF"
    if head.startswith(b"BM"):
        return "BMP"
    return None


def _brands(body: bytes) -> frozenset[bytes]:
    """The brands that an ISO file states (ISO 14496-12, 4.3): AVIF may be any but the first, so any may be AVIF's."""
    end = min(int.from_bytes(body[:4]), 256, len(body))
    return frozenset(body[at : at + 4] for at in (8, *range(16, end - 3, 4)))


def decode(body: bytes, *, max_pixels: int = MAX_PIXELS, min_side_px: int = 0) -> Uint8Array:
    """Return the picture as uint8 (height, width, 3) RGB, turned upright by its EXIF orientation.

    Of an animation the first frame; transparent parts become white; 16-bit values keep their upper 8 bits. Notes in the
    file (texts, profiles, previews) are not looked at, and none of them refuses a picture, however damaged.
    Raises ImageTooLargeError and ImageTooSmallError from the header, and NotAnImageError for anything that cannot be
    decoded to its last row.
    """
    announced = sniff(body)
    if announced is None:
        raise NotAnImageError("no format that is known")
    try:
        stripped = bare(body, announced)
        if announced == "JPEG":
            pixels = _flawless(body, stripped, max_pixels, min_side_px)
            if pixels is None and stripped.is_open:
                pixels = _without_end(stripped, max_pixels, min_side_px)
            if pixels is not None:
                return _upright(pixels, stripped.orientation)
        elif announced == "AVIF":  # Pillow looks at the first brand alone
            stripped = Bare(body[:8] + (b"avis" if body[8:12] in (b"avis", b"msf1") else b"avif") + body[12:])
        return _by_pillow(stripped, announced, max_pixels, min_side_px)
    except (ImageTooLargeError, ImageTooSmallError, MemoryError):
        raise
    except Exception as error:  # damaged bytes make Pillow's plugins raise nearly anything, SyntaxError included
        raise NotAnImageError(f"{announced} that does not decode: {error}") from error


def _flawless(body: bytes, stripped: Bare, max_pixels: int, min_side_px: int) -> Uint8Array | None:
    """The pixels, as stored, of a JPEG in which libjpeg-turbo finds nothing to complain of, else ``None``."""
    try:
        height, width, colours, _ = simplejpeg.decode_jpeg_header(body)
        _refuse_large(width, height, stripped.scans, max_pixels)
        _refuse_small(width, height, stripped.orientation, min_side_px)
        if colours not in ("YCbCr", "RGB", "Gray"):
            return None
        return np.asarray(simplejpeg.decode_jpeg(body, "RGB", strict=True), dtype=np.uint8)
    except ValueError:
        return None


def _without_end(stripped: Bare, max_pixels: int, min_side_px: int) -> Uint8Array | None:
    """The pixels of a JPEG to which only the end marker is lacking, ``None`` where anything else is.

    libjpeg-turbo says "premature end of data segment" where pixels are missing, and "extraneous bytes before marker"
    where they are all there and something else follows; simplejpeg hands on its words and nothing else.
    """
    body = stripped.body + b"\xff\xd9"
    pixels = _flawless(body, stripped, max_pixels, min_side_px)
    if pixels is not None or stripped.scans > 1:
        return pixels
    try:
        simplejpeg.decode_jpeg(body, "RGB", strict=True)
    except ValueError as error:
        if "extraneous bytes before marker 0xd9" not in str(error):
            return None
    return np.asarray(simplejpeg.decode_jpeg(body, "RGB", strict=False), dtype=np.uint8)


def _by_pillow(stripped: Bare, announced: str, max_pixels: int, min_side_px: int) -> Uint8Array:
    with Image.open(BytesIO(stripped.body), formats=(announced,)) as image:
        width, height = image.size
        _refuse_large(width, height, stripped.scans, max_pixels)
        if announced == "BMP" and image.info.get("compression") in _RUN_LENGTHS:
            raise NotAnImageError("run-length encoded")
        _refuse_small(width, height, _orientation(image, stripped), min_side_px)
        with _one_at_a_time if width * height > LARGE_PIXELS else nullcontext():
            image.load()
            return _upright(np.array(_rgb(image), dtype=np.uint8), _orientation(image, stripped))


def _orientation(image: Image.Image, stripped: Bare) -> int | None:
    exif = image.info.get("exif")
    return exif_orientation(exif) if isinstance(exif, bytes) else stripped.orientation


def _refuse_large(width: int, height: int, scans: int, max_pixels: int) -> None:
    pixels = width * height
    if pixels > max_pixels or pixels * scans > MAX_SCANS * max_pixels:
        raise ImageTooLargeError(width, height, scans)


def _refuse_small(width: int, height: int, orientation: int | None, min_side_px: int) -> None:
    if min(width, height) < min_side_px:
        raise ImageTooSmallError(*((height, width) if orientation in _LYING else (width, height)))


def _upright(pixels: Uint8Array, orientation: int | None) -> Uint8Array:
    """``pixels`` turned and mirrored as EXIF's orientation 1 to 8 asks for."""
    if orientation is None or orientation == 1:
        return pixels
    if orientation in _LYING:
        pixels = np.asarray(cv2.transpose(pixels), dtype=np.uint8)
    flip = {2: 1, 3: -1, 4: 0, 6: 1, 7: -1, 8: 0}.get(orientation)
    return pixels if flip is None else np.asarray(cv2.flip(pixels, flip), dtype=np.uint8)


def _rgb(image: Image.Image) -> Image.Image:
    """``image`` in mode RGB; what is transparent becomes white."""
    if image.mode == "RGB" and "transparency" not in image.info:
        return image
    if image.mode.startswith("I"):
        return Image.fromarray(_upper_bits(np.asarray(image))).convert("RGB")
    if image.has_transparency_data:
        with_alpha = image if image.mode == "RGBA" else image.convert("RGBA")
        flat = Image.new("RGB", image.size, _WHITE)
        flat.paste(with_alpha, mask=with_alpha)
        return flat
    return image.convert("RGB")


def _upper_bits(grey: npt.NDArray[np.integer[Any]]) -> Uint8Array:
    """Grey values of 16 bits, as Pillow keeps them in modes I and I;16, reduced to 8."""
    eight: Uint8Array = (np.clip(grey, 0, 0xFFFF) >> 8).astype(np.uint8)
    return eight
