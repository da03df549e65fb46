"""Faces of one model pack on their way to another."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np

from enrich.items import Face, FloatArray
from enrich.store.index.sync import IndexSpec
from enrich.store.reembedding.reembed import progress, save_vectors

OLD = [IndexSpec("sface", 16, "pack-1")]
NEW = [IndexSpec("facenet", 8, "pack-2"), IndexSpec("arcface", 8, "pack-2")]


def url(number: int) -> str:
    return f"https://img.example/{number}.jpg"


def found(vector: Callable[..., FloatArray], seed: int) -> dict[str, FloatArray]:
    return {"facenet": vector(100 + seed, 8), "arcface": vector(200 + seed, 8)}


def embed(store: Any, vector: Callable[..., FloatArray], *face_ids: int) -> None:
    for face_id in face_ids:
        face: Face = replace(
            store.image().face, box_px=np.array([1, 2, 3, 4.5], np.float32), confidence=0.66, yaw_deg=3.0
        )
        sha256 = store.image(url(face_id)).sha256
        vectors = found(vector, face_id)
        assert store.do(save_vectors, face_id, "pack-2", vectors, face=face, sha256=sha256, quality=0.25)


def on_the_way(store: Any) -> Any:
    with store.engine.connect() as connection:
        return progress(connection, "pack-2")
