"""A picture's bytes without its notes: what a decoder needs for the pixels, and which way up they are.

Texts, profiles, comments, EXIF and previews are read by decoders in loops of their own, some of them in Python: ten
megabytes of empty PNG chunks or JPEG segments keep Pillow busy for half a minute, a profile of a few kilobytes unpacks
to a gigabyte. None of it changes a pixel that is looked at here, but for the orientation, so no decoder gets to see it.
"""

from __future__ import annotations

import re
import struct
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

MAX_PARTS: Final = 10_000
"""The most parts (chunks, segments, blocks) a file may have. A PNG of 32 MB in libpng's pieces of 8 kB has 4,000."""

MAX_JPEG_HEADER: Final = 2**20
"""The most bytes of a JPEG's tables before its first scan: usually they are a thousandth of it."""

_TOO_MANY: Final = f"more than {MAX_PARTS} parts"
_PNG_PIXELS: Final = frozenset({b"IHDR", b"PLTE", b"tRNS", b"IDAT", b"IEND"})
_JPEG_NOTES: Final = frozenset({*range(0xE1, 0xEE), 0xEF, 0xFE})
"""APP1 to APP13, APP15 and comments. APP0 (JFIF) and APP14 (Adobe) say what the colours mean."""
_JPEG_BARE: Final = frozenset({0x01, *range(0xD0, 0xDA)})
"""Markers that stand alone: TEM, RST0 to RST7, SOI, EOI."""
_SEQUENTIAL_FRAMES: Final = frozenset({0xC0, 0xC1, 0xC9})
_FRAMES: Final = frozenset({*range(0xC0, 0xD0)} - {0xC4, 0xC8, 0xCC})
_START_OF_SCAN: Final = 0xDA
_ORIENTATION_TAG: Final = 0x0112
_WHOLE_NUMBERS: Final = {1: "B", 3: "H", 4: "I", 6: "b", 8: "h", 9: "i"}
"""TIFF's types of whole numbers: the standard has a SHORT for the orientation, cameras write the others too."""
_MARKER: Final = re.compile(rb"\xff+([^\x00\xff\xd0-\xd7])", re.DOTALL)
"""A marker in entropy-coded data, in which FF is followed by 0 (a value) or by a restart marker."""
_END: Final = 0xD9
_ALL: Final = (1 << 64) - 1


class BombError(Exception):
    """The file has more parts, or longer tables, than a picture has: it is made to keep a decoder busy."""


@dataclass(frozen=True, slots=True)
class Bare:
    """``body`` without notes; ``orientation``: EXIF's 1 to 8, None where there is none; ``scans``: of a JPEG.

    ``is_open``: a JPEG with all its scans, the last of them perhaps cut, and without the marker that ends it.
    """

    body: bytes
    orientation: int | None = None
    scans: int = 1
    is_open: bool = False


def bare(body: bytes, format: str) -> Bare:
    """Return what matters of a picture in one of the formats that ``decode`` takes.

    Takes some ten microseconds for a usual file. What is damaged is left as it is, for the decoder to refuse. Raises
    BombError.
    """
    strip = _STRIPPERS.get(format)
    return Bare(body) if strip is None else strip(body)


def exif_orientation(exif: bytes) -> int | None:
    """Return the orientation, 1 to 8, that an EXIF block states in its first directory; None if it states none."""
    tiff = exif.removeprefix(b"Exif\0\0")
    order = {b"II*\0": "<", b"MM\0*": ">"}.get(tiff[:4])
    if order is None:
        return None
    try:
        (at,) = struct.unpack_from(f"{order}I", tiff, 4)
        (entries,) = struct.unpack_from(f"{order}H", tiff, at)
        for entry in range(at + 2, at + 2 + 12 * entries, 12):
            tag, kind = struct.unpack_from(f"{order}HH", tiff, entry)
            if tag == _ORIENTATION_TAG:
                (value,) = struct.unpack_from(order + _WHOLE_NUMBERS.get(kind, "H"), tiff, entry + 8)
                return int(value) if 1 <= value <= 8 else None
    except struct.error:  # it points or goes on beyond its end
        return None
    return None


