"""A device with little memory: what onnxruntime says when it has none, and what becomes of the runs then."""

from __future__ import annotations

import logging
import threading
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime as ort
import pytest
from onnx import TensorProto, helper
from onnxruntime.capi.onnxruntime_pybind11_state import EPFail, Fail, RuntimeException

from enrich.faces.embedder import Halving
from enrich.faces.engine import FaceEngine
from enrich.faces.pack import RecogniserSpec
from enrich.faces.running import DeviceError, OutOfMemoryError, Session, in_short
from enrich.faces.sessions import CPU, session_options
from enrich.items import FloatArray, Uint8Array

LIMIT = 8 * 2**20
CROP_BYTES = 1_300_000
"""What a crop takes in the graph below: of the arena's 8 MiB four crops and their copies still fit, eight do not."""
FILE = Path("greedy.onnx")


@cache
def small_arena() -> None:
    """Processor memory, of this process, of which sessions that ask for it get no more than ``LIMIT``."""
    place = ort.OrtMemoryInfo("Cpu", ort.OrtAllocatorType.ORT_ARENA_ALLOCATOR, 0, ort.OrtMemType.DEFAULT)
    ort.create_and_register_allocator(place, ort.OrtArenaCfg({"max_mem": LIMIT, "arena_extend_strategy": 1}))


def greedy(crop_bytes: int = CROP_BYTES) -> ort.InferenceSession:
    """A recogniser of one number that takes so much for a crop, of memory that has an end."""
    small_arena()
    options = session_options(1)
    options.log_severity_level = 4
    options.add_session_config_entry("session.use_env_allocators", "1")
    return ort.InferenceSession(greedy_graph(crop_bytes), options, providers=[CPU])


def greedy_graph(crop_bytes: int = CROP_BYTES) -> bytes:
    """Flattened, repeated until it is so large, and the mean of that taken."""
    copies = crop_bytes // (3 * 16 * 16 * 4)
    graph = helper.make_graph(
        [
            helper.make_node("Flatten", ["x"], ["flat"]),
            helper.make_node("Tile", ["flat", "copies"], ["many"]),
            helper.make_node("ReduceMean", ["many"], ["y"], axes=[1]),
        ],
        "greedy",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["n", 3, 16, 16])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, ["n", 1])],
        [helper.make_tensor("copies", TensorProto.INT64, [2], [1, copies])],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8)
    serialised: bytes = model.SerializeToString()
    return serialised


class Means:
    """A recogniser, of which is noted how many crops it was given at a time."""

    spec = RecogniserSpec(
        name="means", file=FILE.name, sha256="0" * 64, input_size_px=16, dim=1, match_distances={1: 1}
    )

    def __init__(self, session: Session) -> None:
        self.session = session
        self.batches: list[int] = []

    def raw(self, crops: Sequence[Uint8Array]) -> FloatArray:
        self.batches.append(len(crops))
        return np.asarray(self.session.run(None, {"x": np.stack(crops)})[0])


def crops(count: int) -> list[Any]:
    return [np.full((3, 16, 16), number, np.float32) for number in range(1, count + 1)]


@pytest.mark.parametrize("at_once", [None, 1, 3])
def test_a_batch_is_halved_when_memory_runs_out_and_stays_so(
    at_once: int | None, caplog: pytest.LogCaptureFixture
) -> None:
    means = Means(Session(greedy(), FILE, at_once))
    embedder = Halving(means)
    with caplog.at_level(logging.WARNING):
        rows = embedder.raw(crops(16))
    assert rows.shape == (16, 1)
    assert np.allclose(rows.ravel(), range(1, 17), rtol=1e-3)
    assert means.batches == [16, 8, 4, 4, 4, 4]
    means.batches.clear()
    assert np.allclose(embedder.raw(crops(10)).ravel(), range(1, 11), rtol=1e-3)
    assert means.batches == [4, 4, 2]
    said = [record.message for record in caplog.records if record.name == "enrich.faces.embedder"]
    assert said == ["greedy.onnx: no memory for 16 faces at once; 4 from now on"]


def test_where_one_crop_is_too_much_it_says_so() -> None:
    means = Means(Session(greedy(2 * LIMIT), FILE))
    with pytest.raises(OutOfMemoryError, match=r"^greedy\.onnx: not enough memory on CPU .*; end what else uses it$"):
        Halving(means).raw(crops(4))
    assert means.batches == [4, 2, 1]
    with pytest.raises(OutOfMemoryError, match=r"; end what else uses it, or set EMBED_DEVICE=cpu$"):
        Session(greedy(2 * LIMIT), FILE, 3).run(None, {"x": np.stack(crops(1))})


class Crowded:
    """In the place of onnxruntime's session: one with memory for a single run at a time."""

    def __init__(self, error: Exception) -> None:
        self.session = ort.InferenceSession(greedy_graph(), session_options(1), providers=[CPU])
        self.error = error
        self.inside = 0
        self.most_inside = 0
        self.refused = 0
        self.lock = threading.Lock()
        self.two = threading.Barrier(2)

    def __getattr__(self, name: str) -> Any:
        return getattr(self.session, name)

    def run_with_iobinding(self, binding: Any) -> None:
        with self.lock:
            self.inside += 1
            self.most_inside = max(self.most_inside, self.inside)
            crowded = self.refused < 2
            self.refused += crowded
        try:
            if crowded:
                self.two.wait(30)  # the first two runs meet, and neither finds room
                raise self.error
            self.session.run_with_iobinding(binding)
        finally:
            with self.lock:
                self.inside -= 1


