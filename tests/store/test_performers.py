"""Who is who, and what follows for the performer's rows: whatever the order, one result."""

from __future__ import annotations

import itertools
from typing import Any

import pytest

from enrich.items import RefusedPerformer
from enrich.store.ledger import OrphanPerformer
from enrich.store.performers import remove_performer

IAFD = "https://www.iafd.com/person.rme/perfid=janeexample"
STASHDB_PAGE = "https://stashdb.org/performers/6f1c2d3e-0000-4000-8000-000000000001"
STASHDB_ID = "6f1c2d3e-0000-4000-8000-000000000001"
FANSDB_PAGE = "https://fansdb.cc/performers/6f1c2d3e-0000-4000-8000-00000000000f"
FANSDB_ID = "6f1c2d3e-0000-4000-8000-00000000000f"


def everything(store: Any) -> dict[str, list[tuple[Any, ...]]]:
    """All that is said of performers, without our ids and times."""
    who = "(SELECT min(endpoint || stashbox_performer_id) FROM stashbox_ids s WHERE s.performer_id = t.performer_id)"
    return {
        "performers": store.rows(
            f"SELECT {who.replace('t.performer_id', 't.id')}, canonical_name, gender, country, birth_date, height_cm,"
            " eye_color, stashdb_updated_at, image_url FROM performers t ORDER BY 1"
        ),
        **{
            table: store.rows(f"SELECT {who}, {columns} FROM {table} t ORDER BY {order}")
            for table, columns, order in (
                ("stashbox_ids", "endpoint, stashbox_performer_id", "2, 3"),
                ("merged_ids", "endpoint, merged_stashbox_id", "2, 3"),
                ("aliases", "alias, source_endpoint", "1, 2"),
                ("tattoos", "location, description, source_endpoint", "1, 2, 3"),
                ("external_urls", "site, normalized_id, url, source_endpoint", "1, 2, 3"),
                ("images", "source, image_url, outcome", "1, 2, 3"),
            )
        },
    }


# --- one performer ----------------------------------------------------------------------------------------------------


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


# --- several sources --------------------------------------------------------------------------------------------------


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


# --- who is who -------------------------------------------------------------------------------------------------------


def test_two_ids_of_one_source_are_two_people_whatever_they_share(store: Any) -> None:
    first = store.save("a", urls=(IAFD,), birth_date="1990-05-17")
    second = store.save("b", urls=(IAFD,), birth_date="1990-05-17")
    assert second.created
    assert second.performer_id != first.performer_id
    assert [(c.url, c.site, c.owner) for c in second.conflicts] == [(IAFD, "iafd", first.performer_id)]
    assert store.rows("SELECT performer_id FROM external_urls") == [(first.performer_id,)]


@pytest.mark.parametrize("link_first", [True, False])
def test_a_link_to_another_stash_boxs_page_says_who_it_is(store: Any, link_first: bool) -> None:
    target = {"source_id": STASHDB_ID, "name": "Jane Example"}
    linking = {"source": "fansdb", "source_id": FANSDB_ID, "name": "Somebody Else", "urls": (STASHDB_PAGE,)}
    first, second = (linking, target) if link_first else (target, linking)
    created, linked = store.save(**first), store.save(**second)
    assert not linked.created
    assert linked.performer_id == created.performer_id


@pytest.mark.parametrize(
    "url",
    [
        STASHDB_PAGE + "/",  # with the slash that people paste
        "https://theporndb.net/performers/jane-example",  # their own page, by the slug that the other knows
    ],
)
@pytest.mark.parametrize("theporndb_first", [True, False])
def test_a_performer_of_theporndb_is_one_with_the_stash_boxs(store: Any, url: str, theporndb_first: bool) -> None:
    """The spider puts what ``extras.links`` holds, and the performer's own page there, among the links."""
    theirs = {"source": "theporndb", "source_id": FANSDB_ID, "urls": (url,)}
    ours = {"source_id": STASHDB_ID, "urls": () if "stashdb" in url else (url,)}
    first, second = (theirs, ours) if theporndb_first else (ours, theirs)
    created, linked = store.save(**first), store.save(**second)
    assert not linked.created
    assert linked.performer_id == created.performer_id


PMVSTASH_ID = "6f1c2d3e-0000-4000-8000-0000000000aa"
PMVSTASH_PAGE = f"https://pmvstash.org/performers/{PMVSTASH_ID}"


