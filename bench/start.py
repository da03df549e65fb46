"""How soon a crawl asks for its first page, and in how much memory: with a million pictures in the ledger and none."""

from __future__ import annotations

import os
import random
import shutil
import sqlite3
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, NamedTuple

from bench.crawling import REPO
from enrich.items import ImageRef
from enrich.store.crawl_queries.queries import Library
from enrich.store.db.database import database_url, open_database, utc_text
from enrich.store.ledger.rows import Limits

IMAGES = int(os.environ.get("BENCH_LEDGER", "1000000"))
ROUNDS = int(os.environ.get("BENCH_ROUNDS", "5"))

AT = "2026-01-01 00:00:00"
TOMORROW = utc_text(datetime.now(UTC) + timedelta(days=1))
PICTURES = 10
"""A performer's: five accepted, as many as the limit allows, three left out by it, two for other reasons."""


class First(NamedTuple):
    """What there was to measure when the first request came."""

    seconds: float
    processor_seconds: float
    mib: float


def start(env: dict[str, str]) -> None:
    """Print both, for a stash-box and for a site of whose performers only the very last is due; ``env``: for scrapy."""
    print(f"start with {IMAGES:,} pictures of {IMAGES // PICTURES:,} performers in the ledger, against an empty one:")
    folder = Path(tempfile.mkdtemp(prefix="enrich-bench-"))
    try:
        fill(folder / "full", IMAGES)
        fill(folder / "empty", PICTURES)
        for spider in ("stashdb", "babepedia"):
            found: dict[str, list[First]] = {"empty": [], "full": []}
            for number in range(ROUNDS):
                for which in sorted(found, reverse=bool(number % 2)):
                    found[which].append(first_request(spider, folder / which, env))
            for which, rounds in found.items():
                seconds, processor, mib = (statistics.median(column) for column in zip(*rounds, strict=True))
                print(
                    f"  {spider}, {which}: first request after {seconds:.2f} s (processor time {processor:.2f} s), "
                    f"memory until then {mib:.0f} MiB; medians of {ROUNDS}"
                )
        began = time.perf_counter()
        data = {**env, "ENRICH_DATA_DIR": str(folder / "full")}
        subprocess.run([sys.executable, "-m", "scrapy", "status"], cwd=REPO, env=data, check=True, capture_output=True)
        print(f"  scrapy status: {time.perf_counter() - began:.2f} s")
        look_ups(folder / "full")
    finally:
        shutil.rmtree(folder)


