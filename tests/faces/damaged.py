"""Makes damaged pictures from seeds."""

from __future__ import annotations

import random
import struct
import zlib
from collections.abc import Callable
from functools import cache
from io import BytesIO

import cv2
import numpy as np
from PIL import Image as PillowImage

from enrich.faces.check import drawn_face
from tests.faces.pngs import chunk, png

MAX_BYTES = 3_000_000
"""What a picture may have; the heavy ones have more."""

Made = tuple[str, bytes]
"""What was done to the picture, and the picture."""

SAVED: dict[str, tuple[str, str, dict[str, object]]] = {
    "jpeg": ("RGB", "JPEG", {"quality": 85}),
    "jpeg progressive": ("RGB", "JPEG", {"progressive": True}),
    "jpeg grey": ("L", "JPEG", {}),
    "jpeg cmyk": ("CMYK", "JPEG", {}),
    "png": ("RGB", "PNG", {}),
    "png palette": ("P", "PNG", {}),
    "png alpha": ("RGBA", "PNG", {}),
    "png 16": ("I;16", "PNG", {}),
    "webp": ("RGB", "WEBP", {}),
    "webp lossless": ("RGBA", "WEBP", {"lossless": True}),
    "gif": ("P", "GIF", {}),
    "avif": ("RGB", "AVIF", {"speed": 10}),
    "bmp": ("RGB", "BMP", {}),
}


@cache
def picture(kind: str, side_px: int) -> bytes:
    """A sound picture of a face."""
    mode, format, options = SAVED[kind]
    face = cv2.resize(drawn_face(), (side_px, round(side_px * 1.1)), interpolation=cv2.INTER_AREA)
    image = PillowImage.fromarray(np.asarray(face, np.uint8))
    if mode == "I;16":
        image = PillowImage.fromarray(np.asarray(image.convert("L")).astype(np.uint16) * 257)
    elif mode != "RGB":
        image = image.convert(mode)
    out = BytesIO()
    image.save(out, format, **options)
    return out.getvalue()


@cache
def animation(format: str) -> bytes:
    frames = [PillowImage.fromarray(np.full((8, 8), level, np.uint8)) for level in range(250)]
    out = BytesIO()
    frames[0].save(out, format, save_all=True, append_images=frames[1:], duration=10)
    return out.getvalue()


def segment(marker: int, data: bytes) -> bytes:
    return bytes([0xFF, marker]) + struct.pack(">H", len(data) + 2) + data


@cache
def unpacks_to(size: int) -> bytes:
    return zlib.compress(bytes(size))


def with_size(kind: str, body: bytes, width: int, height: int) -> bytes:
    """The picture with another size in its header."""
    changed = bytearray(body)
    if kind.startswith("jpeg"):
        at = max(body.find(b"\xff\xc0"), body.find(b"\xff\xc2"))
        changed[at + 5 : at + 9] = struct.pack(">HH", min(height, 65_500), min(width, 65_500))
    elif kind.startswith("png"):
        changed[16:24] = struct.pack(">II", width, height)
        changed[29:33] = struct.pack(">I", zlib.crc32(bytes(changed[12:29])))
    elif kind == "gif":
        changed[6:10] = struct.pack("<HH", min(width, 65_535), min(height, 65_535))
    elif kind == "webp":
        changed[26:30] = struct.pack("<HH", min(width, 16_383), min(height, 16_383))
    elif kind == "webp lossless":
        packed = min(width, 16_383) | min(height, 16_383) << 14 | 1 << 28  # each less one, so one more than asked for
        changed[21:25] = struct.pack("<I", packed)
    elif kind == "avif":
        at = body.index(b"ispe")
        changed[at + 8 : at + 16] = struct.pack(">II", width, height)
    else:
        changed[18:26] = struct.pack("<II", width, height)
    return bytes(changed)


def truncated(rng: random.Random) -> Made:
    kind, body = sound(rng)
    return f"truncated {kind}", body[: rng.randrange(len(body))]


def flipped(rng: random.Random) -> Made:
    kind, sound_body = sound(rng)
    body = bytearray(sound_body)
    end = rng.choice((64, 700, len(body)))
    for _ in range(rng.choice((1, 1, 3, 20, 200))):
        body[rng.randrange(min(end, len(body)))] ^= 1 << rng.randrange(8)
    return f"flipped {kind}", bytes(body)


def rearranged(rng: random.Random) -> Made:
    kind, body = sound(rng)
    start, length = rng.randrange(len(body)), rng.choice((1, 4, 100, 3000))
    part = body[start : start + length]
    patch = rng.choice((b"", bytes(len(part)), rng.randbytes(len(part)), part * 3, rng.randbytes(50) + part))
    return f"rearranged {kind}", body[:start] + patch + body[start + length :]


def misdeclared(rng: random.Random) -> Made:
    """A size that is not the picture's, but could be some picture's."""
    kind, body = sound(rng)
    width, height = rng.choice((0, 1, 7, 500, 1999)), rng.choice((0, 1, 64, 700, 2000))
    return f"misdeclared {kind}", with_size(kind, body, width, height)


def enormous(rng: random.Random) -> Made:
    kind, body = sound(rng)
    side = rng.choice((2001, 10_000, 16_383, 30_000, 65_500))
    if kind.startswith("png") and rng.random() < 0.5:
        return "enormous png", png(side, side, unpacks_to(rng.choice((100, 5_000_000))))
    return f"enormous {kind}", with_size(kind, body, max(side, 2001), max(side, 2001))


