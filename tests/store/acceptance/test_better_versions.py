"""Of one photograph the best version is kept."""

from __future__ import annotations

import random
from typing import Any

import pytest

from enrich.store.db.model_pack import IndexSpec
from enrich.store.index.sync import check
from enrich.store.ledger.rows import Limits
from enrich.store.ledger.runs import start_run
from tests.store.acceptance.judged import ACCEPTED, Judged, near, terms
from tests.store.acceptance.versions import SAME_IMAGE, detail, kept, look, version


def test_a_better_version_takes_the_place_of_the_worse(judged: Judged) -> None:
    store = judged.store
    judged.run = store.do(start_run, "stashdb", "api")
    version(judged, "stashdb", "small", 0.41)
    judged.run = store.do(start_run, "babepedia", "url")
    better = version(judged, "babepedia", "large", 0.52, look=look(7, 2))
    assert (better.outcome, better.face_id, better.replaced) == ("accepted", 2, 1)
    assert judged.ledger() == {"small": SAME_IMAGE, "large": ACCEPTED}
    said = detail(judged, "small")
    assert (said["of_face"], said["of_source"], said["picture_bits"]) == (2, "babepedia", 2)
    assert store.rows("SELECT face_id FROM images ORDER BY id") == [(None,), (2,)]
    assert store.rows("SELECT face_id FROM embeddings UNION ALL SELECT face_id FROM face_details") == [(2,), (2,)]
    assert store.one("SELECT face_count FROM performers") == 1
    assert store.rows("SELECT source, faces_added FROM runs ORDER BY id") == [("stashdb", 0), ("babepedia", 1)]
    assert dict(store.rows("SELECT source, faces_added FROM scrape_progress")) == {"stashdb": 0, "babepedia:url": 1}
    again = version(judged, "stashdb", "small", 0.41)
    assert (again.repeated, again.reason) == (True, "duplicate_image")


def test_a_version_that_is_hardly_better_is_no_reason_for_another_face(judged: Judged) -> None:
    version(judged, "stashdb", "first", 0.41)
    assert version(judged, "stashdb", "second", 0.49).reason == "duplicate_image"
    assert kept(judged) == ["first"]


@pytest.mark.parametrize("order", range(6))
def test_the_same_one_is_left_in_any_order_and_twice_changes_nothing(judged: Judged, order: int) -> None:
    versions = [("stashdb", "a", 0.25), ("freeones", "b", 0.45), ("babepedia", "c", 0.65), ("stashdb", "d", 0.55)]
    random.Random(order).shuffle(versions)
    judged.face("stashdb", "other", near(0, 0.2), look=look(1))  # so that freeones has something to agree with
    for _ in range(2):
        for number, (source, name, quality) in enumerate(versions):
            version(judged, source, name, quality, look=look(7, number), vector=near(0, number / 1000, aside=number))
    assert kept(judged) == ["other", "c"]
    assert {name: row for name, row in judged.ledger().items() if name in "abd"} == dict.fromkeys("abd", SAME_IMAGE)


def test_the_index_follows(judged: Judged) -> None:
    from enrich.store.index.sync import catch_up

    spec, folder = IndexSpec("sface", 16, "pack-1"), judged.store.folder / "index"
    version(judged, "stashdb", "small", 0.4)
    catch_up(judged.store.engine, folder, spec)
    version(judged, "stashdb", "large", 0.6)
    assert check(judged.store.engine, folder, spec)
    catch_up(judged.store.engine, folder, spec)
    assert check(judged.store.engine, folder, spec) == []


def test_a_better_version_needs_no_room_but_its_source_may_have_none(store: Any) -> None:
    store.save()
    judged = Judged(store, terms(Limits(source=1, total=2)))
    version(judged, "stashdb", "small", 0.4)
    judged.face("babepedia", "other", near(0, 0.2, aside=2), look=look(1), quality=0.9)
    assert version(judged, "babepedia", "no_room", 0.6).reason == "duplicate_image"
    assert version(judged, "stashdb", "large", 0.6).outcome == "accepted"
    assert judged.ledger() == {"small": SAME_IMAGE, "other": ACCEPTED, "no_room": SAME_IMAGE, "large": ACCEPTED}


@pytest.mark.parametrize("source", ["freeones", "pornpics"])
def test_a_version_of_what_is_surely_theirs_need_not_be_judged(judged: Judged, source: str) -> None:
    """Whoever has it, it is the same photograph: of a source of low trust it is not gathered either."""
    version(judged, "stashdb", "small", 0.4)
    judged.pending(source, "worse", "better", "missing")
    assert version(judged, source, "worse", 0.2).reason == "duplicate_image"
    assert version(judged, source, "better", 0.6).outcome == "accepted"
    assert judged.waiting() == set()
    assert kept(judged) == ["better"]


@pytest.mark.parametrize("source", ["babepedia", "freeones"])
def test_a_better_version_of_a_suspicious_face_is_as_suspicious(judged: Judged, source: str) -> None:
    for number in range(4):
        judged.face("stashdb", f"s{number}", near(0, 0.05, aside=number), look=look(number))
    assert version(judged, "stashdb", "strange", 0.4, vector=near(1)).suspicious
    assert version(judged, source, "larger", 0.6, vector=near(1)).suspicious
    assert judged.store.rows("SELECT image_url FROM images WHERE json_extract(detail, '$.suspicious')") == [
        (f"https://{source}.example/larger.jpg",)
    ]
