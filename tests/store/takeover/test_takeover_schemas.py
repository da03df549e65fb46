"""Old Stash Sense databases taken over: each schema with 1,000 faces and planted damage; no face is lost unsaid."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest
import voyager

from enrich.commands.index import bring_up
from enrich.items import ImageRef
from enrich.store.crawl_queries.queries import Library
from tests.store.stash_sense import OldData, crowd, picture, uuid, vectors_of, written
from tests.store.taking import MODEL, Taking, lines


def pairs(owners: list[int]) -> Iterator[int]:
    """Places of faces whose next one is the same performer's."""
    return (place for place in range(300, len(owners) - 1) if owners[place] == owners[place + 1])


@pytest.mark.parametrize("version", [1, 2, 3, 4, 5])
def test_a_thousand_faces_of_each_schema(taking: Taking, version: int) -> None:
    owners = crowd(1000, seed=version)
    twice = next(pairs(owners))
    young = owners[150]
    others = vectors_of(owners, "facenet")
    old = taking.data(
        version,
        owners,
        altered={
            "facenet": {41: np.full(512, np.nan), 50: others[200]},
            "arcface": {40: np.zeros(512), 42: np.ones(512)},
        },
        deleted=[30, 31, 81],
    )
    old.sql("UPDATE faces SET facenet_index = 70000, arcface_index = 70000 WHERE id = 21")
    old.sql("UPDATE faces SET arcface_index = -5 WHERE id = 22")
    old.sql("UPDATE faces SET performer_id = 99999 WHERE id = 61")
    old.sql("UPDATE faces SET image_url = ? WHERE id = ?", picture(twice + 1), twice + 2)
    old.sql("UPDATE faces SET image_url = NULL WHERE id IN (82, 91)")
    old.sql("UPDATE performers SET birth_date = '2010-01-01', face_count = 77 WHERE id = ?", young)
    old.sql("UPDATE performers SET canonical_name = 'Anna &amp; Co', birth_date = '1990-05-17 00:00:00' WHERE id = 1")
    old.sql(
        "UPDATE stashbox_ids SET endpoint = 'stashdb.org', stashbox_performer_id = ? WHERE performer_id = 1",
        f"{uuid(1)}/",
    )
    if version > 1:
        old.sql("UPDATE faces SET source_endpoint = ? WHERE id % 3 = 0", None if version < 4 else "stashdb.org")
        old.sql("UPDATE performers SET height_cm = '168cm' WHERE id = 1")
        for _ in range(3):
            old.sql("INSERT INTO tattoos (performer_id, location, source_endpoint) VALUES (1, 'Left arm', 'stashdb')")
        old.sql(
            "INSERT INTO piercings (performer_id, location, description) VALUES (1, 'navel', NULL), (1, 'Navel', '')"
        )
    if version == 5:
        old.sql("INSERT INTO scrape_progress VALUES ('stashdb.org', 'x', '2025-07-01 10:00:00', 321, 1000, 4)")
        old.sql("INSERT INTO scrape_progress VALUES ('babepedia:url', '7', '2025-07-02 10:00:00', 7, 0, 0)")
    done = taking(old)

    store = taking.store
    refused = {place for place, owner in enumerate(owners) if owner == young}
    unfit = {20, 21, 30, 31, 40, 41, 42, 50, 81, 200}
    taken = set(range(1000)) - refused - unfit - {60, twice + 1}
    assert len(done.plan.take) == len(taken)
    assert sorted(place for places in done.plan.unfit.values() for place in places) == sorted(
        place + 1 for place in unfit - refused
    )
    assert done.plan.lost == [82]
    assert done.plan.nobodys == [61]
    assert done.plan.repeated == 1
    assert done.plan.refused == {"underage": len(refused)}

    expected = {name: vectors_of(owners, name) for name in ("facenet", "arcface")}
    held = taking.vectors()
    assert held.keys() == {None if place == 90 else picture(place + 1) for place in taken}
    for place in taken - {90}:
        for name, vectors in expected.items():
            np.testing.assert_allclose(held[picture(place + 1)][name], vectors[place], atol=1e-6)
    whose = dict(store.rows("SELECT image_url, performer_id FROM faces WHERE image_url IS NOT NULL"))
    assert whose == {picture(place + 1): owners[place] for place in taken - {90}}
    assert store.rows("SELECT id FROM faces WHERE id NOT IN (facenet_index, arcface_index)") == []
    assert store.one("SELECT min(id), max(id), count(*) FROM faces") == (1, len(taken), len(taken))
    assert store.one("SELECT value FROM counters WHERE name = 'face_id'") == len(taken)
    assert store.rows("SELECT DISTINCT source_endpoint FROM faces") == [("stashdb",)]
    assert store.rows("SELECT DISTINCT model FROM embeddings") == [(MODEL,)]
    wrong = "SELECT id FROM performers p WHERE face_count <> (SELECT count(*) FROM faces WHERE performer_id = p.id)"
    assert store.rows(wrong) == []
    assert dict(store.rows("SELECT outcome, count(*) FROM images GROUP BY outcome")) == {
        "accepted": len(taken) - 1,
        "pending": len(unfit - refused) - 1,
    }
    assert store.rows("SELECT id FROM performers WHERE id = :p", p=young) == []
    assert store.one("SELECT canonical_name, birth_date FROM performers WHERE id = 1") == ("Anna & Co", "1990-05-17")
    assert store.one("SELECT endpoint, stashbox_performer_id FROM stashbox_ids WHERE performer_id = 1") == (
        "stashdb",
        uuid(1),
    )
    if version > 1:
        assert store.one("SELECT height_cm FROM performers WHERE id = 1") == 168
        assert store.rows("SELECT location, description, source_endpoint FROM tattoos") == [
            ("Left arm", None, "stashdb")
        ]
        assert store.rows("SELECT location, description, source_endpoint FROM piercings") == [("navel", None, None)]
    progress = store.rows("SELECT * FROM scrape_progress ORDER BY source")
    assert progress == ([] if version < 5 else [
        ("babepedia:url", "7", "2025-07-02 10:00:00", 7, 0, 0), ("stashdb", "x", "2025-07-01 10:00:00", 321, 1000, 4),
    ])  # fmt: skip

    assert bring_up(store.url, store.folder / "index", rebuild=False, check=False) == []
    assert bring_up(store.url, store.folder / "index", rebuild=False, check=True) == []
    library = Library(store.engine)
    due = {ref.image_url for _, ref in library.due_images("stashdb")}
    assert due == {picture(place + 1) for place in unfit - refused - {81}}
    known = [picture(place + 1) for place in sorted(taken - {90})]
    assert all(
        library.image_decided(ImageRef(source="stashdb", image_url=url, performer_id=whose[url])) for url in known
    )
    library.close()


