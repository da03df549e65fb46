"""Old Stash Sense databases taken over: each schema with 1,000 faces and planted damage, and who becomes whom."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import voyager
from sqlalchemy import select

from enrich.commands.index import bring_up
from enrich.errors import StoreError
from enrich.items import ImageRef
from enrich.store.derive import derive
from enrich.store.forgetting.forget import forget_performers
from enrich.store.library import Library
from enrich.store.schema import performers
from enrich.store.takeover import TakeOver, take_over
from tests.store.conftest import PRIORITIES, Store
from tests.store.stash_sense import OldData, crowd, picture, uuid, vectors_of, written

MODEL = "facenet+arcface-0123456789abcdef"
NOW = datetime(2026, 2, 1, 12, tzinfo=UTC)


class Taking:
    """Takes old databases over into one of the test's own, as ``scrapy import`` does."""

    def __init__(self, store: Store, old: Path) -> None:
        self.store = store
        self.old = old

    def __call__(self, old: OldData, **options: Any) -> TakeOver:
        options = {"index_dir": old.folder, "model": MODEL, **options}
        return take_over(old.path, self.store.url, scratch=self.store.folder, priorities=PRIORITIES, now=NOW, **options)

    def data(self, version: int = 5, owners: list[int] | None = None, **damage: Any) -> OldData:
        """A data folder of Stash Sense."""
        return OldData(self.old, version, crowd(30) if owners is None else owners).make(**damage)

    def vectors(self) -> dict[str, dict[str, np.ndarray]]:
        """Address of a picture -> recogniser -> the vector stored for it."""
        found: dict[str, dict[str, np.ndarray]] = {}
        for url, recogniser, vector in self.store.rows(
            "SELECT image_url, recogniser, vector FROM faces JOIN embeddings ON face_id = faces.id"
        ):
            found.setdefault(url, {})[recogniser] = np.frombuffer(vector, "<f4")
        return found

    def everything(self) -> dict[str, list[tuple[Any, ...]]]:
        """The whole database, but for times at which something was seen."""
        tables = [row[0] for row in self.store.rows("SELECT name FROM sqlite_master WHERE type = 'table' ORDER BY 1")]
        return {table: self.store.rows(f"SELECT * FROM {table}") for table in tables}


@pytest.fixture
def taking(store: Store, tmp_path: Path) -> Taking:
    """A new database to take over into, and a folder for old data."""
    return Taking(store, tmp_path / "old")


def lines(done: TakeOver) -> str:
    return "\n".join(done.lines())


# --- each schema ------------------------------------------------------------------------------------------------------


def pairs(owners: list[int]) -> Iterator[int]:
    """Places of faces whose next one is the same performer's."""
    return (place for place in range(300, len(owners) - 1) if owners[place] == owners[place + 1])


