"""What is refused: everything that only claims to be a picture, is cut short, too large or too small."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from PIL import Image

from enrich.faces.decode import MAX_SCANS, ImageTooLargeError, ImageTooSmallError, NotAnImageError, decode, sniff
from tests.faces.pngs import png_bomb
from tests.faces.quarters import AS_DRAWN, FORMATS, HEIGHT, WIDTH, corners, saved


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
