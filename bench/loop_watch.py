"""Watches how long the event loop is kept from its work: in that time nothing is sent, read or told to stop.

An extension that the bench adds to a crawl; without LOOP_WATCH_SECONDS it is off. It calls itself that often and
takes what passes between two calls for one block: no block is longer than reported, shorter ones are reported too long
by as much.
"""

from __future__ import annotations

import asyncio
import logging
import os
import time
from dataclasses import dataclass
from typing import Literal, Self

from scrapy import signals
from scrapy.crawler import Crawler
from scrapy.exceptions import NotConfigured
from scrapy.statscollectors import StatsCollector

logger = logging.getLogger(__name__)

LONG_SECONDS = 0.05
Phase = Literal["start", "crawl", "end"]


@dataclass(slots=True)
class _Longest:
    wall: float = 0.0
    own: float = 0.0
    cpu: float = 0.0
    seconds: float = 0.0
    long_seconds: float = 0.0


class LoopWatch:
    """Counts ``enrich/loop/<phase>/longest_ms`` and, of these milliseconds, the most that were the crawl's own doing.

    ``longest_own_ms``: without waiting for a processor, so in computing, in calls that wait, or for another thread that
    holds Python's lock; on Linux alone. ``longest_cpu_ms``: computing. ``long_share``: the share of the time that lay
    in blocks of more than 50 ms. Phases: ``start`` until the crawl is open, ``crawl`` until all is written, ``end``.
    """

    def __init__(self, name: str, stats: StatsCollector, interval_seconds: float) -> None:
        self.name = name
        self.stats = stats
        self.interval_seconds = interval_seconds
        self._phase: Phase = "start"
        self._longest = _Longest()
        self._told: dict[Phase, str] = {}
        self._waits = _open_waits()
        self._last = self._clocks()
        self._timer: asyncio.TimerHandle | None = None

    @classmethod
    def from_crawler(cls, crawler: Crawler) -> Self:
        interval_seconds = crawler.settings.getfloat("LOOP_WATCH_SECONDS")
        if interval_seconds <= 0:
            raise NotConfigured
        assert crawler.spider is not None
        watch = cls(crawler.spider.name, crawler.stats, interval_seconds)
        crawler.signals.connect(watch.engine_started, signals.engine_started)
        crawler.signals.connect(watch.spider_closed, signals.spider_closed)
        crawler.signals.connect(watch.engine_stopped, signals.engine_stopped)
        watch.watch()
        return watch

    def engine_started(self) -> None:
        self._enter("crawl")

    def spider_closed(self) -> None:
        self._enter("end")

    def engine_stopped(self) -> None:
        """Tell the last of it."""
        self._enter("end")
        self._stop()
        logger.info("%s: event loop: %s", self.name, ", ".join(self._told.values()))
        if self._waits is not None:
            os.close(self._waits)
            self._waits = None

    def watch(self) -> None:
        """Begin; there has to be a running loop. One watch looks at the clocks for all: it makes the loop wait, too."""
        _watches.append(self)
        if len(_watches) == 1:
            self._wait()

    def _stop(self) -> None:
        _watches.remove(self)
        if self._timer is not None:
            self._timer.cancel()
            if _watches:
                _watches[0]._wait()

    def _wait(self) -> None:
        self._timer = asyncio.get_running_loop().call_later(self.interval_seconds, self._tick)

    def _tick(self) -> None:
        now = self._clocks()
        for watch in _watches:
            watch._look(now)
        self._wait()

    def _look(self, now: tuple[float, float, float]) -> None:
        wall, cpu, waited = (end - begin for begin, end in zip(self._last, now, strict=True))
        self._last = now
        longest = self._longest
        longest.seconds += wall
        if wall > LONG_SECONDS:
            longest.long_seconds += wall
        longest.wall, longest.cpu = max(longest.wall, wall), max(longest.cpu, cpu)
        longest.own = max(longest.own, wall - waited)

    def _enter(self, phase: Phase) -> None:
        self._look(self._clocks())
        longest, name = self._longest, f"enrich/loop/{self._phase}"
        self.stats.set_value(f"{name}/longest_ms", round(longest.wall * 1000, 1))
        self.stats.set_value(f"{name}/longest_cpu_ms", round(longest.cpu * 1000, 1))
        if self._waits is not None:
            self.stats.set_value(f"{name}/longest_own_ms", round(longest.own * 1000, 1))
        share = longest.long_seconds / max(longest.seconds, 1e-9)
        self.stats.set_value(f"{name}/long_share", round(share, 4))
        own = "unknown" if self._waits is None else f"{longest.own * 1000:.0f}"
        self._told[self._phase] = (
            f"{self._phase} {longest.wall * 1000:.0f} ms "
            f"(own {own}, computing {longest.cpu * 1000:.0f}, long {100 * share:.1f} %)"
        )
        if phase != self._phase:
            self._phase, self._longest = phase, _Longest()

    def _clocks(self) -> tuple[float, float, float]:
        """Seconds on the clock, of this thread's computing, and of its waiting for a processor."""
        waited = 0 if self._waits is None else int(os.pread(self._waits, 100, 0).split()[1])
        return time.perf_counter(), time.thread_time(), waited / 1e9


_watches: list[LoopWatch] = []
"""Those that watch now; the first ticks."""


def _open_waits() -> int | None:
    """Where Linux says how long this thread has waited for a processor."""
    try:
        return os.open("/proc/thread-self/schedstat", os.O_RDONLY)
    except OSError:
        return None
