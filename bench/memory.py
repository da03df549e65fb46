"""Whether a crawl takes more memory the longer it lasts: one crawl, looked at after 1,000 pictures and at its end."""

from __future__ import annotations

import os
import shutil
import sqlite3
import subprocess
import tempfile
import threading
from contextlib import closing
from pathlib import Path

from bench.corpus import portraits
from bench.crawling import crawl, pack

PICTURES = int(os.environ.get("BENCH_PICTURES", "10000"))
FIRST = 1000
LOOK_SECONDS = 0.2


def memory() -> None:
    """Print the most memory until the first 1,000 pictures were written, until all were, and with the index built."""
    set_of = sum(len(bodies) for bodies in portraits(1))
    copies = -(-PICTURES // set_of)
    last_but_few = (copies - 1) * set_of  # when all are written, the index is already being built
    folder = Path(tempfile.mkdtemp(prefix="enrich-bench-"))
    try:
        with crawl(folder, copies, pack=pack()) as process:
            log: list[str] = []
            reader = threading.Thread(target=lambda: log.extend(process.stderr or ()), daemon=True)
            reader.start()
            found: dict[int, tuple[float, float]] = {}
            last = (0.0, 0.0)
            while not _ends_within(LOOK_SECONDS, process):
                written = _written(folder / "data" / "performers.db")
                last = _mib(process.pid) or last
                for mark in (FIRST, last_but_few):
                    if written >= mark and mark not in found:
                        found[mark] = last
            reader.join()
        assert set(found) == {FIRST, last_but_few}, "".join(log)[-2000:]
    finally:
        shutil.rmtree(folder)
    print(f"memory of a crawl of {copies * set_of:,} pictures, in MiB:")
    for mark, (now, most) in found.items():
        print(f"  after {mark:,}: {now:.0f}, at most so far {most:.0f}")
    print(
        f"  peak: {found[last_but_few][1] - found[FIRST][1]:+.0f} between the two; {last[1]:.0f} with the index built"
    )


def _ends_within(seconds: float, process: subprocess.Popen[str]) -> bool:
    try:
        process.wait(seconds)
    except subprocess.TimeoutExpired:
        return False
    return True


def _written(path: Path) -> int:
    """Pictures of which it is decided what becomes of them."""
    if not path.exists():
        return 0
    try:
        with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True, timeout=5)) as db:
            (count,) = db.execute("SELECT count(*) FROM images WHERE outcome <> 'pending'").fetchone()
            return int(count)
    except sqlite3.OperationalError:  # its tables are not there yet
        return 0


def _mib(pid: int) -> tuple[float, float] | None:
    """Resident memory now, and the most so far."""
    try:
        status = Path(f"/proc/{pid}/status").read_text("ascii")
        now, most = (int(status.partition(name)[2].split()[0]) / 1024 for name in ("VmRSS:", "VmHWM:"))
    except (OSError, IndexError):  # it has ended
        return None
    return now, most
