"""The pace of a source: by the clock of the test, on real files, with several holders as several processes have it."""

from __future__ import annotations

import fcntl
import os
import random
import struct
import subprocess
import sys
from bisect import bisect_left
from collections.abc import Callable
from pathlib import Path

import pytest

from enrich.net import rate_limiter as module
from enrich.net.rate_limiter import LONGEST_ASKED_SECONDS, LONGEST_PAUSE_SECONDS, RateLimiter
from tests.standin.disk import SmallDisk


class Clock:
    def __init__(self) -> None:
        self.now = 1_000_000.0

    def __call__(self) -> float:
        return self.now


class Crowd:
    """Processes that send whenever they may; a server that takes so many in a minute, or all."""

    def __init__(self, path: Path, per_minute: float, processes: int, *, allowed: float = float("inf")) -> None:
        self.clock = Clock()
        self.paces = [RateLimiter(path, per_minute, first_pause_seconds=10, clock=self.clock) for _ in range(processes)]
        self.allowed = allowed
        self.sent: list[float] = []
        self.taken: list[float] = []
        self.random = random.Random(per_minute)

    def run(self, requests: int, *, latest_seconds: float = 0.01) -> None:
        """Send until so many more were answered; turns are noticed late by up to ``latest_seconds``."""
        target = len(self.taken) + requests
        while len(self.taken) < target:
            wait = float("inf")
            for pace in self.random.sample(self.paces, len(self.paces)):
                seconds = pace.take()
                if not seconds:
                    self._send(pace)
                    seconds = 0.001
                wait = min(wait, seconds)
            self.clock.now += wait + (self.random.uniform(0, latest_seconds) if wait > 0.001 else 0)

    def _send(self, pace: RateLimiter) -> None:
        now = self.clock.now
        self.sent.append(now)
        if len(self.taken) - bisect_left(self.taken, now - 60) >= self.allowed:
            pace.refuse(now, asked_seconds=None, slow_down=True)
            return
        self.taken.append(now)
        if pace.troubled:
            pace.answer(now)

    @property
    def refused(self) -> int:
        return len(self.sent) - len(self.taken)

    def most_in_a_minute(self) -> int:
        return max(bisect_left(self.sent, at + 60) - n for n, at in enumerate(self.sent))


@pytest.mark.parametrize("processes", [1, 2, 5])
@pytest.mark.parametrize("per_minute", [1, 12, 60, 120, 300, 1200])
def test_never_more_than_allowed_and_hardly_less(tmp_path: Path, per_minute: int, processes: int) -> None:
    crowd = Crowd(tmp_path / "s", per_minute, processes)
    crowd.run(5 * per_minute, latest_seconds=0.3)
    assert crowd.most_in_a_minute() <= per_minute
    assert crowd.sent[-1] - crowd.sent[0] < 5 * 60 / 0.97


def test_a_pause_is_not_made_up_for(tmp_path: Path) -> None:
    crowd = Crowd(tmp_path / "s", 120, 2)
    crowd.run(100)
    crowd.clock.now += 1000
    crowd.run(200)
    assert crowd.most_in_a_minute() <= 120
    resumed = bisect_left(crowd.sent, crowd.sent[99] + 500)
    assert crowd.sent[resumed + 1] - crowd.sent[resumed] > 0.4


def test_the_next_run_goes_on_where_the_last_was_killed(tmp_path: Path) -> None:
    crowd = Crowd(tmp_path / "s", 60, 1)
    crowd.run(10)
    crowd.paces = [RateLimiter(tmp_path / "s", 60, clock=crowd.clock)]  # the old one never closed its file
    assert crowd.paces[0].take() > 0.9


def test_killed_in_the_middle_of_a_turn(tmp_path: Path) -> None:
    code = (
        "import os, sys; from pathlib import Path; from enrich.net.rate_limiter import RateLimiter\n"
        "pace = RateLimiter(Path(sys.argv[1]), 60)\n"
        "with pace._locked() as state:\n    os.kill(os.getpid(), 9)\n"
    )
    subprocess.run([sys.executable, "-c", code, str(tmp_path / "s")], check=False)
    assert RateLimiter(tmp_path / "s", 60).take() == 0.0


def test_nobody_waits_for_who_holds_the_file(tmp_path: Path) -> None:
    pace = RateLimiter(tmp_path / "s", 60)
    pace.open()
    other = os.open(tmp_path / "s", os.O_RDWR)
    fcntl.flock(other, fcntl.LOCK_EX)
    assert 0 < pace.take() < 0.1
    with pytest.raises(BlockingIOError):
        pace.refuse(0, asked_seconds=None, slow_down=True)
    os.close(other)
    assert pace.take() == 0.0


# --- no limit ---------------------------------------------------------------------------------------------------------


def test_without_a_limit_there_is_no_file_and_no_wait(tmp_path: Path) -> None:
    pace = RateLimiter(tmp_path / "pace" / "s", 0)
    assert [pace.take() for _ in range(1000)] == [0.0] * 1000
    assert not list(tmp_path.iterdir())
    assert pace.rate_per_minute() == 0


def test_without_a_limit_a_pause_holds_for_all(tmp_path: Path) -> None:
    clock = Clock()
    one, other = (RateLimiter(tmp_path / "s", 0, clock=clock) for _ in range(2))
    assert one.take() == other.take() == 0.0
    assert one.refuse(clock.now, asked_seconds=30, slow_down=True) == 30
    assert one.take() == other.take() == 30
    clock.now += 31
    assert other.take() == 0.0
    assert one.take() > 0, "one goes first"
    other.answer(clock.now)
    assert one.take() == other.take() == 0.0


