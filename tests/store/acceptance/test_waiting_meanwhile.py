"""Faces that wait or stand unconfirmed, while somebody is forgotten, merged, or given another pack."""

from __future__ import annotations

from typing import Any

import pytest

from enrich.commands.status import show
from enrich.store.crawl_queries.status import status
from enrich.store.db.model_pack import IndexSpec
from enrich.store.forgetting.forget import forget_faces, forget_performers
from enrich.store.forgetting.source import forget_source
from enrich.store.people.merge import absorb
from enrich.store.reembedding.reembed import lose_face, save_vectors
from enrich.store.reembedding.switch import switch
from tests.store.acceptance.groups import NO_MATCH, gather
from tests.store.acceptance.judged import ACCEPTED, Judged, near
from tests.store.conftest import PRIORITIES


def test_whoever_is_forgotten_takes_what_waits_along(judged: Judged) -> None:
    blob = near(0, 0.123, aside=3).tobytes()
    judged.face("freeones", "waits", near(0, 0.123, aside=3))
    gather(judged, {"a": 0, "b": 0, "c": 0})
    assert blob in judged.store.one("SELECT vector FROM candidate_vectors ORDER BY image_id LIMIT 1")
    judged.store.do(forget_performers, [1])
    assert judged.store.rows("SELECT image_id FROM candidates UNION SELECT image_id FROM candidate_vectors") == []
    judged.store.engine.dispose()
    files = [path for path in judged.store.folder.iterdir() if path.name.startswith("performers.db")]
    assert not [path for path in files if blob in path.read_bytes()]


def test_a_source_that_is_forgotten_takes_its_own(judged: Judged) -> None:
    judged.face("freeones", "f", near(0))
    judged.face("boobpedia", "b", near(0))
    judged.store.do(forget_source, "freeones", PRIORITIES)
    assert judged.waiting() == {"b"}


def test_a_face_that_is_forgotten_waits_nowhere(judged: Judged) -> None:
    judged.face("freeones", "copy", near(1), body="one picture")
    given = judged.face("stashdb", "given", near(0), body="one picture")
    assert judged.waiting() == {"copy"}
    judged.store.do(forget_faces, [given.face_id])
    assert judged.waiting() == set()
    assert set(judged.ledger().values()) == {("rejected", "forgotten")}
    assert judged.store.rows("SELECT * FROM candidate_vectors") == []


def test_who_is_merged_keeps_what_waits_and_it_is_judged_again(store: Any) -> None:
    for name in ("jane", "ann"):
        store.save(name, f"{name.title()} Example")
    one, other = Judged(store, performer=1), Judged(store, performer=2)
    one.face("stashdb", "given", near(0))
    other.face("freeones", "right", near(0, 0.1))
    other.face("stashdb", "strange", near(1))
    assert other.ledger()["right"] == NO_MATCH
    store.do(absorb, 1, 2, "2026-01-31 12:00:00")
    assert one.waiting() == {"right"}
    assert one.sweep().taken == 1
    assert one.ledger()["right"] == ACCEPTED


def test_another_pack_has_what_waits_fetched_anew_and_keeps_what_stands(judged: Judged) -> None:
    gather(judged, {"a": 0, "b": 0, "c": 0, "x": 1})
    judged.face("freeones", "waits", near(2))
    ids = [face for (face,) in judged.store.rows("SELECT id FROM faces ORDER BY id")]
    other = {face: near(3, 0.1, aside=face) for face in ids}
    lost, *rest = ids
    for face in rest:
        image = judged.store.image()
        judged.store.do(
            save_vectors, face, "pack-2", {"sface": other[face]}, face=image.face, sha256=image.sha256, quality=0.4
        )
    judged.store.do(lose_face, lost, "pack-2", "no_face")
    switch(judged.store.engine, [IndexSpec("sface", 16, "pack-2")], may_drop=1)
    assert judged.ledger() == {
        "a": ("rejected", "no_face"), "b": ACCEPTED, "c": ACCEPTED, "x": ("pending", None), "waits": ("pending", None),
    }  # fmt: skip
    assert judged.waiting() == {"b", "c"}
    vectors = "SELECT face_id, model, v.vector, quality_score FROM candidates c JOIN images ON c.image_id = images.id "
    kept = judged.store.rows(vectors + "JOIN candidate_vectors v ON v.image_id = images.id ORDER BY face_id")
    assert kept == [(face, "pack-2", other[face].tobytes(), 0.4) for face in rest]


def test_status_shows_what_is_in_doubt(judged: Judged, capsys: pytest.CaptureFixture[str]) -> None:
    gather(judged, {"a": 0, "b": 0, "c": 0, "x": 1})
    judged.face("freeones", "waits", near(0))
    found = status(judged.store.engine, "db")
    show(found)
    in_doubt = " ".join(capsys.readouterr().out.split("faces in doubt")[1].split())
    assert "freeones 1 kept back" in in_doubt
    assert "3 stored with none to compare with" in in_doubt
    told = {one["source"]: one for one in found.as_json()["sources"]}
    assert (told["pornpics"]["waiting"], told["pornpics"]["unconfirmed"], told["freeones"]["waiting"]) == (1, 3, 1)
