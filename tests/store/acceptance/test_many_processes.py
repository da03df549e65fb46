"""Ten processes write faces of the same performers at once: every limit holds exactly, every decision is kept once."""

from __future__ import annotations

from collections import Counter
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Any

import pytest
import voyager

from enrich.store.index.sync import check
from tests.store.writing import (
    LIMITS,
    PERFORMERS,
    SOURCES,
    SPEC,
    Told,
    begin_together,
    forked,
    write_faces,
    write_of_trust,
)

PROCESSES = 10
FACES = 1000
"""Of each process."""


@pytest.mark.timeout(600)
def test_ten_processes_write_faces_of_the_same_performers(store: Any) -> None:
    for number in range(PERFORMERS):
        store.save(f"p{number}", f"Performer {number}")
    decisions = written_at_once(store.folder)
    assert len(decisions) == PROCESSES * FACES, "a decision was not told"

    rows = store.rows("SELECT source, performer_id, image_url, outcome, face_id FROM images")
    ledger = {row[:3]: row[3:] for row in rows}
    assert len(ledger) == len(rows)
    assert ledger.keys() == {told.key for told in decisions}, "a write was lost"
    accepted = [told for told in decisions if told.decision.outcome == "accepted"]
    assert {told.key: ("accepted", told.decision.face_id) for told in accepted} == {
        key: said for key, said in ledger.items() if said[0] == "accepted"
    }
    first = [told.key for told in accepted if not told.decision.repeated]
    assert len(first) == len(set(first)), "a face was stored twice"

    per_source = store.rows("SELECT performer_id, source_endpoint, count(*) FROM faces GROUP BY 1, 2")
    total: Counter[int] = Counter()
    for performer, _, count in per_source:
        total[performer] += count
    assert max(count for *_, count in per_source) == LIMITS.source
    assert max(total.values()) == LIMITS.total
    no_room = store.rows("SELECT performer_id, source, reason FROM images WHERE reason LIKE '%_limit'")
    held = {(performer, source): count for performer, source, count in per_source}
    for performer, source, reason in no_room:
        full = total[performer] == LIMITS.total if reason == "total_limit" else held[performer, source] == LIMITS.source
        assert full, f"{source} of performer {performer}: {reason}, though there is room"

    ids = [row[0] for row in store.rows("SELECT id FROM faces ORDER BY id")]
    assert ids == list(range(1, len(ids) + 1)), "a number was given out twice, or lost"
    assert store.one("SELECT value FROM counters WHERE name = 'face_id'") == len(ids)
    assert store.rows("SELECT face_id FROM embeddings ORDER BY 1") == [(one,) for one in ids]
    assert store.rows("SELECT face_id FROM face_details ORDER BY 1") == [(one,) for one in ids]
    assert store.rows("SELECT face_id FROM images WHERE outcome = 'accepted' ORDER BY 1") == [(one,) for one in ids]
    assert store.rows("SELECT sha256 FROM face_details GROUP BY 1 HAVING count(*) > 1") == []
    assert dict(store.rows("SELECT id, face_count FROM performers")) == {n: total[n] for n in range(1, PERFORMERS + 1)}

    counted = dict(store.rows("SELECT source_endpoint, count(*) FROM faces GROUP BY 1"))
    assert dict(store.rows("SELECT source, faces_added FROM scrape_progress")) == {
        f"{source}:url": count for source, count in counted.items()
    }
    assert dict(store.rows("SELECT source, sum(faces_added) FROM runs GROUP BY 1 HAVING sum(faces_added)")) == counted
    assert store.rows("SELECT count(*), finish_reason FROM runs GROUP BY 2") == [(PROCESSES * len(SOURCES), "finished")]

    index = store.folder / "index"
    assert sorted(voyager.Index.load(str(index / "face_sface.voy")).ids) == ids
    assert check(store.engine, index, SPEC) == []
    assert store.one("PRAGMA integrity_check") == "ok"


def written_at_once(folder: Path) -> list[Told]:
    """What ten processes were told of their pictures."""
    context = forked()
    barrier = context.Barrier(PROCESSES)
    with ProcessPoolExecutor(PROCESSES, context, begin_together, (barrier,)) as processes:
        futures = [processes.submit(write_faces, folder, f"process{n}", FACES) for n in range(PROCESSES)]
        return [told for future in futures for told in future.result()]


@pytest.mark.timeout(300)
def test_what_waits_in_one_process_is_judged_by_what_another_writes_at_that_moment(store: Any) -> None:
    performers = 150
    for number in range(performers):
        store.save(f"p{number}", f"Performer {number}")
    context, sources = forked(), ("stashdb", "freeones", "boobpedia")
    barrier = context.Barrier(len(sources))
    with ProcessPoolExecutor(len(sources), context, begin_together, (barrier,)) as processes:
        for future in [processes.submit(write_of_trust, store.folder, source, performers) for source in sources]:
            future.result()
    rows = store.rows(
        "SELECT source, image_url LIKE '%/theirs.jpg', outcome, reason, count(*) FROM images GROUP BY 1, 2, 3"
    )
    assert sorted(rows) == [
        ("boobpedia", 0, "rejected", "no_match", performers),
        ("boobpedia", 1, "accepted", None, performers),
        ("freeones", 0, "rejected", "no_match", performers),
        ("freeones", 1, "accepted", None, performers),
        ("stashdb", 1, "accepted", None, performers),
    ]
    assert store.one("SELECT count(*) FROM candidates") == 2 * performers
