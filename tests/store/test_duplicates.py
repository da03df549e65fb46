"""One photograph is stored once, however it was saved, scaled or cut, and whoever has it: in its best version."""

from __future__ import annotations

import itertools
import json
import random
from typing import Any

import numpy as np
import pytest
from sqlalchemy import text

from enrich.faces.versions import VERSIONS
from enrich.items import FloatArray, KnownImage
from enrich.store.database import open_database
from enrich.store.forgetting.forget import forget_faces
from enrich.store.forgetting.source import forget_source
from enrich.store.index import check
from enrich.store.judging.findings import Finding, save_findings
from enrich.store.ledger import Limits
from enrich.store.library import Library
from enrich.store.models import IndexSpec
from enrich.store.reembedding.reembed import lose_face, save_vectors
from enrich.store.reembedding.switch import switch
from enrich.store.runs import start_run
from tests.store.conftest import PRIORITIES
from tests.store.judging import Judged, near, terms

ACCEPTED = ("accepted", None)
SAME_IMAGE, SAME_FACE = ("rejected", "duplicate_image"), ("rejected", "duplicate_face")
DETAIL = "SELECT detail FROM images WHERE image_url LIKE :name"


@pytest.fixture
def judged(store: Any) -> Judged:
    """Performer 1, who has no face yet."""
    store.save()
    return Judged(store)


def look(photograph: int, picture_bits: int = 0, crop_bits: int = 0) -> tuple[str, str]:
    """The hashes of a photograph's version, so many bits from its first one's."""
    chance = random.Random(photograph)
    return tuple(f"{chance.getrandbits(64) ^ (1 << bits) - 1:016x}" for bits in (picture_bits, crop_bits))  # type: ignore[return-value]


def version(judged: Judged, source: str, name: str, quality: float = 0.5, **said: Any) -> Any:
    """A version of photograph 7 of the person's own face, or another."""
    said.setdefault("look", look(7))
    return judged.face(source, name, said.pop("vector", near(0)), quality=quality, **said)


