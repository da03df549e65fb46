"""What is forgotten is in no table; and others, of whom it was told, lose nothing else."""

from __future__ import annotations

import json
from typing import Any

import pytest
from sqlalchemy import text

from enrich.errors import StoreError
from enrich.items import GonePerformer, LookupEnded, RefusedPerformer
from enrich.store.db.schema import metadata
from enrich.store.forgetting.files import owed
from enrich.store.forgetting.forget import find_performer, forget_faces, forget_performers, going
from enrich.store.forgetting.gone import enter_gone
from enrich.store.forgetting.source import forget_source, known_sources
from enrich.store.ledger.runs import finish_run, start_run
from enrich.store.people.save import end_lookup, remove_performer

UUID = "00000000-0000-4000-8000-00000000000a"
NAMES = ("Jane Exampla", "Yana Beispiel")
LINKS = ("https://twitter.com/jane_exampla", "https://jane-exampla.example/", "https://babepedia.com/babe/Jane_Exampla")
PRIORITIES = {"stashdb": 1, "fansdb": 5}


def jane(store: Any) -> int:
    """Somebody with a row in every table, at two stash-boxes and on a reference site."""
    images = tuple(store.ref(f"https://img.example/jane/{n}.jpg", source_id=UUID) for n in range(4))
    number = store.save(
        UUID, NAMES[0], aliases=(NAMES[1],), urls=LINKS, merged_ids=("old-jane",), images=images, gender="FEMALE",
        tattoos=(("Arm", "a heron"),), piercings=(("Ears", None),), country="SE", updated="2025-01-01T00:00:00Z",
    ).performer_id  # fmt: skip
    page = f"https://stashdb.org/performers/{UUID}"
    store.save("f-jane", NAMES[0], source="fansdb", urls=(page,), height_cm=170)
    store.save(
        "Jane_Exampla", "Jane", source="babepedia", mode="url", performer_id=number, page_url=LINKS[2],
        aliases=("Janey Beis",), images=(store.ref("https://babepedia.example/1.jpg", source="babepedia",
                                                   performer_id=number, page_url=LINKS[2]),),
    )  # fmt: skip
    for n in range(2):
        store.face(f"https://img.example/jane/{n}.jpg", source_id=UUID)
    store.face("https://babepedia.example/1.jpg", source="babepedia", performer_id=number, page_url=LINKS[2])
    store.reject("https://img.example/jane/2.jpg", source_id=UUID)
    store.do(enter_gone, GonePerformer(source="stashdb", source_id=UUID, reason="deleted"), PRIORITIES)
    return int(number)


def kim(store: Any) -> int:
    """Somebody else, in whose rows the first one is told of."""
    number = store.save("kim", "Kim Other", urls=(LINKS[0], "https://kim.example/")).performer_id
    store.face("https://img.example/kim/1.jpg", source_id="kim")
    store.face("https://img.example/kim/copy.jpg", source_id="kim", body="https://img.example/jane/0.jpg")
    run = store.do(start_run, "babepedia", "url")
    wrong = LookupEnded(
        source="babepedia", mode="url", performer_id=number, outcome="wrong_person", detail="the page is Jane Exampla's"
    )
    store.do(end_lookup, wrong, run=run)
    stats = {
        "enrich/performers": 3,
        "images/offsite/jane-exampla.example": 2,
        "images/offsite/cdn.example": 1,
        "enrich/degraded/pages": f"performer {UUID} could not be read: HTTP 500",
        "enrich/degraded/robots": "https://babepedia.com/babe/Jane_Exampla may not be fetched",
    }
    store.do(finish_run, run, "finished", stats)
    crawl = store.do(start_run, "stashdb", "api")
    store.save(UUID, NAMES[0], aliases=(NAMES[1],), urls=LINKS, merged_ids=("old-jane",), run=crawl)
    return int(number)


def everything(store: Any) -> str:
    """All that is in the database, as one text."""
    tables = [table.name for table in metadata.sorted_tables]
    return json.dumps({name: store.rows(f"SELECT * FROM {name}") for name in tables}, default=repr, ensure_ascii=False)


def test_nothing_is_left_and_others_keep_what_is_theirs(store: Any) -> None:
    number = jane(store)
    other = kim(store)
    vectors = [
        row[0] for row in store.rows("SELECT vector FROM embeddings JOIN faces ON id = face_id WHERE performer_id = 1")
    ]
    assert len(vectors) == 3
    assert store.do(forget_performers, [number]) == 1
    left = everything(store)
    for told in (
        *NAMES,
        "Janey",
        UUID,
        "old-jane",
        "f-jane",
        "jane_exampla",
        "jane-exampla",
        "img.example/jane",
        "heron",
    ):
        assert told.casefold() not in left.casefold(), told
    assert not any(repr(vector) in left for vector in vectors)
    assert store.one("SELECT canonical_name, face_count FROM performers") == ("Kim Other", 1)
    assert store.rows("SELECT outcome, reason, detail FROM images ORDER BY id") == [
        ("accepted", None, None),
        ("rejected", "forgotten", None),
    ]
    assert store.rows("SELECT performer_id, outcome, detail FROM lookups") == [(other, "wrong_person", None)]
    assert json.loads(store.one("SELECT stats FROM runs WHERE source = 'babepedia'")) == {
        "enrich/performers": 3,
        "images/offsite/cdn.example": 1,
        "enrich/degraded/pages": "(forgotten)",
        "enrich/degraded/robots": "(forgotten)",
    }
    assert store.rows("SELECT source, last_processed_id FROM scrape_progress ORDER BY source") == [
        ("babepedia:url", str(other)),
        ("stashdb", None),
    ]
    with store.engine.connect() as connection:
        assert owed(connection) == ["jobs", "backups", "reports", "index", "exports", "file"]