@pytest.mark.parametrize("version", [1, 2, 3, 4, 5])
def test_a_thousand_faces_of_each_schema(taking: Taking, version: int) -> None:
    owners = crowd(1000, seed=version)
    twice = next(pairs(owners))
    young = owners[150]
    others = vectors_of(owners, "facenet")
    old = taking.data(
        version,
        owners,
        altered={
            "facenet": {41: np.full(512, np.nan), 50: others[200]},
            "arcface": {40: np.zeros(512), 42: np.ones(512)},
        },
        deleted=[30, 31, 81],
    )
    old.sql("UPDATE faces SET facenet_index = 70000, arcface_index = 70000 WHERE id = 21")
    old.sql("UPDATE faces SET arcface_index = -5 WHERE id = 22")
    old.sql("UPDATE faces SET performer_id = 99999 WHERE id = 61")
    old.sql("UPDATE faces SET image_url = ? WHERE id = ?", picture(twice + 1), twice + 2)
    old.sql("UPDATE faces SET image_url = NULL WHERE id IN (82, 91)")
    old.sql("UPDATE performers SET birth_date = '2010-01-01', face_count = 77 WHERE id = ?", young)
    old.sql("UPDATE performers SET canonical_name = 'Anna &amp; Co', birth_date = '1990-05-17 00:00:00' WHERE id = 1")
    old.sql(
        "UPDATE stashbox_ids SET endpoint = 'stashdb.org', stashbox_performer_id = ? WHERE performer_id = 1",
        f"{uuid(1)}/",
    )
    if version > 1:
        old.sql("UPDATE faces SET source_endpoint = ? WHERE id % 3 = 0", None if version < 4 else "stashdb.org")
        old.sql("UPDATE performers SET height_cm = '168cm' WHERE id = 1")
        for _ in range(3):
            old.sql("INSERT INTO tattoos (performer_id, location, source_endpoint) VALUES (1, 'Left arm', 'stashdb')")
        old.sql(
            "INSERT INTO piercings (performer_id, location, description) VALUES (1, 'navel', NULL), (1, 'Navel', '')"
        )
    if version == 5:
        old.sql("INSERT INTO scrape_progress VALUES ('stashdb.org', 'x', '2025-07-01 10:00:00', 321, 1000, 4)")
        old.sql("INSERT INTO scrape_progress VALUES ('babepedia:url', '7', '2025-07-02 10:00:00', 7, 0, 0)")
    done = taking(old)

    store = taking.store
    refused = {place for place, owner in enumerate(owners) if owner == young}
    unfit = {20, 21, 30, 31, 40, 41, 42, 50, 81, 200}
    taken = set(range(1000)) - refused - unfit - {60, twice + 1}
    assert len(done.plan.take) == len(taken)
    assert sorted(place for places in done.plan.unfit.values() for place in places) == sorted(
        place + 1 for place in unfit - refused
    )
    assert done.plan.lost == [82]
    assert done.plan.nobodys == [61]
    assert done.plan.repeated == 1
    assert done.plan.refused == {"underage": len(refused)}

    expected = {name: vectors_of(owners, name) for name in ("facenet", "arcface")}
    held = taking.vectors()
    assert held.keys() == {None if place == 90 else picture(place + 1) for place in taken}
    for place in taken - {90}:
        for name, vectors in expected.items():
            np.testing.assert_allclose(held[picture(place + 1)][name], vectors[place], atol=1e-6)
    whose = dict(store.rows("SELECT image_url, performer_id FROM faces WHERE image_url IS NOT NULL"))
    assert whose == {picture(place + 1): owners[place] for place in taken - {90}}
    assert store.rows("SELECT id FROM faces WHERE id NOT IN (facenet_index, arcface_index)") == []
    assert store.one("SELECT min(id), max(id), count(*) FROM faces") == (1, len(taken), len(taken))
    assert store.one("SELECT value FROM counters WHERE name = 'face_id'") == len(taken)
    assert store.rows("SELECT DISTINCT source_endpoint FROM faces") == [("stashdb",)]
    assert store.rows("SELECT DISTINCT model FROM embeddings") == [(MODEL,)]
    wrong = "SELECT id FROM performers p WHERE face_count <> (SELECT count(*) FROM faces WHERE performer_id = p.id)"
    assert store.rows(wrong) == []
    assert dict(store.rows("SELECT outcome, count(*) FROM images GROUP BY outcome")) == {
        "accepted": len(taken) - 1,
        "pending": len(unfit - refused) - 1,
    }
    assert store.rows("SELECT id FROM performers WHERE id = :p", p=young) == []
    assert store.one("SELECT canonical_name, birth_date FROM performers WHERE id = 1") == ("Anna & Co", "1990-05-17")
    assert store.one("SELECT endpoint, stashbox_performer_id FROM stashbox_ids WHERE performer_id = 1") == (
        "stashdb",
        uuid(1),
    )
    if version > 1:
        assert store.one("SELECT height_cm FROM performers WHERE id = 1") == 168
        assert store.rows("SELECT location, description, source_endpoint FROM tattoos") == [
            ("Left arm", None, "stashdb")
        ]
        assert store.rows("SELECT location, description, source_endpoint FROM piercings") == [("navel", None, None)]
    progress = store.rows("SELECT * FROM scrape_progress ORDER BY source")
    assert progress == ([] if version < 5 else [
        ("babepedia:url", "7", "2025-07-02 10:00:00", 7, 0, 0), ("stashdb", "x", "2025-07-01 10:00:00", 321, 1000, 4),
    ])  # fmt: skip

    assert bring_up(store.url, store.folder / "index", rebuild=False, check=False) == []
    assert bring_up(store.url, store.folder / "index", rebuild=False, check=True) == []
    library = Library(store.engine)
    due = {ref.image_url for _, ref in library.due_images("stashdb")}
    assert due == {picture(place + 1) for place in unfit - refused - {81}}
    known = [picture(place + 1) for place in sorted(taken - {90})]
    assert all(
        library.image_decided(ImageRef(source="stashdb", image_url=url, performer_id=whose[url])) for url in known
    )
    library.close()