MESSAGES = [
    RuntimeException("bfc_arena.cc:376 AllocateRawInternal Failed to allocate memory for requested buffer of size 9"),
    Fail("bfc_arena.cc:360 AllocateRawInternal Available memory of 8 is smaller than requested bytes of 9"),
    EPFail("cuda_call.cc:146 CudaCall() CUDA failure 2: out of memory ; GPU=0 ; line=3 ; expr=cudaMalloc"),
    Fail("CUDNN failure 4003: CUDNN_STATUS_INTERNAL_ERROR_DEVICE_ALLOCATION_FAILED ; GPU=0 ; expr=cudnnCreate(...)"),
    Fail("CUBLAS failure 3: CUBLAS_STATUS_ALLOC_FAILED ; GPU=0 ; expr=cublasCreate(&handle)"),
    RuntimeException("std::bad_alloc"),
    MemoryError(),
]


@pytest.mark.parametrize("error", MESSAGES, ids=lambda error: str(error)[:20] or "MemoryError")
def test_runs_that_find_no_room_beside_each_other_are_made_one_by_one(
    error: Exception, caplog: pytest.LogCaptureFixture
) -> None:
    crowded = Crowded(error)
    session = Session(crowded, FILE, 3)
    pictures = [np.stack(crops(1)) * number for number in range(1, 9)]
    with ThreadPoolExecutor(4) as pool, caplog.at_level(logging.WARNING):
        found = list(pool.map(lambda picture: session.run(["y"], {"x": picture})[0][0, 0], pictures))
    assert np.allclose(found, range(1, 9), rtol=1e-3)
    assert [record.message for record in caplog.records] == ["greedy.onnx: CPU has no memory for 3 runs at once"]
    crowded.most_inside = 0
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda picture: session.run(["y"], {"x": picture}), pictures * 5))
    assert crowded.most_inside == 1


@pytest.mark.parametrize(
    ("said", "meant"),
    [
        (
            "/src/cuda_call.cc:154 std::conditional_t<THRW, void> CudaCall(ERRTYPE, int) [with bool THRW = true]"
            "\n/src/cuda_call.cc:146 CUDA failure 100: no CUDA-capable device is detected ; GPU=-1 ; hostname=box ; "
            "file=/src/cuda_execution_provider.cc ; line=355 ; expr=cudaSetDevice(info_.device_id); \n\n",
            "CUDA failure 100: no CUDA-capable device is detected",
        ),
        (
            "[ONNXRuntimeError] : 1 : FAIL : Tile node. Name:'' Status Message: /src/bfc_arena.cc:360 Alloc(size_t) "
            "Available memory of 8 is smaller than requested bytes of 9\n",
            "Available memory of 8 is smaller than requested bytes of 9",
        ),
        ("Unknown provider\n option", "Unknown provider option"),
        ("", "Fail"),
    ],
)
def test_what_onnxruntime_means_to_say(said: str, meant: str) -> None:
    assert in_short(Fail(said)) == meant


class Broken:
    """In the place of onnxruntime's session: one whose device has gone."""

    error = Fail("CUDA failure 700: an illegal memory access was encountered ; GPU=0 ;\n expr=cudaMemcpy(...)")

    def get_providers(self) -> list[str]:
        return ["CUDAExecutionProvider", CPU]

    def run(self, names: Any, feeds: Any) -> Any:
        raise self.error

    def io_binding(self) -> Any:
        raise self.error


def test_a_device_that_fails_otherwise_is_told_of_in_one_line() -> None:
    with pytest.raises(DeviceError, match=r"^det\.onnx failed on CUDA: .*700.*; end .* EMBED_DEVICE=cpu$") as failed:
        Session(Broken(), Path("det.onnx"), 3).run(None, {})
    assert not isinstance(failed.value, OutOfMemoryError)
    with pytest.raises(Fail):  # of a processor it is no failure of the device, but of the graph or what it was given
        Session(Broken(), Path("det.onnx")).run(None, {})


@pytest.mark.parametrize("which", ["detector", "recogniser"])
def test_bound_inputs_give_what_plain_ones_give(engine: FaceEngine, which: str) -> None:
    spec = engine.pack.detector if which == "detector" else engine.pack.primary
    path = engine.pack.path(spec)
    options = session_options(1)
    inner = ort.InferenceSession(path, options, providers=[CPU])
    bound, plain = Session(inner, path, 3), Session(inner, path)
    size = spec.input_size_px
    numbers = np.random.default_rng(3).uniform(-1, 1, (1, 3, size, size)).astype(np.float32)
    feeds: Mapping[str, FloatArray] = {plain.get_inputs()[0].name: numbers}
    names = [output.name for output in plain.get_outputs()][::-1]
    for asked in (None, names, names[:1]):
        for ours, theirs in zip(bound.run(asked, feeds), plain.run(asked, feeds), strict=True):
            assert np.array_equal(ours, theirs)
    turned = {plain.get_inputs()[0].name: numbers.transpose(0, 1, 3, 2)}  # not one block of memory
    for ours, theirs in zip(bound.run(None, turned), plain.run(None, turned), strict=True):
        assert np.array_equal(ours, theirs)
    assert bound.get_providers() == [CPU]
