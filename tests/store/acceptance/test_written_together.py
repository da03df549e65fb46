"""Many pictures written together: as if each had been written alone, one after the other."""

from __future__ import annotations

import random
import shutil
from datetime import timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sqlalchemy import Connection, text

from enrich.errors import StoreError
from enrich.items import FailedImage, KnownImage, RejectedImage
from enrich.store.acceptance.decide import Finding, save_findings
from enrich.store.acceptance.identity_map import AT_ONCE
from enrich.store.ledger.rows import Limits, OrphanImage
from enrich.store.ledger.runs import start_run
from tests.store.conftest import Store

A, B, C = (f"https://img.example/{name}.jpg" for name in "abc")
TABLES = ("images", "faces", "embeddings", "face_details", "performers", "runs", "scrape_progress", "counters")


def contents(store: Any) -> dict[str, list[tuple[Any, ...]]]:
    return {table: store.rows(f"SELECT * FROM {table} ORDER BY 1, 2") for table in TABLES} | {
        "meta": store.rows("SELECT * FROM meta WHERE key = 'model' OR key LIKE 'dim:%' ORDER BY 1")
    }


def world(store: Any) -> list[Any]:
    """Performers with pictures pending and a page each; two runs to choose from, and none."""
    for name in ("ann", "bea", "cat"):
        pending = tuple(store.ref(f"https://img.example/{n}.jpg", source_id=name, width_px=9) for n in range(0, 40, 3))
        page = (f"https://www.babepedia.com/babe/{name.title()}",)
        store.save(name, f"{name.title()} Example", images=pending, urls=page)
    runs = [store.do(start_run, "stashdb", "api", now=store.noon)]
    runs.append(store.do(start_run, "babepedia", "url", now=store.noon))
    return [None, *runs]


def some_finding(store: Any, chance: random.Random, runs: list[Any]) -> Finding:
    """A finding of any kind, about few enough pictures and bytes that much of it meets what came before."""
    url = f"https://img.example/{chance.randrange(40)}.jpg"
    name = chance.choice(["ann", "bea", "cat", "cat", "nobody"] if chance.random() < 0.3 else ["ann", "bea", "cat"])
    whose: dict[str, Any] = {"source_id": name}
    if chance.random() < 0.4:
        number = {"ann": 1, "bea": 2, "cat": 3, "nobody": 99}[name]
        page = chance.choice([None, *(f"https://www.babepedia.com/babe/{one}" for one in ("Ann", "Bea", "Nobody"))])
        whose = {"source": "babepedia", "performer_id": number, "page_url": page}
    image: Any
    match chance.randrange(7):
        case 0:
            reason = chance.choice(["no_face", "source_limit", "total_limit", "image_too_small"])
            detail = {"n": 1} if chance.random() < 0.5 else {}
            sha256 = chance.choice([None, "0" * 64])
            image = RejectedImage(ref=store.ref(url, **whose), reason=reason, sha256=sha256, detail=detail)
        case 1:
            image = FailedImage(ref=store.ref(url, **whose), error="HTTP 503")
        case 2:
            like = store.image(url, body=str(chance.randrange(60)), **whose)
            image = KnownImage(ref=like.ref, sha256=like.sha256)
        case _:
            model = "pack-2" if chance.random() < 0.05 else "pack-1"
            vectors = {"sface": np.zeros(16, np.float32)} if chance.random() < 0.05 else None
            body = str(chance.randrange(60))
            image = store.image(url, body=body, model=model, vectors=vectors, **whose)
    return Finding(
        image=image,
        limits=Limits(source=chance.choice([None, 2, 4]), total=chance.choice([None, 5])),
        run=chance.choice(runs),
        retry_after=timedelta(hours=chance.randrange(3)),
        now=store.noon + timedelta(minutes=chance.randrange(3)),
    )


def told(results: list[Any]) -> list[str]:
    return [f"{type(one).__name__}: {one}" for one in results]


