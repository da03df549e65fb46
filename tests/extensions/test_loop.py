"""What is told of an event loop that was kept from its work."""

from __future__ import annotations

import asyncio
import logging
import time

import pytest
from scrapy.utils.test import get_crawler

from bench.loop_watch import LoopWatch

INTERVAL_SECONDS = 0.001


def compute(seconds: float) -> None:
    until = time.thread_time() + seconds
    while time.thread_time() < until:
        pass


async def crawl(watch: LoopWatch, *, opening: float, crawling: float) -> None:
    watch.watch()
    compute(opening)
    watch.engine_started()
    for _ in range(20):
        await asyncio.sleep(INTERVAL_SECONDS)
    compute(crawling)
    await asyncio.sleep(2 * INTERVAL_SECONDS)
    watch.spider_closed()
    watch.engine_stopped()
    await asyncio.sleep(2 * INTERVAL_SECONDS)  # it must not go on


def test_each_phase_tells_its_longest_block(caplog: pytest.LogCaptureFixture) -> None:
    stats = get_crawler().stats
    with caplog.at_level(logging.INFO):
        asyncio.run(crawl(LoopWatch("source", stats, INTERVAL_SECONDS), opening=0.12, crawling=0.06))
    found = {name.removeprefix("enrich/loop/"): value for name, value in stats.get_stats().items()}
    assert found["start/longest_ms"] >= found["start/longest_cpu_ms"] >= 120
    assert found["crawl/longest_ms"] >= found["crawl/longest_cpu_ms"] >= 60
    assert found["crawl/longest_cpu_ms"] < 120  # the start's is told for the start alone
    assert found["start/long_share"] == 1
    assert 0 < found["crawl/long_share"] < 1
    if "crawl/longest_own_ms" in found:  # Linux says how long a thread waits for a processor
        assert found["crawl/longest_own_ms"] + 1 >= 60
        assert found["crawl/longest_own_ms"] <= found["crawl/longest_ms"]
    assert caplog.messages[-1].startswith("source: event loop: start ")
    assert ", crawl " in caplog.messages[-1]
    assert ", end " in caplog.messages[-1]


async def side_by_side(*watches: LoopWatch) -> None:
    """The first ends before the loop is kept from its work."""
    for watch in watches:
        watch.watch()
        watch.engine_started()
    watches[0].spider_closed()
    watches[0].engine_stopped()
    await asyncio.sleep(5 * INTERVAL_SECONDS)
    compute(0.06)
    await asyncio.sleep(2 * INTERVAL_SECONDS)
    for watch in watches[1:]:
        watch.spider_closed()
        watch.engine_stopped()


def test_of_crawls_side_by_side_each_tells_of_its_own_time() -> None:
    stats = [get_crawler().stats for _ in range(3)]
    asyncio.run(side_by_side(*(LoopWatch("source", one, INTERVAL_SECONDS) for one in stats)))
    longest = [one.get_value("enrich/loop/crawl/longest_cpu_ms") for one in stats]
    assert longest[0] < 60 <= min(longest[1:])
    assert all(one.get_value("enrich/loop/crawl/long_share") < 1 for one in stats[1:])  # somebody still looks
