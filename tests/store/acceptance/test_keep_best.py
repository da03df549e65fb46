"""Which faces are kept where there may not be more: the best and the most various, whoever came first."""

from __future__ import annotations

import json
import random
from typing import Any

import pytest
from sqlalchemy import text

from enrich.store.crawl_queries.queries import Library
from enrich.store.ledger.rows import Limits
from enrich.store.ledger.runs import start_run
from tests.store.acceptance.judged import ACCEPTED, Judged, near, terms

SOURCE, TOTAL = ("rejected", "source_limit"), ("rejected", "total_limit")


def judged(store: Any, source: int | None = None, total: int | None = None, **trust: Any) -> Judged:
    store.save()
    return Judged(store, terms(Limits(source=source, total=total), **trust))


def put(one: Judged, source: str, name: str, quality: float, **said: Any) -> Any:
    vector = said.pop("vector", near(0, 0.1, aside=sum(map(ord, name))))
    return one.face(source, name, vector, quality=quality, **said)


def kept(store: Any) -> set[str]:
    rows = store.rows("SELECT image_url FROM faces")
    return {url.rpartition("/")[2].removesuffix(".jpg") for (url,) in rows}


@pytest.mark.parametrize(("limits", "left_out"), [({"source": 2}, SOURCE), ({"total": 2}, TOTAL)])
def test_a_better_face_takes_the_place_of_the_worst(store: Any, limits: dict[str, int], left_out: Any) -> None:
    one = judged(store, **limits)
    one.run = store.do(start_run, "stashdb", "api")
    put(one, "stashdb", "good", 0.6)
    put(one, "stashdb", "poor", 0.3)
    assert put(one, "stashdb", "hardly", 0.39).reason == left_out[1]
    better = put(one, "stashdb", "better", 0.4)
    assert (better.outcome, better.face_id, better.replaced) == ("accepted", 3, 1)
    assert one.ledger() == {"good": ACCEPTED, "poor": left_out, "hardly": left_out, "better": ACCEPTED}
    (said,) = store.rows("SELECT detail FROM images WHERE image_url LIKE '%poor.jpg'")
    assert json.loads(said[0]) == {"replaced_by_face": 3}
    assert store.rows("SELECT id, face_id FROM faces JOIN embeddings ON face_id = id") == [(1, 1), (3, 3)]
    assert store.one("SELECT face_count FROM performers") == 2
    assert store.one("SELECT faces_added FROM runs") == 2
    assert store.rows("SELECT source, faces_added FROM scrape_progress") == [("stashdb", 2)]


def test_what_gave_way_is_not_fetched_again_while_there_is_no_room(store: Any) -> None:
    one = judged(store, source=1)
    put(one, "stashdb", "poor", 0.3)
    put(one, "stashdb", "good", 0.6)
    for limit, due in ((1, []), (2, ["https://stashdb.example/poor.jpg"])):
        library = Library(store.engine, limits=Limits(source=limit))
        assert [ref.image_url for _, ref in library.due_images("stashdb")] == due
        library.close()
    again = put(one, "stashdb", "poor", 0.3)
    assert (again.reason, again.repeated, kept(store)) == ("source_limit", False, {"good"})


def test_only_a_face_of_the_source_goes_where_that_has_all_it_may(store: Any) -> None:
    one = judged(store, source=1, total=5)
    put(one, "babepedia", "others", 0.1)
    put(one, "stashdb", "first", 0.4)
    assert put(one, "stashdb", "second", 0.5).outcome == "accepted"
    assert kept(store) == {"others", "second"}


def test_a_believed_face_goes_only_for_one_that_is_believed_as_well(store: Any) -> None:
    one = judged(store, total=2)
    put(one, "stashdb", "poor", 0.2)
    put(one, "freeones", "medium", 0.3)
    assert put(one, "freeones", "better", 0.5).outcome == "accepted"
    assert put(one, "boobpedia", "best", 0.9).outcome == "accepted"
    assert kept(store) == {"poor", "best"}
    assert put(one, "boobpedia", "last", 0.95).reason == "total_limit"
    assert put(one, "babepedia", "high", 0.8).outcome == "accepted"
    assert kept(store) == {"high", "best"}


def test_a_source_that_is_no_longer_known_keeps_its_faces(store: Any) -> None:
    one = judged(store, total=1)
    put(one, "stashdb", "given", 0.2)
    known = {name: terms for name, terms in one.terms.sources.items() if name != "stashdb"}
    one.terms = type(one.terms)(model="pack-1", rule=one.terms.rule, sources=known)
    assert put(one, "babepedia", "high", 0.9).outcome == "accepted", "who is believed may take it"
    assert put(one, "freeones", "medium", 0.99).reason == "total_limit"


def test_a_face_of_unknown_quality_stays(store: Any) -> None:
    one = judged(store, source=1)
    put(one, "stashdb", "old", 0.1)
    store.do(lambda tx: tx.execute(text("UPDATE face_details SET measures = NULL")))
    assert put(one, "stashdb", "new", 0.9).reason == "source_limit"


