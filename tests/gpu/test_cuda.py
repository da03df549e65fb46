"""CUDA through and through: the processor's vectors, batches that do not fit, no GPU to be seen, a crawl."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import onnxruntime as ort
import pytest

from enrich.demo.running import RunningWorld
from enrich.faces import sessions
from enrich.faces.embedder import open_embedders, unit
from enrich.faces.engine import FaceEngine
from enrich.faces.pack import ModelPack, load_pack
from enrich.faces.sessions import CPU, CUDA
from enrich.items import FloatArray, Uint8Array
from tests.conftest import Scrapy
from tests.crawl import ledger
from tests.crawl.judging import Judge
from tests.faces import tiny
from tests.faces.test_golden import GOLDEN, NAMES, crop, golden, landmarks, picture

pytestmark = pytest.mark.gpu

NEAR = 1e-3
"""Largest difference of a number in a vector of length 1 from the processor's: the sums of convolutions are made in
another order, with 24 bits on both sides. The packs' match distances are from 0.3 on."""
ALIKE = 1 - 1e-5
MOST_BYTES = 256 * 2**20
"""Of GPU memory, for one model: enough for its weights and some crops, too little for 512."""
MANY = 512


@pytest.fixture(params=["opencv_zoo", "insightface", "tiny"])
def pack(request: pytest.FixtureRequest, zoo: ModelPack, tmp_path: Path) -> ModelPack:
    """The pack that golden vectors are known of by this name."""
    if request.param == "opencv_zoo":
        return zoo
    if request.param == "insightface":
        return load_pack(str(request.getfixturevalue("testpack")), tmp_path)
    return load_pack(str(tiny.write_pack(tmp_path / "tiny", zoo)), tmp_path)


def test_the_golden_vectors(request: pytest.FixtureRequest, pack: ModelPack) -> None:
    name = request.node.callspec.params["pack"]
    engine = FaceEngine(pack, "cuda", batch_size=len(NAMES))
    assert engine.device == "cuda"
    vectors = engine.embed([crop(one) for one in NAMES])
    assert set(vectors) == set(GOLDEN["vectors"][name])
    for recogniser, rows in vectors.items():
        for one, row in zip(NAMES, rows, strict=True):
            known = golden(name, recogniser, one)
            assert np.abs(row - known).max() < NEAR, (recogniser, one)
            assert float(row @ known) > ALIKE, (recogniser, one)


@pytest.mark.parametrize("name", NAMES)
def test_the_detector_finds_what_it_finds_on_the_processor(on_gpu: FaceEngine, on_cpu: FaceEngine, name: str) -> None:
    ours, theirs = on_gpu.detect(picture(name)), on_cpu.detect(picture(name))
    assert len(ours.scores) == len(theirs.scores) == 1
    assert np.abs(ours.scores - theirs.scores).max() < NEAR
    assert np.abs(ours.landmarks_px - theirs.landmarks_px).max() < 0.1
    assert np.abs(ours.landmarks_px[0] - landmarks(name)).max() < 1


