"""How crawls went: counts that add up over runs, and what a person is told of them."""

from __future__ import annotations

import json
import subprocess
import sys
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import text

from enrich.items import LookupEnded
from enrich.store.crawl_queries.status import SourceStatus, status
from enrich.store.ledger.rows import Limits
from enrich.store.ledger.runs import SILENT_SECONDS, beat, finish_run, start_run
from enrich.store.people.save import end_lookup


def source(store: Any, **when: Any) -> SourceStatus:
    (found,) = status(store.engine, "x", **when).sources
    return found


def test_an_empty_database_has_zeros(store: Any) -> None:
    found = status(store.engine, "performers.db")
    assert (found.database, found.performers, found.faces, found.sources, found.model) == (
        "performers.db",
        0,
        0,
        (),
        None,
    )
    json.dumps(found.as_json())


def test_everything_is_counted_by_source_mode_outcome_and_reason(store: Any) -> None:
    run = store.do(start_run, "stashdb", "api", expected=4)
    urls = [f"https://img.example/{n}.jpg" for n in range(6)]
    store.save(images=tuple(store.ref(url) for url in urls), run=run)
    store.save("other", run=run)
    limits = Limits(source=1)
    store.face(urls[0], limits, run=run)
    store.face(urls[1], limits, run=run)
    store.reject(urls[2], "no_face")
    store.reject(urls[3], "no_face")
    store.fail(urls[4], run=run)
    store.do(finish_run, run, "finished", {"enrich/performers": 2, "start_time": store.noon})
    by_name = store.do(start_run, "babepedia", "name")
    store.do(end_lookup, LookupEnded(source="babepedia", mode="name", performer_id=2, outcome="not_found"), run=by_name)
    found = status(store.engine, "x")
    assert (found.performers, found.performers_with_faces, found.faces, found.errors) == (2, 1, 1, 1)
    assert found.images == {"rejected": 3, "accepted": 1, "failed": 1, "pending": 1}
    assert found.reasons == {"no_face": 2, "source_limit": 1}
    assert (found.model, found.recognisers) == ("pack-1", {"sface": 16})
    stashdb, babepedia = found.sources
    assert (stashdb.source, stashdb.mode, stashdb.state, stashdb.faces) == ("stashdb", "api", "finished", 1)
    assert stashdb.images == {"accepted": 1, "failed": 1, "pending": 1, "rejected": 3}
    assert stashdb.reasons == {"no_face": 2, "source_limit": 1}
    assert (stashdb.run_performers, stashdb.run_faces_added, stashdb.run_errors, stashdb.run_expected) == (2, 1, 1, 4)
    assert (babepedia.source, babepedia.mode, babepedia.state, babepedia.performers) == (
        "babepedia",
        "name",
        "running",
        1,
    )
    assert store.one("SELECT json_extract(stats, '$.start_time') FROM runs WHERE id = 1") == str(store.noon)
    json.dumps(found.as_json())


def test_counts_add_up_over_runs(store: Any) -> None:
    for n in range(3):
        run = store.do(start_run, "stashdb", "api")
        store.save(f"p{n}", run=run)
        store.face(f"https://img.example/{n}.jpg", source_id=f"p{n}", run=run)
        store.do(finish_run, run, "finished", {})
    assert store.one(
        "SELECT source, performers_processed, faces_added, errors, last_processed_id FROM scrape_progress"
    ) == ("stashdb", 3, 3, 0, "p2")  # fmt: skip
    assert store.rows("SELECT performers, faces_added FROM runs") == [(1, 1)] * 3


def test_interrupted_runs_count_together_what_one_run_counts(store: Any) -> None:
    for until in (2, 3, 5, 5):
        run = store.do(start_run, "stashdb", "api")
        for n in range(until):
            store.save(f"p{n}", run=run)
            store.face(f"https://img.example/{n}.jpg", source_id=f"p{n}", run=run)
    assert store.one("SELECT performers_processed, faces_added FROM scrape_progress") == (5, 5)
    for mode in ("url", "name"):
        run = store.do(start_run, "babepedia", mode)
        for _ in range(2):
            ended = LookupEnded(source="babepedia", mode=mode, performer_id=1, outcome="done")
            store.do(end_lookup, ended, run=run)
    assert store.rows("SELECT source, performers_processed, last_processed_id FROM scrape_progress ORDER BY 1") == [
        ("babepedia:name", 1, "1"),
        ("babepedia:url", 1, "1"),
        ("stashdb", 5, "p4"),
    ]


def test_a_failed_lookup_is_an_error_and_no_performer_done(store: Any) -> None:
    store.save()
    run = store.do(start_run, "babepedia", "url")
    for outcome in ("failed", "blocked", "done"):
        store.do(end_lookup, LookupEnded(source="babepedia", mode="url", performer_id=1, outcome=outcome), run=run)
    assert store.one("SELECT performers_processed, errors FROM scrape_progress") == (1, 2)


def test_pace_and_time_left_are_told_while_it_runs(store: Any) -> None:
    run = store.do(start_run, "stashdb", "api", now=store.noon)
    store.do(lambda tx: tx.execute(text("UPDATE runs SET performers = 60")))
    now = store.noon + timedelta(minutes=2)
    store.do(beat, run, expected=150, now=now)
    found = source(store, now=now)
    assert (found.state, found.performers_per_minute, found.eta_seconds) == ("running", 30.0, 180)
    store.do(finish_run, run, "shutdown", {}, now=now)
    found = source(store, now=now + timedelta(days=1))
    assert (found.state, found.finish_reason, found.eta_seconds) == ("interrupted", "shutdown", None)
    assert found.performers_per_minute == 30.0


def test_a_run_not_heard_of_is_over(store: Any) -> None:
    store.do(start_run, "stashdb", "api", now=store.noon)
    assert source(store, now=store.noon + timedelta(seconds=SILENT_SECONDS)).state == "running"
    assert source(store, now=store.noon + timedelta(seconds=SILENT_SECONDS + 1)).state == "interrupted"


@pytest.mark.parametrize("same_host", [True, False])
def test_a_run_whose_process_is_gone_is_over_at_once(store: Any, same_host: bool) -> None:
    ended = subprocess.Popen([sys.executable, "-c", ""])
    ended.wait(30)
    run = store.do(start_run, "stashdb", "api", now=store.noon)
    host = "host" if same_host else "'elsewhere'"  # of another machine's processes nothing can be told
    store.do(lambda tx: tx.execute(text(f"UPDATE runs SET pid = {ended.pid}, host = {host}")))
    assert source(store, now=store.noon).state == ("interrupted" if same_host else "running")
    store.do(start_run, "stashdb", "api", now=store.noon)
    assert store.rows("SELECT finish_reason, finished_at FROM runs WHERE id = :id", id=run.id) == [
        ("interrupted", "2026-01-31 12:00:00") if same_host else (None, None)
    ]
