"""Faces that wait: kept with their vectors, judged again with every face that is taken, in the same transaction."""

from __future__ import annotations

import random
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sqlalchemy import text

from enrich.commands.status import show
from enrich.items import FailedImage, RejectedImage
from enrich.store.forgetting.forget import forget_faces, forget_performers
from enrich.store.forgetting.source import forget_source
from enrich.store.judging.findings import Finding, save_findings
from enrich.store.ledger import Limits
from enrich.store.merge import absorb
from enrich.store.models import IndexSpec
from enrich.store.reembedding.reembed import lose_face, save_vectors
from enrich.store.reembedding.switch import switch
from enrich.store.runs import start_run
from enrich.store.status import status
from tests.store.conftest import PRIORITIES, Store
from tests.store.judging import Judged, near, terms

ACCEPTED = ("accepted", None)
NO_MATCH = ("rejected", "no_match")
NO_FACES = ("rejected", "no_existing_faces")
CLUSTER = ("rejected", "suspicious_cluster")


@pytest.fixture
def judged(store: Any) -> Judged:
    """Performer 1, who has no face yet."""
    store.save()
    return Judged(store)


# --- high -------------------------------------------------------------------------------------------------------------


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


# --- medium -----------------------------------------------------------------------------------------------------------


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


# --- low --------------------------------------------------------------------------------------------------------------


def gather(judged: Judged, people: dict[str, int], galleries: int = 2, source: str = "pornpics") -> list[Any]:
    """Pictures of a source of low trust, entered first and then had, each with a face of that person."""
    judged.pending(source, *people, galleries=galleries)
    return [
        judged.face(source, name, near(person, 0.1, aside=number))
        for number, (name, person) in enumerate(people.items())
    ]


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
    (decision,) = judged.store.do(save_findings, [Finding(image=image, terms=judged.terms)])
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


# --- together, and what else happens to candidates --------------------------------------------------------------------

TABLES = ("images", "faces", "embeddings", "face_details", "performers", "runs", "scrape_progress", "counters",
          "candidates", "candidate_vectors")  # fmt: skip


@pytest.mark.parametrize("seed", range(8))
def test_together_is_the_same_as_one_after_the_other(store: Any, tmp_path: Path, seed: int) -> None:
    for name in ("ann", "bea"):
        store.save(name, f"{name.title()} Example")
    judges = [Judged(store, terms(Limits(source=4, total=9)), performer) for performer in (1, 2)]
    for judged in judges:
        judged.pending("pornpics", *(str(number) for number in range(0, 40, 7)))
    store.engine.dispose()
    (tmp_path / "other").mkdir()
    shutil.copy(store.path, tmp_path / "other")
    other = Store(tmp_path / "other")
    chance, findings = random.Random(seed), []
    for _ in range(120):
        source = chance.choice(["pornpics", "pornpics", "freeones", "boobpedia", "elitebabes", "stashdb"])
        vector = near(chance.choice([0, 0, 0, 1]), chance.random() * 0.4, aside=chance.randrange(8))
        name, gallery = str(chance.randrange(40)), chance.choice("gh")
        if chance.random() < 0.3 and source == "stashdb":
            continue
        findings.append(chance.choice(judges).finding(source, name, vector, body=str(chance.random()), gallery=gallery))
    store.do(lambda tx: [save_findings(tx, [one]) for one in findings])

    def in_batches(tx: Any) -> None:
        done = 0
        while done < len(findings):
            size = random.Random(seed + done).choice([1, 5, 32, 60])
            save_findings(tx, findings[done : done + size])
            done += size

    other.do(in_batches)
    for table in TABLES:
        order = "1, 2" if table != "scrape_progress" else "1"
        query = f"SELECT * FROM {table} ORDER BY {order}"
        strip = table in ("images", "performers", "faces", "scrape_progress")
        assert [_timeless(row) if strip else row for row in other.rows(query)] == [
            _timeless(row) if strip else row for row in store.rows(query)
        ], table
    assert store.one("SELECT count(*) FROM faces") > 4
    assert store.one("SELECT count(*) FROM candidates") > 4
    other.engine.dispose()


def _timeless(row: tuple[Any, ...]) -> tuple[Any, ...]:
    return tuple(value for value in row if not (isinstance(value, str) and value[:5].startswith("20") and ":" in value))


