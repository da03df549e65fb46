"""PNGs written by hand."""

from __future__ import annotations

import struct
import zlib


def chunk(name: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))


def png(width: int, height: int, data: bytes, *, bits: int = 8, colours: int = 2, notes: bytes = b"") -> bytes:
    """A PNG. ``data``: its filtered rows, compressed; ``colours``: its colour type; ``notes``: chunks before these."""
    header = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, bits, colours, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + header + notes + chunk(b"IDAT", data) + chunk(b"IEND", b"")


def png_bomb(side_px: int) -> bytes:
    """A PNG whose header announces side x side pixels and whose data is a few bytes."""
    return png(side_px, side_px, zlib.compress(bytes(99)))
