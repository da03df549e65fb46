"""Takes who was forgotten out of the files: job directories, backups, reports, indices, exports, the database's own.

What is to be done is written down in the transaction that forgets (``meta.forgetting``) and deleted step by step, so
that whoever comes next, with whatever command, ends what a killed process has begun. It names nobody: every step makes
a file anew from the database, or removes it.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from uuid import uuid4

from filelock import FileLock, Timeout
from sqlalchemy import Connection, Engine, delete, insert, select, update
from sqlalchemy.exc import DBAPIError

from enrich.errors import EnrichError, JobDirError, StoreError
from enrich.store.db.backup import sync_folder
from enrich.store.db.database import explain, reader, snapshot, sqlite_path, write
from enrich.store.db.model_pack import index_specs
from enrich.store.db.schema import meta, runs
from enrich.store.index.sync import catch_up
from enrich.store.jobs import ASIDE, JOB, QUEUE, JobDir
from enrich.store.ledger.runs import is_running
from enrich.store.reembedding.switch import remove_leftovers
from enrich.store.release.export import rewrite_exports

STEPS = ("jobs", "backups", "reports", "index", "exports", "file")
"""In this order: the database's file last, when nothing else is written any more."""

_OWED, _TIME, _JOB_DIR = "forgetting", "#", "jobdir:"
_LOCK_SECONDS = 600.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Places:
    """Where the files are. ``priorities``: as in ``save_performer``, for exports."""

    data_dir: Path
    priorities: Mapping[str, int]

    @property
    def jobs_dir(self) -> Path:
        """Where job directories are, but for those that ``note_job_dir`` was told of."""
        return self.data_dir / "jobs"


@dataclass(slots=True)
class Finished:
    """What was done, a line each; ``problems``: what could not be done, and is still owed."""

    done: list[str] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)


def owe(tx: Connection) -> None:
    """Write down that every step is to be done, in the transaction that makes it so."""
    tx.execute(delete(meta).where(meta.c.key == _OWED))
    tx.execute(insert(meta).values(key=_OWED, value=" ".join((*STEPS, f"{_TIME}{uuid4().hex}"))))


def owed(connection: Connection) -> list[str]:
    """The steps that are still to be done."""
    return [word for word in _owed(connection) if not word.startswith(_TIME)]


def _owed(connection: Connection) -> list[str]:
    """The same, and the mark of the last time that they became due."""
    words: str | None = connection.execute(select(meta.c.value).where(meta.c.key == _OWED)).scalar()
    return (words or "").split()


def note_job_dir(tx: Connection, path: Path) -> None:
    """Remember a job directory that is elsewhere, for the day when somebody is forgotten."""
    key = f"{_JOB_DIR}{path.absolute()}"
    if tx.execute(select(meta.c.key).where(meta.c.key == key)).first() is None:
        tx.execute(insert(meta).values(key=key, value=""))


def running_crawls(connection: Connection) -> list[str]:
    """The crawls that are going on, as a person knows them."""
    rows = connection.execute(select(runs).where(runs.c.finished_at.is_(None)).order_by(runs.c.id)).all()
    return [f"{row.source} (process {row.pid} on {row.host})" for row in rows if is_running(dict(row._mapping))]


def require_quiet(connection: Connection, what: str) -> None:
    """Raise StoreError while a crawl is going on: its memory and its queue hold what is to go."""
    running = running_crawls(connection)
    if running:
        raise StoreError(f"a crawl is running: {', '.join(running)}; stop it (Ctrl-C, once) or let it end, then {what}")


def wipe_job_dirs(connection: Connection, places: Places) -> list[str]:
    """Empty every job directory; the database says what is left to do. Raises JobDirError where one is in use."""
    known = connection.execute(select(meta.c.key).where(meta.c.key.startswith(_JOB_DIR, autoescape=True))).scalars()
    folders = {Path(key.removeprefix(_JOB_DIR)) for key in known} | set(places.jobs_dir.glob("*"))
    wiped = []
    for folder in sorted(folder for folder in folders if folder.is_dir()):
        if not any(path.name != "lock" for path in folder.iterdir()):
            continue
        job = JobDir.lock(folder, "scrapy forget")
        try:
            job.wipe()
            for left in (*folder.glob(f"{ASIDE}*"), *folder.glob(QUEUE)):
                shutil.rmtree(left)
            (folder / f"{JOB}.tmp").unlink(missing_ok=True)
        finally:
            job.release()
        wiped.append(f"{folder}: emptied")
    return wiped


def finish(engine: Engine, places: Places, *, wait_seconds: float = _LOCK_SECONDS) -> Finished:
    """Do what is owed, if anything is; another process that is at it is waited for. Raises nothing for single steps."""
    result = Finished()
    with snapshot(engine) as connection:
        if not owed(connection):
            return result
    places.data_dir.mkdir(parents=True, exist_ok=True)
    try:
        with FileLock(places.data_dir / "forget.lock", timeout=wait_seconds):
            with snapshot(engine) as connection:
                steps, times = owed(connection), _times(connection)
            for step in steps:
                try:
                    with _clear_errors():
                        result.done += _STEPS[step](engine, places)
                        _strike_out(engine, step, times)
                except EnrichError as error:
                    result.problems.append(f"{error}; until then it holds what was forgotten")
    except Timeout:
        result.problems.append("another process is forgetting; run `scrapy forget` when it has ended")
    return result


