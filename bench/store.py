"""What the store costs: faces written durably against plain sqlite3, and the index against Voyager alone."""

from __future__ import annotations

import gc
import hashlib
import os
import shutil
import sqlite3
import statistics
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import voyager
from sqlalchemy import Connection, Engine, event

from enrich.items import EmbeddedImage, Face, FloatArray, ImageRef, Performer
from enrich.store.acceptance.decide import Finding, save_findings
from enrich.store.db.database import WRITE_CACHE_KIB, database_url, open_database, write
from enrich.store.db.model_pack import bind_model
from enrich.store.db.writer import Writer
from enrich.store.index.sync import IndexSpec, catch_up, check, index_path, rebuild
from enrich.store.ledger.rows import Limits
from enrich.store.ledger.runs import Run, start_run
from enrich.store.people.save import save_performer

FACES = int(os.environ.get("BENCH_FACES", "20000"))
INDEXED = [int(size) for size in os.environ.get("BENCH_INDEXED", "10000,200000").split(",")]
ROUNDS = int(os.environ.get("BENCH_ROUNDS", "5"))

DIM = 512
PER_PERFORMER = 20
NEW = 1000
RATIO_AT_MOST = 20_000
"""Faces up to which a build is timed against ``add_items``, again and again: of more, one build takes minutes."""
SPEC = IndexSpec("arcface", DIM, "bench")
TABLES = ("faces", "embeddings", "face_details", "images")


def faces() -> None:
    """The writer, with all it checks and counts, against ``executemany`` of the rows that it wrote; pairs."""
    print(f"faces written durably ({FACES} of {DIM} numbers, performers and their pending pictures there before):")
    images = _images(FACES)
    gc.freeze()  # what is written lives as long as this bench: not for the collector to look through, again and again
    ratios, busy = [], []
    for _ in range(ROUNDS):
        with _folder() as ours, _folder() as bare:
            took, transactions = _write(ours, images)
            size = round(FACES / transactions)
            alone = _insert(ours, bare, size)
            ratios.append(alone.seconds / took.seconds)
            busy.append(alone.processor_seconds / took.processor_seconds)
        print(
            f"    writer {FACES / took.seconds:.0f} faces/s in {transactions} transactions, "
            f"sqlite3 {FACES / alone.seconds:.0f} faces/s in transactions of {size}"
        )
    print(f"  ratio: median {statistics.median(ratios):.2f} of {', '.join(f'{ratio:.2f}' for ratio in ratios)}")
    print(f"  the same by processor time, which busy machines do not blur: {statistics.median(busy):.2f}")


def index() -> None:
    """A whole build against ``add_items`` of the same vectors; new faces against Voyager alone, at several sizes."""
    print(f"index of {DIM} numbers a face, {os.cpu_count()} cores:")
    for size in INDEXED:
        vectors = _vectors(size + ROUNDS * NEW)
        with _folder() as folder:
            _add_rows(folder, vectors[:size], 1)
            engine = open_database(database_url(folder))
            try:
                _measure_build(engine, folder / "index", vectors[:size], ROUNDS if size <= RATIO_AT_MOST else 0)
                _measure_catching_up(engine, folder, vectors, size)
            finally:
                engine.dispose()


# --- faces ------------------------------------------------------------------------------------------------------------


def _write(folder: Path, images: list[EmbeddedImage]) -> tuple[Took, int]:
    """What a crawl hands to its writer, until all of it is on the disk; and in how many transactions."""
    limits = Limits(source=PER_PERFORMER, total=2 * PER_PERFORMER)
    writer = Writer.acquire(database_url(folder))
    with write(writer.engine) as tx:
        run = _performers(tx, images)
    commits: list[object] = []
    event.listen(writer.engine, "commit", commits.append)
    with _timing() as took:
        futures = [writer.submit_piece(save_findings, Finding(image=image, limits=limits, run=run)) for image in images]
        futures[-1].result()
        outcomes = {future.result().outcome for future in futures}
    writer.release()
    assert outcomes == {"accepted"}, outcomes
    return took, len(commits)


