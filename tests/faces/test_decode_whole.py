"""Pictures that browsers show whole: without an end marker, with a video behind them, AVIF of another brand, EXIF's
orientation in any type of number."""

from __future__ import annotations

import struct

import numpy as np
import pytest
from PIL import Image

from enrich.faces.decode import NotAnImageError, decode, sniff
from enrich.faces.notes import bare, exif_orientation
from tests.faces.quarters import saved

END = b"\xff\xd9"
KINDS = {
    "baseline": {},
    "progressive": {"progressive": True},
    "grey": {"grey": True},
    "with restart markers": {"restart_marker_blocks": 3},
}


def noisy(grey: bool = False, **options: object) -> bytes:
    pixels = np.random.default_rng(3).integers(0, 256, (96, 128, 3), dtype=np.uint8)
    picture = Image.fromarray(pixels)
    return saved(picture.convert("L") if grey else picture, "JPEG", quality=90, **options)


@pytest.fixture(params=KINDS.values(), ids=KINDS)
def jpeg(request: pytest.FixtureRequest) -> bytes:
    body = noisy(**request.param)
    assert body.endswith(END)
    return body


def test_without_the_end_marker_it_is_the_same_picture(jpeg: bytes) -> None:
    assert np.array_equal(decode(jpeg[:-2]), decode(jpeg))


def test_what_lies_behind_the_end_is_no_part_of_it(jpeg: bytes) -> None:
    behind = b"ftypmp42" + np.random.default_rng(1).bytes(20_000) + 200 * b"\xff\xda\x00\x0c\x03" + END
    assert bare(jpeg + behind, "JPEG").scans == bare(jpeg, "JPEG").scans
    assert np.array_equal(decode(jpeg + behind), decode(jpeg))


def test_a_trailer_in_place_of_the_end_is_no_part_of_a_picture_of_one_scan() -> None:
    body = noisy()
    trailer = b"SEFH" + 5_000 * b"\x00\x01\xff\x55"
    assert np.array_equal(decode(body[:-2] + trailer), decode(body))


@pytest.mark.parametrize("kept", [0.3, 0.6, 0.9, 0.98])
def test_what_is_really_cut_is_refused(jpeg: bytes, kept: float) -> None:
    with pytest.raises(NotAnImageError):
        decode(jpeg[: int(len(jpeg) * kept)])


def test_a_progressive_picture_cut_between_two_scans_is_refused() -> None:
    body = noisy(progressive=True)
    starts = [at for at in range(len(body) - 1) if body[at : at + 2] == b"\xff\xda"]
    assert len(starts) > 3
    for at in starts[2:]:
        # Each scan has its tables before it: the cut comes right behind the scan that went before.
        table = body.rfind(b"\xff\xc4", 0, at)
        end = table if table > starts[starts.index(at) - 1] else at
        with pytest.raises(NotAnImageError):
            decode(body[:end])


@pytest.mark.parametrize("brand", [b"mif1", b"miaf", b"MA1B", b"heic"])
def test_an_avif_may_name_another_brand_first(brand: bytes) -> None:
    body = saved(Image.fromarray(np.full((64, 48, 3), 130, np.uint8)), "AVIF")
    assert b"avif" in body[16:40]
    other = body[:8] + brand + body[12:]
    assert sniff(other) == "AVIF"
    assert np.array_equal(decode(other), decode(body))


def test_an_iso_file_without_that_brand_is_no_avif() -> None:
    assert sniff(b"\x00\x00\x00\x18ftypheic\x00\x00\x00\x00mif1heic" + bytes(40) + b"avif") is None
    assert sniff(b"\xff\xff\xff\xffftypisom") is None


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize(("kind", "number"), [(1, "B"), (3, "H"), (4, "I"), (6, "b"), (8, "h"), (9, "i")])
def test_exif_orientation_of_any_whole_number(order: str, kind: int, number: str) -> None:
    value = struct.pack(order + number, 6).ljust(4, b"\0")
    tiff = (b"II*\0" if order == "<" else b"MM\0*") + struct.pack(f"{order}IHHHI", 8, 1, 0x0112, kind, 1) + value
    assert exif_orientation(b"Exif\0\0" + tiff + bytes(4)) == 6
