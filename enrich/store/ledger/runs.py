"""How crawls went: a row for each run, counted with the work itself, and ``scrape_progress`` kept true."""

from __future__ import annotations

import json
import os
import socket
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Text, bindparam, func, insert, select, update

from enrich.items import Mode
from enrich.store.db.database import utc_in, utc_text
from enrich.store.db.prepared import Prepared
from enrich.store.db.schema import runs, scrape_progress

SILENT_SECONDS = 300
"""A run that has not been heard of for this long is over, whatever became of it."""


@dataclass(frozen=True, slots=True)
class Run:
    """A crawl of one source in one mode, as the database knows it."""

    id: int
    source: str
    mode: Mode
    started_at: str = ""

    @property
    def key(self) -> str:
        """Its row in ``scrape_progress``: ``stashdb``, ``babepedia:url``."""
        return self.source if self.mode == "api" else f"{self.source}:{self.mode}"


_COUNT = Prepared(
    update(runs)
    .where(runs.c.id == bindparam("run"))
    .values(
        performers=runs.c.performers + bindparam("n_performers"),
        faces_added=runs.c.faces_added + bindparam("n_faces"),
        errors=runs.c.errors + bindparam("n_errors"),
        heartbeat_at=bindparam("at"),
    ),
    "n_performers", "n_faces", "n_errors", "at", "run",
)  # fmt: skip
_PROGRESS = Prepared(
    update(scrape_progress)
    .where(scrape_progress.c.source == bindparam("key"))
    .values(
        performers_processed=scrape_progress.c.performers_processed + bindparam("n_processed"),
        faces_added=scrape_progress.c.faces_added + bindparam("n_faces"),
        errors=scrape_progress.c.errors + bindparam("n_errors"),
        last_processed_id=func.coalesce(bindparam("last", type_=Text), scrape_progress.c.last_processed_id),
        last_processed_time=bindparam("at"),
    ),
    "n_processed", "n_faces", "n_errors", "last", "at", "key",
)  # fmt: skip

_LAST_RUN = (
    select(func.max(runs.c.id)).where(runs.c.source == bindparam("of_source"), runs.c.mode == bindparam("of_mode"))
).scalar_subquery()
_CREDIT_RUN = Prepared(
    update(runs).where(runs.c.id == _LAST_RUN).values(faces_added=runs.c.faces_added + bindparam("n_faces")),
    "n_faces", "of_source", "of_mode",
)  # fmt: skip
_CREDIT_PROGRESS = Prepared(
    update(scrape_progress)
    .where(scrape_progress.c.source == bindparam("key"))
    .values(faces_added=scrape_progress.c.faces_added + bindparam("n_faces")),
    "n_faces", "key",
)  # fmt: skip


def start_run(
    tx: Connection, source: str, mode: Mode, *, expected: int | None = None, now: datetime | None = None
) -> Run:
    """Enter a new run. Earlier runs of this source whose process is gone are closed as ``interrupted``."""
    for row in tx.execute(
        select(runs).where(runs.c.source == source, runs.c.mode == mode, runs.c.finished_at.is_(None))
    ).all():
        if not is_running(dict(row._mapping), now):
            tx.execute(
                update(runs)
                .where(runs.c.id == row.id)
                .values(finished_at=row.heartbeat_at, finish_reason="interrupted")
            )
    at = utc_text(now)
    values = {
        "source": source,
        "mode": mode,
        "started_at": at,
        "heartbeat_at": at,
        "expected": expected,
        "host": socket.gethostname(),
        "pid": os.getpid(),
    }
    return Run(tx.execute(insert(runs).values(values).returning(runs.c.id)).scalar_one(), source, mode, at)


def beat(tx: Connection, run: Run, *, expected: int | None = None, now: datetime | None = None) -> None:
    """Say that the run is alive, and how many performers it will go through if that is known by now.

    To be called about once a minute; counting is a sign of life too.
    """
    values: dict[str, Any] = {"heartbeat_at": utc_text(now)}
    if expected is not None:
        values["expected"] = expected
    tx.execute(update(runs).where(runs.c.id == run.id).values(values))


def finish_run(
    tx: Connection, run: Run, finish_reason: str, stats: Mapping[str, Any], *, now: datetime | None = None
) -> None:
    """Close the run with Scrapy's finish reason and statistics; what JSON does not know becomes text."""
    at = utc_text(now)
    plain = json.loads(json.dumps(dict(stats), default=str))
    tx.execute(
        update(runs)
        .where(runs.c.id == run.id)
        .values(finished_at=at, heartbeat_at=at, finish_reason=finish_reason, stats=plain)
    )


def count(
    tx: Connection,
    run: Run | None,
    at: str,
    *,
    performers: int = 0,
    processed: int = 0,
    faces: int = 0,
    errors: int = 0,
    last_id: object = None,
) -> None:
    """Add to the run's counts, in the transaction of the work they count.

    ``performers`` went through the run; ``processed`` of them were new or changed, and only those add to
    ``scrape_progress``: so interrupted runs add up to what one uninterrupted run counts.
    """
    if run is None:
        return
    last = None if last_id is None else str(last_id)
    _COUNT.on(tx).run(performers, faces, errors, at, run.id)
    if not _PROGRESS.on(tx).run(processed, faces, errors, last, at, run.key):
        values = {"source": run.key, "last_processed_id": last, "last_processed_time": at}
        counted = {"performers_processed": processed, "faces_added": faces, "errors": errors}
        tx.execute(insert(scrape_progress), {**values, **counted})


def credit(tx: Connection, source: str, mode: Mode, faces: int) -> None:
    """Add faces to what the last run of a source counts, or take them off, whoever's run it is in which they change."""
    _CREDIT_RUN.on(tx).run(faces, source, mode)
    key = Run(0, source, mode).key
    if not _CREDIT_PROGRESS.on(tx).run(faces, key):
        tx.execute(insert(scrape_progress), {"source": key, "faces_added": faces})


def is_running(row: Mapping[str, Any], now: datetime | None = None) -> bool:
    """Whether the process of an unfinished run lives; on another machine: whether it was heard of lately."""
    at = utc_text(now)
    heard_of_lately = utc_in(-SILENT_SECONDS, at) <= row["heartbeat_at"] <= utc_in(SILENT_SECONDS, at)
    if row["finished_at"] is not None or not heard_of_lately:
        return False
    return row["host"] != socket.gethostname() or _lives(row["pid"])


def _lives(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
