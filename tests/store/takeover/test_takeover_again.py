"""An old database taken over a second time, and into a database that is in use."""

from __future__ import annotations

import sqlite3
from contextlib import closing

import pytest
from sqlalchemy import select

from enrich.errors import StoreError
from enrich.store.crawl_queries.queries import Library
from enrich.store.db.schema import performers
from enrich.store.forgetting.forget import forget_performers
from tests.store.stash_sense import crowd, picture, uuid
from tests.store.taking import Taking, lines


def test_a_second_time_changes_nothing_and_makes_no_backup(taking: Taking) -> None:
    old = taking.data(owners=crowd(60), deleted=[3, 4])
    old.sql("INSERT INTO scrape_progress (source, performers_processed) VALUES ('stashdb', 20)")
    old.sql("INSERT INTO performers (canonical_name, birth_date) VALUES ('Nameless Id', '1980-01-01')")
    old.sql("INSERT INTO aliases (performer_id, alias, source_endpoint) VALUES (1, 'Annie', 'babepedia')")
    old.sql("UPDATE faces SET image_url = NULL WHERE id = 50")
    first = taking(old)
    assert first.backup is not None
    before = taking.everything()
    again = taking(old)
    assert taking.everything() == before
    assert again.backup is None
    assert (len(again.plan.take), again.plan.known, again.plan.waiting) == (0, 58, 2)
    assert "58 were decided here before, 2 were to be fetched already" in lines(again)


def test_vectors_that_were_missing_the_first_time_are_taken_the_second(taking: Taking) -> None:
    old = taking.data(owners=crowd(60), deleted=[3, 4])
    taking(old)
    old.write_indices(range(60))
    assert len(taking(old).plan.take) == 2
    assert taking.store.one(
        "SELECT count(*), count(face_id), count(detail) FROM images WHERE outcome = 'accepted'"
    ) == (60, 60, 0)
    assert taking.store.one("SELECT max(id) FROM faces") == 60


def test_into_a_database_in_use(taking: Taking) -> None:
    store = taking.store
    known = store.save(uuid(2), "Person 2", aliases=("Newer",), height_cm=180, images=(
        store.ref(picture(2), source_id=uuid(2)), store.ref(picture(3), source_id=uuid(2)))).performer_id  # fmt: skip
    store.reject(picture(3), source_id=uuid(2))
    linked = store.save(uuid(77), "Person 3", source="fansdb", urls=(f"https://stashdb.org/performers/{uuid(3)}",))
    old = taking.data(owners=[1, 2, 2, 3])
    old.sql("UPDATE performers SET height_cm = 150")
    old.sql(
        "INSERT INTO aliases (performer_id, alias, source_endpoint) VALUES (2, 'Older', 'stashdb'), (2, 'Page', 'iafd')"
    )
    old.sql("INSERT INTO stashbox_ids VALUES (2, 'theporndb', ?, NULL)", uuid(902))
    done = taking(old)
    assert "performers: 1 new, 2 were here" in lines(done)
    assert store.aliases(known) == {"Newer": "stashdb", "Page": "iafd"}
    assert store.one("SELECT height_cm FROM performers WHERE id = :p", p=known) == 180
    ids = "SELECT endpoint, stashbox_performer_id FROM stashbox_ids WHERE performer_id = :p ORDER BY 1"
    assert store.rows(ids, p=known) == [
        ("stashdb", uuid(2)), ("theporndb", uuid(902)),
    ]  # fmt: skip
    ledger = "SELECT image_url, outcome, face_id IS NULL FROM images WHERE performer_id = :p ORDER BY id"
    assert store.rows(ledger, p=known) == [
        (picture(2), "accepted", 0), (picture(3), "rejected", 1),
    ]  # fmt: skip
    assert store.rows("SELECT endpoint FROM stashbox_ids WHERE performer_id = :p", p=linked.performer_id) == [
        ("fansdb",),
        ("stashdb",),
    ]
    assert store.one("SELECT performer_id FROM faces WHERE image_url = :u", u=picture(4)) == linked.performer_id
    assert store.one("SELECT max(id) FROM performers") == 3, "a number that was given out is not given again"
    assert dict(store.rows("SELECT id, face_count FROM performers")) == {known: 1, linked.performer_id: 1, 3: 1}
    with closing(sqlite3.connect(done.backup or "")) as backup:
        assert backup.execute("SELECT count(*) FROM performers").fetchone() == (2,)
        assert backup.execute("SELECT count(*) FROM faces").fetchone() == (0,)