def test_a_face_that_would_not_be_taken_takes_nobodys_place(store: Any) -> None:
    one = judged(store, total=2)
    put(one, "freeones", "waited", 0.5)
    put(one, "stashdb", "first", 0.3)
    assert kept(store) == {"first", "waited"}
    stranger = put(one, "boobpedia", "stranger", 0.95, vector=near(1))
    assert (stranger.reason, stranger.waits, kept(store)) == ("no_match", True, {"first", "waited"})
    one.pending("pornpics", "a", "b")
    gathered = put(one, "pornpics", "a", 0.99)
    assert (gathered.reason, gathered.waits, kept(store)) == ("suspicious_cluster", True, {"first", "waited"})
    assert put(one, "pornpics", "b", 0.1).reason == "total_limit", "nor is it gathered if it could take none"
    assert kept(store) == {"first", "a"}, "the group was judged when the last was had"


def test_the_suspicious_go_first_and_take_nobodys_place(store: Any) -> None:
    one = judged(store, source=5)
    for number in range(4):
        put(one, "stashdb", f"s{number}", 0.2, vector=near(0, 0.05, aside=number))
    assert put(one, "stashdb", "strange", 0.9, vector=near(1)).suspicious
    assert put(one, "stashdb", "stranger", 0.95, vector=near(2)).reason == "source_limit"
    decision = put(one, "stashdb", "right", 0.1, vector=near(0, 0.1, aside=6))
    assert (decision.outcome, decision.replaced) == ("accepted", 1)
    assert kept(store) == {"s0", "s1", "s2", "s3", "right"}


def test_the_unconfirmed_go_first(store: Any) -> None:
    one = judged(store, total=3)
    for name in "abc":
        put(one, "pornpics", name, 0.9, gallery=name)
    assert one.waiting() == set("abc")
    decision = put(one, "stashdb", "given", 0.1)
    assert (decision.outcome, decision.replaced) == ("accepted", 1)
    assert len(kept(store)) == 3
    assert one.waiting() == set(), "the other two are confirmed"


def test_an_unconfirmed_face_that_gave_way_is_no_longer_one_of_its_group(store: Any) -> None:
    one = judged(store, total=3)
    for name, quality in (("a", 0.9), ("b", 0.9), ("poor", 0.3)):
        put(one, "pornpics", name, quality, gallery=name)
    decision = put(one, "stashdb", "stranger", 0.1, vector=near(1))
    assert (decision.replaced, decision.taken_away, kept(store)) == (1, 2, {"stranger"})
    assert one.waiting() == {"a", "b"}
    assert one.ledger()["poor"] == TOTAL, "it comes back when there is room, to be judged anew"


@pytest.mark.parametrize(
    ("new", "gallery", "left"),
    [
        (0.41, "new", {"a1", "b1", "new"}),  # another session, a tenth worse than the worse one of two
        (0.39, "new", {"a1", "a2", "b1"}),  # it costs too much
        (0.61, "a", {"a1", "b1", "new"}),
        (0.59, "a", {"a1", "a2", "b1"}),
        (0.69, "b", {"a1", "a2", "new"}),
    ],
)
def test_variety_comes_before_more_of_the_same(store: Any, new: float, gallery: str, left: set[str]) -> None:
    one = judged(store, source=3)
    for name, quality in (("a1", 0.7), ("a2", 0.5), ("b1", 0.4)):
        put(one, "stashdb", name, quality, gallery=name[0])
    put(one, "stashdb", "new", new, gallery=gallery)
    assert kept(store) == left


def test_what_is_hardly_to_be_seen_is_no_variety(store: Any) -> None:
    one = judged(store, source=2)
    put(one, "stashdb", "a1", 0.25, gallery="a")
    put(one, "stashdb", "a2", 0.2, gallery="a")
    assert put(one, "stashdb", "dim", 0.19, gallery="b").reason == "source_limit"
    assert put(one, "stashdb", "dull", 0.2, gallery="b").outcome == "accepted"


def test_of_equals_the_one_goes_that_is_most_like_another(store: Any) -> None:
    one = judged(store, source=3)
    for name, quality, distance, aside in (("alone", 0.31, 0.3, 1), ("twin1", 0.32, 0.1, 2), ("twin2", 0.36, 0.1, 3)):
        put(one, "stashdb", name, quality, vector=near(0, distance, aside=aside))
    put(one, "stashdb", "new", 0.5, vector=near(0, 0.3, aside=4))
    assert kept(store) == {"alone", "twin2", "new"}, "of the two that are most alike the poorer one went"


@pytest.mark.parametrize("order", range(8))
def test_the_same_faces_are_left_in_any_order_and_twice_changes_nothing(store: Any, order: int) -> None:
    one = judged(store, source=3, total=4)
    pictures = [
        (source, f"{source[0]}{tenth}", tenth / 10 + 0.05, gallery)
        for source, tenths, gallery in (("stashdb", (1, 5, 6, 7), None), ("babepedia", (2, 4, 6, 8), "g"))
        for tenth in tenths
    ]
    random.Random(order).shuffle(pictures)
    left: set[str] = set()
    for _ in range(2):
        for source, name, quality, gallery in pictures:
            put(one, source, name, quality, gallery=gallery)
        assert left in (set(), kept(store))
        left = kept(store)
    assert left == {"s7", "s6", "s5", "b8"}, "a picture of its own is worth more than b6, which is of b8's session"
    outcomes = list(one.ledger().values())
    assert outcomes.count(ACCEPTED) == 4
    assert store.one("SELECT face_count FROM performers") == 4
