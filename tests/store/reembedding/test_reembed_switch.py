"""The switch to another model pack: nothing changes until every face has its vectors, and then everything at once."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import voyager
from sqlalchemy import text

from enrich.commands.index import bring_up
from enrich.errors import StoreError
from enrich.items import FloatArray
from enrich.store.db.model_pack import index_specs
from enrich.store.index.sync import IndexSpec, catch_up, check
from enrich.store.reembedding.reembed import begin, lose_face, save_vectors
from enrich.store.reembedding.switch import NotReady, remove_leftovers, switch
from tests.store.reembedded import NEW, OLD, embed, found, on_the_way, url

TABLES = ("faces", "embeddings", "face_details", "images", "performers", "meta")


def content(store: Any) -> dict[str, list[tuple[Any, ...]]]:
    return {table: store.rows(f"SELECT * FROM {table}") for table in TABLES}


def test_until_the_switch_the_database_is_what_it_was(three: Any, vector: Callable[..., FloatArray]) -> None:
    before = content(three)
    three.do(begin, "pack-2")
    embed(three, vector, 1, 2)
    three.do(lose_face, 3, "pack-2", "not_found")
    assert content(three) == before
    assert check(three.engine, three.folder / "index", OLD[0]) == [
        f"{three.folder / 'index' / 'face_sface.voy'}: missing; the database has 3 faces"
    ]
    three.face(url(4), seed=4)  # a crawl with the pack before goes on meanwhile
    assert (on_the_way(three).faces, on_the_way(three).done, on_the_way(three).open) == (4, 2, {"stashdb": 1})


def test_the_switch_changes_every_vector_and_keeps_every_face(three: Any, vector: Callable[..., FloatArray]) -> None:
    kept = three.rows("SELECT id, performer_id, facenet_index, image_url, source_endpoint, created_at FROM faces")
    rows = three.rows("SELECT * FROM images")
    embed(three, vector, 1, 2, 3)
    done = switch(three.engine, NEW)
    assert (done.faces, done.dropped) == (3, 0)
    assert kept == three.rows(
        "SELECT id, performer_id, facenet_index, image_url, source_endpoint, created_at FROM faces"
    )
    assert three.rows("SELECT * FROM images") == rows
    stored = three.rows("SELECT face_id, recogniser, model, vector FROM embeddings")
    assert {(face, name, model): vector for face, name, model, vector in stored} == {
        (face, name, "pack-2"): numbers.tobytes() for face in (1, 2, 3) for name, numbers in found(vector, face).items()
    }
    details = three.rows(
        "SELECT box_px, confidence, yaw_deg, model, quality_score FROM face_details JOIN faces ON face_id = id"
    )
    assert details == [("[1.0, 2.0, 3.0, 4.5]", 0.66, 3.0, "pack-2", 0.25)] * 3
    with three.engine.connect() as connection:
        assert set(index_specs(connection)) == set(NEW)
    assert three.rows("SELECT 1 FROM reembedded UNION SELECT 1 FROM new_embeddings") == []
    with pytest.raises(StoreError, match=r"vectors of model pack pack-2, MODEL_PACK is pack-1; .*--reembed"):
        three.face(url(9))
    assert three.face(url(9), model="pack-2", vectors=found(vector, 9)).outcome == "accepted"
    with pytest.raises(StoreError, match="of model pack pack-2 already"):
        switch(three.engine, NEW)


def test_the_copy_to_go_back_to_is_whole(three: Any, vector: Callable[..., FloatArray]) -> None:
    embed(three, vector, 1, 2, 3)
    three_before = three.rows("SELECT * FROM embeddings")
    backup = switch(three.engine, NEW).backup
    assert backup == three.folder / "performers.db.pack-1.bak"
    three.engine.dispose()
    backup.replace(three.path)
    (three.folder / "performers.db-wal").unlink(missing_ok=True)
    assert three.rows("SELECT * FROM embeddings") == three_before
    assert on_the_way(three).done == 3


def test_without_a_copy_there_is_no_switch(three: Any, vector: Callable[..., FloatArray]) -> None:
    embed(three, vector, 1, 2, 3)
    (three.folder / "performers.db.pack-1.bak" / "in the way").mkdir(parents=True)
    before = content(three)
    with pytest.raises(StoreError, match=r"the copy to go back to cannot be made: .*; nothing was changed"):
        switch(three.engine, NEW)
    assert content(three) == before


def test_a_face_without_vectors_goes_only_if_that_many_were_agreed_to(
    three: Any, vector: Callable[..., FloatArray]
) -> None:
    embed(three, vector, 1)
    three.do(lose_face, 2, "pack-2", "not_found")
    before = content(three)
    for may_drop in (0, 1):
        with pytest.raises(NotReady, match=f"2 of 3 faces have no vectors of pack-2; {may_drop} were agreed"):
            switch(three.engine, NEW, may_drop=may_drop)
    assert content(three) == before
    assert switch(three.engine, NEW, may_drop=2).dropped == 2
    assert three.rows("SELECT id FROM faces") == [(1,)]
    assert three.one("SELECT face_count FROM performers") == 1
    rows = three.rows("SELECT image_url, outcome, reason, face_id, sha256 IS NULL, detail FROM images ORDER BY id")
    assert [row[:5] for row in rows] == [
        (url(1), "accepted", None, 1, 0), (url(2), "rejected", "not_found", None, 0), (url(3), "pending", None, None, 1)
    ]  # fmt: skip
    assert json.loads(rows[1][5]) == {"face": 2, "dropped_for": "pack-2"}
    # The one that was never tried is fetched by the next crawl as if it were new.
    again = three.face(url(3), model="pack-2", vectors=found(vector, 3))
    assert (again.outcome, again.face_id) == ("accepted", 4), "an id is never given out twice"


def test_all_faces_are_never_dropped(three: Any) -> None:
    with pytest.raises(NotReady, match="no face has vectors of pack-2"):
        switch(three.engine, NEW, may_drop=3)


def test_the_same_picture_elsewhere_takes_the_place_of_one_that_is_gone(
    three: Any, vector: Callable[..., FloatArray]
) -> None:
    assert three.face("https://img.example/copy.jpg", body=url(2)).reason == "duplicate_image"
    embed(three, vector, 1, 3)
    three.do(lose_face, 2, "pack-2", "not_found")
    switch(three.engine, NEW, may_drop=1)
    copy = "SELECT outcome, reason FROM images WHERE image_url = 'https://img.example/copy.jpg'"
    assert three.rows(copy) == [("pending", None)]
    again = three.face("https://img.example/copy.jpg", body=url(2), model="pack-2", vectors=found(vector, 2))
    assert again.outcome == "accepted"


@pytest.mark.parametrize(
    "damage",
    [
        "UPDATE new_embeddings SET vector = x'00' WHERE face_id = 3 AND recogniser = 'arcface'",
        "DELETE FROM new_embeddings WHERE face_id = 2 AND recogniser = 'facenet'",
        "UPDATE new_embeddings SET recogniser = 'other' WHERE face_id = 1 AND recogniser = 'facenet'",
        "INSERT INTO new_embeddings VALUES (1, 'other', 'pack-2', x'00')",
    ],
)
def test_damaged_vectors_change_nothing(three: Any, vector: Callable[..., FloatArray], damage: str) -> None:
    embed(three, vector, 1, 2, 3)
    three.do(lambda tx: tx.execute(text(damage)))
    before = content(three)
    with pytest.raises(StoreError, match="nothing was changed"):
        switch(three.engine, NEW)
    assert content(three) == before
    assert on_the_way(three).done == 3


def test_the_indices_follow_even_if_nobody_built_them_after_the_switch(
    three: Any, vector: Callable[..., FloatArray]
) -> None:
    folder = three.folder / "index"
    catch_up(three.engine, folder, OLD[0])
    (folder / "face_strange.voy").write_bytes(b"not ours")
    embed(three, vector, 1, 2, 3)
    switch(three.engine, NEW)  # and here the process ends
    bring_up(three.url, folder, rebuild=False, check=False)
    assert {path.name for path in folder.glob("*.voy")} == {"face_facenet.voy", "face_arcface.voy", "face_strange.voy"}
    for spec in NEW:
        index = voyager.Index.load(str(folder / f"face_{spec.recogniser}.voy"))
        assert sorted(index.ids) == [1, 2, 3]
        for face_id in (1, 2, 3):
            assert np.allclose(index.get_vector(face_id), found(vector, face_id)[spec.recogniser], atol=1e-6)
        assert check(three.engine, folder, spec) == []
    assert remove_leftovers(three.engine, folder, NEW) == []


def test_two_packs_may_call_a_recogniser_the_same(three: Any, vector: Callable[..., FloatArray]) -> None:
    folder = three.folder / "index"
    catch_up(three.engine, folder, OLD[0])
    spec = IndexSpec("sface", 8, "pack-2")
    for face_id in (1, 2, 3):
        three.do(
            save_vectors, face_id, "pack-2", {"sface": vector(face_id, 8)}, face=three.image().face, sha256="0",
            quality=0.5,
        )  # fmt: skip
    switch(three.engine, [spec])
    report = catch_up(three.engine, folder, spec)
    assert "it was made of another" in str(report.rebuilt_because)
    assert check(three.engine, folder, spec) == []


def test_a_face_that_nobody_recorded_the_place_of_gets_it_with_its_vectors(
    three: Any, vector: Callable[..., FloatArray]
) -> None:
    three.do(lambda tx: tx.execute(text("DELETE FROM face_details")))
    embed(three, vector, 1, 2, 3)
    switch(three.engine, NEW)
    assert three.rows("SELECT face_id, sha256, model FROM face_details") == [
        (number, three.image(url(number)).sha256, "pack-2") for number in (1, 2, 3)
    ]
