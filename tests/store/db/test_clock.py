"""A clock that was wrong, and is set right: nobody waits for years, and no work is done twice for it."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from enrich.items import LookupEnded
from enrich.store.crawl_queries.queries import Library
from enrich.store.crawl_queries.status import status
from enrich.store.ledger.runs import beat, count, finish_run, is_running, start_run
from enrich.store.people.save import end_lookup

YEARS = timedelta(days=25 * 365)
BACKWARDS = pytest.mark.parametrize("wrong_by", [YEARS, timedelta(days=30), -YEARS], ids=["years", "month", "past"])


def refs(store: Any, now: Any) -> list[str]:
    library = Library(store.engine)
    try:
        return [ref.image_url for _, ref in library.due_images("stashdb", now=now)]
    finally:
        library.close()


def lookups(store: Any, now: Any) -> list[int]:
    library = Library(store.engine, refresh_after=timedelta(days=30))
    try:
        return [lookup.performer_id for lookup in library.lookups_by_name("babepedia", now=now)]
    finally:
        library.close()


def end(store: Any, outcome: Any, now: Any) -> None:
    store.do(end_lookup, LookupEnded(source="babepedia", mode="name", performer_id=1, outcome=outcome), now=now)


@BACKWARDS
def test_a_picture_that_failed_under_a_wrong_clock_is_due_and_then_keeps_its_time(store: Any, wrong_by: Any) -> None:
    store.save()
    store.fail("https://img.example/1.jpg", now=store.noon + wrong_by)
    assert refs(store, store.noon) == ["https://img.example/1.jpg"]
    store.fail("https://img.example/1.jpg", now=store.noon)
    assert refs(store, store.noon) == []
    assert refs(store, store.noon + timedelta(hours=1)) == ["https://img.example/1.jpg"]


def test_a_clock_that_is_put_back_a_little_changes_nothing(store: Any) -> None:
    store.save()
    store.fail("https://img.example/1.jpg", now=store.noon)
    end(store, "done", store.noon)
    earlier = store.noon - timedelta(hours=2)
    assert refs(store, earlier) == []
    assert lookups(store, earlier) == []


def test_no_wait_is_longer_than_what_counts_as_a_wait(store: Any) -> None:
    store.save()
    store.fail("https://img.example/1.jpg", now=store.noon, retry_after=timedelta(days=400))
    assert refs(store, store.noon) == []
    assert refs(store, store.noon + timedelta(days=7)) == ["https://img.example/1.jpg"]


def test_what_the_crawl_is_told_of_a_single_picture_agrees(store: Any) -> None:
    store.save()
    library = Library(store.engine)
    for number, years in enumerate((YEARS, timedelta(0))):
        ref = store.ref(f"https://img.example/{number}.jpg")
        store.fail(ref.image_url, now=None if not years else store.noon + 4 * years)
        assert library.image_decided(ref) is not bool(years)
    library.close()


@BACKWARDS
@pytest.mark.parametrize("outcome", ["done", "failed", "not_found"])
def test_a_look_up_made_under_a_wrong_clock_is_made_again_once(store: Any, outcome: Any, wrong_by: Any) -> None:
    store.save()
    end(store, outcome, store.noon + wrong_by)
    assert lookups(store, store.noon) == [1]
    end(store, outcome, store.noon)
    assert lookups(store, store.noon) == []


@BACKWARDS
def test_a_run_whose_clock_was_wrong_is_not_running_for_ever(store: Any, wrong_by: Any) -> None:
    other = store.do(start_run, "stashdb", "api", now=store.noon + wrong_by)
    store.do(lambda tx: tx.exec_driver_sql("UPDATE runs SET host = 'elsewhere'"))
    assert status(store.engine, "x", now=store.noon).sources[0].state == "interrupted"
    run = store.do(start_run, "stashdb", "api", now=store.noon)
    assert store.one("SELECT finish_reason FROM runs WHERE id = :id", id=other.id) == "interrupted"
    assert status(store.engine, "x", now=store.noon).sources[0].state == "running"
    store.do(finish_run, run, "finished", {}, now=store.noon)


def test_a_living_run_is_known_again_by_its_next_beat(store: Any) -> None:
    run = store.do(start_run, "stashdb", "api", now=store.noon + YEARS)
    store.do(beat, run, now=store.noon)
    store.do(count, run, "2026-01-31 12:00:00", performers=1, processed=1)
    (row,) = store.rows("SELECT host, pid, heartbeat_at, finished_at FROM runs")
    fields = dict(zip(("host", "pid", "heartbeat_at", "finished_at"), row, strict=True))
    assert is_running(fields, store.noon)
    found = status(store.engine, "x", now=store.noon).sources[0]
    assert (found.state, found.performers_per_minute, found.eta_seconds) == ("running", None, None)
