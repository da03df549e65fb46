"""Copies of faces that are in doubt: that stand unconfirmed, or wait."""

from __future__ import annotations

import itertools
from typing import Any

import pytest

from enrich.items import KnownImage
from enrich.store.acceptance.decide import Finding, save_findings
from enrich.store.ledger.runs import start_run
from tests.store.acceptance.judged import ACCEPTED, Judged, near
from tests.store.acceptance.versions import SAME_IMAGE, detail, kept, look, version


def unconfirmed(judged: Judged, person: int = 0) -> None:
    """Three faces of a source of low trust that stand alone; the first is photograph 7."""
    for number, name in enumerate("abc"):
        judged.face(
            "pornpics", name, near(person, 0.1 * number, aside=number), look=look(7 + number), gallery=name,
            quality=0.5, body=name,
        )  # fmt: skip
    assert judged.store.rows("SELECT count(*) FROM faces") == [(3,)]
    assert judged.waiting() == {"a", "b", "c"}


@pytest.mark.parametrize("how", ["equal bytes", "known bytes", "worse version", "better version"])
def test_a_believed_source_that_has_the_picture_too_confirms_it(judged: Judged, how: str) -> None:
    unconfirmed(judged)
    judged.face("freeones", "medium", near(0, 0.05, aside=5), look=look(1))
    if how == "known bytes":
        image = judged.finding("stashdb", "given", near(0), body="a").image
        known = KnownImage(ref=image.ref, sha256=image.sha256)
        (decision,) = judged.store.do(save_findings, [Finding(image=known, policy=judged.terms)])
    else:
        said: Any = {"body": "a"} if how == "equal bytes" else {"quality": 0.9 if how == "better version" else 0.3}
        decision = version(judged, "stashdb", "given", **said)
    assert decision.also_taken == 1, "the face that waited has somebody to agree with now"
    assert judged.waiting() == set()
    assert judged.store.rows("SELECT count(*) FROM images WHERE detail LIKE '%unconfirmed%'") == [(0,)]
    better = how == "better version"
    assert judged.ledger() == {
        "a": SAME_IMAGE if better else ACCEPTED, "b": ACCEPTED, "c": ACCEPTED, "medium": ACCEPTED,
        "given": ACCEPTED if better else SAME_IMAGE,
    }  # fmt: skip
    assert judged.store.one("SELECT face_count FROM performers") == 4


def test_another_group_is_judged_by_a_face_that_was_confirmed(judged: Judged) -> None:
    unconfirmed(judged)
    for number, name in enumerate("klm"):
        judged.face("elitebabes", name, near(0, 0.15, aside=number + 3), look=look(20 + number), gallery="one")
    assert judged.waiting() == set("abcklm")
    assert version(judged, "stashdb", "given", 0.3).also_taken == 3
    assert judged.waiting() == set()


@pytest.mark.parametrize(("source", "quality"), [("freeones", 0.9), ("elitebabes", 0.9), ("pornpics", 0.9)])
def test_others_that_have_the_picture_too_confirm_nothing_and_take_no_place(
    judged: Judged, source: str, quality: float
) -> None:
    unconfirmed(judged)
    assert version(judged, source, "copy", quality).reason == "duplicate_image"
    assert judged.waiting() == {"a", "b", "c"}


def test_one_that_shows_them_to_be_wrong_still_takes_them_away(judged: Judged) -> None:
    """The confirmed one is judged with the others of its group."""
    judged.run = judged.store.do(start_run, "pornpics", "url")
    judged.face("pornpics", "a", near(0), look=look(7), gallery="a")
    for number, name in enumerate("bc"):
        judged.face("pornpics", name, near(0, 0.2, aside=number), look=look(8 + number), gallery=name)
    judged.run = judged.store.do(start_run, "stashdb", "api")
    decision = judged.face("stashdb", "stranger", near(1))
    assert decision.taken_away == 3
    assert judged.store.rows("SELECT source, faces_added FROM runs ORDER BY id") == [("pornpics", 0), ("stashdb", 1)]


