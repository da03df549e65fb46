"""Versions of one photograph, as its copies on the web are."""

from __future__ import annotations

import json
import random
from typing import Any

from tests.store.acceptance.judged import Judged, near

SAME_IMAGE = ("rejected", "duplicate_image")
DETAIL = "SELECT detail FROM images WHERE image_url LIKE :name"


def look(photograph: int, picture_bits: int = 0, crop_bits: int = 0) -> tuple[str, str]:
    """The hashes of a photograph's version, so many bits from its first one's."""
    chance = random.Random(photograph)
    picture, crop = (f"{chance.getrandbits(64) ^ (1 << bits) - 1:016x}" for bits in (picture_bits, crop_bits))
    return picture, crop


def version(judged: Judged, source: str, name: str, quality: float = 0.5, **said: Any) -> Any:
    """A version of photograph 7 of the person's own face, or another."""
    said.setdefault("look", look(7))
    return judged.face(source, name, said.pop("vector", near(0)), quality=quality, **said)


def detail(judged: Judged, name: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(judged.store.one(DETAIL, name=f"%/{name}.jpg"))
    return found


def kept(judged: Judged) -> list[str]:
    rows = judged.store.rows("SELECT image_url FROM faces ORDER BY id")
    return [url.rpartition("/")[2].removesuffix(".jpg") for (url,) in rows]
