"""onnxruntime sessions: the provider for a device, thread counts, and no chatter on stderr or stdout.

What CUDA's options mean: https://onnxruntime.ai/docs/execution-providers/CUDA-ExecutionProvider.html
"""

from __future__ import annotations

import contextlib
import ctypes
import io
import logging
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Final

import onnxruntime as ort

from enrich.errors import ModelError
from enrich.faces.running import DeviceError, Session, in_short

logger = logging.getLogger(__name__)

CPU: Final = "CPUExecutionProvider"
CUDA: Final = "CUDAExecutionProvider"
COREML: Final = "CoreMLExecutionProvider"

DEVICES: Final = {"cpu": CPU, "cuda": CUDA, "coreml": COREML}
"""What EMBED_DEVICE may name beside ``auto``, which is CUDA where onnxruntime has it, else the processor.

CoreML is never chosen unasked: it compiles a model anew for every size of batch, and nobody has compared its vectors
with a processor's. DirectML is for Windows, where nothing here runs.
"""

OPTIONS: Final[dict[str, dict[str, str]]] = {
    CUDA: {
        # By powers of two, the default, it takes up to twice what is needed of a GPU that others use as well.
        "arena_extend_strategy": "kSameAsRequested",
        # The default looks longer for each convolution's quickest algorithm, anew for every shape, and batches have as
        # many shapes as sizes. What it finds may differ from session to session, and a vector's last digits with it.
        "cudnn_conv_algo_search": "HEURISTIC",
        # TensorFloat-32 rounds to 10 bits: vectors would depend on the machine that made them.
        "use_tf32": "0",
    },
    COREML: {
        "ModelFormat": "MLProgram",
        "MLComputeUnits": "CPUAndGPU",  # the neural engine knows half precision alone
    },
}
"""How each provider is set up."""

AT_ONCE: Final = 3
"""Runs of a session at a time on an accelerator: while one is computed, the next goes up and the last comes down. The
memory for each is taken on the device, and threads are as many as the processor has cores, since they decode."""

_WHO_LACKS: Final = {"libcuda.so.1": "no NVIDIA driver", "libcudnn": "no cuDNN", "libcublas": "no CUDA"}
"""What it means that CUDA's part of onnxruntime does not find a library."""

ort.set_default_logger_severity(3)  # errors only: the warnings are about graphs that we cannot change


def providers_for(device: str) -> list[str]:
    """The providers to try, best first. Raises ModelError where ``device`` is unknown or unavailable."""
    available = ort.get_available_providers()
    if device == "auto":
        return [CUDA, CPU] if CUDA in available else [CPU]
    if device not in DEVICES:
        raise ModelError(f"EMBED_DEVICE={device}: unknown; one of auto, {', '.join(DEVICES)}")
    if DEVICES[device] not in available:
        remedy = "install enrich[gpu] in place of enrich[cpu], or " if device == "cuda" else ""
        raise ModelError(
            f"EMBED_DEVICE={device}: the installed onnxruntime has no {_name(DEVICES[device])} provider; "
            f"{remedy}set EMBED_DEVICE=auto"
        )
    return [DEVICES[device]]


def session_options(threads: int) -> ort.SessionOptions:
    """Options of a session that may use ``threads`` threads for one run."""
    options = ort.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.log_severity_level = 3
    return options


def open_session(model: Path | bytes, what: Path, providers: Sequence[str], threads: int) -> Session:
    """Return a session for a file or a serialised graph on the first of ``providers``.

    Raises ModelError, naming ``what``, where it is no model, and DeviceError where an accelerator cannot be used.
    """
    source = model if isinstance(model, bytes) else str(model)
    provider, options = providers[0], session_options(threads)
    try:
        if provider == CPU:
            options.enable_mem_pattern = False  # canvases and batches have many shapes, and it keeps a plan for each
            return Session(ort.InferenceSession(source, options, providers=[CPU]), what)
        options.log_severity_level = 4
        with _quiet():
            inner = _on_accelerator(source, options, provider)
    except DeviceError:
        raise
    except Exception as error:  # onnxruntime's exceptions have no public base class
        text = in_short(error)
        if provider != CPU:
            raise DeviceError(f"{_name(provider)} cannot be started with {what.name}: {text}") from error
        raise ModelError(f"{what} is not a model that onnxruntime can run: {text}") from error
    return Session(inner, what, AT_ONCE)


def device_of(provider: str) -> str:
    """The device's name in EMBED_DEVICE."""
    return next(name for name, its_provider in DEVICES.items() if its_provider == provider)


def _on_accelerator(source: str | bytes, options: ort.SessionOptions, provider: str) -> Any:
    if provider == CUDA:
        _preload()
    both = [(provider, OPTIONS.get(provider, {})), CPU]  # what an accelerator cannot do, the processor does
    inner = ort.InferenceSession(source, options, providers=both, enable_fallback=0)
    if inner.get_providers()[0] != provider:  # it goes on without a provider that does not start, and says nothing
        raise DeviceError(f"{_name(provider)} cannot be started{_why_not(provider)}")
    return inner


def _why_not(provider: str) -> str:
    """What keeps a provider's library from being loaded, as words to be put at the end of a sentence."""
    library = Path(ort.__file__).parent / "capi" / "libonnxruntime_providers_cuda.so"
    if provider != CUDA or not library.is_file():
        return ""
    try:
        ctypes.CDLL(str(library))
    except OSError as error:
        text = str(error).partition(": No such file")[0]
        meaning = next((words for name, words in _WHO_LACKS.items() if text.startswith(name)), None)
        return f" ({meaning}: {text})" if meaning else f" ({text})"
    return " (no GPU that it can use)"


def _preload() -> None:
    """Load CUDA and cuDNN as installed by pip, which the loader does not find by itself."""
    said = io.StringIO()
    with contextlib.redirect_stdout(said):  # it prints what is not there; ``_why_not`` says what matters of it
        ort.preload_dlls()
    if said.getvalue():
        logger.debug("onnxruntime: %s", " / ".join(said.getvalue().split("\n")))


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Nothing on stderr about a provider that does not start: that is told once, in words that say what to do."""
    ort.set_default_logger_severity(4)
    try:
        yield
    finally:
        ort.set_default_logger_severity(3)


def _name(provider: str) -> str:
    return provider.removesuffix("ExecutionProvider")
