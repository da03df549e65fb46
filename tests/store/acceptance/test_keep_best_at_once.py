"""Processes that write faces of the same performers at once keep the limits, and the best there were."""

from __future__ import annotations

import random
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Any

from enrich.store.acceptance.decide import Finding, save_findings
from enrich.store.acceptance.ranking import Entry, grade, worth
from enrich.store.db.database import database_url
from enrich.store.db.writer import Writer
from enrich.store.ledger.rows import Limits
from tests.store.acceptance.judged import near, terms
from tests.store.conftest import Store
from tests.store.writing import begin_together, forked, wait_for_the_others

PROCESSES, PERFORMERS, PICTURES = 3, 4, 60
LIMITS = Limits(source=3, total=5)
SOURCES = ("stashdb", "babepedia", "iafd")


def pictures_of(who: int) -> list[Finding]:
    """A process's pictures, the same in each run, of qualities and sessions that are much alike."""
    store, chance = Store.__new__(Store), random.Random(who)
    on, found = terms(LIMITS, iafd="high"), []
    for number in range(PICTURES):
        url, gallery = f"https://img.example/{who}/{number}.jpg", chance.choice([None, "g", "h"])
        image = store.image(
            url, source=chance.choice(SOURCES), performer_id=1 + number % PERFORMERS, quality=chance.randrange(10) / 10,
            gallery=gallery, vectors={"sface": near(0, 0.1, aside=number)},
        )  # fmt: skip
        found.append(Finding(image=image, limits=LIMITS, policy=on))
    return found


def write_pictures(folder: Path, who: int, barrier: bool = True) -> None:
    writer = Writer.acquire(database_url(folder))
    if barrier:
        wait_for_the_others()
    for future in [writer.submit_piece(save_findings, finding) for finding in pictures_of(who)]:
        future.result()
    writer.release()


def worths(store: Any) -> dict[int, int]:
    """What the faces of each performer are worth."""
    found: dict[int, list[Entry]] = {}
    rows = store.rows(
        "SELECT id, performer_id, source_endpoint, gallery, quality_score FROM faces JOIN face_details ON face_id = id"
    )
    for face, performer, source, gallery, quality in rows:
        session = (source, gallery) if gallery else (source, face)
        found.setdefault(performer, []).append(Entry(face, session, grade(quality)))
    return {performer: worth(held) for performer, held in found.items()}


def test_processes_that_write_at_once_keep_the_limits_and_the_best(store: Any, tmp_path: Path) -> None:
    for number in range(PERFORMERS):
        store.save(f"p{number}", f"Performer {number}")
    (tmp_path / "alone").mkdir()
    alone = Store(tmp_path / "alone")
    for number in range(PERFORMERS):
        alone.save(f"p{number}", f"Performer {number}")
    context = forked()
    barrier = context.Barrier(PROCESSES)
    with ProcessPoolExecutor(PROCESSES, context, begin_together, (barrier,)) as processes:
        for future in [processes.submit(write_pictures, store.folder, who) for who in range(PROCESSES)]:
            future.result()
    for who in range(PROCESSES):
        write_pictures(alone.folder, who, barrier=False)
    assert worths(store) == worths(alone), "they are the best there were"
    counts = store.rows("SELECT performer_id, source_endpoint, count(*) FROM faces GROUP BY 1, 2")
    assert max(number for *_, number in counts) <= LIMITS.source  # type: ignore[operator]
    totals = dict(store.rows("SELECT performer_id, count(*) FROM faces GROUP BY 1"))
    assert totals == dict.fromkeys(range(1, PERFORMERS + 1), LIMITS.total)
    assert dict(store.rows("SELECT id, face_count FROM performers")) == totals
    assert store.rows("SELECT face_id FROM images WHERE outcome = 'accepted' ORDER BY 1") == store.rows(
        "SELECT id FROM faces ORDER BY 1"
    )
    decided = dict(store.rows("SELECT outcome, count(*) FROM images GROUP BY 1"))
    assert sum(decided.values()) == PROCESSES * PICTURES
    assert store.rows("SELECT id FROM images WHERE (outcome = 'accepted') != (face_id IS NOT NULL)") == []
    alone.engine.dispose()