def test_links_to_two_people_are_followed_only_where_the_names_agree(store: Any) -> None:
    first = store.save(STASHDB_ID)
    store.save(PMVSTASH_ID, source="pmvstash", name="Third Person")
    assert store.save("x", source="fansdb", urls=(STASHDB_PAGE, PMVSTASH_PAGE), name="Somebody").created
    linked = store.save("y", source="javstash", urls=(STASHDB_PAGE, PMVSTASH_PAGE), name="Jane Example")
    assert linked.performer_id == first.performer_id
    assert linked.merged == ()


@pytest.mark.parametrize(("birth_date", "one"), [(None, True), ("1990-05-17", True), ("1991-05-17", False)])
def test_a_source_that_links_two_performers_makes_them_one(store: Any, birth_date: str | None, one: bool) -> None:
    first = store.save(STASHDB_ID, birth_date="1990-05-17")
    second = store.save(PMVSTASH_ID, source="pmvstash", name="Jane X", birth_date=birth_date)
    store.face(source="pmvstash", source_id=PMVSTASH_ID)
    linking = store.save(FANSDB_ID, source="fansdb", urls=(STASHDB_PAGE, PMVSTASH_PAGE), aliases=("Jane X",))
    assert linking.merged == ((second.performer_id,) if one else ())
    assert store.one("SELECT performer_id FROM faces") == (first if one else second).performer_id
    assert store.one("SELECT count(*) FROM performers") == (1 if one else 3)


@pytest.mark.parametrize(
    ("name", "aliases", "birth_date", "same"),
    [
        ("Jane Example", (), None, True),
        ("JANE  EXAMPLÉ", (), "1990-05-17", True),
        ("Jane Example", (), "1990", True),
        ("Janet Other", ("Jay",), None, True),
        ("Janet Other", (), None, False),
        ("Jane", (), None, False),
        ("Jane Example", (), "1991-05-17", False),
    ],
)
def test_a_shared_link_counts_if_a_name_agrees_and_no_birth_date_speaks_against_it(
    store: Any, name: str, aliases: tuple[str, ...], birth_date: str | None, same: bool
) -> None:
    first = store.save(STASHDB_ID, urls=(IAFD,), birth_date="1990-05-17", aliases=("Jay",))
    said = {"source": "fansdb", "name": name, "aliases": aliases, "birth_date": birth_date}
    second = store.save(FANSDB_ID, urls=("https://iafd.com/person.rme/perfid=JaneExample/gender=f",), **said)
    assert (second.performer_id == first.performer_id) is same


def test_a_link_to_an_unknown_site_says_nothing(store: Any) -> None:
    store.save(STASHDB_ID, urls=("https://studio.example/",))
    assert store.save(FANSDB_ID, source="fansdb", urls=("https://studio.example/",)).created


def test_a_namesake_without_a_shared_link_is_another_person(store: Any) -> None:
    store.save(STASHDB_ID, birth_date="1990-05-17", country="US")
    assert store.save(FANSDB_ID, source="fansdb", birth_date="1990-05-17", country="US").created


# --- merged upstream --------------------------------------------------------------------------------------------------


def test_the_performer_stays_the_same_under_the_id_they_were_merged_into(store: Any) -> None:
    old = store.save("old", aliases=("Old alias",))
    store.save("new", "Jane New", merged_ids=("old",))
    assert store.rows("SELECT endpoint, stashbox_performer_id, performer_id FROM stashbox_ids") == [
        ("stashdb", "new", old.performer_id)
    ]
    assert store.rows("SELECT merged_stashbox_id, performer_id FROM merged_ids") == [("old", old.performer_id)]
    assert store.one("SELECT canonical_name FROM performers") == "Jane New"
    assert store.aliases(old.performer_id) == {}


def test_a_picture_asked_for_under_the_old_id_finds_its_performer(store: Any) -> None:
    old = store.save("old")
    store.save("new", merged_ids=("old",))
    assert store.face(source_id="old").performer_id == old.performer_id


def test_two_known_performers_become_one_with_all_their_faces(store: Any) -> None:
    kept = store.save("new", images=(store.ref("https://img.example/1.jpg", source_id="new"),))
    gone = store.save("old", urls=(IAFD,), images=(store.ref("https://img.example/1.jpg", source_id="old"),))
    store.face("https://img.example/2.jpg", source_id="new")
    store.face("https://img.example/3.jpg", source_id="old")
    saved = store.save("new", merged_ids=("old",), urls=(IAFD,))
    assert saved.performer_id == kept.performer_id
    assert saved.merged == (gone.performer_id,)
    assert saved.conflicts == ()
    assert store.one("SELECT id, face_count FROM performers") == (kept.performer_id, 2)
    assert store.rows("SELECT id, performer_id FROM faces") == [(1, kept.performer_id), (2, kept.performer_id)]
    assert store.rows("SELECT image_url FROM images ORDER BY 1") == [
        (f"https://img.example/{n}.jpg",) for n in (1, 2, 3)
    ]