def test_without_a_limit_the_server_teaches_one(tmp_path: Path) -> None:
    crowd = Crowd(tmp_path / "s", 0, 2, allowed=100)
    crowd.run(2000)
    assert crowd.refused < 0.02 * 2000


# --- refusals ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("processes", [1, 2])
@pytest.mark.parametrize("requests", [150, 300, 3000])
def test_few_requests_are_wasted_on_a_stricter_server(tmp_path: Path, processes: int, requests: int) -> None:
    crowd = Crowd(tmp_path / "s", 120, processes, allowed=100)
    crowd.run(requests)
    assert 0 < crowd.refused < 0.02 * len(crowd.sent)
    if requests == 3000:
        assert 3000 * 60 / (crowd.sent[-1] - crowd.sent[0]) > 80


def test_the_pace_recovers(tmp_path: Path) -> None:
    crowd = Crowd(tmp_path / "s", 120, 2, allowed=100)
    crowd.run(300)
    assert crowd.paces[0].rate_per_minute() < 100
    crowd.allowed = float("inf")
    crowd.run(1500)
    assert crowd.paces[0].rate_per_minute() == pytest.approx(120)


def test_pauses_grow_and_end(tmp_path: Path) -> None:
    clock = Clock()
    pace = RateLimiter(tmp_path / "s", 60, first_pause_seconds=10, clock=clock)
    pauses = []
    for _ in range(10):
        while seconds := pace.take():
            clock.now += seconds
        pauses.append(pace.refuse(clock.now, asked_seconds=None, slow_down=False))
    assert pauses == [10, 20, 40, 80, 160, 320, 640, *[LONGEST_PAUSE_SECONDS] * 3]
    while seconds := pace.take():
        clock.now += seconds
    pace.answer(clock.now + 1)
    assert pace.refuse(clock.now + 1, asked_seconds=None, slow_down=False) == 10
    assert pace.rate_per_minute() == pytest.approx(60), "503 says nothing about the pace"


def test_what_was_on_its_way_belongs_to_the_same_pause(tmp_path: Path) -> None:
    clock = Clock()
    pace = RateLimiter(tmp_path / "s", 0, first_pause_seconds=10, clock=clock)
    sent = clock.now
    clock.now += 1
    assert pace.refuse(sent, asked_seconds=None, slow_down=True) == 10
    clock.now += 0.1
    assert [pace.refuse(sent, asked_seconds=None, slow_down=True) for _ in range(7)] == [None] * 7
    assert pace.take() == pytest.approx(9.9)
    assert pace.refuse(sent, asked_seconds=50, slow_down=True) is None
    assert pace.take() == pytest.approx(50), "the server's wish counts all the same"
    pace.answer(sent)
    assert pace.troubled, "an answer to what went before the pause is no sign of its end"


@pytest.mark.parametrize(("asked", "kept"), [(7, 7), (0, 1), (-5, 1), (1e9, LONGEST_ASKED_SECONDS)])
def test_what_the_server_asks_is_bounded(tmp_path: Path, asked: float, kept: float) -> None:
    clock = Clock()
    pace = RateLimiter(tmp_path / "s", 60, clock=clock)
    assert pace.refuse(clock.now, asked_seconds=asked, slow_down=True) == kept


# --- other times ------------------------------------------------------------------------------------------------------


def test_after_a_boot_a_pause_goes_on_by_the_wall_clock(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = Clock()
    pace = RateLimiter(tmp_path / "s", 60, clock=before)
    pace.take()
    pace.refuse(before.now, asked_seconds=600, slow_down=True)
    pace.close()
    monkeypatch.setattr(module, "_header", lambda: module._VERSION.ljust(32, b"\1"))
    after = Clock()
    after.now = 5.0
    rebooted = RateLimiter(tmp_path / "s", 60, clock=after)
    assert rebooted.take() == pytest.approx(600, abs=5)
    after.now += 601
    assert rebooted.take() == 0.0
    assert rebooted.rate_per_minute() == pytest.approx(60)


@pytest.mark.parametrize("rubbish", [b"", b"x", b"\xff" * 4096, b"pace0" + bytes(500)])
def test_a_damaged_file(tmp_path: Path, rubbish: bytes) -> None:
    (tmp_path / "s").write_bytes(rubbish)
    assert RateLimiter(tmp_path / "s", 60).take() == 0.0


@pytest.mark.parametrize("number", [1e300, float("inf"), float("nan"), -1e300])
def test_numbers_that_cannot_be(tmp_path: Path, number: float) -> None:
    clock = Clock()
    pace = RateLimiter(tmp_path / "s", 60, clock=clock)
    pace.take()
    with (tmp_path / "s").open("r+b") as file:
        file.seek(32)
        file.write(struct.pack("<11d", *[number] * 11))
    crowd = Crowd(tmp_path / "s", 60, 1)
    crowd.run(20)
    assert crowd.sent[-1] - crowd.clock.now < 2 * LONGEST_ASKED_SECONDS


def test_the_pace_of_nowhere(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(OSError, match=r"exists|directory"):
        RateLimiter(tmp_path / "file" / "s", 60).open()


def test_on_a_full_disk_it_is_an_error_and_not_the_end_of_the_process(small_disk: Callable[[int], SmallDisk]) -> None:
    disk = small_disk(1)
    disk.fill()
    program = f"from enrich.net.rate_limiter import *; RateLimiter(Path({str(disk.folder / 'pace')!r}), 60).take()"
    ended = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert ended.returncode == 1
    assert "OSError: [Errno 28]" in ended.stderr