def test_every_face_that_did_not_come_is_listed_with_its_reason(taking: Taking) -> None:
    old = taking.data(owners=[1, 1, 2, 2, 3], deleted=[0, 1])
    old.sql("UPDATE faces SET facenet_index = 9000 WHERE id = 4")
    done = taking(old)
    assert lines(done).splitlines() == [
        f"{old.path}: Stash Sense schema 5, 3 performers, 5 faces",
        "performers: 3 new",
        "faces: 2 taken with their vectors, 3 to be fetched again",
        "  2 not taken: its vector is deleted or missing in face_facenet.voy: 1-2",
        "  1 not taken: its number is past the end of face_facenet.voy: 4",
        "  to be fetched again: by the next `scrapy crawl` of their source (-a pages=0: nothing but these)",
        f"the database as it was before: {done.backup}",
        f"its vectors are of model pack stash_sense ({MODEL}): crawl on with MODEL_PACK=stash_sense, "
        "or have those of another pack made with `scrapy index --reembed`",
    ]
    assert taking.store.rows("SELECT json_extract(detail, '$.import') FROM images WHERE outcome = 'pending'") == [
        ("its vector is deleted or missing in face_facenet.voy",),
        ("its vector is deleted or missing in face_facenet.voy",),
        ("its number is past the end of face_facenet.voy",),
    ]


def test_vectors_are_those_of_the_stored_numbers(taking: Taking) -> None:
    """Not of the place, not of the face's id, and of each index by its own number."""
    owners = crowd(30)
    chance = np.random.default_rng(1)
    facenet, arcface = chance.permutation(30).tolist(), chance.permutation(30).tolist()
    old = OldData(taking.old, 5, owners, dict(enumerate(facenet)), dict(enumerate(arcface)))
    old.make(faces=np.argsort(facenet).tolist(), arcface=np.argsort(arcface).tolist())
    assert len(taking(old).plan.take) == 30
    for name in ("facenet", "arcface"):
        expected = vectors_of(owners, name)
        for place in range(30):
            np.testing.assert_allclose(taking.vectors()[picture(place + 1)][name], expected[place], atol=1e-6)


def test_times_qualities_and_numbers_are_kept(taking: Taking) -> None:
    old = taking.data(owners=[7, 7, 9])
    old.sql("UPDATE faces SET quality_score = 1.7 WHERE id = 2")
    old.sql("UPDATE performers SET created_at = '2024-03-02T01:00:00Z' WHERE id = 9")
    taking(old)
    assert taking.store.rows("SELECT performer_id, quality_score, created_at FROM faces") == [
        (7, 0.9, written(0)), (7, None, written(1)), (9, 0.9, written(2)),
    ]  # fmt: skip
    assert taking.store.one("SELECT created_at FROM performers WHERE id = 9") == "2024-03-02 01:00:00"
    assert taking.store.rows(
        "SELECT source, mode, outcome, attempts, face_id, decided_at FROM images WHERE id = 1"
    ) == [("stashdb", "api", "accepted", 1, 1, written(0))]


def test_quarter_byte_vectors_come_along_as_unit_vectors(taking: Taking) -> None:
    owners = crowd(40)
    old = taking.data(owners=owners, storage=voyager.StorageDataType.E4M3, altered={"facenet": {5: np.zeros(512)}})
    assert taking(old).plan.unfit == {"its vector in face_facenet.voy is damaged": [6]}
    expected = vectors_of(owners, "facenet")
    for place in set(range(40)) - {5}:
        vector = taking.vectors()[picture(place + 1)]["facenet"]
        assert abs(float(np.linalg.norm(vector)) - 1) < 1e-5
        assert float(vector @ expected[place]) > 0.995


# --- performers -------------------------------------------------------------------------------------------------------


