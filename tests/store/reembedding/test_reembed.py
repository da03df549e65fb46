"""On the way to another model pack: what is left to be done, what was lost, and what is given up."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

from sqlalchemy import text

from enrich.items import FloatArray
from enrich.store.crawl_queries.status import status
from enrich.store.reembedding.library import ReembedLibrary
from enrich.store.reembedding.reembed import abandon, begin, begun, fail_face, lose_face, lost_faces, progress
from enrich.store.reembedding.switch import switch
from tests.store.reembedded import NEW, embed, on_the_way, url


def test_what_is_due(three: Any, vector: Callable[..., FloatArray]) -> None:
    library = ReembedLibrary(three.engine, "pack-2")
    try:
        due = library.due_images("stashdb", after=0, batch=2)
        assert [(key, ref.image_url, ref.performer_id) for key, ref in due] == [(1, url(1), 1), (2, url(2), 1)]
        assert [key for key, _ in library.due_images("stashdb", after=2, batch=2)] == [3]
        assert library.due_images("babepedia", after=0, batch=2) == []
        embed(three, vector, 1)
        three.do(lose_face, 2, "pack-2", "changed")
        assert three.do(fail_face, 3, "pack-2", "HTTP 503", now=three.noon)
        assert library.due_images("stashdb", after=0, batch=9, now=three.noon + timedelta(minutes=14)) == []
        again = library.due_images("stashdb", after=0, batch=9, now=three.noon + timedelta(minutes=15))
        assert [key for key, _ in again] == [3]
        assert [library.image_decided(ref) for _, ref in due] == [True, True]
        assert [one.face_id for one in library.wanted(again[0][1])] == [3]
        assert library.no_room(due[0][1]) is None
        assert library.lookups_by_url("stashdb", after=0, batch=9, genders=None, performer=None) == ()
    finally:
        library.close()


def test_several_faces_of_one_picture_are_all_wanted(three: Any) -> None:
    """As in a database that another program made."""
    three.do(lambda tx: tx.execute(text("UPDATE faces SET image_url = :url WHERE id < 3"), {"url": url(1)}))
    three.do(lambda tx: tx.execute(text("DELETE FROM face_details WHERE face_id = 2")))
    library = ReembedLibrary(three.engine, "pack-2")
    try:
        first, second = library.wanted(library.due_images("stashdb", after=0, batch=1)[0][1])
        assert (first.face_id, first.box_px) == (1, (10.0, 20.0, 110.0, 150.0))
        assert (second.face_id, second.box_px, second.sha256) == (2, None, None)
    finally:
        library.close()


def test_each_failure_waits_longer_and_counts_once(three: Any, vector: Callable[..., FloatArray]) -> None:
    for attempts in (1, 2, 3):
        three.do(fail_face, 1, "pack-2", "HTTP 503", now=three.noon)
        at = three.noon + timedelta(minutes=15 * 2 ** (attempts - 1))
        assert three.rows("SELECT attempts, next_try_at, reason FROM reembedded") == [
            (attempts, f"{at:%Y-%m-%d %H:%M:%S}", "HTTP 503")
        ]
    so_far = on_the_way(three)
    assert (so_far.failed, so_far.open, so_far.left) == ({"stashdb": 1}, {"stashdb": 2}, 3)
    embed(three, vector, 1)
    assert on_the_way(three).done == 1


def test_the_last_word_stays(three: Any, vector: Callable[..., FloatArray]) -> None:
    embed(three, vector, 1)
    three.do(lose_face, 2, "pack-2", "no_face")
    assert not three.do(lose_face, 1, "pack-2", "not_found")
    assert not three.do(fail_face, 2, "pack-2", "HTTP 503")
    assert (on_the_way(three).done, on_the_way(three).lost) == (1, {"no_face": 1})


def test_what_goes_meanwhile_takes_its_vectors_along(three: Any, vector: Callable[..., FloatArray]) -> None:
    embed(three, vector, 1, 2)
    three.do(lambda tx: tx.execute(text("DELETE FROM faces WHERE id IN (2, 3)")))
    assert not three.do(lose_face, 3, "pack-2", "not_found")
    assert three.rows("SELECT DISTINCT face_id FROM new_embeddings") == [(1,)]
    assert switch(three.engine, NEW).faces == 1


def test_faces_without_an_address_are_lost_from_the_start(three: Any) -> None:
    three.do(lambda tx: tx.execute(text("UPDATE faces SET image_url = NULL WHERE id = 2")))
    for _ in range(2):
        three.do(begin, "pack-2")
    with three.engine.connect() as connection:
        (only,) = lost_faces(connection, "pack-2")
    assert (only.face_id, only.performer, only.source, only.reason) == (2, "Jane Example", "stashdb", "no_address")


def test_several_packs_may_be_on_the_way_and_all_are_given_up_together(
    three: Any, vector: Callable[..., FloatArray]
) -> None:
    assert status(three.engine, "db").reembedding is None
    embed(three, vector, 1, 2)
    three.do(lose_face, 1, "pack-3", "changed")
    with three.engine.connect() as connection:
        assert begun(connection) == ["pack-2", "pack-3"]
        assert progress(connection, "pack-3").lost == {"changed": 1}
    told = status(three.engine, "db").as_json()["reembedding"]
    assert (told["model"], told["done"], told["open"]) == ("pack-2", 2, {"stashdb": 1})
    assert three.do(abandon) == 2
    assert status(three.engine, "db").reembedding is None
    assert three.rows("SELECT 1 FROM new_embeddings") == []
