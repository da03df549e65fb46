"""A command that is watched while it runs: what it says is read all the time, so that it never waits for a reader."""

from __future__ import annotations

import contextlib
import subprocess
import threading
from types import TracebackType
from typing import Self

from tests.conftest import Finished


class Watched:
    """Takes a process that was started by ``Scrapy.start``; it is killed if it outlives the block."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self.process = process
        self.lines: list[str] = []
        self._heard = threading.Condition()
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self) -> None:
        assert self.process.stderr is not None
        for line in self.process.stderr:
            with self._heard:
                self.lines.append(line)
                self._heard.notify_all()

    @property
    def log(self) -> str:
        return "".join(self.lines)

    def wait_for(self, words: str, *, times: int = 1, seconds: float = 60) -> bool:
        """Wait until it has said so, in so many lines; False if it ends without having."""

        def said() -> bool:
            return sum(words in line for line in self.lines) >= times

        with self._heard:
            while not said() and self._reader.is_alive() and seconds > 0:
                self._heard.wait(0.1)
                seconds -= 0.1
            return said()

    def over(self, seconds: float) -> bool:
        """Wait so long; whether it has ended meanwhile."""
        with contextlib.suppress(subprocess.TimeoutExpired):
            self.process.wait(seconds)
        return self.process.poll() is not None

    def finished(self, seconds: float = 60) -> Finished:
        """How it ended. Raises TimeoutExpired."""
        self.process.wait(seconds)
        self._reader.join(seconds)
        assert self.process.stdout is not None
        return Finished(self.process.returncode, self.process.stdout.read(), self.log)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.process.kill()
        self.process.wait()
        self._reader.join()
        for stream in (self.process.stdout, self.process.stderr):
            if stream is not None:
                stream.close()