def detail(judged: Judged, name: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(judged.store.one(DETAIL, name=f"%/{name}.jpg"))
    return found


def kept(judged: Judged) -> list[str]:
    rows = judged.store.rows("SELECT image_url FROM faces ORDER BY id")
    return [url.rpartition("/")[2].removesuffix(".jpg") for (url,) in rows]


# --- what is a copy ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("rule", VERSIONS)
def test_what_is_a_copy_and_what_is_not(judged: Judged, rule: Any) -> None:
    """At the very edge of each rule, and beyond it by a bit, or by a little of the vector."""
    others = [one for one in VERSIONS if one is not rule]
    assert version(judged, "stashdb", "first").outcome == "accepted"
    picture, crop = min(rule.picture_bits, 40), min(rule.crop_bits, 40)
    far = 1 - rule.similarity
    copy = version(judged, "babepedia", "copy", look=look(7, picture, crop), vector=near(0, far * 0.99))
    assert (copy.outcome, copy.reason) == ("rejected", rule.reason)
    said = detail(judged, "copy")
    assert {name: said[name] for name in ("of_performer", "of_face", "of_source")} == {
        "of_performer": 1, "of_face": 1, "of_source": "stashdb",
    }  # fmt: skip
    assert said["of_image_url"] == "https://stashdb.example/first.jpg"
    assert (said["picture_bits"], said["crop_bits"]) == (picture, crop)
    assert said["similarity"] == pytest.approx(1 - far * 0.99, abs=1e-4)
    beyond = [(picture, crop, far * 1.05 + 0.001)]
    beyond += [(picture + 1, crop, far * 0.99)] if rule.picture_bits < 64 else []
    beyond += [(picture, crop + 1, far * 0.99)] if rule.crop_bits < 64 else []
    for number, (p, c, distance) in enumerate(beyond):
        if any(p <= one.picture_bits and c <= one.crop_bits and 1 - distance >= one.similarity for one in others):
            continue
        vector = near(0, distance, aside=number + 1)
        assert version(judged, "babepedia", f"other{number}", look=look(7, p, c), vector=vector).outcome == "accepted"
        judged.store.do(lambda tx: tx.execute(text("DELETE FROM faces WHERE id > 1")))


def test_of_several_recognisers_all_have_to_say_so(store: Any, vector: Any) -> None:
    store.save()
    one = {"facenet": vector(1, 8), "arcface": vector(2, 8)}
    store.face("https://img.example/1.jpg", vectors=one, look=look(7))
    other = store.face("https://img.example/2.jpg", vectors={**one, "arcface": vector(3, 8)}, look=look(7))
    same = store.face("https://img.example/3.jpg", vectors=one, look=look(7))
    assert (other.outcome, same.reason) == ("accepted", "duplicate_image")


def test_another_performers_picture_is_not_compared(store: Any) -> None:
    for name in ("jane", "ann"):
        store.save(name, f"{name.title()} Example")
    version(Judged(store, performer=1), "stashdb", "hers")
    assert version(Judged(store, performer=2), "stashdb", "theirs").outcome == "accepted"


def test_faces_of_older_versions_have_no_hashes_and_are_not_compared(judged: Judged) -> None:
    version(judged, "stashdb", "old", look=(None, None))
    assert version(judged, "stashdb", "new").outcome == "accepted"
    assert version(judged, "stashdb", "without", look=(None, None)).outcome == "accepted"


def test_an_older_database_gets_the_columns_and_keeps_its_faces(judged: Judged) -> None:
    store = judged.store
    version(judged, "stashdb", "old", vector=near(1, 0.01))
    judged.face("freeones", "waits", near(2))
    for table, column in itertools.product(
        ("face_details", "candidates", "reembedded"), ("picture_hash", "crop_hash", "measures")
    ):
        store.do(lambda tx, table=table, column=column: tx.execute(text(f"ALTER TABLE {table} DROP COLUMN {column}")))
    store.do(lambda tx: tx.execute(text("UPDATE alembic_version SET version_num = '0005'")))
    store.engine.dispose()
    open_database(store.url).dispose()
    assert store.rows("SELECT picture_hash, crop_hash, measures FROM face_details") == [(None, None, None)]
    assert version(judged, "stashdb", "new").outcome == "accepted"
    given = judged.face("stashdb", "given", near(2, 0.1))
    assert given.also_taken == 1, "what waited without hashes and measures can be taken"
    assert store.rows("SELECT measures IS NULL FROM face_details ORDER BY face_id") == [(1,), (0,), (0,), (1,)]


def test_hashes_and_measures_are_stored_also_of_what_waited(judged: Judged) -> None:
    judged.face("freeones", "waited", near(0, 0.1, aside=1), look=look(1))
    version(judged, "stashdb", "at_once")
    rows = judged.store.rows("SELECT picture_hash, crop_hash, measures FROM face_details ORDER BY face_id")
    assert [row[:2] for row in rows] == [look(7), look(1)]
    assert [json.loads(row[2]) for row in rows] == [
        {"visible": 1.0, "pitch_deg": 0.0, "roll_deg": 0.0, "sharpness": 0.75, "exposure": 0.95}
    ] * 2
    assert judged.store.rows("SELECT count(*) FROM candidates") == [(0,)]


# --- the better one is kept -------------------------------------------------------------------------------------------


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
    from enrich.store.index import catch_up

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


# --- faces that stand unconfirmed -------------------------------------------------------------------------------------


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
        (decision,) = judged.store.do(save_findings, [Finding(image=known, terms=judged.terms)])
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
    judged.face("pornpics", "a", near(0), look=look(7), gallery="a")
    for number, name in enumerate("bc"):
        judged.face("pornpics", name, near(0, 0.2, aside=number), look=look(8 + number), gallery=name)
    decision = judged.face("stashdb", "stranger", near(1))
    assert decision.taken_away == 3
    assert judged.store.one("SELECT faces_added FROM runs UNION ALL SELECT 0") == 0


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


# --- faces that wait --------------------------------------------------------------------------------------------------


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


# --- what becomes of copies -------------------------------------------------------------------------------------------


def chain(judged: Judged) -> FloatArray:
    """Photograph 7, stored as `c`, whose copies are `a` and, through it, `b`; and another one."""
    judged.face("stashdb", "other", near(0, 0.2, aside=1), look=look(1))
    version(judged, "stashdb", "a", 0.35)
    version(judged, "freeones", "b", 0.2)
    version(judged, "freeones", "c", 0.55)
    assert kept(judged) == ["other", "c"]
    return near(0)


def test_whoever_forgets_a_face_forgets_its_copies(judged: Judged) -> None:
    chain(judged)
    forgotten = ("rejected", "forgotten")
    judged.store.do(forget_faces, [judged.store.one("SELECT max(id) FROM faces")])
    assert judged.ledger() == {"other": ACCEPTED, "a": forgotten, "b": forgotten, "c": forgotten}
    assert look(7)[0].encode() not in b"".join(
        json.dumps(row).encode() for table in ("face_details", "candidates", "reembedded")
        for row in judged.store.rows(f"SELECT picture_hash FROM {table}")
    )  # fmt: skip


def test_a_source_that_is_forgotten_lets_the_others_version_come_back(judged: Judged) -> None:
    chain(judged)
    judged.store.do(forget_source, "freeones", PRIORITIES)
    assert judged.ledger() == {"other": ACCEPTED, "a": ("pending", None)}
    library = Library(judged.store.engine)
    assert [ref.image_url for _, ref in library.due_images("stashdb")] == ["https://stashdb.example/a.jpg"]
    library.close()


def test_another_pack_that_finds_no_face_any_more_lets_the_copies_come_back(judged: Judged) -> None:
    chain(judged)
    image = judged.store.image(look=look(5))
    judged.store.do(
        save_vectors, 1, "pack-2", {"sface": near(3)}, face=image.face, sha256=image.sha256, quality=0.4,
        picture_hash=image.picture_hash,
    )  # fmt: skip
    judged.store.do(lose_face, 3, "pack-2", "not_found")
    switch(judged.store.engine, [IndexSpec("sface", 16, "pack-2")], may_drop=1)
    assert judged.ledger() == {
        "other": ACCEPTED, "a": ("pending", None), "b": ("pending", None), "c": ("rejected", "not_found"),
    }  # fmt: skip
    (found,) = judged.store.rows("SELECT picture_hash, crop_hash, measures IS NULL FROM face_details")
    assert found == (*look(5), 0), "what the new pack saw"


def test_what_was_not_measured_is_written_as_unknown(judged: Judged) -> None:
    image = judged.store.image()
    unknown = dict.fromkeys(("visible", "pitch_deg", "roll_deg", "sharpness", "exposure"), np.nan)
    from dataclasses import replace

    judged.store.do(save_findings, [Finding(image=replace(image, face=replace(image.face, **unknown)))])
    assert judged.store.one("SELECT measures FROM face_details") is None
