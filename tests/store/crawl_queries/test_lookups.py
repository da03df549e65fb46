"""Whom to look up: nobody left out, nobody twice, nobody whose answer is there."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import text

from enrich.errors import StoreError
from enrich.items import LookupEnded
from enrich.store.crawl_queries.queries import Library
from enrich.store.people.save import end_lookup


def babe(name: str) -> str:
    return f"https://www.babepedia.com/babe/{name}"


def end(store: Any, performer: int, outcome: Any = "done", mode: Any = "url", **options: Any) -> None:
    ended = LookupEnded(source="babepedia", mode=mode, performer_id=performer, outcome=outcome)
    store.do(end_lookup, ended, now=store.noon, **options)


def due(library: Library, store: Any, mode: str = "url", after: timedelta = timedelta(0), **options: Any) -> list[int]:
    read = library.lookups_by_url if mode == "url" else library.lookups_by_name
    return [lookup.performer_id for lookup in read("babepedia", now=store.noon + after, **options)]


def test_a_lookup_has_all_that_is_needed_to_find_and_to_check(store: Any, library: Library) -> None:
    store.save(urls=(babe("Jane"), "https://www.iafd.com/person.rme/perfid=x", babe("Jane_X")), aliases=("Jay", "JJ"),
               gender="FEMALE", birth_date="1990-05-17")  # fmt: skip
    (lookup,) = library.lookups_by_url("babepedia")
    assert lookup.performer_id == 1
    assert (lookup.name, lookup.gender, lookup.birth_date) == ("Jane Example", "FEMALE", "1990-05-17")
    assert lookup.aliases == ("Jay", "JJ")
    assert lookup.urls == (babe("Jane"), babe("Jane_X"))
    (by_name,) = library.lookups_by_name("babepedia")
    assert by_name.urls == lookup.urls
    assert by_name.aliases == ("Jay", "JJ")


def test_batches_leave_nobody_out_and_split_nobody(store: Any, library: Library) -> None:
    for n in range(7):
        store.save(f"p{n}", urls=tuple(babe(f"P{n}_{k}") for k in range(3)))
    seen, after = [], 0
    while batch := library.lookups_by_url("babepedia", after=after, batch=2):
        assert len(batch) <= 2
        seen += batch
        after = batch[-1].performer_id
    assert [lookup.performer_id for lookup in seen] == [1, 2, 3, 4, 5, 6, 7]
    assert all(len(lookup.urls) == 3 for lookup in seen)


def test_a_performer_who_is_gone_does_not_stop_the_walk(store: Any, library: Library) -> None:
    for n in range(3):
        store.save(f"p{n}", urls=(babe(f"P{n}"),))
    store.do(lambda tx: tx.execute(text("DELETE FROM performers WHERE id = 2")))
    assert due(library, store, after=timedelta(0), batch=10) == [1, 3]
    assert [lookup.performer_id for lookup in library.lookups_by_url("babepedia", after=2)] == [3]


def test_only_the_site_itself_counts_not_a_name_like_it(store: Any, library: Library) -> None:
    store.save(urls=("https://twitter.com/babepedia_fan", "https://notbabepedia.com/babe/Jane"))
    assert library.lookups_by_url("babepedia") == []


@pytest.mark.parametrize("mode", ["url", "name"])
def test_an_unknown_gender_is_wanted_always(store: Any, library: Library, mode: Any) -> None:
    for n, gender in enumerate(("FEMALE", "MALE", None, "TRANSGENDER_FEMALE", "female")):
        store.save(f"p{n}", urls=(babe(f"P{n}"),), gender=gender)
    wanted = frozenset({"FEMALE", "TRANSGENDER_FEMALE"})
    assert due(library, store, mode, genders=wanted) == [1, 3, 4, 5]
    assert due(library, store, mode, genders=None) == [1, 2, 3, 4, 5]


@pytest.mark.parametrize("outcome", ["done", "not_found", "wrong_person", "skipped"])
def test_what_has_an_answer_is_asked_again_only_when_it_is_old(store: Any, library: Library, outcome: str) -> None:
    store.save(urls=(babe("Jane"),))
    end(store, 1, outcome)
    assert due(library, store) == []
    assert due(library, store, after=timedelta(days=29)) == []
    assert due(library, store, after=timedelta(days=30)) == [1]
    assert due(library, store, "name") == [1]  # the other mode is another question


def test_without_a_refresh_time_an_answer_stands(store: Any) -> None:
    store.save(urls=(babe("Jane"),))
    end(store, 1)
    library = Library(store.engine)
    assert due(library, store, after=timedelta(days=9999)) == []
    library.close()


@pytest.mark.parametrize("outcome", ["failed", "blocked"])
def test_a_failure_is_tried_again_after_its_time(store: Any, library: Library, outcome: str) -> None:
    store.save(urls=(babe("Jane"),))
    end(store, 1, outcome)
    assert due(library, store, after=timedelta(minutes=14)) == []
    assert due(library, store, after=timedelta(minutes=15)) == [1]
    end(store, 1, outcome)
    assert due(library, store, after=timedelta(minutes=15)) == []
    assert due(library, store, after=timedelta(minutes=30)) == [1]
    end(store, 1, "done")
    assert store.one("SELECT outcome, next_try_at FROM lookups") == ("done", None)


def test_a_new_link_makes_an_old_performer_due(store: Any, library: Library) -> None:
    store.save(urls=(babe("Jane"),))
    end(store, 1)
    store.save(urls=(babe("Jane"), "https://www.iafd.com/person.rme/perfid=x"))
    assert due(library, store) == []
    store.save(urls=(babe("Jane"), babe("Jane_X")))
    assert due(library, store) == [1]


def test_a_new_name_makes_a_performer_due_by_name(store: Any, library: Library) -> None:
    store.save()
    end(store, 1, "not_found", mode="name")
    store.save(height_cm=170)
    assert due(library, store, "name") == []
    store.save(aliases=("Jay",))
    assert due(library, store, "name") == [1]
    end(store, 1, "not_found", mode="name")
    store.save(name="Jane Renamed", aliases=("Jay",))
    assert due(library, store, "name") == [1]


def test_what_the_site_itself_contributed_is_no_reason_to_ask_it_again(store: Any, library: Library) -> None:
    store.save()
    store.save("Jane", source="babepedia", mode="name", performer_id=1, page_url=babe("Jane"), aliases=("Jay",))
    assert library.lookups_by_name("babepedia") == []
    end(store, 1)
    store.save("Jane", source="babepedia", mode="url", performer_id=1, page_url=babe("Jane"), aliases=("Jay", "JJ"),
               urls=(babe("Jane_X"),))  # fmt: skip
    assert library.lookups_by_url("babepedia") == []
    assert len(store.rows("SELECT * FROM external_urls")) == 2
    assert library.lookups_by_name("babepedia") == []


@pytest.mark.parametrize("who", ["2", "stashdb:p1"])
def test_a_performer_can_be_named_and_is_looked_up_whether_due_or_not(store: Any, library: Library, who: str) -> None:
    for n in range(3):
        store.save(f"p{n}", urls=(babe(f"P{n}"),))
    end(store, 2)
    assert due(library, store, performer=who) == [2]
    assert due(library, store, performer=who, after=timedelta(0), batch=5) == [2]
    assert [lookup.performer_id for lookup in library.lookups_by_url("babepedia", performer=who, after=2)] == []


@pytest.mark.parametrize("who", ["99", "stashdb:nobody", "jane"])
def test_naming_nobody_is_said(library: Library, who: str) -> None:
    with pytest.raises(StoreError, match=who):
        library.lookups_by_name("babepedia", performer=who)
