"""What follows for a performer's rows of what sources say: whatever the order, one result."""

from __future__ import annotations

import itertools
from typing import Any

from enrich.items import RefusedPerformer
from enrich.store.people.save import remove_performer
from tests.store.said import FANSDB_ID, FANSDB_PAGE, IAFD, STASHDB_ID, STASHDB_PAGE, everything


def test_everything_a_source_says_is_kept(store: Any) -> None:
    saved = store.save(
        source_id=STASHDB_ID, disambiguation="US", aliases=("Jay",), gender="FEMALE", birth_date="1990-05-17",
        death_date="2020-01-02", country="US", ethnicity="CAUCASIAN", height_cm=168, eye_color="BROWN",
        hair_color="BLACK", career_start_year=2010, career_end_year=2015, scene_count=12,
        updated="2026-01-01T00:00:00Z", image_url="https://img.example/1.jpg",
        urls=(IAFD, "https://unknown.example/jane"), merged_ids=("old",),
        tattoos=(("left arm", "a rose"), ("back", None)), piercings=(("navel", None),),
    )  # fmt: skip
    assert saved.created
    assert saved.changed
    row = store.one(
        "SELECT canonical_name, disambiguation, gender, country, ethnicity, birth_date, death_date, height_cm,"
        " eye_color, hair_color, career_start_year, career_end_year, scene_count, stashdb_updated_at, face_count,"
        " image_url FROM performers"
    )
    assert row == (
        "Jane Example", "US", "FEMALE", "US", "CAUCASIAN", "1990-05-17", "2020-01-02", 168, "BROWN", "BLACK", 2010,
        2015, 12, "2026-01-01T00:00:00Z", 0, "https://img.example/1.jpg",
    )  # fmt: skip
    assert store.aliases(saved.performer_id) == {"Jay": "stashdb"}
    assert store.rows("SELECT location, description, source_endpoint FROM tattoos ORDER BY 1") == [
        ("back", None, "stashdb"),
        ("left arm", "a rose", "stashdb"),
    ]
    assert store.rows("SELECT location, description FROM piercings") == [("navel", None)]
    assert store.rows("SELECT site, normalized_id, url, source_endpoint FROM external_urls ORDER BY 1") == [
        ("iafd", "janeexample", IAFD, "stashdb"),
        ("unknown.example", "jane", "https://unknown.example/jane", "stashdb"),
    ]
    assert store.rows("SELECT endpoint, stashbox_performer_id FROM stashbox_ids") == [("stashdb", STASHDB_ID)]
    assert store.rows("SELECT endpoint, merged_stashbox_id FROM merged_ids") == [("stashdb", "old")]


def test_saying_it_again_changes_nothing(store: Any) -> None:
    said = {"aliases": ("Jay",), "urls": (IAFD,), "tattoos": (("back", None),), "merged_ids": ("old",)}
    store.save(**said)
    ids = {table: store.rows(f"SELECT id FROM {table}") for table in ("aliases", "tattoos", "external_urls")}
    before = everything(store)
    for _ in range(3):
        saved = store.save(**said)
        assert not saved.created
        assert not saved.changed
    assert everything(store) == before
    assert {table: store.rows(f"SELECT id FROM {table}") for table in ids} == ids


def test_what_the_source_takes_back_goes(store: Any) -> None:
    store.save(aliases=("Jay", "Wrong"), urls=(IAFD,), tattoos=(("back", None),), height_cm=168)
    store.save(aliases=("Jay",))
    assert store.rows("SELECT alias FROM aliases") == [("Jay",)]
    assert store.rows("SELECT url FROM external_urls") == []
    assert store.rows("SELECT location FROM tattoos") == []
    assert store.one("SELECT height_cm FROM performers") is None


def test_aliases_are_neither_the_name_nor_each_other(store: Any) -> None:
    saved = store.save(aliases=("JANE EXAMPLE", "Jay", "JAY", "Zoë", "zoë"))
    assert store.aliases(saved.performer_id) == {"Jay": "stashdb", "Zoë": "stashdb"}


