"""Where models run: what EMBED_DEVICE may say, a GPU that does not start, and an accelerator's way through the code.

``AzureExecutionProvider`` stands for the accelerators: onnxruntime's CPU package has it, it starts anywhere, and leaves
every node to the processor.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime as ort
import pytest

from enrich.errors import ModelError
from enrich.faces import sessions
from enrich.faces.check import check
from enrich.faces.engine import FaceEngine
from enrich.faces.pack import ModelPack
from enrich.faces.running import DeviceError, Session
from enrich.faces.sessions import COREML, CPU, CUDA, open_session, providers_for
from enrich.items import DetectedImage, Image, Uint8Array

AZURE = "AzureExecutionProvider"
OFFERED = ort.get_available_providers()


@pytest.fixture
def accelerator(monkeypatch: pytest.MonkeyPatch) -> str:
    """EMBED_DEVICE for an accelerator that this machine has."""
    if AZURE not in OFFERED:
        pytest.skip(f"onnxruntime has no {AZURE} here")
    monkeypatch.setitem(sessions.DEVICES, "azure", AZURE)
    return "azure"


@pytest.fixture
def cuda_that_does_not_start(monkeypatch: pytest.MonkeyPatch) -> None:
    """onnxruntime says that it has CUDA, and goes on without: as it does where the driver or a library is missing."""
    if CUDA in OFFERED:
        pytest.skip("this onnxruntime may start CUDA: see tests/gpu")
    monkeypatch.setattr(ort, "get_available_providers", lambda: [CUDA, CPU])


def test_what_embed_device_may_say() -> None:
    assert providers_for("cpu") == [CPU]
    assert providers_for("auto")[-1] == CPU
    assert COREML not in providers_for("auto")
    with pytest.raises(ModelError, match="EMBED_DEVICE=tpu: unknown; one of auto, cpu, cuda, coreml"):
        providers_for("tpu")


@pytest.mark.parametrize(
    ("device", "provider", "told"), [("cuda", CUDA, r"install enrich\[gpu\] .*, or set"), ("coreml", COREML, "; set")]
)
def test_a_device_that_onnxruntime_was_not_built_for(device: str, provider: str, told: str) -> None:
    if provider in OFFERED:
        pytest.skip(f"onnxruntime has {provider} here")
    with pytest.raises(ModelError, match=rf"^EMBED_DEVICE={device}: the installed .*{told} EMBED_DEVICE=auto$"):
        providers_for(device)


@pytest.mark.filterwarnings("ignore:Specified provider")  # onnxruntime's, about what the fixture makes it say
@pytest.mark.usefixtures("cuda_that_does_not_start")
def test_auto_goes_on_with_the_processor_and_says_so_once(
    zoo: ModelPack, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    with caplog.at_level(logging.INFO):
        engine = FaceEngine(zoo, "auto", threads=1)
    assert engine.device == "cpu"
    assert [record.getMessage() for record in caplog.records] == [
        "EMBED_DEVICE=auto: CUDA cannot be started; the processor does the work"
    ]
    assert capfd.readouterr() == ("", "")
    assert engine.embed([np.zeros((112, 112, 3), np.uint8)])["sface"].shape == (1, 128)


@pytest.mark.filterwarnings("ignore:Specified provider")
@pytest.mark.usefixtures("cuda_that_does_not_start")
def test_a_gpu_that_was_asked_for_and_does_not_start_is_an_error(zoo: ModelPack) -> None:
    with pytest.raises(
        ModelError, match=r"^EMBED_DEVICE=cuda: CUDA cannot be started; EMBED_DEVICE=auto continues without it$"
    ):
        FaceEngine(zoo, "cuda")


def test_an_accelerator_finds_what_the_processor_finds(
    zoo: ModelPack,
    zoo_engine: FaceEngine,
    accelerator: str,
    face: Uint8Array,
    encoded: Callable[..., bytes],
    image: Callable[[bytes], Image],
) -> None:
    engine = FaceEngine(zoo, accelerator, threads=2, batch_size=5)
    assert engine.device == accelerator
    ours, theirs = (one.analyse(image(encoded(face))) for one in (engine, zoo_engine))
    assert isinstance(ours, DetectedImage)
    assert isinstance(theirs, DetectedImage)
    assert np.abs(ours.faces[0].landmarks_px - theirs.faces[0].landmarks_px).max() < 1e-2
    crops = [theirs.faces[0].crop, theirs.faces[0].crop[::-1]]
    assert np.abs(engine.embed(crops)["sface"] - zoo_engine.embed(crops)["sface"]).max() < 1e-4


def test_an_accelerator_is_warmed_up_with_the_batches_that_will_come(
    zoo: ModelPack, accelerator: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    shapes: list[tuple[int, ...]] = []
    run = Session.run

    def noting(self: Session, names: Any, feeds: Any) -> Any:
        shapes.extend(numbers.shape for numbers in feeds.values())
        return run(self, names, feeds)

    monkeypatch.setattr(Session, "run", noting)
    FaceEngine(zoo, accelerator, batch_size=12)
    assert (12, 3, 112, 112) in shapes
    assert {shape[2] for shape in shapes if shape[0] == 1} == set(zoo.detector.sizes_px)


def test_check_says_where_it_ran_and_how_far_from_the_processor(zoo: ModelPack, accelerator: str) -> None:
    there, here = check(zoo, accelerator), check(zoo, "cpu")
    assert (there.device, here.device, here.apart) == (accelerator, "cpu", None)
    assert there.apart is not None
    assert there.apart < 1e-5


def test_a_model_that_an_accelerator_cannot_load_is_a_failure_of_the_device(tmp_path: Path, accelerator: str) -> None:
    with pytest.raises(DeviceError, match=r"^Azure cannot be started with broken\.onnx: ") as failed:
        open_session(b"no model", tmp_path / "broken.onnx", [AZURE], 1)
    assert "\n" not in str(failed.value)
