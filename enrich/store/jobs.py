"""Job directories: a stopped crawl's queue is resumed only if intact and of the same crawl.

``job.json`` says whom the state is of. It says ``running`` from before the first request until everything is written
and closed; then it lists every file with its size and checksum. Whatever else is found, a crawl cannot tell which of
its requests are missing, and the database has to say what is left.
"""

from __future__ import annotations

import fcntl
import json
import os
import pickle
import shutil
import socket
import zlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Self

from sqlalchemy import select

from enrich.errors import JobDirError
from enrich.store.db.backup import sync_folder
from enrich.store.db.database import database_exists, open_database, snapshot, utc_text
from enrich.store.db.schema import runs
from enrich.store.ledger.runs import Run

QUEUE, SEEN, STATE = "requests.queue", "requests.seen", "spider.state"
INDEX = f"{QUEUE}/active.json"
"""Written by Scrapy's scheduler last of all, so that its being there tells that the queue was closed well."""
LOCK, JOB, ASIDE = "lock", "job.json", "unclean-"
KEPT = 3
"""So many states set aside stay for whoever wants to look into them."""
_CHUNK_BYTES = 2**20

Crawl = Mapping[str, str]
"""What a state is good for: the source, how it is walked, and the versions that wrote it."""


class JobDir:
    """A job directory, held by this process alone. Get it with ``JobDir.lock``; its methods raise JobDirError."""

    def __init__(self, path: Path, lock: int) -> None:
        self.path = path
        self._lock: int | None = lock

    @classmethod
    def lock(cls, path: Path, name: str) -> Self:
        """Make the directory, for its owner alone, and take its lock, which ends with the process.

        ``name`` is told to those who come later. Raises JobDirError: another process has it, or it cannot be written.
        """
        with _clear_errors(path):
            path.mkdir(mode=0o700, parents=True, exist_ok=True)
            path.chmod(0o700)
            lock = os.open(path / LOCK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                holder = json.dumps({"name": name, **_process()}).encode()
                os.pwrite(lock, holder, 0)
                os.ftruncate(lock, len(holder))
            except BlockingIOError:
                os.close(lock)
                raise JobDirError(
                    f"{path}: in use by {_holder(path / LOCK)}; let it end, stop it, or use another JOBDIR"
                ) from None
            except BaseException:
                os.close(lock)
                raise
        return cls(path, lock)

    def release(self) -> None:
        """Let others have it."""
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None

    # --- what was left ------------------------------------------------------------------------------------------------

    def problem(self, crawl: Crawl, url: str) -> str | None:
        """Why ``crawl`` must not resume what was left on the database at ``url``.

        ``None``: it is whole and fits, or nothing was left. Raises StoreError where the database cannot be opened.
        """
        with _clear_errors(self.path):
            found = {name: self.path / name for name in _files(self.path)}
            job = _read(self.path / JOB)
            if job is None:
                left = any(file.stat().st_size for file in found.values())
                return "nothing says which crawl it is of" if left or (self.path / JOB).exists() else None
            if job.get("state") != "stopped":
                return f"the crawl begun {_who(job)} was not stopped cleanly"
            its, files = _strings(job, "crawl"), _strings(job, "files")
            for what in sorted(crawl.keys() | its.keys()):
                then, now = its.get(what) or "(none)", crawl.get(what) or "(none)"
                if then != now:
                    return f"{what} was {then} and is {now} now"
            for name in sorted(found.keys() | files.keys()):
                if name not in found or files.get(name) != _checksum(found[name]):
                    return f"{name} is not as it was left"
        return None if _is_known(url, job) else "the database is not, or no longer, the one that it goes with"

    def spider_state(self) -> dict[str, Any]:
        """What the spider had noted for itself. Raises whatever objects of an older program may when they are made."""
        file = self.path / STATE
        with _clear_errors(self.path):
            if not file.exists():
                return {}
            state: dict[str, Any] = pickle.loads(file.read_bytes())  # noqa: S301  # ours, by its checksum
            return state

    def set_aside(self, now: datetime | None = None) -> Path:
        """Move all that was left into a folder below, where only the newest few stay; the folder."""
        stamp = (now or datetime.now(UTC)).strftime("%Y%m%dT%H%M%S")
        with _clear_errors(self.path):
            before = sorted(self.path.glob(f"{ASIDE}*"))
            same_second = [int(old.name.rpartition("-")[2]) for old in before if old.name.startswith(ASIDE + stamp)]
            aside = self.path / f"{ASIDE}{stamp}-{max(same_second, default=-1) + 1:02}"
            aside.mkdir(mode=0o700)
            for name in (QUEUE, SEEN, STATE, JOB):  # the last one last: until then it tells that this was not over
                if (self.path / name).exists():
                    (self.path / name).rename(aside / name)
            for old in before[: 1 - KEPT]:  # never the one just made, whatever the clock says
                shutil.rmtree(old)
        return aside

    # --- this crawl's -------------------------------------------------------------------------------------------------

    def begin(self, crawl: Crawl) -> None:
        """Mark what is there, and whatever will be, as that of a running crawl. To be called with the queue opened."""
        with _clear_errors(self.path):
            self._say({"state": "running", **_process(), "crawl": dict(crawl)})
            for name in (INDEX, STATE):
                (self.path / name).unlink(missing_ok=True)

    def keep(self, crawl: Crawl, state: Mapping[str, Any], run: Run | None, reason: str) -> None:
        """Leave the state to a later crawl. To be called with the queue closed and the run finished for ``reason``."""
        with _clear_errors(self.path):
            if not (self.path / INDEX).exists():
                raise JobDirError(f"{self.path}: the queue was not written to its end")
            (self.path / STATE).write_bytes(pickle.dumps(dict(state)))
            files = {name: _checksum(self.path / name, sync=True) for name in _files(self.path)}
            said: dict[str, Any] = {"state": "stopped", **_process(), "crawl": dict(crawl), "files": files}
            if run is not None:
                said["run"] = {"id": run.id, "started_at": run.started_at, "finish_reason": reason}
            self._say(said)

    def wipe(self) -> None:
        """Leave nothing that a later crawl would resume."""
        with _clear_errors(self.path):
            if (self.path / QUEUE).exists():
                shutil.rmtree(self.path / QUEUE)
            for name in (SEEN, STATE, JOB):  # the last one last, as above
                (self.path / name).unlink(missing_ok=True)

    def _say(self, job: Mapping[str, Any]) -> None:
        new = self.path / f"{JOB}.tmp"
        with new.open("w", encoding="utf-8") as file:
            json.dump(job, file, indent=1)
            file.flush()
            os.fsync(file.fileno())
        new.replace(self.path / JOB)
        sync_folder(self.path)


def _process() -> dict[str, Any]:
    return {"pid": os.getpid(), "host": socket.gethostname(), "at": utc_text()}


def _who(said: Mapping[str, Any]) -> str:
    return f"{said.get('at')} UTC (process {said.get('pid')} on {said.get('host')})"


def _holder(lock: Path) -> str:
    said = _read(lock)
    if said is None:
        return "another process"
    return f"{said.get('name')}, process {said.get('pid')} on {said.get('host')}, since {said.get('at')} UTC"


def _read(file: Path) -> dict[str, Any] | None:
    """The object in a JSON file; ``None`` where there is no file, or something else in it."""
    try:
        said = json.loads(file.read_bytes())
    except (FileNotFoundError, ValueError):
        return None
    return said if isinstance(said, dict) else None


def _strings(job: Mapping[str, Any], key: str) -> dict[str, str]:
    said = job.get(key)
    return {str(name): str(value) for name, value in said.items()} if isinstance(said, dict) else {}


def _files(folder: Path) -> list[str]:
    """The files of a state, by their names below the folder."""
    inside = [path for path in (folder / QUEUE).rglob("*") if path.is_file()]
    return [str(path.relative_to(folder)) for path in [*inside, folder / SEEN, folder / STATE] if path.exists()]


def _checksum(path: Path, *, sync: bool = False) -> str:
    """Size and CRC-32; ``sync``: only once the file is on the disk."""
    crc = size = 0
    with path.open("rb") as file:
        while chunk := file.read(_CHUNK_BYTES):
            crc, size = zlib.crc32(chunk, crc), size + len(chunk)
        if sync:
            os.fsync(file.fileno())
    return f"{size}:{crc:08x}"


def _is_known(url: str, job: Mapping[str, Any]) -> bool:
    """Whether the run that left the state is in the database: else its numbers may be other people's by now."""
    run = job.get("run")
    if not isinstance(run, dict):
        return True
    if not database_exists(url):
        return False
    the_same = [runs.c[name] == run.get(name) for name in ("id", "started_at", "finish_reason")]
    engine = open_database(url)
    try:
        with snapshot(engine) as connection:
            return connection.execute(select(runs.c.id).where(*the_same)).first() is not None
    finally:
        engine.dispose()


@contextmanager
def _clear_errors(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise JobDirError(
            f"{error.filename or path}: {error.strerror}; the job directory {path} cannot be used"
        ) from error
