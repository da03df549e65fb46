"""Reads vectors out of the database by the ten thousand: for indices and exports, and to compare these with it."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import numpy as np
import numpy.typing as npt
from sqlalchemy import Connection, bindparam, select

from enrich.errors import StoreError
from enrich.items import FloatArray
from enrich.store.db.model_pack import IndexSpec
from enrich.store.db.prepared import Prepared
from enrich.store.db.schema import counters, embeddings

CHUNK = 4096
"""Vectors read at a time: 8 MB of 512 numbers."""

IDS_AT_ONCE = 65_536

NORM_TOLERANCE = 1e-3
"""How far from 1 the length of a unit vector may be: float32 sums over 512 numbers, not another scale."""

Chunk = tuple[npt.NDArray[np.int64], FloatArray]
"""Face ids (n,) and their vectors, float32 (n, dim)."""

_OF_RECOGNISER = embeddings.c.recogniser == bindparam("recogniser")
_VECTORS = Prepared(
    select(embeddings.c.face_id, embeddings.c.vector)
    .where(_OF_RECOGNISER, embeddings.c.face_id.between(bindparam("first"), bindparam("last")))
    .order_by(embeddings.c.face_id),
    "recogniser", "first", "last",
)  # fmt: skip
_FACE_IDS = Prepared(
    select(embeddings.c.face_id)
    .where(_OF_RECOGNISER, embeddings.c.face_id > bindparam("after"))
    .order_by(embeddings.c.face_id)
    .limit(bindparam("most")),
    "recogniser", "after", "most",
)  # fmt: skip


def face_ids(connection: Connection, spec: IndexSpec) -> npt.NDArray[np.int64]:
    """The faces that have a vector of the recogniser, ascending."""
    found: list[npt.NDArray[np.int64]] = [np.empty(0, np.int64)]
    statement, last = _FACE_IDS.on(connection), -1
    while rows := statement.all(spec.recogniser, last, IDS_AT_ONCE):
        found.append(np.fromiter((row[0] for row in rows), np.int64, len(rows)))
        last = rows[-1][0]
    return np.concatenate(found)


def last_face_id(connection: Connection) -> int:
    """The highest number that a face was ever given: none of those up to it is given again."""
    return int(connection.execute(select(counters.c.value).where(counters.c.name == "face_id")).scalar_one())


@contextmanager
def reading(connection: Connection, spec: IndexSpec, ids: npt.NDArray[np.int64]) -> Iterator[Iterator[Chunk]]:
    """The vectors of ascending face ids, each chunk read in another thread while the one before it is worked on.

    The connection is not to be used for anything else meanwhile. The chunks raise StoreError for a vector of another
    length than ``spec``'s.
    """
    chunks = _chunks(connection, spec, ids)
    with ThreadPoolExecutor(1) as pool:  # left only when nothing is being read any more
        yield _ahead(pool, chunks)


def _ahead(pool: ThreadPoolExecutor, chunks: Iterator[Chunk]) -> Iterator[Chunk]:
    following = pool.submit(next, chunks, None)
    while (chunk := following.result()) is not None:
        following = pool.submit(next, chunks, None)
        yield chunk


def _chunks(connection: Connection, spec: IndexSpec, ids: npt.NDArray[np.int64]) -> Iterator[Chunk]:
    statement = _VECTORS.on(connection)
    for start in range(0, ids.size, CHUNK):
        chunk = ids[start : start + CHUNK]
        rows = statement.all(spec.recogniser, int(chunk[0]), int(chunk[-1]))
        if len(rows) != chunk.size:  # between them lie faces that are not asked for
            chosen = set(chunk.tolist())
            rows = [row for row in rows if row[0] in chosen]
        for face, blob in rows:
            if len(blob) != 4 * spec.dim:
                raise _damaged(face, spec, f"has {len(blob)} bytes, not {4 * spec.dim}")
        joined = bytearray().join([blob for _, blob in rows])  # not bytes: Voyager takes no read-only array
        yield chunk, np.frombuffer(joined, "<f4").reshape(chunk.size, spec.dim).astype(np.float32, copy=False)


def require_unit(spec: IndexSpec, ids: npt.NDArray[np.int64], vectors: FloatArray) -> None:
    """Raise StoreError for the first vector whose length is not 1: Voyager takes zeros and NaN without a word."""
    off = ~(np.abs(np.linalg.norm(vectors, axis=1) - 1.0) <= NORM_TOLERANCE)  # NaN is off too
    if off.any():
        raise _damaged(int(ids[off][0]), spec, "has not the length 1")


def _damaged(face: int, spec: IndexSpec, how: str) -> StoreError:
    return StoreError(
        f"face {face}: its {spec.recogniser} vector is damaged, it {how}; `scrapy forget --face {face}` removes it"
    )