def _times(connection: Connection) -> list[str]:
    return [word for word in _owed(connection) if word.startswith(_TIME)]


def _strike_out(engine: Engine, step: str, times: list[str]) -> None:
    """Note that a step is done, unless somebody was forgotten since it was begun: then it is due once more."""
    with write(engine) as tx:
        if _times(tx) == times:
            left = [one for one in owed(tx) if one != step]
            row = meta.c.key == _OWED
            words = " ".join((*left, *times))
            tx.execute(update(meta).where(row).values(value=words) if left else delete(meta).where(row))


# --- the steps --------------------------------------------------------------------------------------------------------


def _jobs(engine: Engine, places: Places) -> list[str]:
    with snapshot(engine) as connection:
        return wipe_job_dirs(connection, places)


def _backups(engine: Engine, places: Places) -> list[str]:
    """Copies that were made before migrations, imports and the like; also those that were not finished."""
    left = [folder for folder in places.data_dir.glob("import-*") if folder.is_dir()]
    for folder in left:  # of an import that was killed
        shutil.rmtree(folder)
    path = sqlite_path(engine.url)
    if path is None:
        return []
    return [f"{folder}: removed" for folder in left] + _removed(
        [*path.parent.glob(f"{path.name}.*.bak"), *path.parent.glob(f"{path.name}.*.bak.tmp*")]
    )


def _reports(engine: Engine, places: Places) -> list[str]:
    return _removed([*(places.data_dir / "reports").glob("*.html")])


def _index(engine: Engine, places: Places) -> list[str]:
    """The indices made true; those of recognisers that the database no longer has, and unfinished ones, are removed."""
    folder = places.data_dir / "index"
    if not folder.is_dir():
        return []
    with snapshot(engine) as connection:
        specs = index_specs(connection)
    done = [str(catch_up(engine, folder, spec, thoroughly=True)) for spec in specs]
    done += [f"{path}: removed" for path in remove_leftovers(engine, folder, specs)]
    for path in folder.glob("face_*.tmp"):
        with FileLock(folder / f"{path.name.partition('.')[0]}.lock", timeout=_LOCK_SECONDS):
            done += _removed([path])
    return done


def _exports(engine: Engine, places: Places) -> list[str]:
    found = rewrite_exports(engine, places.priorities)
    left = [one for one in found if one.outcome in ("failed", "unreachable")]
    if left:
        raise StoreError("; ".join(map(str, left)))
    return [str(one) for one in found]


def _file(engine: Engine, places: Places) -> list[str]:
    """Write the database's file anew, without free pages, and empty its log."""
    with snapshot(engine) as connection:
        require_quiet(connection, "run `scrapy forget`")
    with reader(engine) as connection:
        path = sqlite_path(engine.url)
        if path is None:
            connection.exec_driver_sql("VACUUM" if engine.dialect.name == "sqlite" else "VACUUM FULL")
            return []
        with _scratch_beside(path):
            connection.exec_driver_sql("VACUUM")
        busy = connection.exec_driver_sql("PRAGMA wal_checkpoint(TRUNCATE)").one()[0]
    if busy:
        raise StoreError(f"{path}-wal: another program is reading the database: end it, then run `scrapy forget`")
    return [f"{path}: rewritten, {path.stat().st_size:,} bytes"]


_STEPS: Mapping[str, Callable[[Engine, Places], list[str]]] = {
    "jobs": _jobs,
    "backups": _backups,
    "reports": _reports,
    "index": _index,
    "exports": _exports,
    "file": _file,
}


def _removed(paths: list[Path]) -> list[str]:
    there = sorted(path for path in paths if path.exists())
    for path in there:
        path.unlink()
    for folder in {path.parent for path in there}:
        sync_folder(folder)
    return [f"{path}: removed" for path in there]


@contextmanager
def _scratch_beside(path: Path) -> Iterator[None]:
    """SQLite's nameless scratch files lie on the database's disk: /tmp may be small, and is not the user's choice."""
    name = "SQLITE_TMPDIR"
    before = os.environ.get(name)
    os.environ[name] = str(path.parent)
    try:
        yield
    finally:
        if before is None:
            del os.environ[name]
        else:
            os.environ[name] = before


@contextmanager
def _clear_errors() -> Iterator[None]:
    try:
        yield
    except JobDirError as error:
        raise StoreError(f"{error}, then run `scrapy forget`") from error
    except DBAPIError as error:
        raise StoreError(f"the database: {explain(error)}; then run `scrapy forget`") from error
    except Timeout as error:
        raise StoreError(f"{error.lock_file}: another process has it; then run `scrapy forget`") from error
    except OSError as error:
        raise StoreError(f"{error.filename}: {error.strerror}; put that right, then run `scrapy forget`") from error