def test_whoever_is_forgotten_takes_what_waits_along(judged: Judged) -> None:
    blob = near(0, 0.123, aside=3).tobytes()
    judged.face("freeones", "waits", near(0, 0.123, aside=3))
    gather(judged, {"a": 0, "b": 0, "c": 0})
    assert blob in judged.store.one("SELECT vector FROM candidate_vectors ORDER BY image_id LIMIT 1")
    judged.store.do(forget_performers, [1])
    assert judged.store.rows("SELECT image_id FROM candidates UNION SELECT image_id FROM candidate_vectors") == []
    judged.store.engine.dispose()
    files = [path for path in judged.store.folder.iterdir() if path.name.startswith("performers.db")]
    assert not [path for path in files if blob in path.read_bytes()]


def test_a_source_that_is_forgotten_takes_its_own(judged: Judged) -> None:
    judged.face("freeones", "f", near(0))
    judged.face("boobpedia", "b", near(0))
    judged.store.do(forget_source, "freeones", PRIORITIES)
    assert judged.waiting() == {"b"}


def test_a_face_that_is_forgotten_waits_nowhere(judged: Judged) -> None:
    judged.face("freeones", "copy", near(1), body="one picture")
    given = judged.face("stashdb", "given", near(0), body="one picture")
    assert judged.waiting() == {"copy"}
    judged.store.do(forget_faces, [given.face_id])
    assert judged.waiting() == set()
    assert set(judged.ledger().values()) == {("rejected", "forgotten")}
    assert judged.store.rows("SELECT * FROM candidate_vectors") == []


def test_who_is_merged_keeps_what_waits_and_it_is_judged_again(store: Any) -> None:
    for name in ("jane", "ann"):
        store.save(name, f"{name.title()} Example")
    one, other = Judged(store, performer=1), Judged(store, performer=2)
    one.face("stashdb", "given", near(0))
    other.face("freeones", "right", near(0, 0.1))
    other.face("stashdb", "strange", near(1))
    assert other.ledger()["right"] == NO_MATCH
    store.do(absorb, 1, 2)
    assert one.waiting() == {"right"}
    assert one.sweep().taken == 1
    assert one.ledger()["right"] == ACCEPTED


def test_another_pack_has_what_waits_fetched_anew_and_keeps_what_stands(judged: Judged) -> None:
    gather(judged, {"a": 0, "b": 0, "c": 0, "x": 1})
    judged.face("freeones", "waits", near(2))
    ids = [face for (face,) in judged.store.rows("SELECT id FROM faces ORDER BY id")]
    other = {face: near(3, 0.1, aside=face) for face in ids}
    lost, *rest = ids
    for face in rest:
        image = judged.store.image()
        judged.store.do(
            save_vectors, face, "pack-2", {"sface": other[face]}, face=image.face, sha256=image.sha256, quality=0.4
        )
    judged.store.do(lose_face, lost, "pack-2", "no_face")
    switch(judged.store.engine, [IndexSpec("sface", 16, "pack-2")], may_drop=1)
    assert judged.ledger() == {
        "a": ("rejected", "no_face"), "b": ACCEPTED, "c": ACCEPTED, "x": ("pending", None), "waits": ("pending", None),
    }  # fmt: skip
    assert judged.waiting() == {"b", "c"}
    vectors = "SELECT face_id, model, v.vector, quality_score FROM candidates c JOIN images ON c.image_id = images.id "
    kept = judged.store.rows(vectors + "JOIN candidate_vectors v ON v.image_id = images.id ORDER BY face_id")
    assert kept == [(face, "pack-2", other[face].tobytes(), 0.4) for face in rest]


def test_status_shows_what_is_in_doubt(judged: Judged, capsys: pytest.CaptureFixture[str]) -> None:
    gather(judged, {"a": 0, "b": 0, "c": 0, "x": 1})
    judged.face("freeones", "waits", near(0))
    found = status(judged.store.engine, "db")
    show(found)
    assert "1 waiting" in capsys.readouterr().out.split("faces in doubt")[1]
    told = {one["source"]: one for one in found.as_json()["sources"]}
    assert (told["pornpics"]["waiting"], told["pornpics"]["unconfirmed"], told["freeones"]["waiting"]) == (1, 3, 1)
