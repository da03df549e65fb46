"""Bytes to pixels: every kind of picture that sites serve, and everything that only claims to be one."""

from __future__ import annotations

import struct
import subprocess
import sys
import zlib
from collections.abc import Callable
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from enrich.faces.decode import ImageTooLargeError, NotAnImageError, decode, sniff
from enrich.items import Uint8Array

HEIGHT, WIDTH = 48, 64
FORMATS = ("JPEG", "PNG", "WEBP", "GIF", "AVIF", "BMP")


@pytest.fixture
def quarters() -> Image.Image:
    """Red, green over blue, white: what is turned or swapped shows."""
    pixels = np.zeros((HEIGHT, WIDTH, 3), dtype=np.uint8)
    pixels[: HEIGHT // 2, : WIDTH // 2] = (255, 0, 0)
    pixels[: HEIGHT // 2, WIDTH // 2 :] = (0, 255, 0)
    pixels[HEIGHT // 2 :, : WIDTH // 2] = (0, 0, 255)
    pixels[HEIGHT // 2 :, WIDTH // 2 :] = (255, 255, 255)
    return Image.fromarray(pixels)


def saved(image: Image.Image, format: str, **options: object) -> bytes:
    out = BytesIO()
    image.save(out, format, **options)
    return out.getvalue()


def corners(pixels: Uint8Array) -> list[tuple[int, ...]]:
    """Colours of the four quarters' centres in reading order, as the nearest of full or no red, green, blue."""
    height, width = pixels.shape[:2]
    places = [
        (height // 4, width // 4),
        (height // 4, -width // 4),
        (-height // 4, width // 4),
        (-height // 4, -width // 4),
    ]
    return [tuple(int(value > 127) for value in pixels[place]) for place in places]


RED, GREEN, BLUE, WHITE = (1, 0, 0), (0, 1, 0), (0, 0, 1), (1, 1, 1)
AS_DRAWN = [RED, GREEN, BLUE, WHITE]


@pytest.mark.parametrize("format", FORMATS)
def test_formats(quarters: Image.Image, format: str) -> None:
    body = saved(quarters, format)
    assert sniff(body) == format
    pixels = decode(body)
    assert pixels.shape == (HEIGHT, WIDTH, 3)
    assert pixels.dtype == np.uint8
    assert pixels.flags.c_contiguous
    assert corners(pixels) == AS_DRAWN


@pytest.mark.parametrize(
    ("mode", "format"),
    [("P", "PNG"), ("P", "GIF"), ("RGBA", "PNG"), ("RGBA", "WEBP"), ("CMYK", "JPEG"), ("YCbCr", "JPEG")],
)
def test_colour_modes(quarters: Image.Image, mode: str, format: str) -> None:
    assert corners(decode(saved(quarters.convert(mode), format))) == AS_DRAWN


@pytest.mark.parametrize(("mode", "format"), [("L", "JPEG"), ("L", "PNG"), ("1", "PNG"), ("LA", "PNG")])
def test_grey_becomes_three_equal_channels(quarters: Image.Image, mode: str, format: str) -> None:
    pixels = decode(saved(quarters.convert(mode), format))
    assert pixels.shape == (HEIGHT, WIDTH, 3)
    assert (pixels[..., 0] == pixels[..., 2]).all()
    assert pixels[-5, -5].min() > 250


def test_16_bit_grey_keeps_its_upper_bits() -> None:
    ramp = np.linspace(0, 0xFFFF, WIDTH).astype(np.uint16)
    grey = np.broadcast_to(ramp, (HEIGHT, WIDTH))
    pixels = decode(saved(Image.fromarray(np.ascontiguousarray(grey)), "PNG"))
    assert (pixels[0, :, 0] == ramp >> 8).all()


@pytest.mark.parametrize("format", ["PNG", "WEBP"])
def test_what_is_transparent_becomes_white(quarters: Image.Image, format: str) -> None:
    see_through = quarters.convert("RGBA")
    see_through.putalpha(Image.new("L", see_through.size, 0))
    assert (decode(saved(see_through, format)) == 255).all()


def test_a_transparent_palette_entry_becomes_white(quarters: Image.Image) -> None:
    palette = quarters.convert("P", palette=Image.Palette.ADAPTIVE, colors=4)
    red = palette.getpixel((2, 2))
    assert corners(decode(saved(palette, "PNG", transparency=red))) == [WHITE, GREEN, BLUE, WHITE]


def test_a_transparent_colour_becomes_white(quarters: Image.Image) -> None:
    assert corners(decode(saved(quarters, "PNG", transparency=(255, 0, 0)))) == [WHITE, GREEN, BLUE, WHITE]


@pytest.mark.parametrize("format", ["GIF", "WEBP"])
def test_of_an_animation_the_first_frame(quarters: Image.Image, format: str) -> None:
    black = Image.new("RGB", quarters.size)
    body = saved(quarters, format, save_all=True, append_images=[black, black], duration=50)
    assert corners(decode(body)) == AS_DRAWN


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("format", ["JPEG", "PNG", "WEBP"])
def test_exif_orientation_is_honoured(quarters: Image.Image, orientation: int, format: str) -> None:
    how_stored = {
        1: None,
        2: Image.Transpose.FLIP_LEFT_RIGHT,
        3: Image.Transpose.ROTATE_180,
        4: Image.Transpose.FLIP_TOP_BOTTOM,
        5: Image.Transpose.TRANSPOSE,
        6: Image.Transpose.ROTATE_90,
        7: Image.Transpose.TRANSVERSE,
        8: Image.Transpose.ROTATE_270,
    }[orientation]
    stored = quarters if how_stored is None else quarters.transpose(how_stored)
    exif = Image.Exif()
    exif[0x0112] = orientation
    pixels = decode(saved(stored, format, exif=exif))
    assert pixels.shape == (HEIGHT, WIDTH, 3)
    assert corners(pixels) == AS_DRAWN


def test_a_damaged_exif_block_refuses_no_picture_and_warns_nobody(quarters: Image.Image, tmp_path: Path) -> None:
    """In a process of its own: pytest makes an error of every warning, whatever the module under test filters."""
    body = saved(quarters, "JPEG", exif=b"Exif\x00\x00MM\x00\x2a\xff\xff\xff\xff garbage")
    (tmp_path / "damaged.jpg").write_bytes(body)
    code = (
        "import sys, pathlib; from enrich.faces.decode import decode; "
        "print(decode(pathlib.Path(sys.argv[1]).read_bytes()).shape)"
    )
    done = subprocess.run(
        [sys.executable, "-W", "always", "-c", code, str(tmp_path / "damaged.jpg")],
        capture_output=True,
        text=True,
        check=False,
        cwd=Path(__file__).resolve().parents[2],
    )
    assert (done.stdout.strip(), done.stderr) == (f"({HEIGHT}, {WIDTH}, 3)", "")


@pytest.mark.parametrize("format", FORMATS)
@pytest.mark.parametrize("kept", [0.2, 0.5, 0.9])
def test_half_a_picture_is_no_picture(format: str, kept: float) -> None:
    noise = np.random.default_rng(1).integers(0, 256, (200, 300, 3), dtype=np.uint8)
    body = saved(Image.fromarray(noise), format)
    decode(body)
    with pytest.raises(NotAnImageError):
        decode(body[: int(len(body) * kept)])


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"\xff\xd8\xff",
        b"<!DOCTYPE html><html><body>Not found</body></html>",
        b"<svg xmlns='http://www.w3.org/2000/svg'/>",
        b'{"error": "blocked"}',
        b"%PDF-1.7 ...",
        b"II*\x00 a TIFF is no web photograph",
        b"\x89PNG\r\n\x1a\n" + bytes(100),
        b"GIF89a" + b"\xff" * 20,
        b"RIFF\x10\x00\x00\x00WEBPVP8 ",
        b"\x00\x00\x00\x1cftypavif" + bytes(30),
        b"BM" + bytes(60),
    ],
    ids=lambda body: repr(body[:12]),
)
def test_what_only_claims_to_be_a_picture(body: bytes) -> None:
    with pytest.raises(NotAnImageError):
        decode(body)


@pytest.mark.parametrize(
    "body", [b"", b"<html>", b"\xff\xd8", b"RIFF\x00\x00\x00\x00WAVE", b"\x00\x00\x00\x20ftypisom"]
)
def test_sniffing_refuses_other_things(body: bytes) -> None:
    assert sniff(body) is None


def png_bomb(side_px: int) -> bytes:
    """A PNG whose header announces side x side pixels and whose data is a few bytes."""

    def chunk(name: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))

    header = struct.pack(">IIBBBBB", side_px, side_px, 8, 2, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(bytes(99))) + chunk(b"IEND", b"")
    )


@pytest.mark.parametrize("side_px", [8_000, 10_000, 14_000, 60_000])
def test_a_bomb_is_refused_from_its_header(side_px: int) -> None:
    with pytest.raises(
        ImageTooLargeError
    ) as refused:  # Pillow's own warning, from 89 megapixels on, would be an error here
        decode(png_bomb(side_px))
    assert (refused.value.width_px, refused.value.height_px) == (side_px, side_px)


def test_the_limit_counts_pixels(encoded: Callable[..., bytes]) -> None:
    body = encoded(np.zeros((100, 200, 3), np.uint8))
    assert decode(body, max_pixels=20_000).shape == (100, 200, 3)
    with pytest.raises(ImageTooLargeError, match="200 x 100"):
        decode(body, max_pixels=19_999)
