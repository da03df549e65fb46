"""What was reported as written is there after ``kill -9``, and nothing is half there."""

from __future__ import annotations

import subprocess
import sys
from typing import Any

from tests.conftest import REPO

FACES = """
import sys
from pathlib import Path
from enrich.store.db.database import database_url
from enrich.store.acceptance.decide import Finding, save_findings
from enrich.store.ledger.rows import Limits
from enrich.store.db.writer import Writer
from tests.store.conftest import Store

who, folder = sys.argv[1], Path(sys.argv[2])
make = Store.__new__(Store)
writer = Writer.acquire(database_url(folder))
for n in range(3000):
    for source in ("babepedia", "iafd"):
        image = make.image(f"https://{who}/{n}", source=source, performer_id=1, body=f"{source} {n} {who}")
        future = writer.submit_piece(save_findings, Finding(image=image, limits=Limits(source=7, total=10)))
        said = f"https://{who}/{n} {source}"
        future.add_done_callback(lambda f, said=said: print(f.result().outcome, said, flush=True))
writer.release()
"""
"""Writes faces of performer 1, and tells of each what became of it, as soon as it is reported."""


def consistent(store: Any) -> None:
    """Every accepted picture has its face, vector and details, and nothing else has; counts are true."""
    faces = store.rows("SELECT id, facenet_index, arcface_index FROM faces ORDER BY id")
    assert all(row[0] == row[1] == row[2] for row in faces)
    ids = [(row[0],) for row in faces]
    assert store.rows("SELECT face_id FROM embeddings ORDER BY face_id") == ids
    assert store.rows("SELECT face_id FROM face_details ORDER BY face_id") == ids
    assert store.rows("SELECT face_id FROM images WHERE outcome = 'accepted' ORDER BY face_id") == ids
    assert store.one("SELECT face_count FROM performers WHERE id = 1") == len(ids)
    assert store.one("SELECT value FROM counters WHERE name = 'face_id'") == max((row[0] for row in faces), default=0)
    assert store.one("PRAGMA integrity_check") == "ok"


def test_what_was_reported_is_there_after_kill_9(store: Any) -> None:
    store.save()
    for round_number in range(3):
        program = [sys.executable, "-c", FACES, f"round{round_number}", str(store.folder)]
        process = subprocess.Popen(program, cwd=REPO, stdout=subprocess.PIPE, text=True)
        assert process.stdout is not None
        reported = [process.stdout.readline().split() for _ in range(40 * (round_number + 1))]
        process.kill()
        rest, _ = process.communicate()
        reported += [line.split() for line in rest.splitlines(keepends=True) if line.endswith("\n")]
        for outcome, url, source in reported:
            assert (
                store.one("SELECT outcome FROM images WHERE image_url = :u AND source = :s", u=url, s=source) == outcome
            )
        consistent(store)
