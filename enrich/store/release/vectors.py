"""The release's Voyager indices: built anew from the vectors in the database, without deleted or missing entries."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import IO, Literal

import numpy as np
import numpy.typing as npt
import voyager  # type: ignore[import-untyped]  # it ships no types
from sqlalchemy import Connection, select

from enrich.errors import StoreError
from enrich.items import FloatArray
from enrich.store.models import IndexSpec
from enrich.store.schema import embeddings

Storage = Literal["float32", "e4m3"]
STORAGES: dict[Storage, voyager.StorageDataType] = {
    "float32": voyager.StorageDataType.Float32,
    "e4m3": voyager.StorageDataType.E4M3,
}

CHUNK = 4096
"""Vectors read and added at a time: 8 MB of 512 numbers."""

NORM_TOLERANCE = 1e-3


def complete_faces(connection: Connection, specs: Sequence[IndexSpec]) -> npt.NDArray[np.int64]:
    """Ids, ascending, of the faces that have a vector of every recogniser, each made by the database's model pack."""
    found: npt.NDArray[np.int64] | None = None
    for spec in specs:
        statement = select(embeddings.c.face_id).where(
            embeddings.c.recogniser == spec.recogniser, embeddings.c.model == spec.model
        )
        ids = np.fromiter(connection.execute(statement, execution_options={"yield_per": CHUNK}).scalars(), np.int64)
        found = np.unique(ids) if found is None else np.intersect1d(found, ids, assume_unique=True)
    return np.empty(0, np.int64) if found is None else found


def set_aside(connection: Connection, spec: IndexSpec, faces: npt.NDArray[np.int64], folder: Path) -> IO[bytes]:
    """Copy the vectors of these faces (ascending ids) into a file without a name, whose disk space goes with it.

    Building an index takes minutes, copying its vectors seconds: the database is not held up for longer. Raises
    StoreError for a damaged vector, OSError.
    """
    copied = 0
    file: IO[bytes] = tempfile.TemporaryFile(dir=folder)  # noqa: SIM115  # the caller closes it
    try:
        for ids, vectors in _vectors(connection, spec):
            wanted = faces[np.minimum(np.searchsorted(faces, ids), faces.size - 1)] == ids
            norms = np.linalg.norm(vectors[wanted], axis=1)
            if not np.allclose(norms, 1.0, atol=NORM_TOLERANCE):  # Voyager would take zeros and NaN without a word
                bad = ids[wanted][int(np.argmax(~np.isclose(norms, 1.0, atol=NORM_TOLERANCE)))]
                raise _damaged(bad, spec, "has not the length 1")
            file.write(vectors[wanted].tobytes())
            copied += int(wanted.sum())
        if copied != faces.size:
            raise StoreError(f"{faces.size - copied} {spec.recogniser} vectors went missing; nothing was exported")
        file.seek(0)
    except BaseException:
        file.close()
        raise
    return file


def write_index(path: Path, spec: IndexSpec, vectors: IO[bytes], faces: int, storage: Storage) -> None:
    """Write the index of what was ``set_aside``, the n-th vector under the id n. Raises OSError."""
    index = voyager.Index(voyager.Space.Cosine, spec.dim, max_elements=faces, storage_data_type=STORAGES[storage])
    for start in range(0, faces, CHUNK):
        rows = min(CHUNK, faces - start)
        numbers = np.fromfile(vectors, np.float32, rows * spec.dim).reshape(rows, spec.dim)
        index.add_items(numbers, ids=list(range(start, start + rows)))
    with path.open("wb") as file:  # given a path, Voyager does not notice when the very end finds no space
        index.save(file)


def _vectors(connection: Connection, spec: IndexSpec) -> Iterator[tuple[npt.NDArray[np.int64], FloatArray]]:
    """All vectors of a recogniser by rising face id, chunk by chunk: ids (n,), float32 (n, dim)."""
    statement = (
        select(embeddings.c.face_id, embeddings.c.vector)
        .where(embeddings.c.recogniser == spec.recogniser, embeddings.c.model == spec.model)
        .order_by(embeddings.c.face_id)
    )
    for rows in connection.execute(statement, execution_options={"yield_per": CHUNK}).partitions():
        for row in rows:
            if len(row.vector) != 4 * spec.dim:
                raise _damaged(row.face_id, spec, f"has {len(row.vector)} bytes, not {4 * spec.dim}")
        numbers = np.frombuffer(b"".join(row.vector for row in rows), "<f4").reshape(len(rows), spec.dim)
        yield np.array([row.face_id for row in rows], np.int64), numbers.astype(np.float32, copy=False)


def _damaged(face: int, spec: IndexSpec, how: str) -> StoreError:
    return StoreError(
        f"face {face}: its {spec.recogniser} vector is damaged, it {how}; nothing was exported; "
        f"`scrapy forget --face {face}` removes it"
    )
