"""A face, its vectors and its ledger row: together or not at all, once, within the limits, of one model."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import numpy as np
import pytest
from sqlalchemy import text

from enrich.errors import StoreError
from enrich.items import FloatArray
from enrich.store.db.model_pack import IndexSpec, index_specs, model_problem
from enrich.store.ledger.rows import Limits, OrphanImage
from enrich.store.ledger.runs import start_run
from tests.store.one_picture import save_face

A, B, C = (f"https://img.example/{name}.jpg" for name in "abc")


@pytest.fixture(autouse=True)
def jane(store: Any) -> int:
    performer: int = store.save().performer_id
    return performer


def test_a_face_is_stored_with_all_that_is_known_of_it(store: Any, vector: Callable[..., FloatArray]) -> None:
    decision = store.face(A, seed=1, page_url="https://page.example", gallery="g1", matched="Jane Example")
    assert (decision.outcome, decision.face_id, decision.performer_id, decision.repeated) == ("accepted", 1, 1, False)
    assert store.one(
        "SELECT id, performer_id, facenet_index, arcface_index, image_url, source_endpoint, quality_score FROM faces"
    ) == (1, 1, 1, 1, A, "stashdb", 0.7)  # fmt: skip
    face_id, recogniser, model, blob = store.one("SELECT * FROM embeddings")
    assert (face_id, recogniser, model) == (1, "sface", "pack-1")
    assert np.array_equal(np.frombuffer(blob, "<f4"), vector(1))
    assert store.one("SELECT confidence, yaw_deg, model, matched, page_url, gallery FROM face_details") == (
        0.93, -7.5, "pack-1", "Jane Example", "https://page.example", "g1",
    )  # fmt: skip
    box, landmarks = map(json.loads, store.one("SELECT box_px, landmarks_px FROM face_details"))
    assert box == [10, 20, 110, 150]
    assert landmarks == [[0, 1], [2, 3], [4, 5], [6, 7], [8, 9]]
    assert store.one("SELECT outcome, reason, attempts, face_id, width_px FROM images") == ("accepted", None, 1, 1, 600)
    assert store.one("SELECT face_count FROM performers") == 1


def test_where_a_face_was_found_is_kept_to_the_last_digit(store: Any) -> None:
    image = store.image(A)
    box = np.array([1 / 3, 100 * np.pi, 1e-7, 4096.0625], np.float32)
    landmarks = np.random.default_rng(1).uniform(-500, 5000, (5, 2)).astype(np.float32)
    face = replace(image.face, box_px=box, landmarks_px=landmarks)
    store.do(save_face, replace(image, face=face), Limits())
    kept = [np.array(json.loads(one), np.float32) for one in store.one("SELECT box_px, landmarks_px FROM face_details")]
    assert np.array_equal(kept[0], box)
    assert np.array_equal(kept[1], landmarks)


def test_several_recognisers_have_one_id(store: Any, vector: Callable[..., FloatArray]) -> None:
    store.face(A, vectors={"facenet": vector(1, 8), "arcface": vector(2, 12)})
    assert store.rows("SELECT face_id, recogniser, length(vector) FROM embeddings ORDER BY 2") == [
        (1, "arcface", 48),
        (1, "facenet", 32),
    ]
    with store.engine.connect() as connection:
        assert index_specs(connection) == (IndexSpec("arcface", 12, "pack-1"), IndexSpec("facenet", 8, "pack-1"))


def test_the_same_picture_again_changes_nothing(store: Any) -> None:
    first = store.face(A)
    again = store.face(A)
    assert (again.outcome, again.face_id, again.repeated) == ("accepted", first.face_id, True)
    assert store.reject(A).outcome == "accepted"
    assert store.fail(A).repeated
    assert store.one("SELECT outcome, attempts FROM images") == ("accepted", 1)
    assert store.one("SELECT count(*) FROM faces") == 1


def test_a_rejected_picture_stays_rejected(store: Any) -> None:
    store.reject(A, "no_face")
    again = store.face(A)
    assert (again.outcome, again.reason, again.repeated) == ("rejected", "no_face", True)
    assert store.rows("SELECT * FROM faces") == []


def test_a_failed_picture_may_still_come(store: Any) -> None:
    store.fail(A)
    assert store.face(A).outcome == "accepted"
    assert store.one("SELECT outcome, error, next_try_at, attempts FROM images") == ("accepted", None, None, 2)


def test_the_same_bytes_under_another_address_are_a_duplicate(store: Any) -> None:
    store.face(A, body="same")
    decision = store.face(B, body="same", source="babepedia", performer_id=1)
    assert (decision.outcome, decision.reason) == ("rejected", "duplicate_image")
    assert store.one("SELECT count(*) FROM faces") == 1


def test_the_same_bytes_at_another_performer_are_left_out_and_say_whose_they_are(store: Any) -> None:
    store.save("other", "Other Person")
    store.face(A, body="same")
    decision = store.face(B, body="same", source_id="other")
    assert (decision.performer_id, decision.reason) == (2, "duplicate_image")
    detail = store.one("SELECT json_extract(detail, '$.of_performer'), json_extract(detail, '$.of_face') FROM images"
                       " WHERE performer_id = 2")  # fmt: skip
    assert detail == (1, 1)


def test_bytes_that_were_rejected_are_no_duplicate(store: Any) -> None:
    store.face(A, body="first")
    store.face(B, body="second", limits=Limits(source=1))
    assert store.face(C, body="second").outcome == "accepted"


@pytest.mark.parametrize(
    ("limits", "reason"),
    [(Limits(source=2), "source_limit"), (Limits(total=2), "total_limit"), (Limits(source=2, total=2), "source_limit")],
)
def test_a_limit_leaves_the_next_one_out(store: Any, limits: Limits, reason: str) -> None:
    decisions = [store.face(url, limits) for url in (A, B, C)]
    assert [(decision.outcome, decision.reason) for decision in decisions] == [
        ("accepted", None), ("accepted", None), ("rejected", reason),
    ]  # fmt: skip
    assert store.one("SELECT face_count FROM performers") == 2


def test_the_limit_of_one_source_is_not_anothers(store: Any) -> None:
    limits = Limits(source=1, total=2)
    assert store.face(A, limits).outcome == "accepted"
    assert store.face(B, limits, source="babepedia", performer_id=1).outcome == "accepted"
    assert store.face(C, limits, source="iafd", performer_id=1).reason == "total_limit"


def test_a_picture_left_out_by_a_limit_is_taken_when_there_is_room(store: Any) -> None:
    store.face(A, Limits(source=1))
    assert store.face(B, Limits(source=1)).reason == "source_limit"
    assert store.face(B, Limits(source=2)).outcome == "accepted"
    assert store.one("SELECT outcome, reason, detail FROM images WHERE image_url = :b", b=B) == ("accepted", None, None)


def test_an_id_is_never_given_out_again(store: Any) -> None:
    assert [store.face(url).face_id for url in (A, B)] == [1, 2]
    store.do(lambda tx: tx.execute(text("DELETE FROM faces")))
    assert store.face(C).face_id == 3


def test_the_count_is_the_true_one_even_where_it_was_wrong(store: Any) -> None:
    store.do(lambda tx: tx.execute(text("UPDATE performers SET face_count = 40")))
    store.face(A)
    assert store.one("SELECT face_count FROM performers") == 1


@pytest.mark.parametrize("who", [{"source_id": "nobody"}, {"performer_id": 99, "source": "babepedia"}])
def test_a_picture_of_somebody_unknown_is_an_orphan(store: Any, who: dict[str, Any]) -> None:
    for act in (store.face, store.reject):
        with pytest.raises(OrphanImage, match="not in the database"):
            act(A, **who)
    assert store.rows("SELECT * FROM images") == []


def test_vectors_of_another_model_are_refused_naming_both(store: Any, vector: Callable[..., FloatArray]) -> None:
    store.face(A)
    with pytest.raises(StoreError, match=r"pack-1.*pack-2"):
        store.face(B, model="pack-2")
    with pytest.raises(StoreError, match=r"sface \(16 numbers\).*sface \(8 numbers\)"):
        store.face(B, vectors={"sface": vector(1, 8)})
    with pytest.raises(StoreError, match="arcface"):
        store.face(B, vectors={"sface": vector(1), "arcface": vector(1)})
    assert store.one("SELECT count(*) FROM embeddings") == 1
    with store.engine.connect() as connection:
        assert model_problem(connection, "pack-1", {"sface": 16}) is None
        assert "pack-2" in str(model_problem(connection, "pack-2", {"sface": 16}))


@pytest.mark.parametrize(
    "bad",
    [
        np.zeros(16, np.float32),
        np.full(16, np.nan, np.float32),
        np.full(16, np.inf, np.float32),
        np.full(16, 0.3, np.float32),
        np.full(16, 0.25, np.float64),
        np.full((1, 16), 0.25, np.float32),
    ],
)
def test_what_is_no_unit_vector_is_refused(store: Any, bad: Any) -> None:
    with pytest.raises(StoreError, match="no float32 unit vector"):
        store.face(A, vectors={"sface": bad})
    assert store.rows("SELECT * FROM faces") == []
    assert store.rows("SELECT key FROM meta WHERE key = 'model'") == []
    with pytest.raises(StoreError, match="without a vector"):
        store.face(A, vectors={})


def test_failures_are_tried_again_later_and_later_but_within_a_week(store: Any) -> None:
    waits = []
    for _ in range(14):
        store.fail(A, now=store.noon)
        until = store.one("SELECT next_try_at FROM images")
        waits.append(datetime.fromisoformat(until + "+00:00") - store.noon)
    assert waits[:3] == [timedelta(minutes=15), timedelta(minutes=30), timedelta(hours=1)]
    assert waits == sorted(waits)
    assert waits[-1] == timedelta(days=7)
    assert store.one("SELECT outcome, error, attempts FROM images") == ("failed", "HTTP 503", 14)


def test_a_server_that_says_when_is_listened_to(store: Any) -> None:
    store.fail(A, now=store.noon, retry_after=timedelta(hours=5))
    assert store.one("SELECT next_try_at FROM images") == "2026-01-31 17:00:00"


def test_a_run_counts_in_the_transaction_of_the_work(store: Any) -> None:
    run = store.do(start_run, "stashdb", "api")
    store.face(A, run=run)
    store.face(A, run=run)
    store.face(B, Limits(source=1), run=run)
    store.fail(C, run=run)
    with pytest.raises(StoreError):
        store.face("https://img.example/d.jpg", model="pack-2", run=run)
    assert store.one("SELECT faces_added, errors FROM runs") == (1, 1)
    assert store.one("SELECT source, faces_added, errors FROM scrape_progress") == ("stashdb", 1, 1)
