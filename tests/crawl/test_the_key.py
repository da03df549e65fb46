"""After a crawl that is stopped or killed, resumed and finished, the key is in no file, no row and no line."""

from __future__ import annotations

import contextlib
import signal
import sqlite3
import subprocess
from pathlib import Path

import pytest

from tests.conftest import Scrapy
from tests.crawl import ledger

KEY = b"demo-key"


def holding_the_key(*folders: Path) -> list[Path]:
    found = []
    for folder in folders:
        files = [path for path in folder.rglob("*") if path.is_file()]
        assert files, folder
        found += [path for path in files if KEY in path.read_bytes()]
    return found


def faces(data_dir: Path) -> int:
    try:
        return len(ledger.rows(data_dir, "SELECT id FROM faces"))
    except sqlite3.OperationalError:  # not there, or not migrated yet
        return 0


@pytest.mark.parametrize("ending", [signal.SIGTERM, signal.SIGKILL])
def test_stopped_resumed_and_finished(crawling: Scrapy, tmp_path: Path, ending: signal.Signals) -> None:
    job, logs = tmp_path / "job", tmp_path / "logs"
    logs.mkdir()
    # A file, not a pipe: at DEBUG more is said than a pipe takes while nobody reads it.
    arguments = (
        "crawl",
        "stashdb",
        "-a",
        "limit=8",
        "-s",
        f"JOBDIR={job}",
        "--loglevel",
        "DEBUG",
        "--logfile",
        str(logs / "crawl.log"),
    )
    process = crawling.start(*arguments)
    while process.poll() is None and not faces(crawling.data_dir):
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(0.02)
    process.send_signal(ending)
    out, err = process.communicate(timeout=60)
    assert process.returncode == (0 if ending == signal.SIGTERM else -ending)
    assert KEY.decode() not in out + err
    assert holding_the_key(job, logs, crawling.data_dir) == []

    finished = crawling(*arguments)
    assert finished.code == 0, finished.err
    assert b" DEBUG: Crawled (200) <POST" in (logs / "crawl.log").read_bytes()
    assert KEY.decode() not in finished.out + finished.err
    assert holding_the_key(job, logs, crawling.data_dir) == []
    runs = ledger.rows(crawling.data_dir, "SELECT * FROM runs")
    assert len(runs) == 2
    assert KEY.decode() not in str([tuple(row) for row in runs])
    assert KEY.decode() not in str(crawling.status())