def test_every_table_that_knows_performers_is_thought_of(store: Any) -> None:
    """A table to come that names performers has to say what becomes of its rows."""
    jane(store)
    numbered = {table.name for table in metadata.sorted_tables if "performer_id" in table.c or "face_id" in table.c}
    keyed = {
        table.name
        for table in metadata.sorted_tables
        for key in table.foreign_keys
        if key.ondelete in ("CASCADE", "SET NULL")
    }
    assert numbered <= keyed
    empty = {name for name in numbered if not store.rows(f"SELECT 1 FROM {name}")}
    assert empty == {"new_embeddings", "reembedded"}, "the test above speaks for all others"


@pytest.mark.parametrize("who", ["1", "stashdb:" + UUID, "stashdb:old-jane", "fansdb:f-jane", "babepedia:Jane_Exampla"])
def test_who_is_meant(store: Any, who: str) -> None:
    number = jane(store)
    assert store.do(find_performer, who) == number
    store.do(forget_performers, [number])
    assert store.do(find_performer, who) is None, "known to have been forgotten"


@pytest.mark.parametrize("who", ["2", "stashdb:nobody", "nowhere:" + UUID, "Jane Exampla", "", ":"])
def test_nobody_is_meant(store: Any, who: str) -> None:
    jane(store)
    with pytest.raises(StoreError):
        store.do(find_performer, who)


def test_going_counts(store: Any) -> None:
    number = jane(store)
    found = store.do(going, number)
    assert (found.name, found.ids) == (NAMES[0], ("fansdb:f-jane", f"stashdb:{UUID}"))
    assert (found.faces, found.pictures, found.names, found.links) == (3, 5, 3, 4)
    found = store.do(going, number, "babepedia")
    assert (found.faces, found.pictures, found.names, found.links) == (1, 1, 2, 0)


# --- faces ------------------------------------------------------------------------------------------------------------


def test_one_face(store: Any) -> None:
    number = jane(store)
    (first, *others) = [row[0] for row in store.rows("SELECT id FROM faces ORDER BY id")]
    store.save("kim", "Kim Other")
    store.face("https://img.example/kim/copy.jpg", source_id="kim", body="https://img.example/jane/0.jpg")
    assert store.do(forget_faces, [first, first]) == 1
    assert [row[0] for row in store.rows("SELECT id FROM faces ORDER BY id")] == others
    assert store.rows("SELECT 1 FROM embeddings WHERE face_id = :f", f=first) == []
    assert store.one("SELECT face_count FROM performers WHERE id = :n", n=number) == 2
    decided = "SELECT outcome, reason, face_id, detail FROM images WHERE image_url = :url"
    for url in ("https://img.example/jane/0.jpg", "https://img.example/kim/copy.jpg"):
        assert store.one(decided, url=url) == ("rejected", "forgotten", None, None)
    assert store.face("https://img.example/jane/0.jpg", source_id=UUID).repeated
    again = store.face("https://elsewhere.example/0.jpg", source_id=UUID, body="https://img.example/jane/0.jpg")
    assert (again.outcome, again.reason) == ("rejected", "forgotten")
    assert store.do(forget_faces, [first]) == 0, "it was forgotten before"


def test_a_face_without_a_row_in_the_ledger_gets_one(store: Any) -> None:
    jane(store)
    store.do(lambda tx: tx.execute(text("DELETE FROM images")))
    store.do(forget_faces, [1])
    assert store.one("SELECT source, image_url, outcome, reason FROM images") == (
        "stashdb", "https://img.example/jane/0.jpg", "rejected", "forgotten",
    )  # fmt: skip


def test_a_face_that_never_was(store: Any) -> None:
    jane(store)
    before = everything(store)
    with pytest.raises(StoreError, match="face 99: not in the database"):
        store.do(forget_faces, [1, 99])
    assert everything(store) == before


# --- sources ----------------------------------------------------------------------------------------------------------


