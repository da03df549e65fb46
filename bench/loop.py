"""How long the event loop is kept from its work, in a crawl as fast as it goes and in the demo's of all sources."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from bench.crawling import COPIES, REPO, crawl, environment, pack
from enrich import settings

# -10: before whatever may keep the loop waiting.
EXTENSIONS = json.dumps({**settings.EXTENSIONS, "bench.loop_watch.LoopWatch": -10})
WATCH = ("-s", f"EXTENSIONS={EXTENSIONS}", "-s", "LOOP_WATCH_SECONDS=0.005", "-s", "LOG_LEVEL=INFO")
PHASES = ("start", "crawl", "end")
_LINE = re.compile(r"(\w+): event loop: (.*)")
_PHASE = re.compile(r"(\w+) (\d+) ms \(own (\S+), computing (\d+), long ([\d.]+) %\)")


def loop() -> None:
    """Print the longest block of each phase; of several crawls in one process the longest of all."""
    print("event loop, longest block in ms (own doing: without waiting for a processor):")
    folder = Path(tempfile.mkdtemp(prefix="enrich-bench-"))
    try:
        with crawl(folder / "box", COPIES, *WATCH, pack=pack()) as process:
            _tell("a stash-box, no rate limit", process.communicate()[1])
        demo = subprocess.run(
            [sys.executable, "-m", "scrapy", "demo", *WATCH],
            cwd=REPO,
            env=environment(folder / "demo"),
            capture_output=True,
            text=True,
            check=True,
        )
        _tell("the demo, all sources", demo.stderr)
    finally:
        shutil.rmtree(folder)


def _tell(what: str, log: str) -> None:
    crawls = [_PHASE.findall(line[2]) for line in _LINE.finditer(log)]
    assert crawls, log[-2000:]
    print(f"  {what} ({len(crawls)} {'crawl' if len(crawls) == 1 else 'crawls'}):")
    for phase in PHASES:
        found = [said[1:] for one in crawls for said in one if said[0] == phase]
        wall, computing = (max(int(said[column]) for said in found) for column in (0, 2))
        own = max((int(said[1]) for said in found if said[1] != "unknown"), default=None)
        share = max(float(said[3]) for said in found)
        print(
            f"    {phase}: {wall}, own doing {'unknown' if own is None else own}, computing {computing}; "
            f"{share:.1f} % of the time in blocks of more than 50 ms"
        )