def _insert(written: Path, folder: Path, size: int) -> Took:
    """The same rows into the same tables with the same indices, with nothing looked up and nothing counted."""
    open_database(database_url(folder)).dispose()
    with sqlite3.connect(written / "performers.db") as source:
        rows = {table: source.execute(f"SELECT * FROM {table}").fetchall() for table in ("performers", *TABLES)}
    source.close()
    inserts = {name: f"INSERT INTO {name} VALUES ({', '.join('?' * len(rows[name][0]))})" for name in rows}
    db = sqlite3.connect(folder / "performers.db", isolation_level=None)
    db.execute("PRAGMA synchronous = FULL")
    db.execute(f"PRAGMA cache_size = -{WRITE_CACHE_KIB}")
    db.execute("BEGIN")
    db.executemany(inserts["performers"], rows["performers"])
    db.execute("COMMIT")
    with _timing() as took:
        for start in range(0, len(rows["faces"]), size):
            db.execute("BEGIN IMMEDIATE")
            for table in TABLES:
                db.executemany(inserts[table], rows[table][start : start + size])
            db.execute("COMMIT")
    db.close()
    return took


def _performers(tx: Connection, images: list[EmbeddedImage]) -> Run:
    run = start_run(tx, "stashdb", "api")
    for start in range(0, len(images), PER_PERFORMER):
        refs = tuple(image.ref for image in images[start : start + PER_PERFORMER])
        assert refs[0].source_id is not None
        person = Performer(source="stashdb", source_id=refs[0].source_id, name=f"Person {start}", images=refs)
        save_performer(tx, person, {"stashdb": 1}, run=run)
    return run


def _images(count: int) -> list[EmbeddedImage]:
    found = []
    hashes = np.random.default_rng(2).integers(0, 2**63, (count, 2))
    for n, vector in enumerate(_vectors(count)):
        face = Face(
            box_px=np.array([10, 20, 110, 150], np.float32) + n / 7,
            landmarks_px=np.arange(10, dtype=np.float32).reshape(5, 2) + n / 7,
            confidence=0.93,
            yaw_deg=-7.5,
            pitch_deg=0.0,
            roll_deg=0.0,
            visible=1.0,
            sharpness=0.75,
            exposure=0.95,
            crop=np.zeros((1, 1, 3), np.uint8),
            crop_hash=f"{hashes[n, 0]:016x}",
        )
        ref = ImageRef(
            source="stashdb",
            source_id=f"00000000-0000-4000-8000-{n // PER_PERFORMER:012d}",
            image_url=f"https://cdn.example/images/00000000-0000-4000-8000-{n:012d}.jpg",
        )
        sha256 = hashlib.sha256(vector.tobytes()).hexdigest()
        found.append(
            EmbeddedImage(
                ref=ref, sha256=sha256, width_px=600, height_px=800, face=face, quality=0.7, model=SPEC.model,
                vectors={SPEC.recogniser: vector}, picture_hash=f"{hashes[n, 1]:016x}",
            )
        )  # fmt: skip
    return found


# --- index ------------------------------------------------------------------------------------------------------------


def _measure_build(engine: Engine, index_dir: Path, vectors: FloatArray, rounds: int) -> None:
    ratios, busy = [], []
    for _ in range(rounds):
        with _timing() as alone:
            voyager.Index(voyager.Space.Cosine, DIM, max_elements=len(vectors)).add_items(
                vectors, ids=list(range(1, len(vectors) + 1))
            )
        with _timing() as took:
            rebuild(engine, index_dir, SPEC)
        ratios.append(alone.seconds / took.seconds)
        busy.append(alone.processor_seconds / took.processor_seconds)
    if not rounds:
        with _timing() as took:
            rebuild(engine, index_dir, SPEC)
    print(f"  {len(vectors):,} faces built and saved: {len(vectors) / took.seconds:.0f} faces/s")
    if rounds:
        print(
            f"    ratio to add_items alone: median {statistics.median(ratios):.2f} of "
            f"{', '.join(f'{ratio:.2f}' for ratio in ratios)}; by processor time {statistics.median(busy):.2f}"
        )


