"""onnxruntime sessions: the provider for a device, thread counts, and no chatter on stderr."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Literal

import onnxruntime as ort

from enrich.errors import ModelError

Device = Literal["auto", "cpu", "cuda"]

CPU = "CPUExecutionProvider"
CUDA = "CUDAExecutionProvider"

ort.set_default_logger_severity(3)  # errors only: the warnings are about graphs that we cannot change


def providers_for(device: str) -> list[str]:
    """The providers to ask for, best first. Raises ModelError where ``device`` is unknown or cannot be had."""
    available = ort.get_available_providers()
    if device not in ("auto", "cpu", "cuda"):
        raise ModelError(f"EMBED_DEVICE={device}: unknown; one of auto, cpu, cuda")
    if device == "cpu" or (device == "auto" and CUDA not in available):
        return [CPU]
    if CUDA not in available:
        raise ModelError(
            "EMBED_DEVICE=cuda: the installed onnxruntime has no CUDA provider; "
            "install enrich[gpu] in place of enrich[cpu], or set EMBED_DEVICE=auto"
        )
    ort.preload_dlls()  # CUDA and cuDNN as installed by pip, which the loader does not find by itself
    return [CUDA, CPU]


def session_options(threads: int) -> ort.SessionOptions:
    """Options of a session that may use ``threads`` threads for one run."""
    options = ort.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.log_severity_level = 3
    return options


def open_session(model: Path | bytes, what: Path, providers: Sequence[str], threads: int) -> ort.InferenceSession:
    """Return a session for a file or a serialised graph. Raises ModelError, naming ``what``, where it cannot run."""
    source = model if isinstance(model, bytes) else str(model)
    try:
        return ort.InferenceSession(source, session_options(threads), providers=list(providers))
    except Exception as error:  # onnxruntime's exceptions have no public base class
        raise ModelError(f"{what} is not a model that onnxruntime can run: {' '.join(str(error).split())}") from error
