"""What the database holds and how the crawls went, source by source."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from typing import Any, Literal

from sqlalchemy import Connection, Engine, func, select

from enrich.store.acceptance.candidates import standings
from enrich.store.db.database import snapshot
from enrich.store.db.model_pack import index_specs
from enrich.store.db.schema import external_urls, faces, images, lookups, performers, runs, scrape_progress
from enrich.store.forgetting.gone import gone_counts, gone_everywhere
from enrich.store.ledger.runs import is_running
from enrich.store.reembedding.reembed import Progress, begun, progress

State = Literal["running", "finished", "interrupted"]

_REFUSALS = ("underage", "forgotten")
"""Why a performer is not stored at all: nothing but the run's count remembers them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceStatus:
    """One source in one mode. ``run_…``: of its last run, the others of all; ``None``: not known.

    ``state``: of the last run; ``interrupted`` is every end but a finished walk, ``finish_reason`` says which.
    ``performers``: new or changed ones. ``images``: by outcome; ``reasons``: the rejected ones by reason.
    ``lookups``: by outcome. ``run_refused``: performers who must not be stored, by reason. ``run_degraded``: what was
    not as it should be. ``robots_ignored``: the reason for which the last run did not obey robots.txt.
    ``gone``: performers whom the stash-box no longer has. ``waiting``: faces that are kept, to be judged again when the
    performer has others; ``unconfirmed``: stored though there was none to compare them with; ``suspicious``: stored
    though they are far from all the others.
    """

    source: str
    mode: str | None
    state: State | None = None
    started_at: str | None = None
    finished_at: str | None = None
    finish_reason: str | None = None
    run_performers: int | None = None
    run_expected: int | None = None
    run_faces_added: int | None = None
    run_errors: int | None = None
    performers_per_minute: float | None = None
    eta_seconds: float | None = None
    performers: int = 0
    faces: int = 0
    errors: int = 0
    images: Mapping[str, int] = field(default_factory=dict)
    reasons: Mapping[str, int] = field(default_factory=dict)
    lookups: Mapping[str, int] = field(default_factory=dict)
    run_refused: Mapping[str, int] = field(default_factory=dict)
    run_degraded: tuple[str, ...] = ()
    robots_ignored: str | None = None
    gone: int = 0
    waiting: int = 0
    unconfirmed: int = 0
    suspicious: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Status:
    """The whole database. ``recognisers``: name -> length of its vectors. ``reembedding``: the way to another pack.

    ``gone``: performers whom none of their stash-boxes has any more. The last numbers as of a source.
    """

    database: str
    performers: int = 0
    performers_with_faces: int = 0
    faces: int = 0
    urls: int = 0
    errors: int = 0
    images: Mapping[str, int] = field(default_factory=dict)
    reasons: Mapping[str, int] = field(default_factory=dict)
    model: str | None = None
    recognisers: Mapping[str, int] = field(default_factory=dict)
    reembedding: Progress | None = None
    gone: int = 0
    waiting: int = 0
    unconfirmed: int = 0
    suspicious: int = 0
    sources: tuple[SourceStatus, ...] = ()

    def as_json(self) -> dict[str, Any]:
        """The same as plain JSON values."""
        return asdict(self)


def status(engine: Engine, database: str, *, now: datetime | None = None) -> Status:
    """How things stand at one moment. ``database``: the name to show for it."""
    now = now or datetime.now(UTC)
    with snapshot(engine) as connection:
        sources = _sources(connection, now)
        specs = index_specs(connection)
        counted = connection.execute(select(func.count(), func.count().filter(performers.c.face_count > 0)).select_from(
            performers
        )).one()  # fmt: skip
        return Status(
            database=database,
            performers=counted[0],
            performers_with_faces=counted[1],
            faces=connection.execute(select(func.count()).select_from(faces)).scalar_one(),
            urls=connection.execute(select(func.count()).select_from(external_urls)).scalar_one(),
            errors=sum(source.errors for source in sources),
            images=_added(source.images for source in sources),
            reasons=_added(source.reasons for source in sources),
            model=specs[0].model if specs else None,
            recognisers={spec.recogniser: spec.dim for spec in specs},
            reembedding=next((progress(connection, model) for model in begun(connection)), None),
            gone=len(gone_everywhere(connection)),
            waiting=sum(source.waiting for source in sources),
            unconfirmed=sum(source.unconfirmed for source in sources),
            suspicious=sum(source.suspicious for source in sources),
            sources=sources,
        )


