"""A data directory with people in it, and what its files tell of them."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import numpy as np

PEOPLE = ("Jane Exampla", "Kim Otherby", "Lea Thirdman")
Run = Callable[..., tuple[int, str, str]]


def vector(at: int) -> np.ndarray:
    drawn = np.random.default_rng(at).normal(size=16).astype(np.float32)
    return drawn / np.linalg.norm(drawn)


def rows(data_dir: Path, query: str) -> list[tuple[object, ...]]:
    with closing(sqlite3.connect(data_dir / "performers.db")) as connection:
        return connection.execute(query).fetchall()


def names(data_dir: Path) -> list[str]:
    return [str(row[0]) for row in rows(data_dir, "SELECT canonical_name FROM performers ORDER BY id")]


def telling(data_dir: Path) -> set[str]:
    """The files that still tell of the first of them."""
    needles = (b"Jane Exampla", b"jane_1", b"/jane.jpg", vector(2).tobytes(), vector(3).tobytes())
    found = (path for path in data_dir.rglob("*") if path.is_file())
    return {str(path.relative_to(data_dir)) for path in found if any(one in path.read_bytes() for one in needles)}
