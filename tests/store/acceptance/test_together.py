"""Findings that are written in one transaction end as if each had been written for itself."""

from __future__ import annotations

import random
import shutil
from pathlib import Path
from typing import Any

import pytest

from enrich.store.acceptance.decide import save_findings
from enrich.store.ledger.rows import Limits
from enrich.store.ledger.runs import start_run
from tests.store.acceptance.judged import Judged, near, terms
from tests.store.conftest import Store

TABLES = ("images", "faces", "embeddings", "face_details", "performers", "runs", "scrape_progress", "counters",
          "candidates", "candidate_vectors")  # fmt: skip


@pytest.mark.parametrize("seed", range(8))
def test_faces_that_wait_are_judged_together_as_one_after_the_other(store: Any, tmp_path: Path, seed: int) -> None:
    for name in ("ann", "bea"):
        store.save(name, f"{name.title()} Example")
    judges = [Judged(store, terms(Limits(source=4, total=9)), performer) for performer in (1, 2)]
    for judged in judges:
        judged.pending("pornpics", *(str(number) for number in range(0, 40, 7)))
    store.engine.dispose()
    (tmp_path / "other").mkdir()
    shutil.copy(store.path, tmp_path / "other")
    other = Store(tmp_path / "other")
    chance, findings = random.Random(seed), []
    for _ in range(120):
        source = chance.choice(["pornpics", "pornpics", "freeones", "boobpedia", "elitebabes", "stashdb"])
        vector = near(chance.choice([0, 0, 0, 1]), chance.random() * 0.4, aside=chance.randrange(8))
        name, gallery = str(chance.randrange(40)), chance.choice("gh")
        if chance.random() < 0.3 and source == "stashdb":
            continue
        findings.append(chance.choice(judges).finding(source, name, vector, body=str(chance.random()), gallery=gallery))
    store.do(lambda tx: [save_findings(tx, [one]) for one in findings])

    def in_batches(tx: Any) -> None:
        done = 0
        while done < len(findings):
            size = random.Random(seed + done).choice([1, 5, 32, 60])
            save_findings(tx, findings[done : done + size])
            done += size

    other.do(in_batches)
    for table in TABLES:
        order = "1, 2" if table != "scrape_progress" else "1"
        query = f"SELECT * FROM {table} ORDER BY {order}"
        strip = table in ("images", "performers", "faces", "scrape_progress")
        assert [_timeless(row) if strip else row for row in other.rows(query)] == [
            _timeless(row) if strip else row for row in store.rows(query)
        ], table
    assert store.one("SELECT count(*) FROM faces") > 4
    assert store.one("SELECT count(*) FROM candidates") > 4
    other.engine.dispose()


def _timeless(row: tuple[Any, ...]) -> tuple[Any, ...]:
    return tuple(value for value in row if not (isinstance(value, str) and value[:5].startswith("20") and ":" in value))


CONTENT = (
    "SELECT id, performer_id, image_url, quality_score FROM faces ORDER BY id",
    "SELECT face_id, picture_hash, vector FROM face_details JOIN embeddings USING (face_id) ORDER BY 1",
    "SELECT source, image_url, outcome, reason, detail, face_id, attempts FROM images ORDER BY source, image_url",
    "SELECT image_url, seen_face, picture_hash FROM candidates JOIN images ON id = image_id ORDER BY source, image_url",
    "SELECT performer_id, source_endpoint, count(*) FROM faces GROUP BY 1, 2 ORDER BY 1, 2",
    "SELECT id, face_count FROM performers ORDER BY id",
    "SELECT id, faces_added FROM runs ORDER BY id",
    "SELECT source, faces_added FROM scrape_progress ORDER BY 1",
)


@pytest.mark.parametrize("seed", range(10))
def test_copies_and_places_are_judged_together_as_one_after_the_other(store: Any, tmp_path: Path, seed: int) -> None:
    """Few photographs in many versions, few places, all levels of trust; each in a transaction, or many in one."""
    for name in ("ann", "bea"):
        store.save(name, f"{name.title()} Example")
    on = terms(Limits(source=3, total=5))
    judges = [Judged(store, on, performer) for performer in (1, 2)]
    runs = [store.do(start_run, source, "url", now=store.noon) for source in ("freeones", "babepedia")]
    chance, findings = random.Random(seed), []
    for number in range(150):
        one, photograph = chance.choice(judges), chance.randrange(12)
        one.run = chance.choice([None, *runs])
        hashes = random.Random(photograph)
        look = tuple(f"{hashes.getrandbits(64) ^ chance.choice([0, 1, 3]):016x}" for _ in range(2))
        vector = near(photograph % 5 // 4, 0.05 + photograph / 60, aside=photograph)
        findings.append(
            one.finding(
                chance.choice(["pornpics", "freeones", "boobpedia", "elitebabes", "babepedia", "stashdb"]),
                str(chance.randrange(60)), vector, body=str(chance.choice([number, photograph])),
                look=look if chance.random() < 0.9 else (None, None), quality=chance.randrange(100) / 100,
                gallery=chance.choice([None, "g", "h"]),
            )
        )  # fmt: skip
    store.engine.dispose()
    (tmp_path / "other").mkdir()
    shutil.copy(store.path, tmp_path / "other")
    other = Store(tmp_path / "other")
    told = [store.do(save_findings, [finding])[0] for finding in findings]
    together: list[Any] = []
    while len(together) < len(findings):
        size = random.Random(seed + len(together)).choice([1, 5, 32, 60])
        together += other.do(save_findings, findings[len(together) : len(together) + size])
    assert together == told
    for query in CONTENT:
        assert other.rows(query) == store.rows(query), query
    faces = dict(store.rows("SELECT performer_id, count(*) FROM faces GROUP BY 1"))
    assert dict(store.rows("SELECT id, face_count FROM performers")) == faces == {1: 5, 2: 5}
    assert (
        max(n for _, _, n in store.rows("SELECT performer_id, source_endpoint, count(*) FROM faces GROUP BY 1, 2")) <= 3
    )
    assert sum(decision.replaced for decision in told) > 5
    assert store.rows("SELECT id FROM images WHERE (outcome = 'accepted') != (face_id IS NOT NULL)") == []
    waiting = "SELECT outcome FROM images JOIN candidates ON image_id = id WHERE reason LIKE '%_limit'"
    assert store.rows(waiting) == []
    added = sum(decision.outcome == "accepted" and not decision.repeated for decision in told)
    added += sum(decision.also_taken - decision.taken_away - decision.replaced for decision in told)
    assert added == 10, "what was told adds up to what there is"
    other.engine.dispose()