def test_the_order_of_a_merge_does_not_matter(store: Any) -> None:
    old = {"source_id": "old", "name": "Old name", "aliases": ("Stale",)}
    new = {"source_id": "new", "name": "New name", "aliases": ("Fresh",), "merged_ids": ("old",)}
    before_merge = {**new, "merged_ids": ()}
    results = []
    for order in ((old, new), (new, old), (old, before_merge, new), (before_merge, old, new), (new, old, new)):
        for said in order:
            store.save(**said)
        results.append(everything(store))
        assert store.do(remove_performer, RefusedPerformer(source="stashdb", source_id="new", reason="underage"))
    assert all(result == results[0] for result in results), results
    assert [alias for _, alias, _ in results[0]["aliases"]] == ["Fresh"]


# --- reference sites --------------------------------------------------------------------------------------------------


PAGE = "https://www.babepedia.com/babe/Jane_Example"


def page(performer_id: int, **said: Any) -> dict[str, Any]:
    return {"source": "babepedia", "source_id": "Jane_Example", "mode": "name", "performer_id": performer_id, **said}


def test_a_reference_site_adds_aliases_and_links_and_no_metadata(store: Any) -> None:
    jane = store.save(height_cm=168).performer_id
    ref = store.ref("https://b.example/1.jpg", source="babepedia", performer_id=jane)
    store.save(**page(
        jane, name="Jane Exemplar", aliases=("Jay",), urls=(IAFD,), page_url=PAGE, height_cm=150, eye_color="BLUE",
        birth_date="1980-01-01", tattoos=(("back", None),), images=(ref,), image_url="https://b.example/1.jpg",
    ))  # fmt: skip
    assert store.one("SELECT canonical_name, height_cm, eye_color, birth_date, image_url FROM performers") == (
        "Jane Example", 168, None, None, None,
    )  # fmt: skip
    assert store.rows("SELECT * FROM tattoos") == []
    assert store.aliases(jane) == {"Jane Exemplar": "babepedia", "Jay": "babepedia"}
    assert store.rows("SELECT site, source_endpoint FROM external_urls ORDER BY 1") == [
        ("babepedia", "babepedia"),
        ("iafd", "babepedia"),
    ]
    assert store.rows("SELECT source, performer_id, mode, outcome FROM images") == [
        ("babepedia", jane, "name", "pending")
    ]
    assert store.rows("SELECT source, mode, performer_id, outcome FROM lookups") == [
        ("babepedia", "name", jane, "done")
    ]
    assert len(store.rows("SELECT 1 FROM stashbox_ids")) == 1


@pytest.mark.parametrize("stash_box", ["stashdb", "unranked"])
def test_a_stash_box_says_more_surely_who_an_alias_is_from(store: Any, stash_box: str) -> None:
    jane = store.save(source=stash_box).performer_id
    store.save(**page(jane, aliases=("jay",)))
    store.save(source=stash_box, aliases=("Jay",))
    assert store.aliases(jane) == {"Jay": stash_box}


def test_the_page_of_another_performer_gives_nothing(store: Any) -> None:
    jane = store.save("a", urls=(PAGE,)).performer_id
    namesake = store.save("b").performer_id
    ref = store.ref("https://b.example/1.jpg", source="babepedia", performer_id=namesake, page_url=PAGE)
    saved = store.save(**page(namesake, page_url=PAGE, aliases=("Jay",), images=(ref,)))
    assert saved.page_of == jane
    assert store.aliases(namesake) == {}
    assert store.rows("SELECT * FROM images") == []
    assert store.rows("SELECT performer_id, outcome, detail FROM lookups") == [
        (namesake, "wrong_person", f"the page is performer {jane}'s")
    ]
    decision = store.face("https://b.example/1.jpg", source="babepedia", performer_id=namesake, page_url=PAGE)
    assert (decision.outcome, decision.reason) == ("rejected", "wrong_person")


def test_a_reference_site_creates_nobody(store: Any) -> None:
    with pytest.raises(OrphanPerformer, match="performer 7 is not in the database"):
        store.save(**page(7))
    assert store.rows("SELECT * FROM performers") == []


# --- removed ----------------------------------------------------------------------------------------------------------


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