def test_tattoos_without_a_description_do_not_multiply(store: Any) -> None:
    store.save(tattoos=(("back", None), ("Back", None), ("back", "a rose"), ("back", "A Rose")))
    assert store.one("SELECT count(*) FROM tattoos") == 2
    store.save(tattoos=(("back", None), ("back", "a rose")))
    assert store.rows("SELECT location, description FROM tattoos ORDER BY 2") == [("back", None), ("back", "a rose")]


def test_pictures_are_pending_from_the_start_and_entered_once(store: Any) -> None:
    images = (store.ref("https://img.example/1.jpg", width_px=600), store.ref("https://img.example/2.jpg"))
    assert store.save(images=images).new_images == 2
    store.face("https://img.example/1.jpg")
    assert store.save(images=(*images, store.ref("https://img.example/3.jpg"))).new_images == 1
    assert store.rows("SELECT image_url, outcome, mode FROM images ORDER BY id") == [
        ("https://img.example/1.jpg", "accepted", "api"),
        ("https://img.example/2.jpg", "pending", "api"),
        ("https://img.example/3.jpg", "pending", "api"),
    ]


def test_a_column_is_the_first_word_by_priority(store: Any) -> None:
    fansdb = {"source_id": FANSDB_ID, "source": "fansdb", "urls": (STASHDB_PAGE,), "name": "Jane E.", "height_cm": 170,
              "eye_color": "BLUE", "updated": "2026-02-02"}  # fmt: skip
    stashdb = {"source_id": STASHDB_ID, "height_cm": 168, "updated": "2026-01-01"}
    for order in ((fansdb, stashdb), (stashdb, fansdb), (stashdb, fansdb, stashdb)):
        for said in order:
            saved = store.save(**said)
        assert store.one(
            "SELECT canonical_name, height_cm, eye_color, stashdb_updated_at FROM performers"
        ) == ("Jane Example", 168, "BLUE", "2026-01-01")  # fmt: skip
        assert store.aliases(saved.performer_id) == {"Jane E.": "fansdb"}
        store.do(remove_performer, RefusedPerformer(source="stashdb", source_id=STASHDB_ID, reason="underage"))


def test_the_order_in_which_sources_come_does_not_matter(store: Any) -> None:
    said = [
        {"source_id": STASHDB_ID, "aliases": ("Jay", "JJ"), "urls": (IAFD,), "tattoos": (("back", None),)},
        {"source": "fansdb", "source_id": FANSDB_ID, "aliases": ("jay", "Jane X"), "urls": (STASHDB_PAGE, IAFD),
         "tattoos": (("Back", None), ("arm", None)), "country": "US"},
        {"source": "pmvstash", "source_id": "p", "name": "Jane X", "urls": (IAFD, FANSDB_PAGE), "country": "GB"},
    ]  # fmt: skip
    results = []
    for order in itertools.permutations(said):
        for one in order:
            store.save(**one)
        for one in order:
            store.save(**one)
        results.append(everything(store))
        store.do(remove_performer, RefusedPerformer(source="stashdb", source_id=STASHDB_ID, reason="underage"))
    assert all(result == results[0] for result in results)
    assert len(results[0]["performers"]) == 1
    assert results[0]["performers"][0][3] == "GB"


def test_who_must_not_be_stored_goes_with_everything(store: Any) -> None:
    jane = store.save(aliases=("Jay",), urls=(IAFD,), tattoos=(("back", None),), images=(store.ref(),))
    store.face()
    refused = RefusedPerformer(source="stashdb", source_id="jane", reason="underage")
    assert store.do(remove_performer, refused) is True
    assert store.do(remove_performer, refused) is False
    for (table,) in store.rows("SELECT name FROM sqlite_master WHERE type = 'table'"):
        if table not in ("meta", "counters", "alembic_version", "sqlite_sequence"):
            assert store.rows(f"SELECT * FROM {table}") == [], table
    assert jane.performer_id == 1
    assert store.save("other").performer_id == 2  # our ids are for ever
