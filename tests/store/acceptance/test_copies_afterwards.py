"""What becomes of copies when the face that they are copies of goes."""

from __future__ import annotations

import json

from enrich.items import FloatArray
from enrich.store.crawl_queries.queries import Library
from enrich.store.db.model_pack import IndexSpec
from enrich.store.forgetting.forget import forget_faces
from enrich.store.forgetting.source import forget_source
from enrich.store.reembedding.reembed import lose_face, save_vectors
from enrich.store.reembedding.switch import switch
from tests.store.acceptance.judged import ACCEPTED, Judged, near
from tests.store.acceptance.versions import kept, look, version
from tests.store.conftest import PRIORITIES


def chain(judged: Judged) -> FloatArray:
    """Photograph 7, stored as `c`, whose copies are `a` and, through it, `b`; and another one."""
    judged.face("stashdb", "other", near(0, 0.2, aside=1), look=look(1))
    version(judged, "stashdb", "a", 0.35)
    version(judged, "freeones", "b", 0.2)
    version(judged, "freeones", "c", 0.55)
    assert kept(judged) == ["other", "c"]
    return near(0)


def test_whoever_forgets_a_face_forgets_its_copies(judged: Judged) -> None:
    chain(judged)
    forgotten = ("rejected", "forgotten")
    judged.store.do(forget_faces, [judged.store.one("SELECT max(id) FROM faces")])
    assert judged.ledger() == {"other": ACCEPTED, "a": forgotten, "b": forgotten, "c": forgotten}
    assert look(7)[0].encode() not in b"".join(
        json.dumps(row).encode() for table in ("face_details", "candidates", "reembedded")
        for row in judged.store.rows(f"SELECT picture_hash FROM {table}")
    )  # fmt: skip


def test_a_source_that_is_forgotten_lets_the_others_version_come_back(judged: Judged) -> None:
    chain(judged)
    judged.store.do(forget_source, "freeones", PRIORITIES)
    assert judged.ledger() == {"other": ACCEPTED, "a": ("pending", None)}
    library = Library(judged.store.engine)
    assert [ref.image_url for _, ref in library.due_images("stashdb")] == ["https://stashdb.example/a.jpg"]
    library.close()


def test_another_pack_that_finds_no_face_any_more_lets_the_copies_come_back(judged: Judged) -> None:
    chain(judged)
    image = judged.store.image(look=look(5))
    judged.store.do(
        save_vectors, 1, "pack-2", {"sface": near(3)}, face=image.face, sha256=image.sha256, quality=0.4,
        picture_hash=image.picture_hash,
    )  # fmt: skip
    judged.store.do(lose_face, 3, "pack-2", "not_found")
    switch(judged.store.engine, [IndexSpec("sface", 16, "pack-2")], may_drop=1)
    assert judged.ledger() == {
        "other": ACCEPTED, "a": ("pending", None), "b": ("pending", None), "c": ("rejected", "not_found"),
    }  # fmt: skip
    (found,) = judged.store.rows("SELECT picture_hash, crop_hash, measures IS NULL FROM face_details")
    assert found == (*look(5), 0), "what the new pack saw"
