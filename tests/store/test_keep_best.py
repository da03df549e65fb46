"""Which faces are kept where there may not be more: the best and the most various, whoever came first."""

from __future__ import annotations

import itertools
import json
import random
import shutil
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text

from enrich.store.database import database_url
from enrich.store.index import catch_up, check
from enrich.store.judging.findings import Finding, save_findings
from enrich.store.judging.keeping import LEAST_SESSION_GRADE, Entry, goes_for, grade, worth
from enrich.store.ledger import Limits
from enrich.store.library import Library
from enrich.store.models import IndexSpec
from enrich.store.runs import start_run
from enrich.store.writer import Writer
from tests.store.conftest import Store
from tests.store.judging import Judged, near, terms
from tests.store.writing import begin_together, forked

ACCEPTED = ("accepted", None)
SOURCE, TOTAL = ("rejected", "source_limit"), ("rejected", "total_limit")


# --- the number that only rises ---------------------------------------------------------------------------------------


def test_quality_counts_in_tenths() -> None:
    assert [grade(tenth / 10) for tenth in range(11)] == list(range(11))
    assert [grade(quality) for quality in (0.099, 0.55, 0.599999, 0.7 - 1e-12)] == [0, 5, 5, 7]


Faces = list[tuple[str, Entry]]


def entries(chance: random.Random, number: int) -> Faces:
    """Source and face, of few sessions and grades, so that much is equal."""
    found = []
    for face in range(1, number + 1):
        source = chance.choice("abc")
        gallery = chance.choice([None, "g", "h"])
        session = (source, gallery) if gallery else (source, None, face)
        found.append((source, Entry(face, session, chance.randrange(8), chance.random() < 0.15)))
    return found


def kept_of(stream: Faces, of_source: int, of_all: int, held: Faces | None = None) -> Faces:
    """What is left when they come one after the other and each takes the place that the limits leave it."""
    held = held or []
    for source, new in stream:
        full = sum(one == source for one, _ in held) >= of_source
        if full or len(held) >= of_all:
            may_go = [face.face_id for one, face in held if one == source or not full]
            goes = goes_for(new, [face for _, face in held], may_go, lambda face: (-face,))
            if goes is None:
                continue
            held = [one for one in held if one[1] is not goes]
        held.append((source, new))
    return held


@pytest.mark.parametrize("seed", range(60))
def test_whatever_the_order_what_is_left_is_worth_the_most(seed: int) -> None:
    chance = random.Random(seed)
    stream = entries(chance, chance.randrange(4, 9))
    of_source, of_all = chance.randrange(1, 4), chance.randrange(1, 6)
    sets = [list(some) for n in range(of_all + 1) for some in itertools.combinations(stream, n)]
    fitting = [some for some in sets if all(sum(s == one for s, _ in some) <= of_source for one in "abc")]
    most = max(map(len, fitting))
    best = max(worth(face for _, face in some) for some in fitting if len(some) == most)
    for _ in range(12):
        chance.shuffle(stream)
        left = kept_of(stream, of_source, of_all)
        assert (len(left), worth(face for _, face in left)) == (most, best)
        others = [one for one in stream if one not in left]
        assert kept_of(others, of_source, of_all, left) == left, "none of them comes back"


def test_a_session_counts_once_and_only_with_a_face_that_can_be_seen() -> None:
    poor = LEAST_SESSION_GRADE - 1
    assert worth([Entry(1, "s", 5), Entry(2, "s", 5)]) + 2 == worth([Entry(1, "s", 5), Entry(2, "t", 5)])
    assert worth([Entry(1, "s", 5), Entry(2, "t", poor)]) == worth([Entry(1, "s", 5), Entry(2, "s", poor)])
    doubtful = Entry(2, "t", 9, doubtful=True)
    assert worth([Entry(1, "s", 5), doubtful]) < worth([Entry(1, "s", 0)])


# --- in the database --------------------------------------------------------------------------------------------------


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


