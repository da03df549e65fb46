"""Faces to be indexed, and what an index holds of them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import voyager

from enrich.items import FloatArray
from enrich.store.index.sync import IndexSpec

SPEC = IndexSpec("sface", 16, "pack-1")


def add(store: Any, *numbers: int) -> None:
    store.save()
    for n in numbers:
        store.face(f"https://img.example/{n}.jpg", seed=n)


def held(voy: Path) -> dict[int, FloatArray]:
    loaded = voyager.Index.load(str(voy))
    return {face: loaded.get_vector(face) for face in loaded.ids}
