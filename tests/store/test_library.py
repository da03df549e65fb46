"""Whom to look up and what to fetch: nothing left out, nothing twice, nothing that is settled."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from threading import Thread
from typing import Any

import pytest
from sqlalchemy import text

from enrich.errors import StoreError
from enrich.items import LookupEnded
from enrich.store.due import owners_of_due_pictures
from enrich.store.ledger import Limits
from enrich.store.library import Library
from enrich.store.performers import end_lookup

A, B, C = (f"https://img.example/{name}.jpg" for name in "abc")
WEEK = timedelta(days=7)


@pytest.fixture
def library(store: Any) -> Iterator[Library]:
    library = Library(store.engine, limits=Limits(source=2, total=3), refresh_after=timedelta(days=30))
    yield library
    library.close()


def babe(name: str) -> str:
    return f"https://www.babepedia.com/babe/{name}"


def end(store: Any, performer: int, outcome: Any = "done", mode: Any = "url", **options: Any) -> None:
    ended = LookupEnded(source="babepedia", mode=mode, performer_id=performer, outcome=outcome)
    store.do(end_lookup, ended, now=store.noon, **options)


def due(library: Library, store: Any, mode: str = "url", after: timedelta = timedelta(0), **options: Any) -> list[int]:
    read = library.lookups_by_url if mode == "url" else library.lookups_by_name
    return [lookup.performer_id for lookup in read("babepedia", now=store.noon + after, **options)]


# --- look-ups ---------------------------------------------------------------------------------------------------------


def test_a_lookup_has_all_that_is_needed_to_find_and_to_check(store: Any, library: Library) -> None:
    store.save(urls=(babe("Jane"), "https://www.iafd.com/person.rme/perfid=x", babe("Jane_X")), aliases=("Jay", "JJ"),
               gender="FEMALE", birth_date="1990-05-17")  # fmt: skip
    (lookup,) = library.lookups_by_url("babepedia")
    assert lookup.performer_id == 1
    assert (lookup.name, lookup.gender, lookup.birth_date) == ("Jane Example", "FEMALE", "1990-05-17")
    assert lookup.aliases == ("Jay", "JJ")
    assert lookup.urls == (babe("Jane"), babe("Jane_X"))
    (by_name,) = library.lookups_by_name("babepedia")
    assert by_name.urls == lookup.urls
    assert by_name.aliases == ("Jay", "JJ")


def test_batches_leave_nobody_out_and_split_nobody(store: Any, library: Library) -> None:
    for n in range(7):
        store.save(f"p{n}", urls=tuple(babe(f"P{n}_{k}") for k in range(3)))
    seen, after = [], 0
    while batch := library.lookups_by_url("babepedia", after=after, batch=2):
        assert len(batch) <= 2
        seen += batch
        after = batch[-1].performer_id
    assert [lookup.performer_id for lookup in seen] == [1, 2, 3, 4, 5, 6, 7]
    assert all(len(lookup.urls) == 3 for lookup in seen)


def test_a_performer_who_is_gone_does_not_stop_the_walk(store: Any, library: Library) -> None:
    for n in range(3):
        store.save(f"p{n}", urls=(babe(f"P{n}"),))
    store.do(lambda tx: tx.execute(text("DELETE FROM performers WHERE id = 2")))
    assert due(library, store, after=timedelta(0), batch=10) == [1, 3]
    assert [lookup.performer_id for lookup in library.lookups_by_url("babepedia", after=2)] == [3]


def test_only_the_site_itself_counts_not_a_name_like_it(store: Any, library: Library) -> None:
    store.save(urls=("https://twitter.com/babepedia_fan", "https://notbabepedia.com/babe/Jane"))
    assert library.lookups_by_url("babepedia") == []


@pytest.mark.parametrize("mode", ["url", "name"])
def test_an_unknown_gender_is_wanted_always(store: Any, library: Library, mode: Any) -> None:
    for n, gender in enumerate(("FEMALE", "MALE", None, "TRANSGENDER_FEMALE", "female")):
        store.save(f"p{n}", urls=(babe(f"P{n}"),), gender=gender)
    wanted = frozenset({"FEMALE", "TRANSGENDER_FEMALE"})
    assert due(library, store, mode, genders=wanted) == [1, 3, 4, 5]
    assert due(library, store, mode, genders=None) == [1, 2, 3, 4, 5]
    assert library.count_lookups("babepedia", mode, genders=wanted) == 4


@pytest.mark.parametrize("outcome", ["done", "not_found", "wrong_person", "skipped"])
def test_what_has_an_answer_is_asked_again_only_when_it_is_old(store: Any, library: Library, outcome: str) -> None:
    store.save(urls=(babe("Jane"),))
    end(store, 1, outcome)
    assert due(library, store) == []
    assert due(library, store, after=timedelta(days=29)) == []
    assert due(library, store, after=timedelta(days=30)) == [1]
    assert due(library, store, "name") == [1]  # the other mode is another question


def test_without_a_refresh_time_an_answer_stands(store: Any) -> None:
    store.save(urls=(babe("Jane"),))
    end(store, 1)
    library = Library(store.engine)
    assert due(library, store, after=timedelta(days=9999)) == []
    library.close()


@pytest.mark.parametrize("outcome", ["failed", "blocked"])
def test_a_failure_is_tried_again_after_its_time(store: Any, library: Library, outcome: str) -> None:
    store.save(urls=(babe("Jane"),))
    end(store, 1, outcome)
    assert due(library, store, after=timedelta(minutes=14)) == []
    assert due(library, store, after=timedelta(minutes=15)) == [1]
    end(store, 1, outcome)
    assert due(library, store, after=timedelta(minutes=15)) == []
    assert due(library, store, after=timedelta(minutes=30)) == [1]
    end(store, 1, "done")
    assert store.one("SELECT outcome, next_try_at FROM lookups") == ("done", None)


def test_a_new_link_makes_an_old_performer_due(store: Any, library: Library) -> None:
    store.save(urls=(babe("Jane"),))
    end(store, 1)
    store.save(urls=(babe("Jane"), "https://www.iafd.com/person.rme/perfid=x"))
    assert due(library, store) == []
    store.save(urls=(babe("Jane"), babe("Jane_X")))
    assert due(library, store) == [1]


def test_a_new_name_makes_a_performer_due_by_name(store: Any, library: Library) -> None:
    store.save()
    end(store, 1, "not_found", mode="name")
    store.save(height_cm=170)
    assert due(library, store, "name") == []
    store.save(aliases=("Jay",))
    assert due(library, store, "name") == [1]
    end(store, 1, "not_found", mode="name")
    store.save(name="Jane Renamed", aliases=("Jay",))
    assert due(library, store, "name") == [1]


def test_what_the_site_itself_contributed_is_no_reason_to_ask_it_again(store: Any, library: Library) -> None:
    store.save()
    store.save("Jane", source="babepedia", mode="name", performer_id=1, page_url=babe("Jane"), aliases=("Jay",))
    assert library.lookups_by_name("babepedia") == []
    end(store, 1)
    store.save("Jane", source="babepedia", mode="url", performer_id=1, page_url=babe("Jane"), aliases=("Jay", "JJ"),
               urls=(babe("Jane_X"),))  # fmt: skip
    assert library.lookups_by_url("babepedia") == []
    assert len(store.rows("SELECT * FROM external_urls")) == 2
    assert library.lookups_by_name("babepedia") == []


@pytest.mark.parametrize("who", ["2", "stashdb:p1"])
def test_a_performer_can_be_named_and_is_looked_up_whether_due_or_not(store: Any, library: Library, who: str) -> None:
    for n in range(3):
        store.save(f"p{n}", urls=(babe(f"P{n}"),))
    end(store, 2)
    assert due(library, store, performer=who) == [2]
    assert due(library, store, performer=who, after=timedelta(0), batch=5) == [2]
    assert [lookup.performer_id for lookup in library.lookups_by_url("babepedia", performer=who, after=2)] == []


@pytest.mark.parametrize("who", ["99", "stashdb:nobody", "jane"])
def test_naming_nobody_is_said(library: Library, who: str) -> None:
    with pytest.raises(StoreError, match=who):
        library.lookups_by_name("babepedia", performer=who)


# --- pictures ---------------------------------------------------------------------------------------------------------


def test_the_state_of_a_picture_says_whether_it_is_to_be_fetched(store: Any, library: Library) -> None:
    assert library.image_state(store.ref(A)) is None  # nor is its performer known
    assert not library.image_decided(store.ref(A))
    store.save(images=(store.ref(A),))
    assert library.image_state(store.ref(B)) is None
    states = []
    for act in (lambda: None, lambda: store.fail(A), lambda: store.fail(A, now=store.noon - WEEK),
                lambda: store.reject(A, "source_limit"), lambda: store.reject(A, "no_face")):  # fmt: skip
        act()
        state = library.image_state(store.ref(A))
        assert state is not None
        states.append((state.outcome, state.reason, state.due))
        assert library.image_decided(store.ref(A)) is not state.due
    assert states == [
        ("pending", None, True),
        ("failed", None, False),
        ("failed", None, True),
        ("rejected", "source_limit", True),
        ("rejected", "no_face", False),
    ]


def test_an_accepted_picture_is_decided_also_under_our_own_id(store: Any, library: Library) -> None:
    store.save()
    store.face(A)
    state = library.image_state(store.ref(A, performer_id=1))
    assert state is not None
    assert (state.outcome, state.due, state.face_id, state.performer_id) == ("accepted", False, 1, 1)
    assert library.is_held(store.image(A).sha256)
    assert not library.is_held("0" * 64)
    assert library.performer_id("stashdb", "jane") == 1
    assert library.performer_id("fansdb", "jane") is None


def test_one_address_at_two_performers_is_two_pictures(store: Any, library: Library) -> None:
    store.save()
    store.save("other", images=(store.ref(A, source_id="other"),))
    store.reject(A, "no_face")
    assert library.image_decided(store.ref(A))
    assert not library.image_decided(store.ref(A, source_id="other"))
    assert not library.image_decided(store.ref(A, source_id="nobody"))


def test_there_is_room_until_a_limit_is_reached(store: Any, library: Library) -> None:
    store.save()
    assert library.no_room(store.ref(A)) is None
    store.face(A)
    assert library.no_room(store.ref(B)) is None
    store.face(B)
    assert library.no_room(store.ref(C)) == "source_limit"
    elsewhere = store.ref(C, source="babepedia", performer_id=1)
    assert library.no_room(elsewhere) is None
    store.face(C, source="babepedia", performer_id=1)
    assert library.no_room(store.ref(C, source="iafd", performer_id=1)) == "total_limit"
    assert Library(store.engine).no_room(store.ref(C)) is None
    assert library.no_room(store.ref(C, source_id="nobody")) is None


def test_what_is_still_to_be_fetched_comes_back_as_it_was(store: Any, library: Library) -> None:
    said = {"page_url": "https://page.example", "gallery": "g", "matched": "Jane", "width_px": 600, "height_px": 800}
    first = store.ref(A, **said)
    store.save(images=(first,))
    second = store.ref(B, source="babepedia", performer_id=1, **said)
    store.save("Jane", source="babepedia", mode="name", performer_id=1, images=(second,))
    assert library.due_images("stashdb") == [(1, first)]
    assert library.due_images("babepedia") == [(1, second)]


def test_only_open_pictures_are_due_and_failed_ones_in_their_time(store: Any, library: Library) -> None:
    urls = [f"https://img.example/{n}.jpg" for n in range(6)]
    store.save(images=tuple(store.ref(url) for url in urls))
    store.reject(urls[0], "no_face")
    store.reject(urls[1], "source_limit")
    store.fail(urls[2], now=store.noon)
    store.face(urls[3])
    found = library.due_images("stashdb", now=store.noon)
    assert [ref.image_url for _, ref in found] == [urls[1], urls[4], urls[5]]
    later = library.due_images("stashdb", now=store.noon + WEEK)
    assert [ref.image_url for _, ref in later] == [urls[1], urls[2], urls[4], urls[5]]
    assert library.due_images("stashdb", after=1, now=store.noon + WEEK) == []


def test_due_pictures_come_performer_by_performer_and_none_is_left_out(store: Any, library: Library) -> None:
    """Performers who have nothing due, or no room, stand between those who have."""
    for n in range(1, 10):
        store.save(
            f"p{n}", images=tuple(store.ref(f"https://img.example/{n}-{k}.jpg", source_id=f"p{n}") for k in "ab")
        )
    for n in (2, 3, 7):  # no room
        for k in "cd":
            store.face(f"https://img.example/{n}-{k}.jpg", source_id=f"p{n}")
    for n in (4, 9):  # nothing due
        for k in "ab":
            store.reject(f"https://img.example/{n}-{k}.jpg", source_id=f"p{n}")
    pages, after = [], 0
    while found := library.due_images("stashdb", after=after, batch=2):
        pages.append([(key, ref.image_url[20:-4]) for key, ref in found])
        after = found[-1][0]
    assert pages == [
        [(1, "1-a"), (1, "1-b"), (5, "5-a"), (5, "5-b")],
        [(6, "6-a"), (6, "6-b"), (8, "8-a"), (8, "8-b")],
    ]


def test_no_picture_is_due_of_a_performer_without_room(store: Any, library: Library) -> None:
    store.save(images=(store.ref(A), store.ref(B), store.ref(C)))
    store.face(A)
    assert len(library.due_images("stashdb")) == 2
    store.face(B)
    assert library.due_images("stashdb") == []
    roomy = Library(store.engine, limits=Limits(source=3))
    assert len(roomy.due_images("stashdb")) == 1
    roomy.close()


def test_what_is_due_is_found_in_the_indices_alone(store: Any) -> None:
    owners = owners_of_due_pictures("x", after=5, batch=9, limits=Limits(source=2, total=3), now=store.noon)
    sql = owners.compile(store.engine, compile_kwargs={"literal_binds": True}).string
    plan = [row[-1] for row in store.rows(f"EXPLAIN QUERY PLAN {sql}")]
    assert plan[0] == "SEARCH images USING COVERING INDEX idx_images_open (source=? AND performer_id>?)"
    assert all("USING COVERING INDEX idx_faces_performer" in line for line in plan if "faces" in line)
    assert "TEMP B-TREE" not in str(plan)  # the order is the index's: it stops at the last performer wanted


# --- threads ----------------------------------------------------------------------------------------------------------


def test_any_thread_sees_what_another_has_just_written(store: Any, library: Library) -> None:
    store.save()
    seen: list[bool] = []
    for _ in range(3):
        url = f"https://img.example/{len(seen)}.jpg"
        assert not library.image_decided(store.ref(url))
        store.reject(url)
        threads = [Thread(target=lambda url=url: seen.append(library.image_decided(store.ref(url)))) for _ in range(2)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert library.image_decided(store.ref(url))
    assert seen == [True] * 6