def _measure_catching_up(engine: Engine, folder: Path, vectors: FloatArray, size: int) -> None:
    path = index_path(folder / "index", SPEC.recogniser)
    bare, ours, nothing = [], [], []
    for first in range(size, len(vectors), NEW):
        new = vectors[first : first + NEW]
        bare.append(_add_alone(path, new, first + 1))
        _add_rows(folder, new, first + 1)
        with _timing() as took:
            catch_up(engine, folder / "index", SPEC)
        ours.append(took.seconds)
        with _timing() as took:
            catch_up(engine, folder / "index", SPEC)
        nothing.append(took.seconds)
    load, add, save = (statistics.median(column) for column in zip(*bare, strict=True))
    ratio = statistics.median(sum(alone) / took for alone, took in zip(bare, ours, strict=True))
    print(
        f"    {NEW:,} new: {statistics.median(ours):.2f} s, none new {statistics.median(nothing):.2f} s; Voyager alone "
        f"{load:.2f} s to load, {add:.2f} s to add, {save:.2f} s to save; ratio {ratio:.2f} (medians of {len(ours)})"
    )
    with _timing() as took:
        assert check(engine, folder / "index", SPEC) == []
    print(f"    check: {took.seconds:.2f} s")


def _add_alone(path: Path, new: FloatArray, first: int) -> tuple[float, float, float]:
    """Seconds to load, to add, to save with a sync of the disk."""
    copy = path.with_name("alone.voy")
    times = [time.perf_counter()]
    held = voyager.Index.load(str(path))
    times.append(time.perf_counter())
    held.resize(len(held) + len(new))
    held.add_items(new, ids=list(range(first, first + len(new))))
    times.append(time.perf_counter())
    with copy.open("wb") as file:
        held.save(file)
        os.fsync(file.fileno())
    times.append(time.perf_counter())
    copy.unlink()
    return times[1] - times[0], times[2] - times[1], times[3] - times[2]


def _add_rows(folder: Path, vectors: FloatArray, first: int) -> None:
    folder.mkdir(exist_ok=True)
    engine = open_database(database_url(folder))
    with write(engine) as tx:
        if first == 1:
            tx.exec_driver_sql("INSERT INTO performers (id, canonical_name) VALUES (1, 'Bench Person')")
            bind_model(tx, SPEC.model, {SPEC.recogniser: DIM})
        ids = range(first, first + len(vectors))
        columns = "id, performer_id, facenet_index, arcface_index, source_endpoint"
        tx.exec_driver_sql(
            f"INSERT INTO faces ({columns}) VALUES (?, 1, ?, ?, 'stashdb')", [(one, one, one) for one in ids]
        )
        tx.exec_driver_sql(
            f"INSERT INTO embeddings VALUES (?, '{SPEC.recogniser}', '{SPEC.model}', ?)",
            [(one, vector.tobytes()) for one, vector in zip(ids, vectors, strict=True)],
        )
    engine.dispose()


def _vectors(count: int) -> FloatArray:
    found = np.random.default_rng(1).standard_normal((count, DIM), dtype=np.float32)
    found /= np.linalg.norm(found, axis=1, keepdims=True)
    return found


# --- measuring --------------------------------------------------------------------------------------------------------


@dataclass
class Took:
    """How long something took."""

    seconds: float = 0.0
    processor_seconds: float = 0.0


@contextmanager
def _timing() -> Iterator[Took]:
    took = Took()
    began, used = time.perf_counter(), time.process_time()
    yield took
    took.seconds, took.processor_seconds = time.perf_counter() - began, time.process_time() - used


@contextmanager
def _folder() -> Iterator[Path]:
    folder = Path(tempfile.mkdtemp(prefix="enrich-bench-"))
    try:
        yield folder
    finally:
        shutil.rmtree(folder)