def test_every_face_that_did_not_come_is_listed_with_its_reason(taking: Taking) -> None:
    old = taking.data(owners=[1, 1, 2, 2, 3], deleted=[0, 1])
    old.sql("UPDATE faces SET facenet_index = 9000 WHERE id = 4")
    done = taking(old)
    assert lines(done).splitlines() == [
        f"{old.path}: Stash Sense schema 5, 3 performers, 5 faces",
        "performers: 3 new",
        "faces: 2 taken with their vectors, 3 to be fetched again",
        "  2 not taken: its vector is deleted or missing in face_facenet.voy: 1-2",
        "  1 not taken: its number is past the end of face_facenet.voy: 4",
        "  to be fetched again: by the next `scrapy crawl` of their source (-a pages=0: nothing but these)",
        f"the database as it was before: {done.backup}",
        f"its vectors are of model pack stash_sense ({MODEL}): crawl on with MODEL_PACK=stash_sense, "
        "or have those of another pack made with `scrapy index --reembed`",
    ]
    assert taking.store.rows("SELECT json_extract(detail, '$.import') FROM images WHERE outcome = 'pending'") == [
        ("its vector is deleted or missing in face_facenet.voy",),
        ("its vector is deleted or missing in face_facenet.voy",),
        ("its number is past the end of face_facenet.voy",),
    ]


def test_vectors_are_those_of_the_stored_numbers(taking: Taking) -> None:
    """Not of the place, not of the face's id, and of each index by its own number."""
    owners = crowd(30)
    chance = np.random.default_rng(1)
    facenet, arcface = chance.permutation(30).tolist(), chance.permutation(30).tolist()
    old = OldData(taking.old, 5, owners, dict(enumerate(facenet)), dict(enumerate(arcface)))
    old.make(faces=np.argsort(facenet).tolist(), arcface=np.argsort(arcface).tolist())
    assert len(taking(old).plan.take) == 30
    for name in ("facenet", "arcface"):
        expected = vectors_of(owners, name)
        for place in range(30):
            np.testing.assert_allclose(taking.vectors()[picture(place + 1)][name], expected[place], atol=1e-6)


def test_times_qualities_and_numbers_are_kept(taking: Taking) -> None:
    old = taking.data(owners=[7, 7, 9])
    old.sql("UPDATE faces SET quality_score = 1.7 WHERE id = 2")
    old.sql("UPDATE performers SET created_at = '2024-03-02T01:00:00Z' WHERE id = 9")
    taking(old)
    assert taking.store.rows("SELECT performer_id, quality_score, created_at FROM faces") == [
        (7, 0.9, written(0)), (7, None, written(1)), (9, 0.9, written(2)),
    ]  # fmt: skip
    assert taking.store.one("SELECT created_at FROM performers WHERE id = 9") == "2024-03-02 01:00:00"
    assert taking.store.rows(
        "SELECT source, mode, outcome, attempts, face_id, decided_at FROM images WHERE id = 1"
    ) == [("stashdb", "api", "accepted", 1, 1, written(0))]


def test_quarter_byte_vectors_come_along_as_unit_vectors(taking: Taking) -> None:
    owners = crowd(40)
    old = taking.data(owners=owners, storage=voyager.StorageDataType.E4M3, altered={"facenet": {5: np.zeros(512)}})
    assert taking(old).plan.unfit == {"its vector in face_facenet.voy is damaged": [6]}
    expected = vectors_of(owners, "facenet")
    for place in set(range(40)) - {5}:
        vector = taking.vectors()[picture(place + 1)]["facenet"]
        assert abs(float(np.linalg.norm(vector)) - 1) < 1e-5
        assert float(vector @ expected[place]) > 0.995
