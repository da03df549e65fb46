"""One ``scrapy crawl`` of a stash-box that answers from memory, in processes of their own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from bench.corpus import TESTPACK

REPO = Path(__file__).resolve().parent.parent
MODELS = Path(os.environ.get("ENRICH_TEST_MODELS", REPO / "data" / "models"))
COPIES = int(os.environ.get("BENCH_COPIES", "10"))
"""How often a crawl gets the 110 portraits: what a start and an end cost is to weigh little, as in a crawl of weeks."""


def pack() -> str:
    """The test pack where available, else the embedded one."""
    return str(TESTPACK) if TESTPACK.is_dir() else "opencv_zoo"


def one_look_pack(folder: Path) -> str | None:
    """The test pack, made in ``folder``, without the small canvas: every first look is at 640 px. ``None``: no pack."""
    import yaml

    from enrich.faces.pack import load_pack

    if not TESTPACK.is_dir():
        return None
    said = load_pack(str(TESTPACK), MODELS).model_dump(mode="json", exclude={"name", "folder"}, exclude_none=True)
    del said["detector"]["small_input_size_px"]
    folder.mkdir()
    (folder / "pack.yaml").write_text(yaml.safe_dump(said))
    for file in TESTPACK.glob("*.onnx"):
        (folder / file.name).symlink_to(file)
    return str(folder)


def environment(data_dir: Path, **more: str) -> dict[str, str]:
    return {**os.environ, "ENRICH_DATA_DIR": str(data_dir), "ENRICH_MODELS_DIR": str(MODELS), **more}


@contextmanager
def serving(module: str, *arguments: str) -> Iterator[str]:
    """A server in a process of its own, which ends when its stdin closes; the line that it prints once it listens."""
    with subprocess.Popen(
        [sys.executable, "-m", module, *arguments],
        cwd=REPO,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as server:
        assert server.stdout is not None
        yield server.stdout.readline()


@contextmanager
def crawl(folder: Path, copies: int, *arguments: str, pack: str) -> Iterator[subprocess.Popen[str]]:
    """A running crawl of so many copies of the portraits, with its data in ``folder``; its log comes on stderr."""
    with serving("bench.box", str(copies)) as said:
        port = json.loads(said)["port"]
        folder.mkdir(parents=True, exist_ok=True)
        sources = folder / "sources.yaml"
        sources.write_text(
            "global: {quality_filters: {min_image_size: 1, min_detection_confidence: auto}}\nstash_boxes:\n"
            f'  stashdb: {{url: "http://127.0.0.1:{port}/graphql", rate_limit: 0, max_faces: 5, trust_level: high}}\n'
        )
        env = environment(folder / "data", ENRICH_SOURCES_FILE=str(sources), ENRICH_MODEL_PACK=pack)
        with subprocess.Popen(
            [sys.executable, "-m", "scrapy", "crawl", "stashdb", *arguments],
            cwd=REPO,
            env={**env, "STASHDB_API_KEY": "x"},
            stderr=subprocess.PIPE,
            text=True,
        ) as process:
            try:
                yield process
            finally:
                if process.poll() is None:
                    process.kill()
