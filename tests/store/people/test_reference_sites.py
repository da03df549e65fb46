"""What a reference site adds to a performer, and what it may not change."""

from __future__ import annotations

from typing import Any

import pytest

from enrich.store.ledger.rows import OrphanPerformer
from tests.store.said import IAFD

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