def look_ups(data: Path) -> None:
    """Print what the middleware of the ledger asks for each picture, in processor time."""
    engine = open_database(database_url(data))
    library = Library(engine, limits=Limits(source=5, total=20))
    people = random.Random(1).sample(range(1, IMAGES // PICTURES + 1), min(3000, IMAGES // PICTURES))
    refs = [
        ImageRef(source="stashdb", image_url=_address(one, one % PICTURES), source_id=_source_id(one)) for one in people
    ]
    for what, read in (("what became of a picture", library.image_decided), ("what room there is", library.no_room)):
        began = time.thread_time()
        for ref in refs:
            read(ref)
        print(f"  {what}: {(time.thread_time() - began) / len(refs) * 1e6:.0f} microseconds")
    library.close()
    engine.dispose()


def first_request(spider: str, data: Path, env: dict[str, str]) -> First:
    """From the start of ``scrapy crawl`` to its first request."""
    asked = threading.Event()
    found: list[First] = []

    class Site(BaseHTTPRequestHandler):
        def note(self) -> None:
            if not asked.is_set():
                found.append(First(time.perf_counter() - began, *_used(process.pid)))
                asked.set()
            self.send_error(503)

        do_GET = do_POST = note  # noqa: N815  # the base class calls them so

        def log_message(self, *_: Any) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Site) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        sources = data / "sources.yaml"
        sources.write_text(
            "stash_boxes:\n"
            f'  stashdb: {{url: "http://127.0.0.1:{server.server_port}/graphql", max_faces: 5, trust_level: high}}\n'
            "reference_sites:\n"
            f'  babepedia: {{url: "http://127.0.0.1:{server.server_port}", max_faces: 5, trust_level: high}}\n'
        )
        began = time.perf_counter()
        process = subprocess.Popen(
            [sys.executable, "-m", "scrapy", "crawl", spider],
            cwd=REPO,
            env={
                **env,
                "ENRICH_DATA_DIR": str(data),
                "ENRICH_SOURCES_FILE": str(sources),
                "STASHDB_API_KEY": "x",
            },
            stderr=subprocess.PIPE,
            text=True,
        )
        try:
            if not asked.wait(60):
                process.kill()
                raise RuntimeError(process.communicate()[1][-2000:])
        finally:
            process.kill()
            process.communicate()
            server.shutdown()
    return found[0]


def _used(pid: int) -> tuple[float, float]:
    """Seconds of processor time, and the most memory in MiB."""
    ticks = Path(f"/proc/{pid}/stat").read_text("ascii").rpartition(")")[2].split()[11:13]
    memory = Path(f"/proc/{pid}/status").read_text("ascii").partition("VmHWM:")[2].split()[0]
    return sum(map(int, ticks)) / os.sysconf("SC_CLK_TCK"), int(memory) / 1024


def fill(folder: Path, images: int) -> None:
    """A database with so many pictures in its ledger; without vectors, which no start reads."""
    folder.mkdir()
    open_database(database_url(folder)).dispose()
    people = range(1, images // PICTURES + 1)
    with sqlite3.connect(folder / "performers.db") as db:
        db.execute("PRAGMA synchronous = OFF")
        db.executemany(
            "INSERT INTO performers (id, canonical_name, gender, face_count) VALUES (?, ?, 'FEMALE', 5)",
            ((one, f"Person {one}") for one in people),
        )
        db.executemany(
            "INSERT INTO stashbox_ids (performer_id, endpoint, stashbox_performer_id) VALUES (?, 'stashdb', ?)",
            ((one, _source_id(one)) for one in people),
        )
        db.executemany(
            "INSERT INTO external_urls (id, performer_id, site, url, normalized_id, source_endpoint)"
            " VALUES (?, ?, 'babepedia', ?, ?, 'stashdb')",
            ((one, one, f"https://www.babepedia.com/babe/Person_{one}", f"person_{one}") for one in people),
        )
        db.executemany(
            "INSERT INTO lookups (source, mode, performer_id, outcome, checked_at, asked)"
            " VALUES ('babepedia', 'url', ?, 'done', datetime('now'), ?)",
            ((one, f"1:{one}") for one in people if one < len(people)),
        )
        db.executemany(
            "INSERT INTO faces (id, performer_id, facenet_index, arcface_index, image_url, source_endpoint)"
            " VALUES (?, ?, ?, ?, ?, 'stashdb')",
            ((5 * one + n, one, 5 * one + n, 5 * one + n, _address(one, n)) for one in people for n in range(5)),
        )
        db.executemany(
            "INSERT INTO images (source, performer_id, image_url, mode, outcome, reason, sha256, face_id, attempts,"
            f" next_try_at, created_at, decided_at) VALUES ('stashdb', ?, ?, 'api', ?, ?, ?, ?, 1, ?, '{AT}', '{AT}')",
            (row for one in people for row in _pictures(one)),
        )
    db.close()


def _pictures(one: int) -> Iterator[tuple[Any, ...]]:
    for n in range(PICTURES):
        sha256 = f"{one * PICTURES + n:064x}"[::-1]  # scattered, as hashes are
        if n < 5:
            yield one, _address(one, n), "accepted", None, sha256, 5 * one + n, None
        elif n < 8:
            yield one, _address(one, n), "rejected", "source_limit", None, None, None
        elif n == 8 or one % 5:
            yield one, _address(one, n), "rejected", "no_face", sha256, None, None
        else:
            yield one, _address(one, n), "failed", None, None, None, TOMORROW


def _source_id(one: int) -> str:
    return f"00000000-0000-4000-8000-{one:012d}"


def _address(one: int, n: int) -> str:
    return f"https://cdn.example/images/{one:08d}-{n}-4000-8000.jpg"
