"""``scrapy forget`` killed at its worst moments, and what other commands finish for it."""

from __future__ import annotations

import fcntl
import os
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path

import pytest

from tests.commands.forgetting import PEOPLE, Run, names, rows, telling
from tests.conftest import REPO


def started(data_dir: Path, *arguments: str) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [sys.executable, "-m", "scrapy", *arguments],
        cwd=REPO,
        env={**os.environ, "ENRICH_DATA_DIR": str(data_dir), "ENRICH_MODEL_PACK": "opencv_zoo"},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )


@contextmanager
def before_the_transaction(data_dir: Path) -> Iterator[None]:
    """Another program is writing."""
    with closing(sqlite3.connect(data_dir / "performers.db", isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        yield


@contextmanager
def before_the_index(data_dir: Path) -> Iterator[None]:
    """Another process is writing the index."""
    with (data_dir / "index" / "face_sface.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


@contextmanager
def before_the_log_is_empty(data_dir: Path) -> Iterator[None]:
    """Another program is reading, so that the log cannot be emptied."""
    with closing(sqlite3.connect(data_dir / "performers.db", isolation_level=None)) as other:
        other.execute("BEGIN")
        other.execute("SELECT 1 FROM performers").fetchone()
        yield


def wait_until(process: subprocess.Popen[bytes], met: Callable[[], bool]) -> None:
    until = time.monotonic() + 60
    while not met():
        assert process.poll() is None, process.communicate()
        assert time.monotonic() < until
        with suppress(subprocess.TimeoutExpired):
            process.wait(0.05)


@pytest.mark.parametrize(
    ("held_up", "over"),
    [
        (before_the_transaction, False),
        (before_the_index, True),
        (before_the_log_is_empty, True),
    ],
    ids=lambda value: getattr(value, "__name__", str(value)),
)
def test_killed_it_has_done_nothing_or_is_ended_by_the_same_command(
    forget: Run, data_dir: Path, held_up: Callable[[Path], contextmanager[None]], over: bool
) -> None:
    waits = {
        before_the_transaction: lambda: opened(process.pid, "performers.db"),
        before_the_index: lambda: forgetting(data_dir) == "index exports file",
        before_the_log_is_empty: lambda: forgetting(data_dir) == "file",
    }
    with held_up(data_dir):
        process = started(data_dir, "forget", "stashdb:jane")
        wait_until(process, waits[held_up])
        process.send_signal(signal.SIGKILL)
        process.communicate()
        assert telling(data_dir)
    assert (PEOPLE[0] not in names(data_dir)) is over
    code, out, err = forget("stashdb:jane")
    assert (code, err) == (0, "")
    assert ("already forgotten" in out) is over
    assert telling(data_dir) == set()
    assert names(data_dir) == [PEOPLE[1], PEOPLE[2]]


def opened(pid: int, name: str) -> bool:
    """Whether a process has a file of that name open."""
    try:
        links = [link.readlink() for link in Path(f"/proc/{pid}/fd").iterdir()]
    except OSError:
        return False
    return any(link.name == name for link in links)


def forgetting(data_dir: Path) -> str | None:
    found = rows(data_dir, "SELECT value FROM meta WHERE key = 'forgetting'")
    return str(found[0][0]).partition(" #")[0] if found else None


def test_another_command_ends_what_a_killed_one_has_begun(data_dir: Path) -> None:
    with before_the_index(data_dir):
        process = started(data_dir, "forget", "stashdb:jane")
        wait_until(process, lambda: forgetting(data_dir) == "index exports file")
        process.send_signal(signal.SIGKILL)
        process.communicate()
    assert telling(data_dir)
    process = started(data_dir, "index")
    _, err = process.communicate()
    assert process.returncode == 0, err
    assert telling(data_dir) == set()
    assert forgetting(data_dir) is None
