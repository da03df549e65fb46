"""The index's file: whatever lies there is trusted or made anew, and it is whole whoever is killed or kept from it."""

from __future__ import annotations

import hashlib
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
from enrich.store.db.database import open_database
from enrich.store.db.model_pack import database_id
from enrich.store.index import sync as index
from enrich.store.index.files import save
from enrich.store.index.sync import catch_up, check, rebuild
from tests.store.indexed import SPEC, add, held
from tests.store.writing import forked


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
    sha256 = hashlib.sha256(voy.read_bytes()).hexdigest()
    passport = json.loads(voy.with_suffix(".json").read_text())
    voy.with_suffix(".json").write_text(json.dumps({**passport, "sha256": sha256, **changed}))


@pytest.mark.parametrize(
    ("damage", "why"),
    [
        (damage_truncated, "damaged"),
        (damage_flipped, "damaged"),
        (damage_foreign_file, "damaged"),
        (damage_other_dimension, "dimensions"),
        (damage_other_model, "another model"),
        (damage_other_database, "another database"),
        (damage_future, "never in the database"),
        (damage_other_marks, "not what the file beside it says"),
        (damage_nothing_beside, "missing"),
        (damage_torn_beside, "damaged"),
    ],
)
def test_what_cannot_be_trusted_is_rebuilt_and_said(
    store: Any, index_dir: Path, voy: Path, damage: Callable[[Path], None], why: str
) -> None:
    add(store, 1, 2, 3)
    catch_up(store.engine, index_dir, SPEC)
    damage(voy)
    assert check(store.engine, index_dir, SPEC) != []
    report = catch_up(store.engine, index_dir, SPEC)
    assert why in str(report.rebuilt_because)
    assert "rebuilt" in str(report)
    assert (report.added, report.total) == (3, 3)
    assert set(held(voy)) == {1, 2, 3}
    assert check(store.engine, index_dir, SPEC) == []


def test_an_index_is_never_replaced_by_nothing_but_where_nothing_is_left(
    store: Any, index_dir: Path, voy: Path
) -> None:
    add(store, 1)
    catch_up(store.engine, index_dir, SPEC)
    say(voy, database="0" * 32)
    store.do(lambda tx: tx.execute(text("DELETE FROM faces")))
    before = voy.read_bytes()
    assert "another database" in str(catch_up(store.engine, index_dir, SPEC))
    assert voy.read_bytes() == before
    with store.engine.connect() as connection:
        say(voy, database=database_id(connection))
    assert "no longer has" in str(catch_up(store.engine, index_dir, SPEC))
    assert not voy.exists()
    assert check(store.engine, index_dir, SPEC) == []


def test_a_failed_save_leaves_the_old_index(
    store: Any, index_dir: Path, voy: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    add(store, 1)
    catch_up(store.engine, index_dir, SPEC)
    before = voy.read_bytes()
    add(store, 2)
    (index_dir / "face_sface.voy.tmp").mkdir()  # whatever keeps it from writing
    with pytest.raises(StoreError, match="untouched"):
        catch_up(store.engine, index_dir, SPEC)
    assert voy.read_bytes() == before
    (index_dir / "face_sface.voy.tmp").rmdir()
    assert catch_up(store.engine, index_dir, SPEC).total == 2


def test_a_folder_that_cannot_be_made_is_said(store: Any, index_dir: Path) -> None:
    add(store, 1)
    index_dir.write_text("a file in its place")
    with pytest.raises(StoreError, match=r"face_sface\.voy: cannot be written"):
        catch_up(store.engine, index_dir, SPEC)


def test_an_index_that_another_process_holds_is_said(
    store: Any, index_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(index, "LOCK_SECONDS", 0.05)
    index_dir.mkdir()
    with FileLock(index_dir / "face_sface.lock"), pytest.raises(StoreError, match="another process has held it"):
        catch_up(store.engine, index_dir, SPEC)


def _catch_up(url: str, index_dir: Path) -> int:
    engine = open_database(url)
    try:
        return catch_up(engine, index_dir, SPEC).added
    finally:
        engine.dispose()


def test_processes_that_close_at_once_add_each_face_once(store: Any, index_dir: Path, voy: Path) -> None:
    add(store, *range(1, 41))
    store.engine.dispose()
    with multiprocessing.get_context("spawn").Pool(3) as pool:
        added = pool.starmap(_catch_up, [(store.url, index_dir)] * 3)
    assert sorted(added) == [0, 0, 40]
    assert set(held(voy)) == set(range(1, 41))


def _save_for_ever(url: str, voy: Path, begun: Event) -> None:
    loaded = voyager.Index.load(str(voy))
    with open_database(url).connect() as connection:
        identity = {"recogniser": "sface", "dim": 16, "model": "pack-1", "database": database_id(connection)}
    while True:
        save(voy, loaded, identity, np.empty(0, np.int64))
        begun.set()


def test_killed_while_it_is_written_whoever_reads_it_finds_a_whole_one(store: Any, index_dir: Path, voy: Path) -> None:
    chance = random.Random(11)
    add(store, *range(1, 401))
    rebuild(store.engine, index_dir, SPEC)
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
        assert catch_up(store.engine, index_dir, SPEC).total == 400
        assert check(store.engine, index_dir, SPEC) == []
    (index_dir / "face_sface.voy.tmp").write_bytes(b"what a killed process left")
    catch_up(store.engine, index_dir, SPEC)
    assert sorted(path.name for path in index_dir.iterdir()) == ["face_sface.json", "face_sface.lock", "face_sface.voy"]