def _sources(connection: Connection, now: datetime) -> tuple[SourceStatus, ...]:
    found: dict[tuple[str, str | None], dict[str, Any]] = defaultdict(lambda: {"images": {}, "reasons": {}})
    counts = select(images.c.source, images.c.mode, images.c.outcome, images.c.reason, func.count().label("n"))
    groups = (images.c.source, images.c.mode, images.c.outcome, images.c.reason)
    for row in connection.execute(counts.group_by(*groups)):
        one = found[row.source, row.mode]
        one["images"][row.outcome] = one["images"].get(row.outcome, 0) + row.n
        if row.outcome == "rejected":
            one["reasons"][row.reason] = row.n
    ended = select(lookups.c.source, lookups.c.mode, lookups.c.outcome, func.count().label("n"))
    for row in connection.execute(ended.group_by(lookups.c.source, lookups.c.mode, lookups.c.outcome)):
        found[row.source, row.mode].setdefault("lookups", {})[row.outcome] = row.n
    last = select(func.max(runs.c.id)).group_by(runs.c.source, runs.c.mode)
    for row in connection.execute(select(runs).where(runs.c.id.in_(last))):
        found[row.source, row.mode].update(_of_run(dict(row._mapping), now))
    for row in connection.execute(select(scrape_progress)):
        source, _, mode = row.source.partition(":")
        found[source, mode or "api"].update(performers=row.performers_processed, errors=row.errors)
    for name, number in gone_counts(connection).items():
        found[name, "api"]["gone"] = number
    for key, numbers in standings(connection).items():
        found[key].update(numbers)
    for one in found.values():
        one["faces"] = one["images"].get("accepted", 0)
    ordered = sorted(found.items(), key=lambda item: (item[0][1] != "api", item[0][0], item[0][1] or ""))
    return tuple(SourceStatus(source=source, mode=mode, **values) for (source, mode), values in ordered)


def _of_run(run: Mapping[str, Any], now: datetime) -> dict[str, Any]:
    running = is_running(run, now)
    until = now if running else _time(run["finished_at"] or run["heartbeat_at"])
    minutes = (until - _time(run["started_at"])).total_seconds() / 60
    pace = run["performers"] / minutes if minutes > 0 and run["performers"] else None
    left = max(run["expected"] - run["performers"], 0) if run["expected"] is not None else None
    finished = run["finish_reason"] == "finished"
    stats: Mapping[str, Any] = run["stats"] or {}
    refused = {reason: stats[key] for reason in _REFUSALS if (key := f"enrich/rejected/{reason}") in stats}
    return {
        "run_refused": refused,
        "run_degraded": tuple(str(stats[key]) for key in sorted(stats) if key.startswith("enrich/degraded/")),
        "robots_ignored": stats.get("robotstxt/ignored"),
        "state": "running" if running else "finished" if finished else "interrupted",
        "started_at": run["started_at"],
        "finished_at": run["finished_at"],
        "finish_reason": run["finish_reason"],
        "run_performers": run["performers"],
        "run_expected": run["expected"],
        "run_faces_added": run["faces_added"],
        "run_errors": run["errors"],
        "performers_per_minute": None if pace is None else round(pace, 1),
        "eta_seconds": round(left / pace * 60) if running and pace is not None and left is not None else None,
    }


def _time(text: str) -> datetime:
    return datetime.strptime(text, "%Y-%m-%d %H:%M:%S").replace(tzinfo=UTC)


def _added(parts: Any) -> dict[str, int]:
    total: dict[str, int] = defaultdict(int)
    for part in parts:
        for key, number in part.items():
            total[key] += number
    return dict(sorted(total.items(), key=lambda item: -item[1]))