def test_the_index_follows(store: Any) -> None:
    one, spec, folder = judged(store, source=1), IndexSpec("sface", 16, "pack-1"), store.folder / "index"
    put(one, "stashdb", "poor", 0.3)
    catch_up(store.engine, folder, spec)
    put(one, "stashdb", "good", 0.6)
    assert len(check(store.engine, folder, spec)) == 2
    catch_up(store.engine, folder, spec)
    assert check(store.engine, folder, spec) == []


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


PROCESSES, PERFORMERS, PICTURES = 3, 4, 60
LIMITS = Limits(source=3, total=5)
SOURCES = ("stashdb", "babepedia", "iafd")


def pictures_of(who: int) -> list[Finding]:
    """A process's pictures, the same in each run, of qualities and sessions that are much alike."""
    store, chance = Store.__new__(Store), random.Random(who)
    on, found = terms(LIMITS, iafd="high"), []
    for number in range(PICTURES):
        url, gallery = f"https://img.example/{who}/{number}.jpg", chance.choice([None, "g", "h"])
        image = store.image(
            url, source=chance.choice(SOURCES), performer_id=1 + number % PERFORMERS, quality=chance.randrange(10) / 10,
            gallery=gallery, vectors={"sface": near(0, 0.1, aside=number)},
        )  # fmt: skip
        found.append(Finding(image=image, limits=LIMITS, terms=on))
    return found


def write_pictures(folder: Path, who: int, barrier: bool = True) -> None:
    writer = Writer.acquire(database_url(folder))
    if barrier:
        from tests.store.writing import _start

        _start[0].wait(60)
    for future in [writer.submit_piece(save_findings, finding) for finding in pictures_of(who)]:
        future.result()
    writer.release()


def worths(store: Any) -> dict[int, int]:
    """What the faces of each performer are worth."""
    found: dict[int, list[Entry]] = {}
    rows = store.rows(
        "SELECT id, performer_id, source_endpoint, gallery, quality_score FROM faces JOIN face_details ON face_id = id"
    )
    for face, performer, source, gallery, quality in rows:
        session = (source, gallery) if gallery else (source, face)
        found.setdefault(performer, []).append(Entry(face, session, grade(quality)))
    return {performer: worth(held) for performer, held in found.items()}


def test_processes_that_write_at_once_keep_the_limits_and_the_best(store: Any, tmp_path: Path) -> None:
    for number in range(PERFORMERS):
        store.save(f"p{number}", f"Performer {number}")
    (tmp_path / "alone").mkdir()
    alone = Store(tmp_path / "alone")
    for number in range(PERFORMERS):
        alone.save(f"p{number}", f"Performer {number}")
    context = forked()
    barrier = context.Barrier(PROCESSES)
    with ProcessPoolExecutor(PROCESSES, context, begin_together, (barrier,)) as processes:
        for future in [processes.submit(write_pictures, store.folder, who) for who in range(PROCESSES)]:
            future.result()
    for who in range(PROCESSES):
        write_pictures(alone.folder, who, barrier=False)
    assert worths(store) == worths(alone), "they are the best there were"
    counts = store.rows("SELECT performer_id, source_endpoint, count(*) FROM faces GROUP BY 1, 2")
    assert max(number for *_, number in counts) <= LIMITS.source  # type: ignore[operator]
    totals = dict(store.rows("SELECT performer_id, count(*) FROM faces GROUP BY 1"))
    assert totals == dict.fromkeys(range(1, PERFORMERS + 1), LIMITS.total)
    assert dict(store.rows("SELECT id, face_count FROM performers")) == totals
    assert store.rows("SELECT face_id FROM images WHERE outcome = 'accepted' ORDER BY 1") == store.rows(
        "SELECT id FROM faces ORDER BY 1"
    )
    decided = dict(store.rows("SELECT outcome, count(*) FROM images GROUP BY 1"))
    assert sum(decided.values()) == PROCESSES * PICTURES
    assert store.rows("SELECT id FROM images WHERE (outcome = 'accepted') != (face_id IS NOT NULL)") == []
    alone.engine.dispose()


