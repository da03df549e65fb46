"""Who becomes whom when an old database is taken over, and what is kept of what was said of them."""

from __future__ import annotations

from enrich.store.people.derive import derive
from tests.store.conftest import PRIORITIES
from tests.store.stash_sense import picture, uuid, vectors_of
from tests.store.taking import Taking, lines


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
