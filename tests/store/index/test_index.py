"""The index: what the database says and nothing else, whatever came or went."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import voyager
from sqlalchemy import text

from enrich.errors import StoreError
from enrich.items import FloatArray
from enrich.store.index import vectors
from enrich.store.index.sync import IndexReport, IndexSpec, catch_up, check, rebuild
from tests.store.indexed import SPEC, add, held


def test_an_index_has_every_face_under_its_id(
    store: Any, index_dir: Path, voy: Path, vector: Callable[..., FloatArray]
) -> None:
    add(store, 1, 2, 3)
    store.do(lambda tx: tx.execute(text("DELETE FROM faces WHERE id = 1")))  # ids need not begin at 0, nor be dense
    report = catch_up(store.engine, index_dir, SPEC)
    assert (report.added, report.total, report.rebuilt_because) == (2, 2, None)
    loaded = voyager.Index.load(str(voy))
    assert (loaded.space, loaded.num_dimensions) == (voyager.Space.Cosine, 16)
    assert loaded.storage_data_type == voyager.StorageDataType.Float32
    assert set(loaded.ids) == {2, 3}
    for face in (2, 3):
        assert np.allclose(loaded.get_vector(face), vector(face), atol=1e-6)
        assert loaded.query(vector(face), k=1)[0][0] == face
    assert check(store.engine, index_dir, SPEC) == []
    assert sorted(path.name for path in index_dir.iterdir()) == ["face_sface.json", "face_sface.lock", "face_sface.voy"]


def test_catching_up_adds_what_is_new_and_writes_nothing_if_nothing_is(store: Any, index_dir: Path, voy: Path) -> None:
    add(store, 1, 2)
    catch_up(store.engine, index_dir, SPEC)
    written = voy.stat().st_mtime_ns, voy.stat().st_ino
    assert str(catch_up(store.engine, index_dir, SPEC)) == f"{voy}: 2 faces, 0 added"
    assert (voy.stat().st_mtime_ns, voy.stat().st_ino) == written
    add(store, 3)
    assert "1 faces of the database are missing (first: 3)" in check(store.engine, index_dir, SPEC)[0]
    report = catch_up(store.engine, index_dir, SPEC)
    assert (report.added, report.total, report.rebuilt_because) == (1, 3, None)
    assert check(store.engine, index_dir, SPEC) == []


def test_vectors_are_added_chunk_by_chunk(store: Any, index_dir: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(vectors, "CHUNK", 3)
    add(store, *range(1, 9))
    assert catch_up(store.engine, index_dir, SPEC).added == 8
    store.do(lambda tx: tx.execute(text("DELETE FROM faces WHERE id IN (2, 5)")))
    report = catch_up(store.engine, index_dir, SPEC)
    assert report.total == 6
    assert report.rebuilt_because is not None
    assert "no longer has" in report.rebuilt_because
    assert check(store.engine, index_dir, SPEC) == []


def test_a_few_that_are_gone_are_marked_and_never_found_again(store: Any, index_dir: Path, voy: Path) -> None:
    add(store, *range(1, 41))
    catch_up(store.engine, index_dir, SPEC)
    gone = held(voy)[1]
    store.do(lambda tx: tx.execute(text("DELETE FROM faces WHERE id IN (1, 7)")))
    assert "2 faces are not in the database (first: 1)" in check(store.engine, index_dir, SPEC)[0]
    store.face("https://img.example/41.jpg", seed=41)
    assert str(catch_up(store.engine, index_dir, SPEC)) == f"{voy}: 39 faces, 1 added"
    assert check(store.engine, index_dir, SPEC) == []
    found, _ = voyager.Index.load(str(voy)).query(gone, k=39)
    assert set(found.tolist()) == set(range(2, 42)) - {7}
    written = voy.read_bytes()
    assert catch_up(store.engine, index_dir, SPEC) == IndexReport(voy, 0, 39)
    assert voy.read_bytes() == written
    store.do(lambda tx: tx.execute(text("DELETE FROM faces WHERE id = 9")))
    assert catch_up(store.engine, index_dir, SPEC).rebuilt_because is None
    assert check(store.engine, index_dir, SPEC) == []
    store.do(lambda tx: tx.execute(text("DELETE FROM faces WHERE id IN (10, 11)")))
    assert "no longer has" in str(catch_up(store.engine, index_dir, SPEC)), "a tenth and more of it was deleted"
    assert len(voyager.Index.load(str(voy))) == 36
    assert check(store.engine, index_dir, SPEC) == []


@pytest.mark.parametrize("marked_before", [False, True])
def test_a_face_that_is_gone_leaves_no_trace_in_the_file_if_so_asked(
    store: Any, index_dir: Path, voy: Path, marked_before: bool
) -> None:
    add(store, *range(1, 41))
    catch_up(store.engine, index_dir, SPEC)
    gone = held(voy)[1][:8].tobytes()
    store.do(lambda tx: tx.execute(text("DELETE FROM faces WHERE id = 1")))
    if marked_before:
        catch_up(store.engine, index_dir, SPEC)
    assert gone in voy.read_bytes()
    assert "no longer has" in str(catch_up(store.engine, index_dir, SPEC, thoroughly=True))
    loaded = voyager.Index.load(str(voy))
    assert (len(loaded), loaded.num_elements) == (39, 39)
    assert gone not in voy.read_bytes()
    assert catch_up(store.engine, index_dir, SPEC, thoroughly=True).rebuilt_because is None


def test_a_face_that_comes_back_is_found_again(store: Any, index_dir: Path, voy: Path) -> None:
    add(store, *range(1, 41))
    catch_up(store.engine, index_dir, SPEC)
    store.do(lambda tx: tx.execute(text("CREATE TABLE kept AS SELECT * FROM embeddings WHERE face_id = 1")))
    store.do(lambda tx: tx.execute(text("DELETE FROM embeddings WHERE face_id = 1")))
    catch_up(store.engine, index_dir, SPEC)
    store.do(lambda tx: tx.execute(text("INSERT INTO embeddings SELECT * FROM kept")))  # as a backup brings it back
    assert "1 faces of the database are missing" in check(store.engine, index_dir, SPEC)[0]
    assert "marked deleted" in str(catch_up(store.engine, index_dir, SPEC))
    assert check(store.engine, index_dir, SPEC) == []
    assert 1 in held(voy)


def test_a_vector_that_differs_is_found_though_the_ids_agree(
    store: Any, index_dir: Path, vector: Callable[..., FloatArray]
) -> None:
    add(store, 1, 2, 3)
    catch_up(store.engine, index_dir, SPEC)
    store.do(
        lambda tx: tx.execute(text("UPDATE embeddings SET vector = :v WHERE face_id = 2"), {"v": vector(9).tobytes()})
    )
    (line,) = check(store.engine, index_dir, SPEC)
    assert line.endswith("1 faces have another vector than in the database (first: 2)")
    assert rebuild(store.engine, index_dir, SPEC).total == 3
    assert check(store.engine, index_dir, SPEC) == []


def test_a_missing_index_is_a_difference_only_if_there_are_faces(store: Any, index_dir: Path, voy: Path) -> None:
    assert check(store.engine, index_dir, SPEC) == []
    assert catch_up(store.engine, index_dir, SPEC).total == 0
    assert not voy.exists()
    add(store, 1)
    assert check(store.engine, index_dir, SPEC) == [f"{voy}: missing; the database has 1 faces"]


def test_a_damaged_vector_in_the_database_never_reaches_the_index(store: Any, index_dir: Path, voy: Path) -> None:
    add(store, 1, 2)
    store.do(lambda tx: tx.execute(text("UPDATE embeddings SET vector = zeroblob(64) WHERE face_id = 2")))
    with pytest.raises(StoreError, match="face 2: its sface vector is damaged"):
        catch_up(store.engine, index_dir, SPEC)
    store.do(lambda tx: tx.execute(text("UPDATE embeddings SET vector = zeroblob(8) WHERE face_id = 2")))
    with pytest.raises(StoreError, match="has 8 bytes, not 64"):
        catch_up(store.engine, index_dir, SPEC)
    assert not voy.exists()


def test_an_index_of_other_vectors_than_the_databases_is_refused(store: Any, index_dir: Path) -> None:
    add(store, 1)
    for spec in (IndexSpec("sface", 16, "pack-2"), IndexSpec("sface", 8, "pack-1"), IndexSpec("arcface", 16, "pack-1")):
        with pytest.raises(StoreError, match="pack-1"):
            catch_up(store.engine, index_dir, spec)