# --- together ---------------------------------------------------------------------------------------------------------

CONTENT = (
    "SELECT id, performer_id, image_url, quality_score FROM faces ORDER BY id",
    "SELECT face_id, picture_hash, vector FROM face_details JOIN embeddings USING (face_id) ORDER BY 1",
    "SELECT source, image_url, outcome, reason, detail, face_id, attempts FROM images ORDER BY source, image_url",
    "SELECT image_url, seen_face, picture_hash FROM candidates JOIN images ON id = image_id ORDER BY source, image_url",
    "SELECT performer_id, source_endpoint, count(*) FROM faces GROUP BY 1, 2 ORDER BY 1, 2",
    "SELECT id, face_count FROM performers ORDER BY id",
    "SELECT id, faces_added FROM runs ORDER BY id",
    "SELECT source, faces_added FROM scrape_progress ORDER BY 1",
)


@pytest.mark.parametrize("seed", range(10))
def test_together_is_the_same_as_one_after_the_other(store: Any, tmp_path: Path, seed: int) -> None:
    """Few photographs in many versions, few places, all levels of trust; each in a transaction, or many in one."""
    for name in ("ann", "bea"):
        store.save(name, f"{name.title()} Example")
    on = terms(Limits(source=3, total=5))
    judges = [Judged(store, on, performer) for performer in (1, 2)]
    runs = [store.do(start_run, source, "url", now=store.noon) for source in ("freeones", "babepedia")]
    chance, findings = random.Random(seed), []
    for number in range(150):
        one, photograph = chance.choice(judges), chance.randrange(12)
        one.run = chance.choice([None, *runs])
        hashes = random.Random(photograph)
        look = tuple(f"{hashes.getrandbits(64) ^ chance.choice([0, 1, 3]):016x}" for _ in range(2))
        vector = near(photograph % 5 // 4, 0.05 + photograph / 60, aside=photograph)
        findings.append(
            one.finding(
                chance.choice(["pornpics", "freeones", "boobpedia", "elitebabes", "babepedia", "stashdb"]),
                str(chance.randrange(60)), vector, body=str(chance.choice([number, photograph])),
                look=look if chance.random() < 0.9 else (None, None), quality=chance.randrange(100) / 100,
                gallery=chance.choice([None, "g", "h"]),
            )
        )  # fmt: skip
    store.engine.dispose()
    (tmp_path / "other").mkdir()
    shutil.copy(store.path, tmp_path / "other")
    other = Store(tmp_path / "other")
    told = [store.do(save_findings, [finding])[0] for finding in findings]
    together: list[Any] = []
    while len(together) < len(findings):
        size = random.Random(seed + len(together)).choice([1, 5, 32, 60])
        together += other.do(save_findings, findings[len(together) : len(together) + size])
    assert together == told
    for query in CONTENT:
        assert other.rows(query) == store.rows(query), query
    faces = dict(store.rows("SELECT performer_id, count(*) FROM faces GROUP BY 1"))
    assert dict(store.rows("SELECT id, face_count FROM performers")) == faces == {1: 5, 2: 5}
    assert (
        max(n for _, _, n in store.rows("SELECT performer_id, source_endpoint, count(*) FROM faces GROUP BY 1, 2")) <= 3
    )
    assert sum(decision.replaced for decision in told) > 5
    assert store.rows("SELECT id FROM images WHERE (outcome = 'accepted') != (face_id IS NOT NULL)") == []
    waiting = "SELECT outcome FROM images JOIN candidates ON image_id = id WHERE reason LIKE '%_limit'"
    assert store.rows(waiting) == []
    added = sum(decision.outcome == "accepted" and not decision.repeated for decision in told)
    added += sum(decision.also_taken - decision.taken_away - decision.replaced for decision in told)
    assert added == 10, "what was told adds up to what there is"
    other.engine.dispose()
