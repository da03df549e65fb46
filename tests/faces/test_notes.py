"""What is taken out of a file before a decoder sees it, what has to stay, and files that are nothing but notes."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Callable
from io import BytesIO

import numpy as np
import pytest
from PIL import Image, ImageCms, PngImagePlugin

from enrich.faces.decode import NotAnImageError, decode
from enrich.faces.notes import MAX_PARTS, BombError, bare, exif_orientation
from enrich.items import Uint8Array

PICTURE = np.random.default_rng(5).integers(0, 256, (40, 60, 3), dtype=np.uint8)


def saved(format: str, **options: object) -> bytes:
    out = BytesIO()
    Image.fromarray(PICTURE).save(out, format, **options)
    return out.getvalue()


def exif(orientation: int, order: str = "<", kind: str = "H") -> bytes:
    """An EXIF block with the orientation as its second entry."""
    header = (b"II*\0" if order == "<" else b"MM\0*") + struct.pack(order + "I", 8)
    make = struct.pack(order + "HHI4s", 0x010F, 2, 4, b"abc\0")
    entry = struct.pack(order + "HHI" + kind, 0x0112, 4 if kind == "I" else 3, 1, orientation).ljust(12, b"\0")
    return b"Exif\0\0" + header + struct.pack(order + "H", 2) + make + entry + bytes(4)


def chunk(name: bytes, data: bytes, crc: int | None = None) -> bytes:
    return (
        struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data) if crc is None else crc)
    )


def segment(marker: int, data: bytes) -> bytes:
    return bytes([0xFF, marker]) + struct.pack(">H", len(data) + 2) + data


PNG, JPEG, GIF = saved("PNG"), saved("JPEG", quality=90), saved("GIF")
COLOURS_END = 13 + 3 * 256


@pytest.mark.parametrize("kind", ["H", "I"])
@pytest.mark.parametrize("order", "<>")
@pytest.mark.parametrize("orientation", [1, 6, 8])
def test_the_orientation_is_read(orientation: int, order: str, kind: str) -> None:
    block = exif(orientation, order, kind)
    assert exif_orientation(block) == exif_orientation(block.removeprefix(b"Exif\0\0")) == orientation


@pytest.mark.parametrize(
    "block",
    [
        b"",
        b"Exif\0\0",
        b"Exif\0\0ZZ*\0" + bytes(50),
        exif(0),
        exif(9),
        exif(6)[:20],
        exif(6)[:-10],
        b"II*\0\xff\xff\xff\xff" + bytes(9),
        b"II*\0\x08\0\0\0\xff\xff" + bytes(200),
    ],
)
def test_a_damaged_block_states_no_orientation(block: bytes) -> None:
    assert exif_orientation(block) is None


def test_a_jpeg_keeps_what_makes_its_pixels() -> None:
    adobe = segment(0xEE, b"Adobe\0\x64\0\0\0\0\x01")
    notes = [
        segment(0xE1, exif(6)),
        segment(0xE1, exif(3)),
        segment(0xE2, b"ICC_PROFILE\0\1\1 ..."),
        segment(0xED, b"Photoshop 3.0\0" + bytes(9)),
        segment(0xFE, b"a comment"),
        b"\xff\xff\xff",
    ]
    stripped = bare(JPEG[:2] + b"".join(notes) + adobe + JPEG[2:], "JPEG")
    assert stripped.body == JPEG[:2] + adobe + JPEG[2:]
    assert stripped.orientation == 6
    assert stripped.scans == 1


def test_scans_of_a_progressive_jpeg_are_counted_without_those_of_its_preview() -> None:
    progressive = saved("JPEG", progressive=True)
    assert bare(progressive, "JPEG").scans == progressive.count(b"\xff\xda") > 5
    with_preview = progressive[:2] + segment(0xE1, exif(1) + progressive) + progressive[2:]
    assert bare(with_preview, "JPEG").scans == bare(progressive, "JPEG").scans


def test_a_png_keeps_what_makes_its_pixels() -> None:
    before = (
        chunk(b"iCCP", b"x\0\0" + zlib.compress(b"profile")) + chunk(b"eXIf", exif(8)[6:]) + chunk(b"tEXt", b"a\0b")
    )
    stripped = bare(PNG[:33] + before + PNG[33:-12] + chunk(b"zTXt", b"a\0\0?", crc=0) + PNG[-12:] + b"<html>", "PNG")
    assert (stripped.body, stripped.orientation) == (PNG, 8)
    palette = BytesIO()
    Image.fromarray(PICTURE).quantize(8).save(palette, "PNG", transparency=3)
    assert bare(palette.getvalue(), "PNG").body == palette.getvalue()


def test_a_gif_keeps_its_first_frame_and_what_is_transparent() -> None:
    out = BytesIO()
    frames = [Image.fromarray(PICTURE).quantize(8), Image.fromarray(PICTURE[::-1]).quantize(8)]
    frames[0].save(out, "GIF", save_all=True, append_images=frames[1:], transparency=3, loop=0, comment=b"hello " * 99)
    body = out.getvalue()
    stripped = bare(body, "GIF").body
    assert b"hello" in body
    assert b"hello" not in stripped
    assert b"NETSCAPE" not in stripped
    assert (decode(stripped) == decode(body)).all()
    assert (decode(body) == 255).all(axis=2).any()


@pytest.mark.parametrize("format", ["JPEG", "PNG", "GIF"])
def test_what_is_cut_anywhere_is_stripped_without_a_word(format: str) -> None:
    body = saved(format)
    for kept in range(0, 900, 7):
        bare(body[:kept], format)


MANY = 2_000_000
FLOODS: dict[str, Callable[[], bytes]] = {
    "png empty chunks": lambda: PNG[:33] + chunk(b"vpAg", b"") * (MANY // 12) + PNG[33:],
    "png pieces of data": lambda: PNG[:33] + chunk(b"IDAT", b"") * (MANY // 12) + PNG[33:],
    "png without an end": lambda: PNG[:33] + chunk(b"tEXt", b"a\0") * (MANY // 14),
    "jpeg comments": lambda: JPEG[:2] + segment(0xFE, b"") * (MANY // 4) + JPEG[2:],
    "jpeg profiles": lambda: JPEG[:2] + segment(0xE2, b"") * (MANY // 4) + JPEG[2:],
    "jpeg fill bytes": lambda: JPEG[:2] + b"\xff" * MANY + JPEG[2:],
    "jpeg junk": lambda: JPEG[:20] + b"\x17" * MANY + JPEG[20:],
    "jpeg bare markers": lambda: JPEG[:2] + b"\xff\xd0" * (MANY // 2) + JPEG[2:],
    "jpeg tables": lambda: JPEG[:2] + segment(0xDB, (b"\0" + bytes([1]) * 64) * 1000) * (MANY // 65_000) + JPEG[2:],
    "gif comments": lambda: GIF[:COLOURS_END] + b"!\xfe\x01a\0" * (MANY // 5) + GIF[COLOURS_END:],
    "gif comment in pieces": lambda: GIF[:COLOURS_END] + b"!\xfe" + b"\x01a" * (MANY // 2) + b"\0" + GIF[COLOURS_END:],
    "gif junk": lambda: GIF[:COLOURS_END] + b"\x17" * MANY + GIF[COLOURS_END:],
}


@pytest.mark.parametrize("flood", FLOODS)
def test_a_flood_of_parts_is_refused(flood: str) -> None:
    body = FLOODS[flood]()
    with pytest.raises(BombError, match=f"more than ({MAX_PARTS} parts|1048576 bytes of tables)"):
        bare(body, flood.split()[0].upper())
    with pytest.raises(NotAnImageError, match="more than"):
        decode(body)


def bomb(size: int = 50_000_000) -> bytes:
    """A few kilobytes that unpack to fifty megabytes."""
    return zlib.compress(bytes(size))


@pytest.mark.parametrize(
    "note",
    [
        chunk(b"iCCP", b"x\0\0" + bomb()),
        chunk(b"zTXt", b"x\0\0" + bomb()),
        chunk(b"iTXt", b"x\0\1\0\0\0" + bomb()),
        chunk(b"iCCP", b"x\0\0no zlib"),
        chunk(b"tEXt", b"spoilt", crc=1),
        chunk(b"acTL", b"\xff" * 8),
        chunk(b"eXIf", b"\xff" * 8),
    ],
    ids=["profile bomb", "text bomb", "international text bomb", "bad profile", "bad crc", "bad animation", "bad EXIF"],
)
def test_no_note_refuses_a_png(note: bytes) -> None:
    assert (decode(PNG[:33] + note + PNG[33:]) == PICTURE).all()


def test_notes_of_an_ordinary_picture_change_no_pixel() -> None:
    text = PngImagePlugin.PngInfo()
    text.add_text("Comment", "x" * 5000, zip=True)
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    assert (decode(saved("PNG", pnginfo=text, icc_profile=profile, dpi=(72, 72))) == PICTURE).all()
    plain: Uint8Array = decode(JPEG)
    assert (decode(saved("JPEG", quality=90, icc_profile=profile, dpi=(72, 72), comment=b"x" * 99)) == plain).all()