def test_auto_takes_the_gpu_and_says_nothing(
    zoo: ModelPack, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    with caplog.at_level(logging.INFO):
        assert FaceEngine(zoo, "auto", batch_size=8).device == "cuda"
    assert caplog.records == []
    assert capfd.readouterr() == ("", "")


def test_many_threads_find_what_one_finds(on_gpu: FaceEngine) -> None:
    pictures = [picture(name) for name in NAMES] * 20
    alone = [on_gpu.detect(one) for one in pictures[: len(NAMES)]] * 20
    with ThreadPoolExecutor(16) as pool:
        together = list(pool.map(on_gpu.detect, pictures))
    for mine, theirs in zip(together, alone, strict=True):
        assert np.abs(mine.landmarks_px - theirs.landmarks_px).max() < 1e-2


@pytest.fixture
def little_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    options = {**sessions.OPTIONS[CUDA], "gpu_mem_limit": str(MOST_BYTES)}
    monkeypatch.setitem(sessions.OPTIONS, CUDA, options)


@pytest.mark.usefixtures("little_memory")
def test_a_batch_that_does_not_fit_is_halved_until_it_does(
    zoo: ModelPack, on_cpu: FaceEngine, caplog: pytest.LogCaptureFixture
) -> None:
    (embedder,) = open_embedders(zoo, [CUDA], 1)
    crops = [noise(seed) for seed in range(16)]
    with caplog.at_level(logging.WARNING):
        rows = unit(embedder.raw(crops * (MANY // len(crops))), embedder.spec)
    said = [record.getMessage() for record in caplog.records if record.name == "enrich.faces.embedder"]
    assert len(said) == 1
    assert f"no memory for {MANY} faces at once" in said[0]
    theirs = on_cpu.embed(crops)[zoo.primary.name]
    assert np.abs(rows - np.tile(theirs, (MANY // len(crops), 1))).max() < NEAR
    caplog.clear()
    assert len(embedder.raw(crops)) == len(crops)
    assert caplog.records == []


def noise(seed: int) -> Uint8Array:
    return np.random.default_rng(seed).integers(0, 256, (112, 112, 3), dtype=np.uint8)


@pytest.mark.parametrize("hidden", ["-1", "none"])
def test_without_a_gpu_to_be_seen_auto_goes_on_and_cuda_does_not(scrapy: Scrapy, hidden: str) -> None:
    auto = scrapy("models", "check", "opencv_zoo", CUDA_VISIBLE_DEVICES=hidden)
    assert auto.code == 0, auto.err
    assert "runs on cpu" in auto.out
    demanded = scrapy("models", "check", "opencv_zoo", CUDA_VISIBLE_DEVICES=hidden, ENRICH_EMBED_DEVICE="cuda")
    assert demanded.code == 1
    (line,) = demanded.lines
    assert line.startswith("enrich: EMBED_DEVICE=cuda: CUDA cannot be started")


def test_check_compares_with_the_processor(scrapy: Scrapy) -> None:
    done = scrapy("models", "check", "opencv_zoo", ENRICH_EMBED_DEVICE="cuda")
    assert done.code == 0, done.err
    assert "runs on cuda" in done.out
    assert "of those made by the processor" in done.out


def test_a_crawl(crawling: Scrapy, world: RunningWorld, models_dir: Path) -> None:
    done = crawling("crawl", "stashdb", "-a", "limit=4", ENRICH_EMBED_DEVICE="cuda")
    assert (done.code, done.lines) == (0, []), done.err
    stored = ledger.vectors(crawling.data_dir)
    assert len(stored) > 4
    faults = list(vector_faults(Judge(world, models_dir), crawling, stored))
    assert faults == []


def vector_faults(judge: Judge, crawled: Scrapy, stored: dict[int, FloatArray]) -> Iterator[str]:
    for row in ledger.rows(crawled.data_dir, "SELECT id, image_url FROM faces"):
        path = row["image_url"].removeprefix(judge.world.base_url)
        fresh = judge.fresh(path)  # on the processor
        if fresh is None or not float(fresh @ stored[row["id"]]) > 1 - 1e-3:
            yield f"{path}: another vector"


def test_what_cuda_was_asked_for_is_what_it_does(zoo: ModelPack) -> None:
    """An option of a name that this onnxruntime does not know would keep CUDA from starting, or be left out."""
    path = zoo.path(zoo.detector)
    inner = ort.InferenceSession(path, providers=[(CUDA, sessions.OPTIONS[CUDA]), CPU])
    assert inner.get_providers()[0] == CUDA
    in_use = inner.get_provider_options()[CUDA]
    assert {name: in_use[name] for name in sessions.OPTIONS[CUDA]} == sessions.OPTIONS[CUDA]
