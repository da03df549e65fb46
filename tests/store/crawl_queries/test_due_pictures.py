"""Which pictures to fetch: nothing left out, nothing twice, nothing that is settled or has no room."""

from __future__ import annotations

from datetime import timedelta
from threading import Thread
from typing import Any

from enrich.store.crawl_queries.due import owners_of_due_pictures
from enrich.store.crawl_queries.queries import Library
from enrich.store.ledger.rows import Limits

A, B, C = (f"https://img.example/{name}.jpg" for name in "abc")
WEEK = timedelta(days=7)


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
