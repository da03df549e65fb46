"""Vectors read in bulk: each under its own id, whatever the sizes, and none read behind the back of who stopped."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from sqlalchemy import Connection, text

from enrich.errors import StoreError
from enrich.items import FloatArray
from enrich.store.db.database import snapshot
from enrich.store.db.model_pack import IndexSpec
from enrich.store.index import vectors
from enrich.store.index.vectors import face_ids, reading

SPEC = IndexSpec("sface", 16, "pack-1")


@pytest.fixture
def ten(store: Any) -> Any:
    """A database with ten faces, of which two were removed."""
    store.save()
    for n in range(1, 11):
        store.face(f"https://img.example/{n}.jpg", seed=n)
    store.do(lambda tx: tx.execute(text("DELETE FROM faces WHERE id IN (4, 10)")))
    return store


@pytest.mark.parametrize("at_once", [1, 3, 8, 99])
def test_all_that_is_there_is_read_in_order(
    ten: Any, monkeypatch: pytest.MonkeyPatch, vector: Callable[..., FloatArray], at_once: int
) -> None:
    monkeypatch.setattr(vectors, "CHUNK", at_once)
    monkeypatch.setattr(vectors, "IDS_AT_ONCE", at_once)
    with snapshot(ten.engine) as connection:
        ids = face_ids(connection, SPEC)
        assert ids.tolist() == [1, 2, 3, 5, 6, 7, 8, 9]
        assert face_ids(connection, IndexSpec("arcface", 16, "pack-1")).tolist() == []
        for wanted in (ids, ids[[0, 2, 3, 7]], ids[:0]):
            with reading(connection, SPEC, wanted) as chunks:
                found = {face: row for chunk, rows in chunks for face, row in zip(chunk.tolist(), rows, strict=True)}
            assert list(found) == wanted.tolist()
            assert all(np.array_equal(row, vector(face)) for face, row in found.items())


def test_who_stops_in_the_middle_has_the_connection_for_himself_again(
    ten: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(vectors, "CHUNK", 1)
    before = threading.active_count()

    def stop(connection: Connection) -> None:
        with reading(connection, SPEC, face_ids(connection, SPEC)) as chunks:
            next(chunks)
            raise ZeroDivisionError

    with snapshot(ten.engine) as connection:
        with pytest.raises(ZeroDivisionError):
            stop(connection)
        assert threading.active_count() == before
        assert connection.execute(text("SELECT count(*) FROM faces")).scalar() == 8


def test_a_vector_of_another_length_is_said_with_its_face(ten: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(vectors, "CHUNK", 2)
    ten.do(lambda tx: tx.execute(text("UPDATE embeddings SET vector = zeroblob(8) WHERE face_id = 7")))
    with (
        snapshot(ten.engine) as connection,
        reading(connection, SPEC, face_ids(connection, SPEC)) as chunks,
        pytest.raises(StoreError, match="face 7: its sface vector is damaged, it has 8 bytes, not 64"),
    ):
        list(chunks)
