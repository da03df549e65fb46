"""Faces of sources of low trust: judged as a group, and unconfirmed until a better source has its say."""

from __future__ import annotations

from typing import Any

import pytest

from enrich.items import FailedImage, RejectedImage
from enrich.store.acceptance.decide import Finding, save_findings
from enrich.store.crawl_queries.status import status
from enrich.store.people.merge import absorb
from tests.store.acceptance.groups import NO_MATCH, gather
from tests.store.acceptance.judged import ACCEPTED, Judged, near

NO_FACES = ("rejected", "no_existing_faces")
CLUSTER = ("rejected", "suspicious_cluster")


def test_a_group_that_agrees_is_taken_when_the_last_picture_is_had(judged: Judged) -> None:
    judged.face("stashdb", "given", near(0))
    decisions = gather(judged, {"a": 0, "b": 0, "x": 1, "c": 0})
    assert [(one.reason, one.waits) for one in decisions[:3]] == [("suspicious_cluster", True)] * 3
    assert (decisions[3].outcome, decisions[3].also_taken) == ("accepted", 2)
    assert judged.ledger() == {"given": ACCEPTED, "a": ACCEPTED, "b": ACCEPTED, "x": NO_MATCH, "c": ACCEPTED}
    assert judged.waiting() == {"x"}


@pytest.mark.parametrize("last", ["rejected", "failed"])
def test_the_last_picture_may_end_otherwise(judged: Judged, last: str) -> None:
    judged.face("stashdb", "given", near(0))
    judged.pending("pornpics", "a", "b", "z")
    for name in "ab":
        judged.face("pornpics", name, near(0, 0.1))
    assert judged.ledger()["a"] == CLUSTER
    ref = judged.store.ref("https://pornpics.example/z.jpg", source="pornpics", performer_id=1)
    image = RejectedImage(ref=ref, reason="no_face") if last == "rejected" else FailedImage(ref=ref, error="HTTP 503")
    (decision,) = judged.store.do(save_findings, [Finding(image=image, policy=judged.terms)])
    assert (decision.outcome, decision.also_taken) == (last, 2)
    assert judged.ledger()["a"] == judged.ledger()["b"] == ACCEPTED


def test_what_is_still_to_be_had_at_the_end_of_the_crawl_is_not_waited_for(judged: Judged) -> None:
    judged.face("stashdb", "given", near(0))
    judged.pending("pornpics", "never")
    judged.face("pornpics", "a", near(0, 0.1))
    assert judged.sweep("stashdb").taken == 0, "another source's crawl may still be on"
    assert judged.sweep("pornpics").taken == 1
    assert judged.ledger() == {"given": ACCEPTED, "never": ("pending", None), "a": ACCEPTED}


@pytest.mark.parametrize(
    ("people", "taken"),
    [
        ({"a": 0, "b": 0, "x": 1, "y": 1}, set()),  # nobody is clearly more
        ({"a": 0, "b": 0, "x": 1}, {"a", "b"}),  # twice as many
        ({"a": 0, "x": 1, "y": 1}, set()),  # another person's are
        ({"a": 0, "b": 0, "c": 0, "d": 0, "x": 1, "y": 1}, {"a", "b", "c", "d"}),
        ({"a": 0}, {"a"}),
        ({"x": 1}, set()),
    ],
)
def test_the_group_that_counts(judged: Judged, people: dict[str, int], taken: set[str]) -> None:
    judged.face("stashdb", "given", near(0))
    gather(judged, people)
    ledger = judged.ledger()
    assert {name for name in people if ledger[name] == ACCEPTED} == taken
    assert {ledger[name] for name in people if name not in taken} <= ({NO_MATCH} if taken else {CLUSTER})


@pytest.mark.parametrize(
    ("people", "galleries", "stands"),
    [
        ({"a": 0, "b": 0, "c": 0}, 2, True),
        ({"a": 0, "b": 0, "c": 0}, 1, False),
        ({"a": 0, "b": 0}, 2, False),
        ({"a": 0, "b": 0, "c": 0, "x": 1}, 2, True),
        ({"a": 0, "b": 0, "c": 0, "x": 1, "y": 1}, 2, False),
    ],
)
def test_a_group_may_stand_unconfirmed(judged: Judged, people: dict[str, int], galleries: int, stands: bool) -> None:
    gather(judged, people, galleries)
    ledger = judged.ledger()
    assert {name for name in people if ledger[name] == ACCEPTED} == (set("abc") if stands else set())
    if stands:
        assert ledger.get("x", NO_MATCH) == NO_MATCH
        assert judged.store.rows("SELECT detail FROM images WHERE outcome = 'accepted' GROUP BY 1") == [
            ('{"unconfirmed": true}',)
        ]
    else:
        assert set(ledger.values()) == {NO_FACES}
    found = status(judged.store.engine, "db")
    assert (found.unconfirmed, found.faces) == ((3, 3) if stands else (0, 0))


