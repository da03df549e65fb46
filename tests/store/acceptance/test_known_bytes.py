"""A picture whose bytes are in the ledger: told without a face what it would have been told with one."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from enrich.items import KnownImage
from enrich.store.acceptance.decide import Finding, save_findings
from enrich.store.crawl_queries.queries import Library
from enrich.store.forgetting.forget import forget_faces, forget_performers
from enrich.store.ledger.rows import Decision

A, B = "https://img.example/a.jpg", "https://img.example/b.jpg"
ROW = "SELECT outcome, reason, sha256, detail, width_px, next_try_at FROM images WHERE image_url = :url"


@pytest.fixture(autouse=True)
def jane(store: Any) -> None:
    store.save()


@pytest.fixture
def library(store: Any) -> Iterator[Library]:
    made = Library(store.engine)
    yield made
    made.close()


def tell(store: Any, url: str, body: str, **said: Any) -> Decision:
    image = store.image(url, body=body, **said)
    (told,) = store.do(save_findings, [Finding(image=KnownImage(ref=image.ref, sha256=image.sha256))])
    assert isinstance(told, Decision), told
    return told


def test_bytes_are_held_by_what_was_accepted_or_forgotten(store: Any, library: Library) -> None:
    taken = store.face(A, body="taken")
    store.reject(B)
    held = store.image(body="taken").sha256
    assert library.is_held(held)
    assert not library.is_held(store.image(B).sha256)
    store.do(forget_faces, [taken.face_id])
    assert library.is_held(held)
    store.do(forget_performers, [1])
    assert not library.is_held(held)


@pytest.mark.parametrize("whose", [{}, {"source": "babepedia", "performer_id": 1}, {"source_id": "other"}])
def test_the_ledger_says_what_it_says_of_a_face(store: Any, whose: dict[str, Any]) -> None:
    store.save("other", "Other Person")
    store.face(A, body="same")
    known = tell(store, B, "same", **whose)
    asked = store.face(f"{B}?face", body="same", **whose)
    assert (known.outcome, known.reason, known.performer_id) == ("rejected", "duplicate_image", asked.performer_id)
    row, face_row = store.one(ROW, url=B), store.one(ROW, url=f"{B}?face")
    assert row[:4] == face_row[:4]
    assert row[3] is not None
    assert store.one("SELECT count(*) FROM faces") == 1


def test_a_page_of_another_comes_before_the_copy(store: Any) -> None:
    store.save("other", "Other Person", urls=("https://www.babepedia.com/babe/Other",))
    store.face(A, body="same")
    page = "https://www.babepedia.com/babe/Other"
    assert tell(store, B, "same", source="babepedia", performer_id=1, page_url=page).reason == "wrong_person"


def test_a_copy_of_a_forgotten_face_is_forgotten(store: Any) -> None:
    taken = store.face(A, body="same")
    store.do(forget_faces, [taken.face_id])
    assert tell(store, B, "same").reason == "forgotten"
    assert store.one(ROW, url=B)[3] is None


def test_whose_copy_has_gone_meanwhile_comes_again_and_names_nobody(store: Any, library: Library) -> None:
    """Looked at before the original's performer was forgotten, written after: no trace, and the next crawl looks."""
    store.save("other", "Other Person")
    store.face(A, body="same")
    store.do(forget_performers, [1])
    assert tell(store, B, "same", source_id="other").outcome == "failed"
    outcome, reason, _, detail, _, _ = store.one(ROW, url=B)
    assert (outcome, reason, detail) == ("failed", None, None)
    state = library.image_state(store.ref(B, source_id="other"))
    assert state is not None
    assert state.due
    assert store.face(B, body="same", source_id="other").outcome == "accepted"
