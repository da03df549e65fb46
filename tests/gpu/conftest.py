"""Tests that need a GPU: skipped, and said so, where CUDA does not start."""

from __future__ import annotations

from pathlib import Path

import onnxruntime as ort
import pytest

from enrich.faces.engine import FaceEngine
from enrich.faces.pack import ModelPack, load_pack
from enrich.faces.running import DeviceError
from enrich.faces.sessions import CUDA, open_session
from tests.crawl.conftest import crawling, sources, world  # noqa: F401  # fixtures


@pytest.fixture(scope="session")
def zoo(models_dir: Path) -> ModelPack:
    return load_pack("opencv_zoo", models_dir)


@pytest.fixture(scope="session", autouse=True)
def cuda(zoo: ModelPack) -> None:
    """Skips everything here where the machine has no GPU that onnxruntime can use."""
    if CUDA not in ort.get_available_providers():
        pytest.skip("this onnxruntime is the one without CUDA: make test-gpu installs the other")
    path = zoo.path(zoo.detector)
    try:
        open_session(path, path, [CUDA], 1)
    except DeviceError as error:
        pytest.skip(str(error))


@pytest.fixture(scope="session")
def on_cpu(zoo: ModelPack, cuda: None) -> FaceEngine:
    return FaceEngine(zoo, "cpu", threads=1)


@pytest.fixture(scope="session")
def on_gpu(zoo: ModelPack, cuda: None) -> FaceEngine:
    return FaceEngine(zoo, "auto", batch_size=8)