def test_what_sources_say_again_changes_nothing(taking: Taking) -> None:
    old = taking.data(owners=[1, 2])
    old.sql("INSERT INTO stashbox_ids VALUES (1, 'theporndb', ?, NULL)", uuid(901))
    old.sql(
        "UPDATE performers SET height_cm = 170, hair_color = 'Dark Brown', image_url = 'https://img.example/1'"
        " WHERE id = 1"
    )
    for alias, source in (("Annie", "stashdb"), ("ANNIE", "theporndb"), ("Ann", None), ("Anna X", "babepedia"),
                          ("No known aliases", "iafd")):  # fmt: skip
        old.sql("INSERT INTO aliases (performer_id, alias, source_endpoint) VALUES (1, ?, ?)", alias, source)
    for number, (url, source) in enumerate((
        ("https://www.iafd.com/person.rme/perfid=annax/gender=f/anna-x.htm", "stashdb"),
        ("https://x.com/AnnaX", "theporndb"),
        ("https://www.babepedia.com/babe/Anna_X", "babepedia"),
        ("ftp://nowhere", "stashdb"),
    )):  # fmt: skip
        old.sql(
            "INSERT INTO external_urls (performer_id, site, url, normalized_id, source_endpoint)"
            " VALUES (1, 'other', ?, ?, ?)",
            url, str(number), source,
        )  # fmt: skip
    for where, what in (("Back", None), ("back", ""), ("back", "a &quot;rose&quot;"), (None, None)):
        old.sql(
            "INSERT INTO tattoos (performer_id, location, description, source_endpoint) VALUES (1, ?, ?, 'stashdb')",
            where,
            what,
        )
    taking(old)
    store = taking.store
    assert store.one("SELECT height_cm, hair_color, image_url FROM performers WHERE id = 1") == (
        170, "DARK_BROWN", "https://img.example/1",
    )  # fmt: skip
    assert store.aliases(1) == {"Annie": "stashdb", "Ann": None, "Anna X": "babepedia"}
    assert store.rows("SELECT site, normalized_id, source_endpoint, confidence FROM external_urls ORDER BY site") == [
        ("babepedia", "anna_x", "babepedia", 0.8), ("iafd", "annax", "stashdb", 1.0),
        ("twitter", "annax", "theporndb", 0.8),
    ]  # fmt: skip
    assert store.rows("SELECT location, description FROM tattoos ORDER BY 2") == [("Back", None), ("back", 'a "rose"')]
    before = taking.everything()
    for (number,) in store.rows("SELECT id FROM performers"):
        assert store.do(derive, number, PRIORITIES, "2026-03-01 00:00:00") == ()
    assert taking.everything() == before


def test_one_stash_box_id_is_one_person_however_it_was_written(taking: Taking) -> None:
    old = taking.data(owners=[1, 1, 2, 3, 4])
    old.sql(
        "INSERT INTO stashbox_ids VALUES (2, 'stashdb.org', ?, NULL)",
        f"https://stashdb.org/performers/{uuid(1).upper()}/",
    )
    old.sql("INSERT INTO merged_ids VALUES (4, ?, 'stashdb', NULL)", uuid(3))
    done = taking(old)
    assert "2 are one with another by a stash-box's id" in lines(done)
    store = taking.store
    assert store.rows("SELECT performer_id, count(*) FROM faces GROUP BY 1") == [(1, 3), (4, 2)]
    assert store.rows("SELECT performer_id, stashbox_performer_id FROM stashbox_ids ORDER BY 1, 2") == [
        (1, uuid(1)), (1, uuid(2)), (4, uuid(4)),
    ]  # fmt: skip
    assert store.rows("SELECT performer_id, merged_stashbox_id FROM merged_ids") == [(4, uuid(3))]
    assert store.aliases(1) == {"Person 2": "stashdb"}


def test_a_link_of_two_stays_the_first_ones_and_is_told(taking: Taking) -> None:
    old = taking.data(owners=[1, 2])
    columns = "performer_id, site, url, normalized_id, source_endpoint"
    insert = f"INSERT INTO external_urls ({columns}) VALUES (?, ?, ?, ?, 'stashdb')"
    old.sql(insert, 1, "twitter", "https://twitter.com/annax", "annax")
    old.sql(insert, 2, "x", "https://x.com/AnnaX/", "AnnaX")
    done = taking(old)
    assert taking.store.rows("SELECT performer_id, url FROM external_urls") == [(1, "https://twitter.com/annax")]
    assert (
        "links: 1 are another performer's already and stay theirs:\n  https://x.com/AnnaX/ (twitter): performer 1"
        in lines(done)
    )


def test_a_face_is_not_taken_twice_for_one_performer(taking: Taking) -> None:
    owners = [1, 1, 2, 2]
    vectors = {name: {1: vectors_of(owners, name)[0]} for name in ("facenet", "arcface")}
    done = taking(taking.data(owners=owners, altered=vectors))
    assert (len(done.plan.take), len(done.plan.doubled)) == (3, 1)
    assert taking.store.rows(
        "SELECT image_url, outcome, reason, json_extract(detail, '$.of_face') FROM images WHERE outcome <> 'accepted'"
    ) == [(picture(2), "rejected", "duplicate_face", 1)]


# --- again, and into a database that is in use ------------------------------------------------------------------------


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