def bomb(rng: random.Random) -> Made:
    big = unpacks_to(rng.choice((1_000_000, 30_000_000)))
    face = picture("png", 110)
    notes: dict[str, Callable[[], bytes]] = {
        "profile": lambda: face[:33] + chunk(b"iCCP", b"x\0\0" + big) + face[33:],
        "text": lambda: face[:33] + chunk(b"zTXt", b"x\0\0" + big) * rng.randrange(1, 40) + face[33:],
        "international": lambda: face[:33] + chunk(b"iTXt", b"x\0\1\0\0\0" + big) + face[33:],
        "plain text": lambda: face[:33] + chunk(b"tEXt", b"x\0" + bytes(900_000)) + face[33:],
        "rows": lambda: png(64, 64, unpacks_to(64 * 193 + rng.randrange(30_000_000))),
    }
    name = rng.choice(list(notes))
    return f"bomb {name}", notes[name]()


def flood(rng: random.Random) -> Made:
    jpeg, face, gif = picture("jpeg", 110), picture("png", 110), picture("gif", 110)
    many = 1_000_000
    floods: dict[str, Callable[[], bytes]] = {
        "png chunks": lambda: face[:33] + chunk(b"vpAg", b"") * (many // 12) + face[33:],
        "png data": lambda: face[:33] + chunk(b"IDAT", b"") * (many // 12) + face[33:],
        "jpeg segments": lambda: jpeg[:2] + segment(rng.choice((0xE2, 0xED, 0xFE)), b"") * (many // 4) + jpeg[2:],
        "jpeg fill": lambda: jpeg[:2] + b"\xff" * many + jpeg[2:],
        "gif blocks": lambda: gif[:781] + b"!\xfe\x01a\0" * (many // 5) + gif[781:],
        "gif pieces": lambda: gif[:781] + b"!\xfe" + b"\x01a" * (many // 2) + b"\0" + gif[781:],
    }
    name = rng.choice(list(floods))
    return f"flood {name}", floods[name]()


def scans(rng: random.Random) -> Made:
    body = picture("jpeg progressive", rng.choice((110, 440)))
    last = body[body.rindex(b"\xff\xda") : -2]
    return "scans jpeg progressive", body[:-2] + last * rng.choice((50, 300, 2000)) + body[-2:]


def frames(rng: random.Random) -> Made:
    body = animation(rng.choice(("GIF", "WEBP", "PNG")))
    return "frames", body if rng.random() < 0.5 else body[: rng.randrange(40, len(body))]


def tailed(rng: random.Random) -> Made:
    """A picture that is another file too: what follows its end is no part of it."""
    kind = rng.choice(("jpeg", "jpeg cmyk", "png", "gif", "webp", "bmp"))
    tail = rng.choice((b"<html><script>1</script></html>", b"%PDF-1.7\n%%EOF", b"PK\x05\x06" + bytes(18), bytes(5000)))
    return f"tailed {kind}", picture(kind, 110) + tail


def inside(rng: random.Random) -> Made:
    """A picture with another file in a comment of it."""
    other = rng.choice((b"<html><body>x</body></html>", b"%PDF-1.7", b"PK\x03\x04", picture("png", 110)[:9000]))
    jpeg, face = picture("jpeg", 110), picture("png", 110)
    made = (jpeg[:2] + segment(0xFE, other) + jpeg[2:], face[:33] + chunk(b"tEXt", b"x\0" + other) + face[33:])
    return "inside", rng.choice(made)


def prefixed(rng: random.Random) -> Made:
    """Another file with a picture in it: by its first bytes it is not one."""
    before = rng.choice((b"<!DOCTYPE html>", b"%PDF-1.7\n", b"PK\x03\x04", b"<svg/>", b"\0" * 16, b"{}", b" "))
    return "prefixed", before + sound(rng)[1]


def mislabelled(rng: random.Random) -> Made:
    """The first bytes of one format before the rest of another."""
    kind, body = sound(rng)
    other, first = sound(rng)
    same = SAVED[kind][1] == SAVED[other][1]
    return ("rearranged" if same else "mislabelled") + f" {other} {kind}", first[:12] + body[12:]


def heavy(rng: random.Random) -> Made:
    return "heavy", picture("jpeg", 110) + bytes(MAX_BYTES)


def noise(rng: random.Random) -> Made:
    start = rng.choice(
        (b"\xff\xd8\xff\xe0", b"\x89PNG\r\n\x1a\n", b"GIF89a", b"RIFF....WEBPVP8 ", b"BM", b"...\x1cftypavif")
    )
    return "noise", start + rng.randbytes(rng.choice((0, 10, 500, 20_000)))


MAKERS: tuple[Callable[[random.Random], Made], ...] = (
    *(truncated,) * 4, *(flipped,) * 6, *(rearranged,) * 4, *(misdeclared,) * 2, *(enormous,) * 2, bomb, flood, scans,
    frames, tailed, inside, prefixed, mislabelled, heavy, noise,
)  # fmt: skip


def sound(rng: random.Random) -> Made:
    kind = rng.choice(list(SAVED))
    return kind, picture(kind, rng.choice((110, 110, 110, 440)))


def damaged(seed: int) -> Made:
    """The picture of a seed: what was done to it, and its bytes."""
    rng = random.Random(seed)
    return MAKERS[seed % len(MAKERS)](rng)
