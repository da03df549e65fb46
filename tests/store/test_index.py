"""The index: what the database says and nothing else, whatever lies there."""

from __future__ import annotations

import json
import multiprocessing
import random
from collections.abc import Callable
from multiprocessing.synchronize import Event
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import voyager
from filelock import FileLock
from sqlalchemy import text

from enrich.errors import StoreError
from enrich.items import FloatArray
from enrich.store import index, vectors
from enrich.store.database import open_database
from enrich.store.index import IndexReport, IndexSpec, catch_up, check, rebuild
from tests.store.writing import forked

SPEC = IndexSpec("sface", 16, "pack-1")


@pytest.fixture
def folder(store: Any) -> Path:
    folder: Path = store.folder / "index"
    return folder


@pytest.fixture
def voy(folder: Path) -> Path:
    return folder / "face_sface.voy"


def add(store: Any, *numbers: int) -> None:
    store.save()
    for n in numbers:
        store.face(f"https://img.example/{n}.jpg", seed=n)


def held(voy: Path) -> dict[int, FloatArray]:
    loaded = voyager.Index.load(str(voy))
    return {face: loaded.get_vector(face) for face in loaded.ids}


def test_an_index_has_every_face_under_its_id(
    store: Any, folder: Path, voy: Path, vector: Callable[..., FloatArray]
) -> None:
    add(store, 1, 2, 3)
    store.do(lambda tx: tx.execute(text("DELETE FROM faces WHERE id = 1")))  # ids need not begin at 0, nor be dense
    report = catch_up(store.engine, folder, SPEC)
    assert (report.added, report.total, report.rebuilt_because) == (2, 2, None)
    loaded = voyager.Index.load(str(voy))
    assert (loaded.space, loaded.num_dimensions) == (voyager.Space.Cosine, 16)
    assert loaded.storage_data_type == voyager.StorageDataType.Float32
    assert set(loaded.ids) == {2, 3}
    for face in (2, 3):
        assert np.allclose(loaded.get_vector(face), vector(face), atol=1e-6)
        assert loaded.query(vector(face), k=1)[0][0] == face
    assert check(store.engine, folder, SPEC) == []
    assert sorted(path.name for path in folder.iterdir()) == ["face_sface.json", "face_sface.lock", "face_sface.voy"]


def test_catching_up_adds_what_is_new_and_writes_nothing_if_nothing_is(store: Any, folder: Path, voy: Path) -> None:
    add(store, 1, 2)
    catch_up(store.engine, folder, SPEC)
    written = voy.stat().st_mtime_ns, voy.stat().st_ino
    assert str(catch_up(store.engine, folder, SPEC)) == f"{voy}: 2 faces, 0 added"
    assert (voy.stat().st_mtime_ns, voy.stat().st_ino) == written
    add(store, 3)
    assert "1 faces of the database are missing (first: 3)" in check(store.engine, folder, SPEC)[0]
    report = catch_up(store.engine, folder, SPEC)
    assert (report.added, report.total, report.rebuilt_because) == (1, 3, None)
    assert check(store.engine, folder, SPEC) == []


