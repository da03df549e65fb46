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

from bench.corpus import TESTPACK, portraits
from bench.overhead import middlewares
from bench.start import start
from bench.store import faces, index

REPO = Path(__file__).resolve().parent.parent
MODELS = Path(os.environ.get("ENRICH_TEST_MODELS", REPO / "data" / "models"))
COPIES = int(os.environ.get("BENCH_COPIES", "3"))
ROUNDS = int(os.environ.get("BENCH_ROUNDS", "3"))


def pack() -> str:
    """The test pack where it is to be had, else the embedded one."""
    return str(TESTPACK) if TESTPACK.is_dir() else "opencv_zoo"


def environment(data_dir: Path, **more: str) -> dict[str, str]:
    return {**os.environ, "ENRICH_DATA_DIR": str(data_dir), "ENRICH_MODELS_DIR": str(MODELS), **more}


def scrapy(*arguments: str, env: dict[str, str], check: bool = True) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "scrapy", *arguments], cwd=REPO, env=env, capture_output=True, text=True, check=check
    )


def crawl_rate(folder: Path, images: int) -> float:
    """Images a second of a whole ``scrapy crawl``, from the first request to the last row written."""
    with subprocess.Popen(
        [sys.executable, "-m", "bench.box", str(COPIES)],
        cwd=REPO,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as box:
        assert box.stdout is not None
        port = json.loads(box.stdout.readline())["port"]
        sources = folder / "sources.yaml"
        sources.write_text(
            "global: {quality_filters: {min_image_size: 1, min_detection_confidence: auto}}\nstash_boxes:\n"
            f'  stashdb: {{url: "http://127.0.0.1:{port}/graphql", rate_limit: 0, max_faces: 5, trust_level: high}}\n'
        )
        env = environment(
            folder / "data", ENRICH_SOURCES_FILE=str(sources), ENRICH_MODEL_PACK=pack(), STASHDB_API_KEY="x"
        )
        done = scrapy("crawl", "stashdb", env=env)
        box.communicate("")
    elapsed = re.search(r"'elapsed_time_seconds': ([\d.]+)", done.stderr)
    accepted = re.search(r"'enrich/faces/accepted': (\d+)", done.stderr)
    assert elapsed, done.stderr[-2000:]
    assert accepted, done.stderr[-2000:]
    batch = re.search(r"'enrich/batch/size_mean': ([\d.]+)", done.stderr)
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
    for _ in range(ROUNDS):
        bare = bare_rates()
        folder = Path(tempfile.mkdtemp(prefix="enrich-bench-"))
        try:
            rate = crawl_rate(folder, images)
        finally:
            shutil.rmtree(folder)
        for way, alone in bare.items():
            ratios.setdefault(way, []).append(rate / alone)
    for against, found in ratios.items():
        print(f"  ratio to {against}: median {statistics.median(found):.2f} of {', '.join(f'{r:.2f}' for r in found)}")


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
    "middlewares": middlewares,
    "faces": faces,
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
