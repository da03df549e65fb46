"""Who was forgotten does not come back: by no id, by no link, and for next to nothing."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from sqlalchemy import Engine, event

from enrich.items import ImageRef, RefusedPerformer
from enrich.store.crawl_queries.queries import Library
from enrich.store.db.database import open_database, write
from enrich.store.forgetting.forget import forget_performers
from enrich.store.forgetting.forgotten import ForgottenPerformer, all_marks, mark, remember, salt_of
from enrich.store.people.save import remove_performer

UUID = "00000000-0000-4000-8000-00000000000a"
OTHER = "00000000-0000-4000-8000-00000000000b"
PAGE = f"https://stashdb.org/performers/{UUID}"
LINKS = ("https://twitter.com/jane_example", "https://jane.example/", "https://www.iafd.com/person.rme/perfid=jexample")


@pytest.fixture
def forgotten(store: Any) -> Any:
    """A database in which somebody, with an alias, links and an id that was merged into theirs, was forgotten."""
    saved = store.save(UUID, "Jane Example", aliases=("J. Exampla",), urls=LINKS, merged_ids=("old-jane",))
    assert store.do(forget_performers, [saved.performer_id]) == 1
    return store


@contextmanager
def statements(engine: Engine) -> Iterator[list[str]]:
    """What SQLite is asked within the block, with the values."""
    asked: list[str] = []

    def trace(connection: sqlite3.Connection, *rest: Any) -> None:
        connection.set_trace_callback(lambda statement: asked.append(" ".join(statement.split())))

    engine.dispose()  # connections that are open already would not be seen
    event.listen(engine, "connect", trace)
    try:
        yield asked
    finally:
        event.remove(engine, "connect", trace)
        engine.dispose()


@pytest.mark.parametrize(
    "said",
    [
        {"source_id": UUID},
        {"source_id": UUID.upper()},
        {"source_id": "old-jane"},
        {"source_id": "new", "merged_ids": (UUID,)},
        {"source_id": "new", "merged_ids": ("old-jane",)},
        {"source": "fansdb", "source_id": "f", "urls": (PAGE,)},
        {"source": "fansdb", "source_id": "f", "name": "Somebody", "urls": ("https://x.com/Jane_Example/media",)},
        {"source": "fansdb", "source_id": "f", "name": "Somebody", "urls": (LINKS[2],)},
        {"source": "fansdb", "source_id": "f", "urls": ("https://www.jane.example",)},
        {"source": "fansdb", "source_id": "f", "name": "J Exampla", "urls": ("http://jane.example/",)},
        {"source": "fansdb", "source_id": "f", "name": "X", "aliases": ("JANE EXAMPLE",), "urls": (LINKS[1],)},
    ],
)
def test_they_are_turned_down(forgotten: Any, said: dict[str, Any]) -> None:
    with pytest.raises(ForgottenPerformer) as turned_down:
        forgotten.save(**said)
    assert "jane" not in str(turned_down.value).casefold()
    library = Library(forgotten.engine, priorities={"stashdb": 1, "fansdb": 5})
    assert library.is_forgotten(forgotten.performer(**said))
    library.close()
    assert forgotten.one("SELECT count(*) FROM performers") == 0


@pytest.mark.parametrize(
    "said",
    [
        {"source_id": "other"},
        {"source": "fansdb", "source_id": UUID},
        {"source_id": "other", "name": "Jane Example", "urls": ("https://twitter.com/jane_other",)},
        {"source_id": "other", "name": "Somebody", "urls": ("https://jane.example/",)},
        {"source_id": "other", "name": "Jane Example", "urls": ("https://jane.example/shop",)},
    ],
)
def test_others_are_not(forgotten: Any, said: dict[str, Any]) -> None:
    library = Library(forgotten.engine, priorities={"stashdb": 1, "fansdb": 5})
    assert not library.is_forgotten(forgotten.performer(**said))
    library.close()
    assert forgotten.save(**said).created


def test_of_somebody_known_only_the_link_is_left_out(store: Any) -> None:
    """Two share an account; the one who stays was known before, and is not taken for the one who was forgotten."""
    gone = store.save(UUID, urls=LINKS).performer_id
    kept = store.save(OTHER, "Kim Other", urls=(LINKS[0], "https://kim.example/")).performer_id
    store.do(forget_performers, [gone])
    saved = store.save(OTHER, "Kim Other", urls=(LINKS[0], "https://kim.example/"))
    assert (saved.performer_id, saved.created) == (kept, False)
    assert store.rows("SELECT url FROM external_urls") == [("https://kim.example/",)]
    assert "twitter" not in str(store.rows("SELECT data FROM profiles"))


def test_who_is_told_by_a_stash_boxs_page_is_not_taken_for_them_by_an_account(store: Any) -> None:
    gone = store.save(UUID, urls=LINKS).performer_id
    kept = store.save(OTHER, "Kim Other").performer_id
    store.do(forget_performers, [gone])
    urls = (f"https://stashdb.org/performers/{OTHER}", LINKS[0])
    assert store.save("f", "Kim Other", source="fansdb", urls=urls).performer_id == kept
    with pytest.raises(ForgottenPerformer):  # but two pages of one stash-box, of which one was theirs, are theirs
        store.save("g", "Kim Other", source="pmvstash", urls=(*urls, PAGE))


def test_a_link_to_somebody_elses_page_keeps_nobody_else_out(store: Any) -> None:
    other = store.save(OTHER, "Kim Other").performer_id
    gone = store.save(UUID, urls=(f"https://stashdb.org/performers/{OTHER}", *LINKS)).performer_id
    store.do(forget_performers, [gone])
    assert store.save(OTHER, "Kim Other").performer_id == other


def test_a_forgotten_page_says_nothing_of_whom_it_was_asked_for(forgotten: Any) -> None:
    kept = forgotten.save("kim", "Jane Example").performer_id
    page = {"source": "iafd", "mode": "url", "performer_id": kept, "page_url": LINKS[2], "aliases": ("Another",)}
    with pytest.raises(ForgottenPerformer):
        forgotten.save("jexample", **page)
    refused = RefusedPerformer(source="iafd", source_id="jexample", performer_id=kept, mode="url", reason="forgotten")
    assert forgotten.do(remove_performer, refused) is False
    assert forgotten.rows("SELECT source, mode, performer_id, outcome, detail FROM lookups") == [
        ("iafd", "url", kept, "skipped", "forgotten")
    ]
    assert forgotten.rows("SELECT 1 FROM aliases") == []
    forgotten.do(remove_performer, RefusedPerformer(source="iafd", source_id="x", performer_id=999, reason="forgotten"))


def test_who_was_recognised_by_a_link_stays_out_when_it_is_gone(forgotten: Any) -> None:
    said = {"source": "fansdb", "source_id": "f", "name": "Somebody"}
    with pytest.raises(ForgottenPerformer):
        forgotten.save(**said, urls=(PAGE,))
    forgotten.do(remove_performer, RefusedPerformer(source="fansdb", source_id="f", reason="forgotten"))
    with pytest.raises(ForgottenPerformer):
        forgotten.save(**said)


def test_who_turns_out_to_be_them_goes_too(forgotten: Any) -> None:
    """A stash-box has merged the forgotten one into somebody we know: it says that they are one."""
    known = forgotten.save(OTHER, "Jane E.", urls=("https://onlyfans.com/jane_e",)).performer_id
    forgotten.face("https://img.example/x.jpg", source_id=OTHER)
    with pytest.raises(ForgottenPerformer):
        forgotten.save(OTHER, "Jane E.", merged_ids=(UUID,))
    refused = RefusedPerformer(source="stashdb", source_id=OTHER, reason="forgotten")
    assert forgotten.do(remove_performer, refused) is True
    assert forgotten.rows("SELECT 1 FROM performers WHERE id = :id", id=known) == []
    with pytest.raises(ForgottenPerformer):
        forgotten.save("f", "Jane E.", source="fansdb", urls=("https://onlyfans.com/jane_e",))


def test_a_picture_of_theirs_is_known_for_one(forgotten: Any) -> None:
    library = Library(forgotten.engine)
    assert library.is_forgotten_picture(forgotten.ref(source_id=UUID))
    assert not library.is_forgotten_picture(forgotten.ref(source_id=OTHER))
    assert not library.is_forgotten_picture(ImageRef(source="iafd", image_url="https://img.example/1", performer_id=1))
    library.close()


def test_hashes_are_salted_and_name_nobody(forgotten: Any, tmp_path: Any) -> None:
    held = all_marks(forgotten.engine.connect())
    assert all(len(one) == 32 and int(one, 16) >= 0 for one in held)
    salts = set()
    for name in ("one", "two"):
        engine = open_database(f"sqlite:///{tmp_path}/{name}.db")
        with engine.connect() as connection:
            salts.add(salt_of(connection))
        engine.dispose()
    with forgotten.engine.connect() as connection:
        salts.add(salt_of(connection))
    assert len(salts) == 3
    assert len({mark(salt, "person", "stashdb", UUID) for salt in salts}) == 3
    assert sum(mark(salt, "person", "stashdb", UUID) in held for salt in salts) == 1


def test_it_costs_one_look_into_an_empty_table_and_then_one_indexed_statement(store: Any) -> None:
    store.save("warm", "Up Warming")

    def asked(number: int) -> list[str]:
        with statements(store.engine) as asked:
            store.save(f"p{number}", f"Performer {number}", urls=(f"https://twitter.com/p{number}",))
        return [one for one in asked if "forgotten" in one or "salt" in one]

    assert asked(1) == ["SELECT forgotten.hash FROM forgotten LIMIT 1 OFFSET 0"]
    with write(store.engine) as tx:
        remember(tx, [mark(salt_of(tx), "person", "stashdb", "somebody")], "2026-01-31 12:00:00")
    asked(2)
    (statement,) = asked(3)
    ((*_, plan),) = store.rows(f"EXPLAIN QUERY PLAN {statement}")
    assert plan.startswith("SEARCH forgotten USING COVERING INDEX"), plan


def test_another_process_forgetting_is_noticed_at_once(store: Any) -> None:
    store.save(UUID)
    other = open_database(store.url)  # as another process would: it shares nothing but the file
    with write(other) as tx:
        forget_performers(tx, [1])
    other.dispose()
    with pytest.raises(ForgottenPerformer):
        store.save(UUID)


def test_a_crawl_reads_what_was_forgotten_once(forgotten: Any) -> None:
    library = Library(forgotten.engine, priorities={"stashdb": 1})
    library.is_forgotten(forgotten.performer("a"))
    with statements(forgotten.engine) as asked:
        for number in range(20):
            assert not library.is_forgotten(forgotten.performer(f"p{number}"))
    assert asked == []
    library.close()