def test_what_a_reference_site_gave_to_one(store: Any) -> None:
    number = jane(store)
    other = store.save("kim", "Kim Other").performer_id
    store.face("https://babepedia.example/kim.jpg", source="babepedia", performer_id=other)
    store.face(
        "https://freeones.example/1.jpg", source="freeones", performer_id=number, body="https://babepedia.example/1.jpg"
    )
    taken = store.do(forget_source, "babepedia", PRIORITIES, [number])
    assert (taken.performers, taken.entirely, taken.faces, taken.pictures) == (1, 0, 1, 1)
    assert store.aliases(number) == {NAMES[1]: "stashdb"}
    assert [row[0] for row in store.rows("SELECT url FROM external_urls")] == [
        *LINKS,
        f"https://stashdb.org/performers/{UUID}",
    ]
    for table in ("profiles", "lookups", "images"):
        assert not store.rows(f"SELECT 1 FROM {table} WHERE source = 'babepedia' AND performer_id = :n", n=number)
    assert store.rows("SELECT source_endpoint, performer_id FROM faces ORDER BY id") == [
        ("stashdb", number), ("stashdb", number), ("babepedia", other),
    ]  # fmt: skip
    assert store.one("SELECT face_count FROM performers WHERE id = :n", n=number) == 2
    copy = "SELECT outcome, reason, sha256 FROM images WHERE source = 'freeones'"
    assert store.one(copy) == ("pending", None, None), "it was left out for a face that is no more"
    with pytest.raises(StoreError):
        store.save("Jane_Exampla", "Jane", source="babepedia", mode="url", performer_id=number, page_url=LINKS[2])
    assert store.save("kim", "Kim Other", urls=(LINKS[2],)).performer_id == other
    assert not store.save("f-jane", NAMES[0], source="fansdb", urls=(f"https://stashdb.org/performers/{UUID}",)).created


def test_what_a_stash_box_gave_to_one_whom_another_knows(store: Any) -> None:
    number = jane(store)
    taken = store.do(forget_source, "stashdb", PRIORITIES, [number])
    assert (taken.entirely, taken.faces, taken.pictures) == (0, 2, 4)
    row = store.one("SELECT canonical_name, gender, country, height_cm, stashdb_updated_at, image_url FROM performers")
    assert row == (NAMES[0], None, None, 170, None, None)
    assert store.rows("SELECT endpoint FROM stashbox_ids") == [("fansdb",)]
    for table in ("merged_ids", "tattoos", "piercings", "gone"):
        assert not store.rows(f"SELECT 1 FROM {table}")
    with pytest.raises(StoreError):
        store.save(UUID, NAMES[0])
    assert store.save("new", NAMES[0], source="pmvstash", urls=(f"https://fansdb.cc/performers/{UUID}",)).created


def test_what_was_taken_over_from_a_source_goes_where_no_other_word_is_kept(store: Any) -> None:
    """A performer known at another stash-box too, from which nothing has been read yet."""
    number = store.save(UUID, NAMES[0], gender="FEMALE", height_cm=170).performer_id
    store.do(lambda tx: tx.execute(text("UPDATE performers SET height_cm = 171")))
    store.do(
        lambda tx: tx.execute(
            text("INSERT INTO stashbox_ids (performer_id, endpoint, stashbox_performer_id) VALUES (1, 'fansdb', 'f')")
        )
    )
    store.do(forget_source, "stashdb", PRIORITIES, [number])
    assert store.one("SELECT canonical_name, gender, height_cm FROM performers") == (NAMES[0], None, 171)


def test_a_source_as_a_whole(store: Any) -> None:
    number = jane(store)
    other = kim(store)
    assert store.do(known_sources) == {"stashdb", "fansdb", "babepedia"}
    taken = store.do(forget_source, "stashdb", PRIORITIES)
    assert (taken.performers, taken.entirely, taken.faces) == (2, 1, 3)
    assert store.rows("SELECT id, face_count FROM performers") == [(number, 1)]
    assert "kim" not in everything(store)
    assert store.rows("SELECT source FROM runs") == [("babepedia",)]
    assert store.rows("SELECT source FROM scrape_progress") == [("babepedia:url",)]
    assert store.rows("SELECT 1 FROM forgotten") == [], "the source is forgotten, nobody else"
    assert store.save("kim", "Kim Other").created
    assert other != store.one("SELECT id FROM performers WHERE canonical_name = 'Kim Other'")
    assert store.do(forget_source, "nobody", PRIORITIES).performers == 0


# --- who must not be stored -------------------------------------------------------------------------------------------


def test_who_is_under_age_leaves_nothing_behind_but_is_not_kept_out(store: Any) -> None:
    jane(store)
    kim(store)
    refused = RefusedPerformer(source="babepedia", source_id="x", performer_id=1, mode="url", reason="underage")
    assert store.do(remove_performer, refused)
    left = everything(store)
    assert not any(told.casefold() in left.casefold() for told in (*NAMES, UUID, "jane_exampla"))
    with store.engine.connect() as connection:
        assert "file" in owed(connection)
    assert store.save(UUID, NAMES[0]).created, "a birth date can be put right"


def test_who_was_never_stored_leaves_nothing_to_do(store: Any) -> None:
    assert not store.do(remove_performer, RefusedPerformer(source="stashdb", source_id="x", reason="underage"))
    with store.engine.connect() as connection:
        assert owed(connection) == []
