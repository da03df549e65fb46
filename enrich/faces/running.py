"""Runs of a model on a device that has little memory: few at a time, and fewer once it has run out."""

from __future__ import annotations

import logging
import re
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from enrich.errors import ModelError

Array = npt.NDArray[Any]

logger = logging.getLogger(__name__)

_NO_MEMORY: Final = re.compile(
    r"out[ _]of[ _]?memory|not enough memory|failed to allocate memory|bad_alloc|alloc(ation)?_failed"
    r"|available memory of \d+ is smaller",
    re.IGNORECASE,
)
"""How onnxruntime's arenas, CUDA, cuDNN, cuBLAS, C++ and Metal say it; there is no exception of its own for it."""


_MATTERS: Final = re.compile(
    r"\b(?:CUDA|CUDNN|CUBLAS|CUFFT|CURAND) failure -?\d+: [^;]*[^; ]"
    r"|(?:Failed to allocate memory for|Available memory of \d+ is) .*"
)
"""What counts in an error of an accelerator, among the signatures of C++ templates and the lines of files."""


def in_short(error: Exception) -> str:
    """What onnxruntime means to say, in one line."""
    text = " ".join(str(error).split()) or type(error).__name__
    matters = _MATTERS.search(text)
    return matters.group() if matters else text


class DeviceError(ModelError):
    """A device that does not start, or no longer does what it is told: nothing can be computed on it."""


class OutOfMemoryError(DeviceError):
    """A run needs more memory than the device has, also when it is the only one of its model."""


class Session:
    """A model on a device, to be run from any thread; in the place of onnxruntime's InferenceSession.

    ``at_once``: how many runs it makes at a time on an accelerator, where inputs are bound, so that they go up within
    the run's turn and outputs come down in it. When memory runs out with several it makes one at a time from then on.
    ``None``: a processor's, which takes pixels where they are and has no such limit.
    """

    def __init__(self, inner: Any, model: Path, at_once: int | None = None) -> None:
        self._inner = inner
        self._model = model.name
        self._turns = None if at_once is None else _Turns(at_once)

    def get_inputs(self) -> Any:
        """As onnxruntime's."""
        return self._inner.get_inputs()

    def get_outputs(self) -> Any:
        """As onnxruntime's."""
        return self._inner.get_outputs()

    def get_providers(self) -> list[str]:
        """The providers in use, the device's first."""
        return list(self._inner.get_providers())

    def run(self, names: Sequence[str] | None, feeds: Mapping[str, Array]) -> list[Array]:
        """Return the outputs called ``names``, or all.

        Raises OutOfMemoryError, and DeviceError where an accelerator fails otherwise.
        """
        while True:
            allowed = 1
            try:
                if self._turns is None:
                    return list(self._inner.run(names, feeds))
                with self._turns.one() as allowed:
                    return self._bound(names, feeds)
            except Exception as error:  # onnxruntime's exceptions have no public base class
                text = in_short(error)
                if not isinstance(error, MemoryError) and not _NO_MEMORY.search(str(error)):
                    if self._turns is None:
                        raise
                    raise DeviceError(f"{self._model} failed on {self._device}: {text}; {self._remedy}") from error
                if self._turns is None or allowed == 1:
                    raise OutOfMemoryError(
                        f"{self._model}: not enough memory on {self._device} ({text}); {self._remedy}"
                    ) from error
                if self._turns.only_one():
                    logger.warning("%s: %s has no memory for %d runs at once", self._model, self._device, allowed)

    def _bound(self, names: Sequence[str] | None, feeds: Mapping[str, Array]) -> list[Array]:
        binding = self._inner.io_binding()
        for name, numbers in feeds.items():
            binding.bind_cpu_input(name, np.ascontiguousarray(numbers))  # it goes up now
        for name in names or [output.name for output in self._inner.get_outputs()]:
            binding.bind_output(name, "cpu")
        self._inner.run_with_iobinding(binding)
        return list(binding.copy_outputs_to_cpu())

    @property
    def _device(self) -> str:
        return self.get_providers()[0].removesuffix("ExecutionProvider")

    @property
    def _remedy(self) -> str:
        return "end what else uses it" + ("" if self._turns is None else ", or set EMBED_DEVICE=cpu")


class _Turns:
    """Lets only so many threads in at a time."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._inside = 0
        self._changed = threading.Condition()

    @contextmanager
    def one(self) -> Iterator[int]:
        """Wait for a turn; gives how many were allowed at a time when it came."""
        with self._changed:
            self._changed.wait_for(lambda: self._inside < self._most)
            self._inside += 1
            allowed = self._most
        try:
            yield allowed
        finally:
            with self._changed:
                self._inside -= 1
                self._changed.notify_all()

    def only_one(self) -> bool:
        """Let one in at a time from now on; whether that is new."""
        with self._changed:
            was, self._most = self._most, 1
        return was > 1