def test_what_waits_is_no_copy_of_a_face_that_nobody_has_confirmed(judged: Judged) -> None:
    version(judged, "freeones", "waits", 0.3)
    for number, name in enumerate("abc"):
        vector = near(0, 0.1 * number, aside=number)
        judged.face("pornpics", name, vector, look=look(7 + number), gallery=name, quality=0.5)
    assert judged.waiting() == {"waits", "a", "b", "c"}
    judged.face("stashdb", "stranger", near(1), look=look(30))
    assert judged.waiting() == {"waits", "a", "b", "c"}, "it may be right after all"
    judged.face("stashdb", "given", near(0, 0.1, aside=4), look=look(31))
    assert judged.ledger()["waits"] == SAME_IMAGE
    assert judged.ledger()["a"] == ACCEPTED


def test_a_face_that_was_taken_away_a_moment_ago_has_no_copies(judged: Judged) -> None:
    unconfirmed(judged)
    stranger = judged.finding("stashdb", "stranger", near(1))
    again = judged.finding("babepedia", "again", near(0), look=look(7))
    told = judged.store.do(save_findings, [stranger, again])
    assert [one.outcome for one in told] == ["accepted", "accepted"]


def test_one_photograph_under_three_addresses_is_no_group(judged: Judged) -> None:
    names = ["full", "thumb", "saved"]
    judged.pending("pornpics", *names)
    for number, name in enumerate(names):
        version(judged, "pornpics", name, look=look(7, number), gallery=name, vector=near(0, number / 1000))
    assert judged.store.rows("SELECT * FROM faces") == []
    assert judged.waiting() == {"full"}
    assert judged.ledger()["thumb"] == judged.ledger()["saved"] == SAME_IMAGE
    assert detail(judged, "thumb")["of_face"] is None
    assert detail(judged, "thumb")["of_image_url"].endswith("full.jpg")
    for number, name in enumerate(["second", "third"]):
        judged.face("pornpics", name, near(0, 0.1, aside=number + 1), look=look(number), gallery="g")
    assert judged.store.rows("SELECT count(*) FROM faces") == [(3,)], "of three photographs they are one"


def test_equal_bytes_wait_once(judged: Judged) -> None:
    judged.pending("pornpics", "a", "b", "c")
    for name in "abc":
        judged.face("pornpics", name, near(0), body="the same", gallery=name)
    assert judged.waiting() == {"a"}
    assert sorted(judged.ledger().values()) == [SAME_IMAGE, SAME_IMAGE, ("rejected", "no_existing_faces")]


@pytest.mark.parametrize("order", list(itertools.permutations(("poor", "good", "fine"))))
def test_the_best_version_waits_in_any_order(judged: Judged, order: tuple[str, ...]) -> None:
    quality = {"poor": 0.3, "good": 0.52, "fine": 0.58}
    for name in order:
        version(judged, "freeones", name, quality[name])
    assert judged.waiting() == {"fine"}, "of two that are as good the first by address"
    assert judged.store.rows("SELECT count(*) FROM candidate_vectors") == [(1,)]
    judged.face("stashdb", "given", near(0, 0.1), look=look(1))
    assert judged.ledger() == {
        "poor": SAME_IMAGE, "good": SAME_IMAGE, "fine": ACCEPTED, "given": ACCEPTED,
    }  # fmt: skip


def test_another_source_may_wait_with_it_and_is_a_copy_only_when_one_is_taken(judged: Judged) -> None:
    version(judged, "freeones", "one")
    version(judged, "boobpedia", "two", 0.3)
    assert judged.waiting() == {"one", "two"}
    judged.face("stashdb", "given", near(0, 0.1), look=look(1))
    assert judged.ledger() == {"one": ACCEPTED, "two": SAME_IMAGE, "given": ACCEPTED}
    assert judged.waiting() == set()


@pytest.mark.parametrize(("quality", "left"), [(0.3, "given"), (0.9, "waits")])
def test_what_waits_is_settled_when_its_photograph_is_stored(judged: Judged, quality: float, left: str) -> None:
    """Also where it would not agree, or its group is not all there: it is the same picture."""
    judged.pending("pornpics", "waits", "missing")
    version(judged, "pornpics", "waits", quality)
    decision = version(judged, "stashdb", "given", 0.6, look=look(7, 3))
    told = ("accepted", 0, 0) if left == "given" else ("rejected", 1, 0)
    assert (decision.outcome, decision.also_taken, decision.replaced) == told, "they add up to one face"
    assert (judged.waiting(), kept(judged)) == (set(), [left])
    assert judged.store.one("SELECT face_count FROM performers") == 1