def test_pictures_go_to_whom_their_stash_box_means(taking: Taking) -> None:
    store = taking.store
    mine = store.save(uuid(1), "Person 1").performer_id
    other = store.save(uuid(901), "Somebody", source="theporndb").performer_id
    third = store.save(uuid(555), "Third", source="fansdb").performer_id
    old = taking.data(owners=[1, 1, 2, 2])
    old.sql("INSERT INTO stashbox_ids VALUES (1, 'theporndb', ?, NULL)", uuid(901))
    old.sql("INSERT INTO stashbox_ids VALUES (2, 'fansdb', ?, NULL)", uuid(555))
    store.do(
        lambda tx: tx.exec_driver_sql("INSERT INTO stashbox_ids VALUES (?, 'stashdb', ?, NULL)", (third, uuid(556)))
    )
    old.sql("UPDATE faces SET source_endpoint = 'theporndb' WHERE id = 2")
    old.sql("UPDATE faces SET source_endpoint = 'fansdb' WHERE id = 4")
    done = taking(old)
    assert store.rows("SELECT image_url, performer_id FROM faces") == [
        (picture(1), mine), (picture(2), other), (picture(4), third),
    ]  # fmt: skip
    assert done.plan.nobodys == [3]
    assert store.rows("SELECT performer_id FROM stashbox_ids WHERE stashbox_performer_id = :i", i=uuid(2)) == []


def test_another_model_pack_is_refused_and_without_vectors_it_is_not(taking: Taking) -> None:
    store = taking.store
    store.save(uuid(900), "Somebody")
    store.face(source_id=uuid(900))
    old = taking.data(owners=[1, 1, 2])
    before = taking.everything()
    with pytest.raises(StoreError, match=r"its vectors are of another model pack .* --without-vectors") as raised:
        taking(old)
    assert "\n" not in str(raised.value)
    assert taking.everything() == before
    done = taking(old, index_dir=None)
    assert done.model is None
    assert "3 to be fetched again" in lines(done)
    assert store.one("SELECT count(*) FROM embeddings") == 1
    assert len(Library(store.engine).due_images("stashdb")) == 3


def test_who_was_forgotten_stays_so(taking: Taking) -> None:
    store = taking.store
    gone = store.save(uuid(1), "Person 1", urls=("https://www.iafd.com/person.rme/perfid=annax",)).performer_id
    store.do(forget_performers, [gone])
    old = taking.data(owners=[1, 2, 3])
    old.sql(
        "INSERT INTO external_urls (performer_id, site, url, normalized_id, source_endpoint)"
        " VALUES (2, 'iafd', 'https://www.iafd.com/person.rme/perfid=annax/gender=f', 'x', 'babepedia')"
    )
    done = taking(old)
    assert "performers: 1 new, 2 were forgotten: not taken" in lines(done)
    assert done.plan.refused == {"forgotten": 2}
    assert store.rows("SELECT canonical_name FROM performers") == [("Person 3",)]
    assert not any("annax" in str(rows) or uuid(1) in str(rows) for rows in taking.everything().values())


def test_who_may_be_under_age_goes_though_they_were_here(taking: Taking) -> None:
    store = taking.store
    store.save(uuid(1), "Person 1")
    old = taking.data(owners=[1, 2])
    old.sql("UPDATE performers SET birth_date = '2009-??-??' WHERE id = 1")
    done = taking(old)
    assert "1 may be under age: not taken" in lines(done)
    assert "1 performers who may be under age were here, and are removed; `scrapy forget`" in lines(done)
    with store.engine.connect() as connection:
        assert connection.execute(select(performers.c.canonical_name)).scalars().all() == ["Person 2"]