def test_vectors_are_added_chunk_by_chunk(store: Any, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(vectors, "CHUNK", 3)
    add(store, *range(1, 9))
    assert catch_up(store.engine, folder, SPEC).added == 8
    store.do(lambda tx: tx.execute(text("DELETE FROM faces WHERE id IN (2, 5)")))
    report = catch_up(store.engine, folder, SPEC)
    assert report.total == 6
    assert report.rebuilt_because is not None
    assert "no longer has" in report.rebuilt_because
    assert check(store.engine, folder, SPEC) == []


def test_a_few_that_are_gone_are_marked_and_never_found_again(store: Any, folder: Path, voy: Path) -> None:
    add(store, *range(1, 41))
    catch_up(store.engine, folder, SPEC)
    gone = held(voy)[1]
    store.do(lambda tx: tx.execute(text("DELETE FROM faces WHERE id IN (1, 7)")))
    assert "2 faces are not in the database (first: 1)" in check(store.engine, folder, SPEC)[0]
    store.face("https://img.example/41.jpg", seed=41)
    assert str(catch_up(store.engine, folder, SPEC)) == f"{voy}: 39 faces, 1 added"
    assert check(store.engine, folder, SPEC) == []
    found, _ = voyager.Index.load(str(voy)).query(gone, k=39)
    assert set(found.tolist()) == set(range(2, 42)) - {7}
    written = voy.read_bytes()
    assert catch_up(store.engine, folder, SPEC) == IndexReport(voy, 0, 39)
    assert voy.read_bytes() == written
    store.do(lambda tx: tx.execute(text("DELETE FROM faces WHERE id = 9")))
    assert catch_up(store.engine, folder, SPEC).rebuilt_because is None
    assert check(store.engine, folder, SPEC) == []
    store.do(lambda tx: tx.execute(text("DELETE FROM faces WHERE id IN (10, 11)")))
    assert "no longer has" in str(catch_up(store.engine, folder, SPEC)), "a tenth and more of it was deleted"
    assert len(voyager.Index.load(str(voy))) == 36
    assert check(store.engine, folder, SPEC) == []


@pytest.mark.parametrize("marked_before", [False, True])
def test_a_face_that_is_gone_leaves_no_trace_in_the_file_if_so_asked(
    store: Any, folder: Path, voy: Path, marked_before: bool
) -> None:
    add(store, *range(1, 41))
    catch_up(store.engine, folder, SPEC)
    gone = held(voy)[1][:8].tobytes()
    store.do(lambda tx: tx.execute(text("DELETE FROM faces WHERE id = 1")))
    if marked_before:
        catch_up(store.engine, folder, SPEC)
    assert gone in voy.read_bytes()
    assert "no longer has" in str(catch_up(store.engine, folder, SPEC, thoroughly=True))
    loaded = voyager.Index.load(str(voy))
    assert (len(loaded), loaded.num_elements) == (39, 39)
    assert gone not in voy.read_bytes()
    assert catch_up(store.engine, folder, SPEC, thoroughly=True).rebuilt_because is None


def test_a_face_that_comes_back_is_found_again(store: Any, folder: Path, voy: Path) -> None:
    add(store, *range(1, 41))
    catch_up(store.engine, folder, SPEC)
    store.do(lambda tx: tx.execute(text("CREATE TABLE kept AS SELECT * FROM embeddings WHERE face_id = 1")))
    store.do(lambda tx: tx.execute(text("DELETE FROM embeddings WHERE face_id = 1")))
    catch_up(store.engine, folder, SPEC)
    store.do(lambda tx: tx.execute(text("INSERT INTO embeddings SELECT * FROM kept")))  # as a backup brings it back
    assert "1 faces of the database are missing" in check(store.engine, folder, SPEC)[0]
    assert "marked deleted" in str(catch_up(store.engine, folder, SPEC))
    assert check(store.engine, folder, SPEC) == []
    assert 1 in held(voy)


def damage_truncated(voy: Path) -> None:
    voy.write_bytes(voy.read_bytes()[:-100])


def damage_flipped(voy: Path) -> None:
    body = bytearray(voy.read_bytes())
    body[len(body) // 2] ^= 1
    voy.write_bytes(body)


def damage_foreign_file(voy: Path) -> None:
    voy.write_bytes(b"no index")


def damage_other_dimension(voy: Path) -> None:
    other = voyager.Index(voyager.Space.Cosine, 8)
    other.add_items(np.eye(8, dtype=np.float32), ids=list(range(1, 9)))
    other.save(str(voy))
    say(voy)


def damage_other_model(voy: Path) -> None:
    say(voy, model="pack-0")


def damage_other_database(voy: Path) -> None:
    say(voy, database="0" * 32)


def damage_future(voy: Path) -> None:
    grown = voyager.Index.load(str(voy))
    grown.add_item(np.full(16, 0.25, np.float32), id=999)
    grown.save(str(voy))
    say(voy)


def damage_other_marks(voy: Path) -> None:
    say(voy, marked=[999])


def damage_nothing_beside(voy: Path) -> None:
    voy.with_suffix(".json").unlink()


def damage_torn_beside(voy: Path) -> None:
    voy.with_suffix(".json").write_text('{"model": ')


def say(voy: Path, **changed: Any) -> None:
    """Make the file beside the index say this, and the sha256 of what lies there: a lie that only contents disprove."""
    passport = json.loads(voy.with_suffix(".json").read_text())
    voy.with_suffix(".json").write_text(json.dumps({**passport, "sha256": index._sha256(voy), **changed}))


@pytest.mark.parametrize(
    ("damage", "why"),
    [
        (damage_truncated, "damaged"),
        (damage_flipped, "damaged"),
        (damage_foreign_file, "damaged"),
        (damage_other_dimension, "dimensions"),
        (damage_other_model, "another model"),
        (damage_other_database, "another database"),
        (damage_future, "never had"),
        (damage_other_marks, "not what the file beside it says"),
        (damage_nothing_beside, "missing"),
        (damage_torn_beside, "damaged"),
    ],
)
def test_what_cannot_be_trusted_is_rebuilt_and_said(
    store: Any, folder: Path, voy: Path, damage: Callable[[Path], None], why: str
) -> None:
    add(store, 1, 2, 3)
    catch_up(store.engine, folder, SPEC)
    damage(voy)
    assert check(store.engine, folder, SPEC) != []
    report = catch_up(store.engine, folder, SPEC)
    assert why in str(report.rebuilt_because)
    assert "rebuilt" in str(report)
    assert (report.added, report.total) == (3, 3)
    assert set(held(voy)) == {1, 2, 3}
    assert check(store.engine, folder, SPEC) == []


def test_a_vector_that_differs_is_found_though_the_ids_agree(
    store: Any, folder: Path, vector: Callable[..., FloatArray]
) -> None:
    add(store, 1, 2, 3)
    catch_up(store.engine, folder, SPEC)
    store.do(
        lambda tx: tx.execute(text("UPDATE embeddings SET vector = :v WHERE face_id = 2"), {"v": vector(9).tobytes()})
    )
    (line,) = check(store.engine, folder, SPEC)
    assert line.endswith("1 faces have another vector than in the database (first: 2)")
    assert rebuild(store.engine, folder, SPEC).total == 3
    assert check(store.engine, folder, SPEC) == []


def test_a_missing_index_is_a_difference_only_if_there_are_faces(store: Any, folder: Path, voy: Path) -> None:
    assert check(store.engine, folder, SPEC) == []
    assert catch_up(store.engine, folder, SPEC).total == 0
    assert not voy.exists()
    add(store, 1)
    assert check(store.engine, folder, SPEC) == [f"{voy}: missing; the database has 1 faces"]


def test_an_index_is_never_replaced_by_nothing_but_where_nothing_is_left(store: Any, folder: Path, voy: Path) -> None:
    add(store, 1)
    catch_up(store.engine, folder, SPEC)
    say(voy, database="0" * 32)
    store.do(lambda tx: tx.execute(text("DELETE FROM faces")))
    before = voy.read_bytes()
    assert "another database" in str(catch_up(store.engine, folder, SPEC))
    assert voy.read_bytes() == before
    with store.engine.connect() as connection:
        say(voy, database=index.database_id(connection))
    assert "no longer has" in str(catch_up(store.engine, folder, SPEC))
    assert not voy.exists()
    assert check(store.engine, folder, SPEC) == []


def test_a_failed_save_leaves_the_old_index(
    store: Any, folder: Path, voy: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    add(store, 1)
    catch_up(store.engine, folder, SPEC)
    before = voy.read_bytes()
    add(store, 2)
    (folder / "face_sface.voy.tmp").mkdir()  # whatever keeps it from writing
    with pytest.raises(StoreError, match="untouched"):
        catch_up(store.engine, folder, SPEC)
    assert voy.read_bytes() == before
    (folder / "face_sface.voy.tmp").rmdir()
    assert catch_up(store.engine, folder, SPEC).total == 2


def test_a_folder_that_cannot_be_made_is_said(store: Any, folder: Path) -> None:
    add(store, 1)
    folder.write_text("a file in its place")
    with pytest.raises(StoreError, match=r"face_sface\.voy: cannot be written"):
        catch_up(store.engine, folder, SPEC)


def test_a_damaged_vector_in_the_database_never_reaches_the_index(store: Any, folder: Path, voy: Path) -> None:
    add(store, 1, 2)
    store.do(lambda tx: tx.execute(text("UPDATE embeddings SET vector = zeroblob(64) WHERE face_id = 2")))
    with pytest.raises(StoreError, match="face 2: its sface vector is damaged"):
        catch_up(store.engine, folder, SPEC)
    store.do(lambda tx: tx.execute(text("UPDATE embeddings SET vector = zeroblob(8) WHERE face_id = 2")))
    with pytest.raises(StoreError, match="has 8 bytes, not 64"):
        catch_up(store.engine, folder, SPEC)
    assert not voy.exists()


def test_an_index_of_other_vectors_than_the_databases_is_refused(store: Any, folder: Path) -> None:
    add(store, 1)
    for spec in (IndexSpec("sface", 16, "pack-2"), IndexSpec("sface", 8, "pack-1"), IndexSpec("arcface", 16, "pack-1")):
        with pytest.raises(StoreError, match="pack-1"):
            catch_up(store.engine, folder, spec)


def test_an_index_that_another_process_holds_is_said(store: Any, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(index, "LOCK_SECONDS", 0.05)
    folder.mkdir()
    with FileLock(folder / "face_sface.lock"), pytest.raises(StoreError, match="another process has held it"):
        catch_up(store.engine, folder, SPEC)


def _catch_up(url: str, folder: Path) -> int:
    engine = open_database(url)
    try:
        return catch_up(engine, folder, SPEC).added
    finally:
        engine.dispose()


def test_processes_that_close_at_once_add_each_face_once(store: Any, folder: Path, voy: Path) -> None:
    add(store, *range(1, 41))
    store.engine.dispose()
    with multiprocessing.get_context("spawn").Pool(3) as pool:
        added = pool.starmap(_catch_up, [(store.url, folder)] * 3)
    assert sorted(added) == [0, 0, 40]
    assert set(held(voy)) == set(range(1, 41))


def _save_for_ever(url: str, voy: Path, begun: Event) -> None:
    loaded = voyager.Index.load(str(voy))
    with open_database(url).connect() as connection:
        while True:
            index._save(connection, loaded, voy, SPEC)
            begun.set()


def test_killed_while_it_is_written_whoever_reads_it_finds_a_whole_one(store: Any, folder: Path, voy: Path) -> None:
    chance = random.Random(11)
    add(store, *range(1, 401))
    rebuild(store.engine, folder, SPEC)
    context = forked()
    for _ in range(20):
        begun = context.Event()
        process = context.Process(target=_save_for_ever, args=(store.url, voy, begun))
        process.start()
        assert begun.wait(60)
        process.join(chance.uniform(0, 0.01))
        process.kill()
        process.join()
        assert set(held(voy)) == set(range(1, 401))
        assert catch_up(store.engine, folder, SPEC).total == 400
        assert check(store.engine, folder, SPEC) == []
    (folder / "face_sface.voy.tmp").write_bytes(b"what a killed process left")
    catch_up(store.engine, folder, SPEC)
    assert sorted(path.name for path in folder.iterdir()) == ["face_sface.json", "face_sface.lock", "face_sface.voy"]
