"""What lies beside an index may be anything: then the index is built anew, and nobody else's is removed."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from enrich.store.index.sync import catch_up, check, index_path
from enrich.store.reembedding.switch import remove_leftovers
from tests.store.indexed import SPEC, add


@pytest.fixture
def beside(store: Any, tmp_path: Path) -> Path:
    """The file beside an index of two faces."""
    add(store, 1, 2)
    catch_up(store.engine, tmp_path / "index", SPEC)
    return index_path(tmp_path / "index", "sface").with_suffix(".json")


@pytest.mark.parametrize("text", ["", "null", "[]", '"a text"', "7"])
def test_what_says_nothing_is_damaged(store: Any, beside: Path, text: str) -> None:
    beside.write_text(text)
    assert "damaged" in check(store.engine, beside.parent, SPEC)[0]
    assert remove_leftovers(store.engine, beside.parent, ()) == [], "nobody knows whose it is"
    assert "damaged" in str(catch_up(store.engine, beside.parent, SPEC))
    assert check(store.engine, beside.parent, SPEC) == []


@pytest.mark.parametrize("marked", [None, "12", [None], ["1"], {"1": 2}, [3]])
def test_what_marks_no_faces_of_the_index_is_not_believed(store: Any, beside: Path, marked: Any) -> None:
    beside.write_text(json.dumps({**json.loads(beside.read_text()), "marked": marked}))
    assert len(check(store.engine, beside.parent, SPEC)) == 1
    report = catch_up(store.engine, beside.parent, SPEC)
    assert report.rebuilt_because
    assert check(store.engine, beside.parent, SPEC) == []
