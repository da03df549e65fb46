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
import simplejpeg
from PIL import Image

from enrich.faces.decode import (
    MAX_PIXELS,
    MAX_SCANS,
    ImageTooLargeError,
    ImageTooSmallError,
    NotAnImageError,
    _flawless,
    decode,
    sniff,
)
from enrich.faces.notes import bare
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


def chunk(name: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))


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


def png_of(header: tuple[int, ...], rows: bytes) -> bytes:
    """A PNG of width, height, bits, colour type, and the filtered rows."""
    ihdr = chunk(b"IHDR", struct.pack(">IIBBBBB", *header, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + ihdr + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")


@pytest.mark.parametrize(("colour_type", "channels"), [(0, 1), (2, 3), (4, 2), (6, 4)])
def test_16_bits_of_every_kind_keep_their_upper_8(colour_type: int, channels: int) -> None:
    values = np.random.default_rng(2).integers(0, 0x10000, (HEIGHT, WIDTH, channels)).astype(">u2")
    if channels in (2, 4):
        values[..., -1] = 0xFFFF
    rows = b"".join(b"\0" + row.tobytes() for row in values)
    pixels = decode(png_of((WIDTH, HEIGHT, 16, colour_type), rows))
    colours = values[..., :3] if channels >= 3 else values[..., :1]
    assert (pixels == (colours >> 8)).all()


@pytest.mark.parametrize("bits", [1, 2, 4])
def test_few_bits_of_grey_are_spread_over_all_levels(bits: int) -> None:
    packed = b"".join(b"\0" + bytes([0x00, 0xFF]) for _ in range(4))
    pixels = decode(png_of((16 // bits, 4, bits, 0), packed))
    assert (pixels[:, : 8 // bits] == 0).all()
    assert (pixels[:, 8 // bits :] == 255).all()


def test_cmyk_is_read_as_adobe_writes_it_with_and_without_its_marker(quarters: Image.Image) -> None:
    """Inverted: paper is stored as 255. So do browsers."""
    body = saved(quarters.convert("CMYK"), "JPEG", quality=95)
    stored = simplejpeg.decode_jpeg(body, "CMYK")
    assert stored[-5, -5].min() > 250
    assert stored[5, 5, 0] > 250 > 5 > stored[5, 5, 1]
    marker = body.index(b"\xff\xee")
    unmarked = body[:marker] + body[marker + 2 + int.from_bytes(body[marker + 2 : marker + 4]) :]
    assert b"Adobe" not in unmarked
    assert corners(decode(body)) == corners(decode(unmarked)) == AS_DRAWN


def test_a_jpeg_that_holds_rgb_is_not_taken_for_another_space(quarters: Image.Image) -> None:
    assert corners(decode(saved(quarters, "JPEG", keep_rgb=True))) == AS_DRAWN


def test_the_colours_of_a_profile_are_left_as_they_are_stored(quarters: Image.Image) -> None:
    profile = b"a display's own space, which nothing here reads"
    assert (decode(saved(quarters, "PNG", icc_profile=profile)) == np.asarray(quarters)).all()


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


@pytest.mark.parametrize("format", ["GIF", "WEBP", "PNG", "AVIF"])
def test_of_an_animation_the_first_frame(quarters: Image.Image, format: str) -> None:
    black = Image.new("RGB", quarters.size)
    body = saved(quarters, format, save_all=True, append_images=[black, black], duration=50)
    with Image.open(BytesIO(body)) as animation:
        assert animation.is_animated  # type: ignore[attr-defined]  # of formats that can be
    assert corners(decode(body)) == AS_DRAWN


def test_of_several_pictures_in_one_jpeg_the_first(quarters: Image.Image) -> None:
    body = saved(quarters, "MPO", save_all=True, append_images=[Image.new("RGB", quarters.size)])
    with Image.open(BytesIO(body)) as both:
        assert (both.format, both.n_frames) == ("MPO", 2)  # type: ignore[attr-defined]  # of several pictures only
    assert corners(decode(body)) == AS_DRAWN


def test_a_gif_may_start_anywhere_on_its_screen(quarters: Image.Image) -> None:
    body = bytearray(saved(quarters, "GIF"))
    body[6:10] = struct.pack("<HH", WIDTH + 30, HEIGHT + 20)  # the screen is larger than the frame on it
    assert decode(bytes(body)).shape == (HEIGHT + 20, WIDTH + 30, 3)


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("format", ["JPEG", "PNG", "WEBP", "AVIF"])
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
    body = saved(stored, format, exif=exif)
    pixels = decode(body, min_side_px=HEIGHT)
    assert pixels.shape == (HEIGHT, WIDTH, 3)
    assert corners(pixels) == AS_DRAWN
    with pytest.raises(ImageTooSmallError, match=f"{WIDTH} x {HEIGHT} pixels"):  # as it is seen, not as it is stored
        decode(body, min_side_px=HEIGHT + 1)


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
    return png_of((side_px, side_px, 8, 2), bytes(99))


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


def test_a_jpeg_of_many_scans_is_refused_by_the_work_it_makes(quarters: Image.Image) -> None:
    body = saved(quarters, "JPEG", progressive=True)
    last = body[body.rindex(b"\xff\xda") : -2]
    scans = body.count(b"\xff\xda")
    bomb = body[:-2] + last * (1000 - scans) + body[-2:]
    assert corners(decode(bomb)) == AS_DRAWN, "of a small picture a thousand scans are nothing"
    pixels = WIDTH * HEIGHT
    assert decode(bomb, max_pixels=pixels * 1000 // MAX_SCANS + 1).shape == (HEIGHT, WIDTH, 3)
    with pytest.raises(ImageTooLargeError, match="64 x 48 pixels, 1000 scans") as refused:
        decode(bomb, max_pixels=pixels * 1000 // MAX_SCANS - 1)
    assert refused.value.scans == 1000
    assert scans <= MAX_SCANS, "what encoders make of any picture is let through"
    assert decode(body, max_pixels=pixels).shape == (HEIGHT, WIDTH, 3)


def test_the_limit_holds_for_every_format(quarters: Image.Image) -> None:
    for format in FORMATS:
        with pytest.raises(ImageTooLargeError):
            decode(saved(quarters, format), max_pixels=WIDTH * HEIGHT - 1)


def test_a_small_picture_is_refused_from_its_header(quarters: Image.Image) -> None:
    for format in FORMATS:
        body = saved(quarters, format)
        assert decode(body, min_side_px=HEIGHT).shape == (HEIGHT, WIDTH, 3)
        for kept in (body, body[: len(body) - 60] + bytes(60)):  # nobody looks whether the rest is there
            with pytest.raises(ImageTooSmallError) as refused:
                decode(kept, min_side_px=HEIGHT + 1)
            assert (refused.value.width_px, refused.value.height_px) == (WIDTH, HEIGHT)


def test_a_run_length_encoded_bmp_is_refused() -> None:
    body = bytearray(saved(Image.new("P", (8, 8)), "BMP"))
    body[30] = 1
    with pytest.raises(NotAnImageError, match="run-length"):
        decode(bytes(body))


@pytest.mark.parametrize("mode", ["RGB", "L"])
@pytest.mark.parametrize("options", [{}, {"progressive": True}, {"subsampling": 0}, {"subsampling": 2, "quality": 30}])
def test_a_flawless_jpeg_has_pillows_pixels(mode: str, options: dict[str, object]) -> None:
    noise = np.random.default_rng(3).integers(0, 256, (61, 83, 3), dtype=np.uint8)
    body = saved(Image.fromarray(noise).convert(mode), "JPEG", **options)
    with Image.open(BytesIO(body)) as image:
        pillows = np.asarray(image.convert("RGB"))
    assert (decode(body) == pillows).all()
    quick = _flawless(body, bare(body, "JPEG"), MAX_PIXELS)
    assert quick is not None
    assert (quick == pillows).all()


def test_a_jpeg_with_a_flaw_is_pillows_to_judge(quarters: Image.Image) -> None:
    """What shows in a browser is a picture, though libjpeg complains of it; half a picture is none."""
    body = saved(quarters, "JPEG")
    flawed = body[:-2] + b"\x17" * 40 + body[-2:]  # bytes that belong to nothing, before the end marker
    assert _flawless(flawed, bare(flawed, "JPEG"), MAX_PIXELS) is None
    assert corners(decode(flawed)) == AS_DRAWN
    assert _flawless(body[: len(body) // 2], bare(body, "JPEG"), MAX_PIXELS) is None
    with pytest.raises(NotAnImageError):
        decode(body[: len(body) // 2])
