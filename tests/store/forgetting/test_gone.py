"""Who is no longer at their stash-box: entered, counted, struck out when back; merged where it says into whom."""

from __future__ import annotations

from typing import Any

import pytest

from enrich.items import GonePerformer
from enrich.store.crawl_queries.queries import Library
from enrich.store.crawl_queries.status import status
from enrich.store.forgetting.forget import forget_performers
from enrich.store.forgetting.gone import enter_gone, gone_counts, gone_everywhere, ids_there

PRIORITIES = {"stashdb": 1, "fansdb": 5}


def missing(source_id: str = "jane", source: str = "stashdb", reason: Any = "not_found", **more: Any) -> GonePerformer:
    return GonePerformer(source=source, source_id=source_id, reason=reason, **more)


def test_entered_once_and_struck_out_when_they_are_back(store: Any) -> None:
    number = store.save().performer_id
    store.save("kim", "Kim Other")
    assert store.do(enter_gone, missing("nobody"), PRIORITIES) == "unknown"
    assert store.do(enter_gone, missing(reason="deleted"), PRIORITIES, now=store.noon) == "gone"
    assert store.do(enter_gone, missing(), PRIORITIES) == "known"
    assert store.rows("SELECT * FROM gone") == [("stashdb", "jane", number, "deleted", "2026-01-31 12:00:00")]
    assert store.do(ids_there, "stashdb") == ["kim"], "whoever is known to be gone is not asked for again"
    library = Library(store.engine)
    assert library.ids_there("stashdb") == ["kim"]
    library.close()
    store.save("kim", "Kim Other")
    assert store.do(gone_counts) == {"stashdb": 1}
    store.save()
    assert store.do(gone_counts) == {}
    assert sorted(store.do(ids_there, "stashdb")) == ["jane", "kim"]


def test_only_who_is_nowhere_any_more_is_gone(store: Any) -> None:
    number = store.save("jane").performer_id
    page = ("https://stashdb.org/performers/00000000-0000-4000-8000-00000000000a",)
    store.save("00000000-0000-4000-8000-00000000000a", "Kim Other")
    assert store.save("k", "Kim Other", source="fansdb", urls=page).performer_id == 2
    store.save("lea", "Lea Third")
    for one in (missing("jane"), missing("00000000-0000-4000-8000-00000000000a")):
        store.do(enter_gone, one, PRIORITIES)
    assert store.do(gone_everywhere) == [number]
    found = status(store.engine, "x")
    assert (found.gone, [(one.source, one.gone) for one in found.sources]) == (1, [("stashdb", 2)])
    store.do(enter_gone, missing("k", "fansdb"), PRIORITIES)
    assert store.do(gone_everywhere) == [number, 2]
    store.do(forget_performers, [number, 2])
    assert store.rows("SELECT canonical_name FROM performers") == [("Lea Third",)]
    assert store.do(gone_counts) == {}


def test_merged_into_somebody_known_they_are_one(store: Any) -> None:
    old = store.save("old", "Jane Exampla", aliases=("J. E.",)).performer_id
    store.face(source_id="old")
    new = store.save("new", "Jane Example").performer_id
    store.do(enter_gone, missing("old"), PRIORITIES)
    assert store.do(enter_gone, missing("old", reason="deleted", merged_into="new"), PRIORITIES) == "merged"
    assert store.rows("SELECT id, canonical_name, face_count FROM performers") == [(new, "Jane Example", 1)]
    assert store.rows("SELECT performer_id, merged_stashbox_id FROM merged_ids") == [(new, "old")]
    assert store.rows("SELECT 1 FROM gone") == []
    assert store.save("old", "Jane Exampla").performer_id == new
    assert old != new


@pytest.mark.parametrize("into", ["nobody", None])
def test_merged_into_nobody_we_know_they_are_gone(store: Any, into: str | None) -> None:
    store.save("old")
    assert store.do(enter_gone, missing("old", reason="deleted", merged_into=into), PRIORITIES) == "gone"


def test_the_row_goes_along_with_who_is_found_to_be_somebody_else(store: Any) -> None:
    number = "00000000-0000-4000-8000-00000000000a"
    one = store.save(number, "Jane Exampla").performer_id
    page = (f"https://stashdb.org/performers/{number}",)
    assert store.save("x", "Jane Exampla", source="fansdb", urls=page).performer_id == one
    store.do(enter_gone, missing("x", "fansdb"), PRIORITIES)
    other = store.save("new", "Jane Example").performer_id
    assert store.save("new", "Jane Example", merged_ids=(number,)).merged == (one,)
    assert store.rows("SELECT source, source_id, performer_id FROM gone") == [("fansdb", "x", other)]
