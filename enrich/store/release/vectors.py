"""The release's Voyager indices: built anew from the vectors in the database, without deleted or missing entries."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import IO, Literal

import numpy as np
import numpy.typing as npt
import voyager  # type: ignore[import-untyped]  # it ships no types
from sqlalchemy import Connection, select

from enrich.store.db.model_pack import IndexSpec
from enrich.store.db.schema import embeddings
from enrich.store.index.vectors import CHUNK, reading, require_unit

Storage = Literal["float32", "e4m3"]
STORAGES: dict[Storage, voyager.StorageDataType] = {
    "float32": voyager.StorageDataType.Float32,
    "e4m3": voyager.StorageDataType.E4M3,
}


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
    file: IO[bytes] = tempfile.TemporaryFile(dir=folder)  # noqa: SIM115  # the caller closes it
    try:
        with reading(connection, spec, faces) as chunks:
            for ids, vectors in chunks:
                require_unit(spec, ids, vectors)
                file.write(vectors.tobytes())
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
