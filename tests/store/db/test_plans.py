"""What is asked for every performer is found by an index, however many there are."""

from __future__ import annotations

import re
import sqlite3
from typing import Any

import pytest
from sqlalchemy import event

GROWING = (
    "performers",
    "external_urls",
    "aliases",
    "stashbox_ids",
    "images",
    "faces",
    "profiles",
    "merged_ids",
    "lookups",
)


@pytest.mark.parametrize("links", [1, 3, 250])
def test_saving_a_performer_reads_no_table_from_end_to_end(store: Any, links: int) -> None:
    asked: list[str] = []

    def trace(connection: sqlite3.Connection, *rest: Any) -> None:
        connection.set_trace_callback(asked.append)

    event.listen(store.engine, "connect", trace)
    store.engine.dispose()  # connections that are open already would not be seen
    for name in ("new", "known"):
        said = {"urls": tuple(f"https://twitter.com/{name}_{n}" for n in range(links)), "aliases": ("A. B.", "C. D.")}
        for _ in range(2):
            store.save(name, f"The {name} one", images=(store.ref(source_id=name),), **said)
    page = {"source": "babepedia", "mode": "url", "performer_id": 1, "page_url": "https://babepedia.com/babe/New"}
    store.save("New", "The new one", urls=("https://onlyfans.com/new",), **page)
    event.remove(store.engine, "connect", trace)
    statements = {one for one in asked if re.match("(SELECT|UPDATE|DELETE)", one)}
    assert len(statements) > 20
    scanned = {
        step[-1]: statement
        for statement in statements
        for step in store.rows("EXPLAIN QUERY PLAN " + statement.replace(":", "\\:"))
        if re.match(rf"SCAN ({'|'.join(GROWING)})\b", step[-1])
    }
    assert scanned == {}