@pytest.mark.parametrize("seed", range(12))
def test_together_is_the_same_as_one_after_the_other(store: Any, tmp_path: Path, seed: int) -> None:
    runs = world(store)
    store.engine.dispose()
    (tmp_path / "other").mkdir()
    shutil.copy(store.path, tmp_path / "other")
    alone, together = store, Store(tmp_path / "other")
    findings = [some_finding(store, random.Random(f"{seed} {n}"), runs) for n in range(160)]

    def one_by_one(tx: Connection) -> list[Any]:
        return [result for finding in findings for result in save_findings(tx, [finding])]

    def in_batches(tx: Connection) -> list[Any]:
        chance, results = random.Random(seed), list[Any]()
        while len(results) < len(findings):
            results += save_findings(tx, findings[len(results) :][: chance.choice([1, 5, AT_ONCE, 100])])
        return results

    said = told(alone.do(one_by_one))
    assert told(together.do(in_batches)) == said
    written = contents(alone)
    for table, rows in contents(together).items():
        assert rows == written[table], table
    kinds = {line.partition(" ")[0] for line in said}
    assert kinds == {"Decision:", "OrphanImage:", "StoreError:"}  # else this shows less than it says
    together.engine.dispose()


def test_what_is_wrong_with_one_is_told_of_that_one_and_nothing_of_it_is_written(store: Any) -> None:
    store.save()
    findings = [
        Finding(image=store.image(A)),
        Finding(image=store.image(B, vectors={})),
        Finding(image=store.image(B, source_id="nobody")),
        Finding(image=store.image(C)),
    ]
    first, no_vector, orphan, last = store.do(save_findings, findings)
    assert (first.outcome, first.face_id, last.outcome, last.face_id) == ("accepted", 1, "accepted", 2)
    assert isinstance(no_vector, StoreError)
    assert isinstance(orphan, OrphanImage)
    assert store.rows("SELECT image_url FROM images ORDER BY id") == [(A,), (C,)]


def test_one_picture_many_times_in_one_batch_is_one_row_and_one_face(store: Any) -> None:
    store.save(images=(store.ref(A),))
    run = store.do(start_run, "stashdb", "api")
    failed = Finding(image=FailedImage(ref=store.ref(A), error="HTTP 503"), run=run)
    taken = Finding(image=store.image(A), run=run)
    results = store.do(save_findings, [failed, failed, taken, taken, failed])
    assert [(result.outcome, result.repeated) for result in results] == [
        ("failed", False), ("failed", False), ("accepted", False), ("accepted", True), ("accepted", True),
    ]  # fmt: skip
    assert store.one("SELECT outcome, attempts, error, face_id FROM images") == ("accepted", 3, None, 1)
    assert store.one("SELECT faces_added, errors FROM runs") == (1, 2)


@pytest.mark.parametrize("others", [0, AT_ONCE])
def test_of_several_pictures_with_the_same_bytes_the_first_one_is_named(store: Any, others: int) -> None:
    """An imported database may hold some."""
    store.save()
    for url in (A, B):
        store.face(url)
    sha256 = store.image(A).sha256
    store.do(lambda tx: tx.execute(text("UPDATE images SET sha256 = :s"), {"s": sha256}))
    findings = [Finding(image=store.image(f"{C}{n}")) for n in range(others)]
    twin, *_ = store.do(save_findings, [Finding(image=store.image(C, body=A)), *findings])
    assert twin.reason == "duplicate_image"
    assert store.one("SELECT json_extract(detail, '$.of_image_url') FROM images WHERE image_url = :c", c=C) == A


def test_a_batch_costs_few_statements_however_many_pictures_it_has(store: Any) -> None:
    """The promise of speed, without a clock: a picture more is no statement more."""
    for n in range(4):
        store.save(f"p{n}", images=tuple(store.ref(f"https://img.example/{n}-{k}.jpg") for k in range(AT_ONCE)))
    run = store.do(start_run, "stashdb", "api")
    seen: list[int] = []
    for performers in (1, 2, 4):
        images = [
            store.image(f"https://img.example/{n}-{k}-{performers}.jpg", source_id=f"p{n}")
            for n in range(performers)
            for k in range(AT_ONCE)
        ]
        with store.engine.connect() as connection, connection.begin():
            statements: list[str] = []
            connection.connection.driver_connection.set_trace_callback(statements.append)
            save_findings(connection, [Finding(image=image, limits=Limits(total=999), run=run) for image in images])
            connection.connection.driver_connection.set_trace_callback(None)
            connection.rollback()
        reads = [statement for statement in statements if statement.startswith(("SELECT", "WITH"))]
        seen.append(len(reads) - 4 * performers)  # who it is, how many faces; two for each thirty-two pictures
    assert seen[0] == seen[1] == seen[2]
    assert seen[0] < 8