def test_unconfirmed_faces_confirm_nobody(judged: Judged) -> None:
    gather(judged, {"a": 0, "b": 0, "c": 0})
    assert judged.face("freeones", "one", near(0)).reason == "no_existing_faces"
    other = gather(judged, {"k": 1, "l": 1, "m": 1}, source="elitebabes")
    assert other[-1].outcome == "rejected", "another group does not stand beside one that it contradicts"
    assert status(judged.store.engine, "db").faces == 3


def test_a_better_source_confirms_them(judged: Judged) -> None:
    gather(judged, {"a": 0, "b": 0, "c": 0, "x": 1})
    judged.face("freeones", "one", near(0, 0.2))
    decision = judged.face("stashdb", "given", near(0))
    assert (decision.also_taken, decision.taken_away) == (1, 0)
    assert judged.waiting() == {"x"}
    assert judged.store.rows("SELECT count(*) FROM images WHERE outcome = 'accepted' AND detail IS NOT NULL") == [(0,)]
    assert status(judged.store.engine, "db").unconfirmed == 0


def test_a_better_source_takes_them_away(judged: Judged) -> None:
    gather(judged, {"a": 0, "b": 0, "c": 0})
    decision = judged.face("stashdb", "given", near(1))
    assert (decision.outcome, decision.taken_away) == ("accepted", 3)
    assert judged.ledger() == {"a": CLUSTER, "b": CLUSTER, "c": CLUSTER, "given": ACCEPTED}
    assert judged.store.rows("SELECT id FROM faces") == [(4,)]
    assert judged.store.one("SELECT face_count FROM performers") == 1
    assert judged.waiting() == {"a", "b", "c"}, "they may be right after all"
    assert judged.face("stashdb", "more", near(0, 0.1)).also_taken == 3


def test_all_of_it_in_one_batch(judged: Judged) -> None:
    """Taken unconfirmed and taken away again, before anything of it is written."""
    findings = [judged.finding("pornpics", name, near(0, 0.1), gallery=name) for name in "abc"]
    findings += [judged.finding("freeones", "right", near(1, 0.1)), judged.finding("stashdb", "given", near(1))]
    judged.store.do(save_findings, findings)
    assert judged.ledger() == {"a": CLUSTER, "b": CLUSTER, "c": CLUSTER, "right": ACCEPTED, "given": ACCEPTED}
    assert judged.store.rows("SELECT id FROM faces") == [(4,), (5,)]
    assert judged.store.rows("SELECT DISTINCT face_id FROM embeddings") == [(4,), (5,)]
    assert judged.store.one("SELECT value FROM counters WHERE name = 'face_id'") == 5
    assert judged.store.one("SELECT face_count FROM performers") == 2


def test_another_group_of_the_source_does_not_stand_beside_one_that_it_contradicts(judged: Judged) -> None:
    """However large: who of the two it is, only a face that is surely the performer's can say."""
    gather(judged, {"x": 1, "y": 1, "z": 1})
    gather(judged, dict.fromkeys("abcdefgh", 0))
    assert {name for name, said in judged.ledger().items() if said == ACCEPTED} == set("xyz")
    judged.face("stashdb", "given", near(0))
    ledger = judged.ledger()
    assert {name for name, said in ledger.items() if said == ACCEPTED} == {"given", *"abcdefgh"}
    assert {ledger[name] for name in "xyz"} == {NO_MATCH}


def test_two_groups_that_stand_are_confirmed_or_taken_away_each_by_itself(store: Any) -> None:
    """Two performers who are found to be one bring them together: the larger one must not vouch for the other."""
    for name in ("jane", "ann"):
        store.save(name, f"{name.title()} Example")
    one, other = Judged(store, performer=1), Judged(store, performer=2)
    gather(one, {"a": 0, "b": 0, "c": 0, "d": 0})
    gather(other, {"x": 1, "y": 1, "z": 1})
    store.do(absorb, 1, 2, "2026-01-31 12:00:00")
    assert one.waiting() == set("abcdxyz")
    assert one.face("stashdb", "given", near(0)).taken_away == 3
    assert {name for name, said in one.ledger().items() if said == ACCEPTED} == {"given", *"abcd"}
