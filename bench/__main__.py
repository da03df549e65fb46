"""``python -m bench [NAME ...]``: prints the ratios the project promises, each measured in this one run."""

from __future__ import annotations

import json
import os
import re
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from bench.corpus import portraits
from bench.crawling import COPIES, MODELS, REPO, crawl, environment, one_look_pack, pack
from bench.degraded import degraded
from bench.loop import loop
from bench.memory import memory
from bench.overhead import middlewares
from bench.start import start
from bench.store import faces, index

ROUNDS = int(os.environ.get("BENCH_ROUNDS", "3"))


def scrapy(*arguments: str, env: dict[str, str], check: bool = True) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "scrapy", *arguments], cwd=REPO, env=env, capture_output=True, text=True, check=check
    )


def crawl_rate(folder: Path, images: int, which: str) -> float:
    """Images a second of a whole ``scrapy crawl`` with a pack, from the first request to the last row written."""
    with crawl(folder, COPIES, pack=which) as process:
        log = process.communicate()[1]
    elapsed = re.search(r"'elapsed_time_seconds': ([\d.]+)", log)
    accepted = re.search(r"'enrich/faces/accepted': (\d+)", log)
    assert elapsed, log[-2000:]
    assert accepted, log[-2000:]
    batch = re.search(r"'enrich/batch/size_mean': ([\d.]+)", log)
    print(f"    crawl: {images / float(elapsed[1]):.1f} images/s, {accepted[1]} faces, mean batch {batch and batch[1]}")
    return images / float(elapsed[1])


def bare_rates() -> dict[str, float]:
    """Images a second without a crawler, by what they go through."""
    done = subprocess.run(
        [sys.executable, "-m", "bench.bare", pack(), str(MODELS), str(COPIES)],
        cwd=REPO,
        env=environment(Path("data")),
        capture_output=True,
        text=True,
        check=True,
    )
    rates: dict[str, float] = json.loads(done.stdout.splitlines()[-1])  # insightface prints, too
    print("    bare:  " + ", ".join(f"{rate:.1f} images/s with {way}" for way, rate in rates.items()))
    return rates


def throughput() -> None:
    """The crawl against the same images through the same two models without one; pairs, since machines drift."""
    images = sum(len(bodies) for bodies in portraits(COPIES))
    print(f"crawl against bare models ({Path(pack()).name}, {images} images, {os.cpu_count()} cores):")
    ratios: dict[str, list[float]] = {}
    for number in range(ROUNDS):
        folder = Path(tempfile.mkdtemp(prefix="enrich-bench-"))
        try:
            if number % 2:
                bare, crawls = bare_rates(), _crawl_rates(folder, images)
            else:
                crawls, bare = _crawl_rates(folder, images), bare_rates()
        finally:
            shutil.rmtree(folder)
        for way, alone in bare.items():
            ratios.setdefault(f"the crawl to {way}", []).append(crawls[0] / alone)
            for like_for_like in crawls[1:] if "640 px" in way else ():
                ratios.setdefault(f"the crawl at 640 px alone to {way}", []).append(like_for_like / alone)
    for what, found in ratios.items():
        print(f"  ratio of {what}: median {statistics.median(found):.2f} of {', '.join(f'{r:.2f}' for r in found)}")


def _crawl_rates(folder: Path, images: int) -> list[float]:
    """With the pack as it is, and where there is one, with a pack that looks at 640 px alone."""
    one_look = one_look_pack(folder / "pack")
    packs = {"two": pack()} | ({"one": one_look} if one_look else {})
    return [crawl_rate(folder / name, images, which) for name, which in packs.items()]


def demo() -> None:
    """The demo's time and peak memory, without installing; the world's own process is not in the memory."""
    folder = Path(tempfile.mkdtemp(prefix="enrich-bench-"))
    try:
        began = time.perf_counter()
        scrapy("demo", env=environment(folder))
        seconds = time.perf_counter() - began
    finally:
        shutil.rmtree(folder)
    peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024
    print(f"demo: {seconds:.1f} s, peak resident memory of the largest process so far {peak:.0f} MiB")


def listing() -> None:
    """``scrapy list`` against a Python that imports Scrapy and does nothing."""
    began = time.perf_counter()
    scrapy("list", env=environment(Path("data")))
    seconds = time.perf_counter() - began
    began = time.perf_counter()
    subprocess.run([sys.executable, "-c", "import scrapy.cmdline"], check=True)
    print(f"scrapy list: {seconds:.2f} s, {seconds / (time.perf_counter() - began):.1f} times `import scrapy.cmdline`")


BENCHES: dict[str, Callable[[], None]] = {
    "listing": listing,
    "demo": demo,
    "throughput": throughput,
    "loop": loop,
    "memory": memory,
    "middlewares": middlewares,
    "faces": faces,
    "degraded": degraded,
    "start": lambda: start(environment(Path("data"), ENRICH_MODEL_PACK=pack())),
    "index": index,
}


def main(names: list[str]) -> None:
    if unknown := set(names) - set(BENCHES):
        sys.exit(f"bench: no {', '.join(sorted(unknown))}; there are {', '.join(BENCHES)}")
    for name in names or BENCHES:
        BENCHES[name]()


if __name__ == "__main__":
    main(sys.argv[1:])
