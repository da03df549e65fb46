"""Old Voyager files: which vectors they have under which number, and whether those can be vectors at all."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import numpy.typing as npt
import voyager  # type: ignore[import-untyped]  # it ships no types

from enrich.errors import StoreError
from enrich.items import FloatArray

FILES = {"facenet": ("face_facenet.voy", "face_facenet512.voy"), "arcface": ("face_arcface.voy",)}
"""Recogniser -> its file. The builder and every consumer read the first name, the old enrichment wrote the second."""

DIM = 512
WHOLE, BEYOND, ABSENT, DAMAGED = range(4)
"""What can be said of a number: there is a vector; it is past the last; it is deleted or missing; there is rubbish."""

_CHUNK = 4096
_LENGTH_TOLERANCE = 0.05
"""A quarter of a byte for each number of a vector (E4M3) puts its length off by 0.003; damage, by anything."""

Numbers = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class OldIndex:
    """An old index. ``labels``: the numbers it has, rising. ``written``: when its file was."""

    path: Path
    recogniser: str
    index: voyager.Index
    labels: Numbers
    written: datetime

    @property
    def end(self) -> int:
        """One past the last number."""
        return int(self.labels[-1]) + 1

    def survey(self, stored: Numbers) -> Survey:
        """What there is under each of the numbers."""
        state = np.full(stored.size, ABSENT, np.int8)
        state[(stored < 0) | (stored >= self.end)] = BEYOND
        prints: list[bytes] = [b""] * stored.size
        order = np.argsort(stored, kind="stable")
        order = order[np.isin(stored[order], self.labels)]
        likeness = np.full(stored.size, np.nan, np.float32)
        last: tuple[int, FloatArray] | None = None
        for rows, vectors, readable in self._chunks(stored, order):
            lengths = np.linalg.norm(vectors, axis=1)
            # A vector of zeros comes out of an E4M3 file as one of equal numbers.
            sound = readable & (np.abs(lengths - 1.0) < _LENGTH_TOLERANCE) & (vectors.std(axis=1) > 1e-6)
            state[rows[readable]] = np.where(sound[readable], WHOLE, DAMAGED)
            with np.errstate(invalid="ignore", divide="ignore"):
                unit = vectors / lengths[:, None]
            unit[~sound] = np.nan
            for row, vector, good in zip(rows.tolist(), vectors, sound.tolist(), strict=True):
                prints[row] = hashlib.blake2b(vector.tobytes(), digest_size=16).digest() if good else b""
            if last is not None:
                likeness[last[0]] = float(last[1] @ unit[0])
            likeness[rows[:-1]] = np.einsum("ij,ij->i", unit[:-1], unit[1:])
            last = (int(rows[-1]), unit[-1])
        return Survey(state, prints, order, likeness)

    def vectors(self, numbers: Numbers) -> FloatArray:
        """The unit vectors (n, 512), float32, of numbers that a survey found whole."""
        found: FloatArray = np.asarray(self.index.get_vectors(numbers.tolist()), np.float32).reshape(-1, DIM)
        unit: FloatArray = found / np.linalg.norm(found, axis=1, keepdims=True)
        return unit

    def _chunks(self, stored: Numbers, order: Numbers) -> Iterator[tuple[Numbers, FloatArray, npt.NDArray[np.bool_]]]:
        """Rows in the order of their numbers: rows, vectors (zeros for deleted ones), whether they could be read."""
        for start in range(0, order.size, _CHUNK):
            rows = order[start : start + _CHUNK]
            numbers = stored[rows].tolist()
            readable = np.ones(rows.size, np.bool_)
            try:
                vectors = np.asarray(self.index.get_vectors(numbers), np.float32).reshape(-1, DIM)
            except RuntimeError:  # one of them is deleted
                vectors = np.zeros((rows.size, DIM), np.float32)
                for position, number in enumerate(numbers):
                    try:
                        vectors[position] = self.index.get_vector(number)
                    except RuntimeError:
                        readable[position] = False
            yield rows, vectors, readable


@dataclass(frozen=True, slots=True)
class Survey:
    """What an index has for each row. ``state``: WHOLE and so on. ``prints``: equal for equal vectors.

    ``order``: the rows whose number there is, by number; ``likeness``: the cosine of a row's vector with the next one's
    in that order, NaN where there is none.
    """

    state: npt.NDArray[np.int8]
    prints: list[bytes]
    order: Numbers
    likeness: FloatArray


def load_indices(folder: Path) -> tuple[dict[str, OldIndex], list[str]]:
    """Both indices of a Stash Sense data folder, and what is to be said about the files there. Raises StoreError."""
    notes = []
    chosen = {}
    for recogniser, names in FILES.items():
        there = [folder / name for name in names if (folder / name).is_file()]
        if not there:
            raise StoreError(
                f"{folder / names[0]}: missing; name the folder that has it with --index-dir, "
                "or take over all but the vectors with --without-vectors"
            )
        chosen[recogniser] = there[0]
        notes += [f"{other}: not used: {there[0].name} lies beside it" for other in there[1:]]
    return {recogniser: _load(path, recogniser) for recogniser, path in chosen.items()}, notes


def _load(path: Path, recogniser: str) -> OldIndex:
    remedy = "put a whole one in its place, or take over all but the vectors with --without-vectors"
    try:
        written = datetime.fromtimestamp(path.stat().st_mtime, UTC)
        index = voyager.Index.load(str(path))
    except (OSError, RuntimeError, ValueError, MemoryError) as error:
        raise StoreError(f"{path}: cannot be read, it is damaged or cut off; {remedy}") from error
    if index.num_dimensions != DIM or index.space != voyager.Space.Cosine:
        raise StoreError(
            f"{path}: {index.num_dimensions} numbers a vector in {index.space}, not {DIM} in Cosine; {remedy}"
        )
    labels = np.sort(np.fromiter(index.ids, np.int64, len(index.ids)))
    if not labels.size:
        raise StoreError(f"{path}: it has no vectors; {remedy}")
    return OldIndex(path, recogniser, index, labels, written)


def load_names(folder: Path) -> list[str | None]:
    """Whose face is at which number, by ``faces.json``, if there is a readable one: ``stashdb.org:<id>``."""
    try:
        names = json.loads((folder / "faces.json").read_bytes())
    except (OSError, ValueError):
        return []
    return [name if isinstance(name, str) else None for name in names] if isinstance(names, list) else []
