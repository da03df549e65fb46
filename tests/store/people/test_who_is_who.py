"""Who is who: by ids, by links where a name agrees, and by what a stash-box has merged."""

from __future__ import annotations

from typing import Any

import pytest

from enrich.items import RefusedPerformer
from enrich.store.people.save import remove_performer
from tests.store.said import FANSDB_ID, IAFD, STASHDB_ID, STASHDB_PAGE, everything

PMVSTASH_ID = "6f1c2d3e-0000-4000-8000-0000000000aa"
PMVSTASH_PAGE = f"https://pmvstash.org/performers/{PMVSTASH_ID}"


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
