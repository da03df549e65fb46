"""Bytes to pixels: every kind of picture that sites serve."""

from __future__ import annotations

import struct
import subprocess
import sys
import zlib
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
import simplejpeg
from PIL import Image

from enrich.faces.decode import MAX_PIXELS, ImageTooSmallError, NotAnImageError, _flawless, decode, sniff
from enrich.faces.notes import bare
from tests.faces.pngs import png
from tests.faces.quarters import AS_DRAWN, BLUE, FORMATS, GREEN, HEIGHT, WHITE, WIDTH, corners, saved


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


@pytest.mark.parametrize(("colour_type", "channels"), [(0, 1), (2, 3), (4, 2), (6, 4)])
def test_16_bits_of_every_kind_keep_their_upper_8(colour_type: int, channels: int) -> None:
    values = np.random.default_rng(2).integers(0, 0x10000, (HEIGHT, WIDTH, channels)).astype(">u2")
    if channels in (2, 4):
        values[..., -1] = 0xFFFF
    rows = b"".join(b"\0" + row.tobytes() for row in values)
    pixels = decode(png(WIDTH, HEIGHT, zlib.compress(rows), bits=16, colours=colour_type))
    colours = values[..., :3] if channels >= 3 else values[..., :1]
    assert (pixels == (colours >> 8)).all()


@pytest.mark.parametrize("bits", [1, 2, 4])
def test_few_bits_of_grey_are_spread_over_all_levels(bits: int) -> None:
    packed = b"".join(b"\0" + bytes([0x00, 0xFF]) for _ in range(4))
    pixels = decode(png(16 // bits, 4, zlib.compress(packed), bits=bits, colours=0))
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


@pytest.mark.parametrize("mode", ["RGB", "L"])
@pytest.mark.parametrize("options", [{}, {"progressive": True}, {"subsampling": 0}, {"subsampling": 2, "quality": 30}])
def test_a_flawless_jpeg_has_pillows_pixels(mode: str, options: dict[str, object]) -> None:
    noise = np.random.default_rng(3).integers(0, 256, (61, 83, 3), dtype=np.uint8)
    body = saved(Image.fromarray(noise).convert(mode), "JPEG", **options)
    with Image.open(BytesIO(body)) as image:
        pillows = np.asarray(image.convert("RGB"))
    assert (decode(body) == pillows).all()
    quick = _flawless(body, bare(body, "JPEG"), MAX_PIXELS, 0)
    assert quick is not None
    assert (quick == pillows).all()


def test_a_jpeg_with_a_flaw_is_pillows_to_judge(quarters: Image.Image) -> None:
    """What shows in a browser is a picture, though libjpeg complains of it; half a picture is none."""
    body = saved(quarters, "JPEG")
    flawed = body[:-2] + b"\x17" * 40 + body[-2:]  # bytes that belong to nothing, before the end marker
    assert _flawless(flawed, bare(flawed, "JPEG"), MAX_PIXELS, 0) is None
    assert corners(decode(flawed)) == AS_DRAWN
    assert _flawless(body[: len(body) // 2], bare(body, "JPEG"), MAX_PIXELS, 0) is None
    with pytest.raises(NotAnImageError):
        decode(body[: len(body) // 2])
