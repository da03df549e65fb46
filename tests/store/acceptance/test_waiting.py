"""Faces that are judged one by one: taken, suspicious, or kept with their vectors until there is one to agree with."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from sqlalchemy import text

from enrich.store.acceptance.performer_faces import waiting_performers
from enrich.store.crawl_queries.status import status
from enrich.store.ledger.rows import Limits
from enrich.store.ledger.runs import start_run
from tests.store.acceptance.groups import NO_MATCH, gather
from tests.store.acceptance.judged import ACCEPTED, Judged, near, terms

NO_FACES = ("rejected", "no_existing_faces")


@pytest.mark.parametrize(("faces", "suspicious"), [(3, False), (4, True), (5, True)])
def test_a_trusted_face_far_from_four_is_taken_and_suspicious(judged: Judged, faces: int, suspicious: bool) -> None:
    for number in range(faces):
        assert not judged.face("stashdb", f"s{number}", near(0, 0.05, aside=number)).suspicious
    other = judged.face("babepedia", "other", near(1))
    assert (other.outcome, other.suspicious) == ("accepted", suspicious)
    (detail,) = judged.store.rows("SELECT json_extract(detail, '$.suspicious', '$.faces') FROM images ORDER BY id")[-1]
    assert detail == (f"[true,{faces}]" if suspicious else None)
    near_one = judged.face("babepedia", "near", near(0, 0.2, aside=6))
    assert (near_one.outcome, near_one.suspicious) == ("accepted", False)
    assert status(judged.store.engine, "db").suspicious == int(suspicious)


def test_waiting_faces_are_taken_with_the_first_face_to_compare_with(judged: Judged) -> None:
    run = judged.store.do(start_run, "freeones", "url")
    judged.run = run
    first = judged.face("freeones", "right", near(0, 0.1), page_url="https://www.freeones.com/jane", gallery="g1")
    wrong = judged.face("freeones", "wrong", near(1, 0.1))
    assert [(one.outcome, one.reason, one.waits) for one in (first, wrong)] == [
        ("rejected", "no_existing_faces", True), ("rejected", "no_existing_faces", True),
    ]  # fmt: skip
    assert judged.waiting() == {"right", "wrong"}
    found = status(judged.store.engine, "db")
    assert (found.waiting, found.faces) == (2, 0)

    judged.run = judged.store.do(start_run, "stashdb", "api")
    decision = judged.face("stashdb", "given", near(0))
    assert (decision.outcome, decision.also_taken) == ("accepted", 1)
    assert judged.ledger() == {"right": ACCEPTED, "wrong": NO_MATCH, "given": ACCEPTED}
    assert judged.waiting() == {"wrong"}
    face = judged.store.one(
        "SELECT faces.id, vector, page_url, gallery, box_px, confidence, quality_score, face_count FROM faces "
        "JOIN embeddings ON embeddings.face_id = faces.id JOIN face_details ON face_details.face_id = faces.id "
        "JOIN performers ON performers.id = performer_id WHERE source_endpoint = 'freeones'"
    )
    assert face[0] == 2
    np.testing.assert_array_equal(np.frombuffer(face[1], "<f4"), near(0, 0.1))
    assert face[2:] == ("https://www.freeones.com/jane", "g1", "[10, 20, 110, 150]", 0.93, 0.7, 2)
    assert judged.store.rows("SELECT source, faces_added FROM runs ORDER BY id") == [("freeones", 1), ("stashdb", 1)]
    assert status(judged.store.engine, "db").waiting == 1
    (detail,) = judged.store.rows("SELECT json_extract(detail, '$.faces') FROM images WHERE reason = 'no_match'")
    assert detail == (2,), "it was compared with both"


def test_faces_that_were_taken_let_others_be_taken(judged: Judged) -> None:
    """Each is near enough to the one before it only: a chain, taken from its near end."""
    chain = [near(0), near(0, 0.3, aside=1), None, None]
    chain[2] = (chain[1] + near(2) * 0.65) / np.linalg.norm(chain[1] + near(2) * 0.65)
    chain[3] = (chain[2] + near(3) * 0.65) / np.linalg.norm(chain[2] + near(3) * 0.65)
    far = [1 - float(chain[0] @ one) for one in chain[1:]]
    assert far[0] < 0.34 < 0.38 < far[1] < far[2]
    for name, vector in (("far", chain[3]), ("middle", chain[2]), ("near", chain[1])):
        assert judged.face("boobpedia", name, vector).reason == "no_existing_faces"
    assert judged.face("stashdb", "given", chain[0]).also_taken == 3
    order = judged.store.rows("SELECT image_url FROM faces ORDER BY id")
    assert [url.rpartition("/")[2] for (url,) in order] == ["given.jpg", "near.jpg", "middle.jpg", "far.jpg"]
    assert judged.waiting() == set()


def test_what_bars_any_face_bars_those_that_wait_and_the_nearest_come_first(store: Any) -> None:
    for name in ("jane", "ann"):
        store.save(name, f"{name.title()} Example", urls=(f"https://www.boobpedia.com/boobs/{name.title()}_Example",))
    judged = Judged(store, terms(Limits(source=2, total=9)))
    for number, distance in enumerate((0.3, 0.2, 0.1)):
        judged.face("freeones", f"f{number}", near(0, distance, aside=number))
    page = "https://www.boobpedia.com/boobs/Ann_Example"
    copy = judged.face("freeones", "copy", near(0, 0.05, aside=5), body="the same picture")
    theirs = judged.face("boobpedia", "theirs", near(0, 0.01, aside=6), page_url=page)
    assert (copy.reason, theirs.reason) == ("no_existing_faces", "wrong_person")
    judged.face("stashdb", "given", near(0), body="the same picture")
    assert judged.ledger() == {
        "f0": ("rejected", "source_limit"), "f1": ACCEPTED, "f2": ACCEPTED, "copy": ("rejected", "duplicate_image"),
        "theirs": ("rejected", "wrong_person"), "given": ACCEPTED,
    }  # fmt: skip
    assert judged.waiting() == set()
    forgotten = store.rows("SELECT json_extract(detail, '$.of_source') FROM images WHERE reason = 'duplicate_image'")
    assert forgotten == [("stashdb",)]


def test_a_source_that_is_no_longer_known_keeps_waiting(judged: Judged) -> None:
    judged.face("freeones", "waits", near(0))
    known = {name: one for name, one in judged.terms.sources.items() if name != "freeones"}
    judged.terms = type(judged.terms)(model="pack-1", rule=judged.terms.rule, sources=known)
    judged.face("stashdb", "given", near(0))
    assert judged.waiting() == {"waits"}
    judged.terms = terms()
    assert judged.sweep().taken == 1


def test_faces_that_came_otherwise_are_compared_with_at_the_next_crawls_end(judged: Judged) -> None:
    judged.face("freeones", "waits", near(0))
    judged.store.face("https://img.example/imported.jpg", vectors={"sface": near(0)})  # on no terms, as an import
    assert judged.ledger()["waits"] == NO_FACES
    assert (judged.sweep().taken, judged.sweep().taken) == (1, 0)
    assert judged.ledger()["waits"] == ACCEPTED


def test_a_sweep_goes_through_all_performers_once(store: Any) -> None:
    for number in range(5):
        store.save(f"p{number}", f"P{number} Example")
        judged = Judged(store, performer=number + 1)
        judged.face("freeones", f"w{number}", near(0, aside=number))
        vector = near(0 if number % 2 else 1)
        store.face(f"https://img.example/{number}.jpg", source_id=f"p{number}", vectors={"sface": vector})
    after, taken, times = 0, 0, 0
    while after is not None:
        sweep = judged.sweep(after=after, most=2)
        after, taken, times = sweep.last, taken + sweep.taken, times + 1
    assert (taken, times) == (2, 3)
    assert judged.sweep(most=2).last is None, "those that were compared with all there is are not looked at again"
    assert len(judged.waiting()) == 3


def test_vectors_of_another_pack_are_left_alone(judged: Judged) -> None:
    judged.face("freeones", "waits", near(0))
    judged.store.do(lambda tx: tx.execute(text("UPDATE candidates SET model = 'pack-0'")))
    assert judged.face("stashdb", "given", near(0)).also_taken == 0
    assert judged.waiting() == {"waits"}


def test_who_was_judged_is_judged_again_only_when_something_has_changed(judged: Judged) -> None:
    """Else every crawl's end would go through all who have nothing but faces that stand unconfirmed."""
    judged.face("freeones", "waits", near(0))
    gather(judged, {"a": 0, "b": 0, "c": 0})
    gather(judged, {"k": 0, "l": 0, "m": 0}, source="elitebabes")
    judged.sweep()
    assert judged.store.do(waiting_performers, 0, 50) == []
    judged.store.face("https://img.example/imported.jpg", vectors={"sface": near(0)})
    assert judged.store.do(waiting_performers, 0, 50) == [1]
    assert judged.sweep().taken == 1
    assert judged.store.do(waiting_performers, 0, 50) == []