def _bare_jpeg(body: bytes) -> Bare:
    """Without notes, fill bytes and junk before the first scan; what follows is the entropy-coded data."""
    view = memoryview(body)
    kept, orientation, components, frame, parts, at = [view[:2]], None, b"", b"", 0, 2
    while True:
        marker_at = body.find(b"\xff", at)
        if marker_at < 0 or marker_at + 4 > len(body):
            break
        parts += 1 + marker_at - at
        if parts > MAX_PARTS:
            raise BombError(_TOO_MANY)
        marker = body[marker_at + 1]
        if marker == _START_OF_SCAN:
            if sum(map(len, kept)) > MAX_JPEG_HEADER:
                raise BombError(f"more than {MAX_JPEG_HEADER} bytes of tables")
            # The usual JPEG has all its components in one scan, after which no decoder looks for another.
            is_single = body[marker_at + 4 : marker_at + 5] == components
            scans, end, is_open = _scans(body, marker_at, frame, is_single=is_single)
            kept.append(view[marker_at:end])
            return Bare(b"".join(kept), orientation, scans, is_open)
        if marker in (0x00, 0xFF) or marker in _JPEG_BARE:
            at = marker_at + (1 if marker == 0xFF else 2)
            continue
        at = marker_at + 2 + int.from_bytes(body[marker_at + 2 : marker_at + 4])
        if marker in _SEQUENTIAL_FRAMES:
            components = body[marker_at + 9 : marker_at + 10]
        if marker in _FRAMES:
            frame = body[marker_at + 10 : at : 3]
        if marker not in _JPEG_NOTES:
            kept.append(view[marker_at:at])
        elif marker == 0xE1 and orientation is None and body.startswith(b"Exif\0\0", marker_at + 4):
            orientation = exif_orientation(body[marker_at + 4 : at])
    return Bare(body[:2], orientation)  # no scan: there is nothing to decode


def _scans(body: bytes, first: int, frame: bytes, *, is_single: bool) -> tuple[int, int, bool]:
    """How many scans a JPEG has from the one at ``first`` on, where it ends, and whether it is open (``Bare``).

    What lies behind its end is no part of it: motion photos have a video there. ``frame``: the components' ids. A
    progressive picture is whole once every coefficient of every component has come with its last bit (ITU T.81, G.1).
    """
    scans, at, whole = 0, first, dict.fromkeys(frame, 0)
    marker = _START_OF_SCAN
    while True:
        if marker == _START_OF_SCAN:
            scans += 1
            number = body[at + 4] if at + 4 < len(body) else 0
            start, stop, bits = body[at + 5 + 2 * number : at + 8 + 2 * number].ljust(3, b"\0")
            for component in body[at + 5 : at + 5 + 2 * number : 2] if bits & 0x0F == 0 else b"":
                whole[component] = whole.get(component, 0) | (1 << min(stop, 63) + 1) - (1 << min(start, 63))
        at += 2 + int.from_bytes(body[at + 2 : at + 4])
        found = _MARKER.search(body, at)
        if found is None:
            return scans, len(body), is_single or all(bits == _ALL for bits in whole.values())
        marker, at = found[1][0], found.end() - 2
        if marker == _END:
            return scans, found.end(), False
        if is_single:  # nothing but the end can follow, so this is of what lies behind
            return scans, found.start(), True
        if scans > MAX_PARTS:
            return scans, len(body), False


def _bare_png(body: bytes) -> Bare:
    """The chunks that make the still picture. Of an animation the one for viewers that do not know of any."""
    view = memoryview(body)
    kept, orientation, at = [view[:8]], None, 8
    for _ in range(MAX_PARTS):
        length, name = int.from_bytes(body[at : at + 4]), body[at + 4 : at + 8]
        end = at + 12 + length
        if name in _PNG_PIXELS:
            kept.append(view[at:end])
        elif name == b"eXIf":
            orientation = exif_orientation(body[at + 8 : end - 4])
        if name == b"IEND" or end >= len(body):
            return Bare(b"".join(kept), orientation)
        at = end
    raise BombError(_TOO_MANY)


def _bare_gif(body: bytes) -> Bare:
    """The first frame, with the extension before it that says which colour is transparent."""
    table = 3 << (body[10] & 7) + 1 if len(body) > 10 and body[10] & 0x80 else 0
    at = 13 + table
    view = memoryview(body)
    kept, parts = [view[:at]], 0
    while at + 2 <= len(body) and body[at] != 0x2C:
        parts += 1
        if body[at] == 0x21:
            start, at = at, at + 2
            while at < len(body) and body[at]:
                parts += 1
                at += 1 + body[at]
                if parts > MAX_PARTS:
                    raise BombError(_TOO_MANY)
            at += 1
            if body[start + 1] == 0xF9:
                kept.append(view[start:at])
        else:
            at += 1
        if parts > MAX_PARTS:
            raise BombError(_TOO_MANY)
    kept.append(view[at:])
    return Bare(b"".join(kept))


_STRIPPERS: Final[dict[str, Callable[[bytes], Bare]]] = {"JPEG": _bare_jpeg, "PNG": _bare_png, "GIF": _bare_gif}
