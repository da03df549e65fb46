"""Crawls that are killed at random moments, two at a time on one database, again and again, and then let finish: the
world's truth, fresh embeddings and the index judge what is there in the end."""

from __future__ import annotations

import logging
import os
import random
import signal
from collections import Counter
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

import pytest

from enrich.demo.running import RunningWorld
from enrich.demo.truth import Mode
from tests.conftest import Scrapy
from tests.crawl.judging import Judge, work_done
from tests.crawl.watched import Watched

logger = logging.getLogger(__name__)

SEED = int(os.environ.get("ENRICH_TEST_SEED", "20260131"))
"""Decides all moments; said when a test fails."""
CHANCES = ((1, 5, 2), (1, 0, 1), (1, 0, 0))
"""How likely each stage is to be struck. A crawl that was over too soon is begun again, at last to be struck while it
starts, which takes longer than the longest wait."""

pytestmark = pytest.mark.timeout(600)

How = Literal["kill", "stop", "stop twice"]
Crawl = tuple[str, Mode]
STASH_BOXES: Sequence[Crawl] = (("stashdb", "api"), ("theporndb", "api"))
REFERENCE_SITES: Sequence[Crawl] = (("babepedia", "url"), ("iafd", "url"))


@dataclass(frozen=True, slots=True)
class Moment:
    """When to strike: so many ``seconds`` after the crawl was started, has done ``pieces`` of work, or begins to close.

    ``gap_seconds``: until the second signal, if there is one.
    """

    stage: Literal["starting", "crawling", "closing"]
    pieces: int
    seconds: float
    gap_seconds: float


@dataclass(slots=True)
class Blow:
    """A blow that hit: where, and what came of it."""

    source: str
    how: How
    moment: Moment
    code: int
    done: int
    log: str = field(repr=False)


def some_moment(chance: random.Random, stages: Sequence[int]) -> Moment:
    (stage,) = chance.choices(("starting", "crawling", "closing"), stages)
    longest = {"starting": 1.0, "crawling": 0.1, "closing": 0.1}[stage]
    pieces = {"starting": 0, "crawling": chance.randrange(40), "closing": chance.randint(1, 20)}[stage]
    return Moment(stage, pieces, chance.uniform(0, longest), chance.uniform(0, 0.3))


def words(crawl: Crawl, options: Sequence[str]) -> list[str]:
    source, mode = crawl
    return ["crawl", source, *options, *(() if mode == "api" else ("-a", f"mode={mode}"))]


def strike(scrapy: Scrapy, crawl: Crawl, how: How, when: Moment, options: Sequence[str]) -> Blow | None:
    """Start a crawl and kill it, or ask it to stop, at that moment; ``None`` if it was over before."""
    closes = ("-s", f"CLOSESPIDER_ITEMCOUNT={when.pieces}") if when.stage == "closing" else ()
    before = work_done(scrapy.data_dir, crawl[0])
    with Watched(scrapy.start(*words(crawl, options), *closes)) as watched:
        if when.stage == "closing":
            watched.wait_for("Closing spider")
        while when.stage == "crawling" and work_done(scrapy.data_dir, crawl[0]) - before < when.pieces:
            if watched.over(0.005):
                break
        hit = not watched.over(when.seconds)
        watched.process.send_signal(signal.SIGKILL if how == "kill" else signal.SIGTERM)
        if how == "stop twice" and not watched.over(when.gap_seconds):
            watched.process.send_signal(signal.SIGTERM)
        finished = watched.finished()
    hit = hit and (how != "kill" or finished.code == -signal.SIGKILL)  # else it ended in that very moment
    done = work_done(scrapy.data_dir, crawl[0])
    return Blow(crawl[0], how, when, finished.code, done, finished.err) if hit else None


def strike_until_hit(scrapy: Scrapy, crawl: Crawl, how: How, seed: int, options: Sequence[str]) -> Blow:
    chance = random.Random(seed)
    for stages in CHANCES:
        blow = strike(scrapy, crawl, how, some_moment(chance, stages), options)
        if blow is not None:
            return blow
    pytest.fail(f"{crawl} was always over before it could be struck; seed {seed}")


@dataclass
class Bout:
    """One data directory whose crawls are struck and let finish, phase by phase, and judged after each."""

    scrapy: Scrapy
    judge: Judge
    seed: int = SEED
    options: Sequence[str] = ()
    crawled: dict[str, Mode] = field(default_factory=dict)
    blows: list[Blow] = field(default_factory=list)

    def phase(self, crawls: Sequence[Crawl], hows: Sequence[How]) -> None:
        """Strike all crawls at once, as often as ``hows`` says; then let each finish."""
        chance = random.Random(f"{self.seed} {len(self.blows)}")
        with ThreadPoolExecutor(len(crawls)) as threads:
            for start in range(0, len(hows), len(crawls)):
                given = zip(crawls, hows[start : start + len(crawls)], strict=False)
                futures = [
                    threads.submit(strike_until_hit, self.scrapy, crawl, how, chance.randrange(2**32), self.options)
                    for crawl, how in given
                ]
                self.blows += [future.result() for future in futures]
            finished = list(threads.map(lambda crawl: self.scrapy(*words(crawl, self.options)), crawls))
        assert [one.code for one in finished] == [0] * len(crawls), self.told([one.err[-3000:] for one in finished])
        self.crawled |= dict(crawls)
        faults = self.judge.faults(self.scrapy.data_dir, self.crawled)
        assert not faults, self.told(faults)

    def told(self, faults: Sequence[str]) -> str:
        lines = [f"ENRICH_TEST_SEED={self.seed}:", *map(repr, self.blows), *faults]
        return "\n".join(lines)


@pytest.fixture(scope="session")
def judge(world: RunningWorld, models_dir: Path) -> Judge:
    return Judge(world, models_dir)


Beaten = Callable[..., Bout]


@pytest.fixture
def bout(crawling: Scrapy, judge: Judge, tmp_path: Path) -> Callable[..., Bout]:
    """A new bout, on an empty data directory: ``bout(seed, "-s", "JOBDIR=auto")``."""

    def new(seed: int = SEED, *options: str) -> Bout:
        scrapy = Scrapy(tmp_path / f"data-{seed}", Path(crawling.environment["ENRICH_MODELS_DIR"]))
        scrapy.environment = {**crawling.environment, "ENRICH_DATA_DIR": str(scrapy.data_dir)}
        return Bout(scrapy, judge, seed, options)

    return new


GUARDED = ("-s", "JOBDIR=auto")


@pytest.mark.soak
def test_killed(bout: Beaten) -> None:
    fight = bout(SEED)
    fight.phase(STASH_BOXES, ["kill"] * 10)
    assert {blow.code for blow in fight.blows} == {-signal.SIGKILL}


@pytest.mark.soak
def test_killed_with_job_directories(bout: Beaten) -> None:
    fight = bout(SEED, *GUARDED)
    fight.phase(STASH_BOXES, ["kill"] * 4)
    fight.phase(REFERENCE_SITES, ["kill"] * 6)
    assert {blow.code for blow in fight.blows} == {-signal.SIGKILL}
    assert fight.scrapy("index", "--check").code == 0


def test_stopped_once_and_twice(bout: Beaten) -> None:
    fight = bout(SEED, *GUARDED)
    fight.phase(STASH_BOXES, ["stop", "stop twice"])
    assert_stopped_as_told(fight)


def assert_stopped_as_told(fight: Bout) -> None:
    for blow in fight.blows:
        begun = "Spider opened" in blow.log
        # Whoever insists gets 3, unless the crawl was over by then; so does a crawl that ends itself. Before there is a
        # crawl, the signal just ends the process.
        allowed = {"kill": {-signal.SIGKILL}, "stop": {0}, "stop twice": {0, 3}}[blow.how]
        allowed = allowed | ({3} if blow.moment.stage == "closing" else set())
        allowed = allowed | (set() if begun else {-signal.SIGTERM})
        assert blow.code in allowed, (blow, blow.log[-3000:])
        if begun and blow.how == "stop":
            assert "Spider closed" in blow.log, blow.log[-3000:]


def test_one_source_crawled_twice_at_once(bout: Beaten) -> None:
    fight = bout()
    fight.phase((("theporndb", "api"), ("theporndb", "api")), ["kill"] * 2)
    assert {blow.code for blow in fight.blows} == {-signal.SIGKILL}
    assert fight.scrapy("index", "--check").code == 0


@pytest.mark.soak
@pytest.mark.timeout(3600)
@pytest.mark.parametrize("how", ["kill", "stop", "stop twice"])
def test_soak(bout: Beaten, how: How) -> None:
    rounds, blows = (10, 20) if how == "kill" else (2, 20)
    codes: Counter[tuple[str, int]] = Counter()
    for number in range(rounds):
        boxes = STASH_BOXES if number % 3 else (("stashdb", "api"), ("stashdb", "api"))
        sites = REFERENCE_SITES if number % 2 else (("babepedia", "name"), ("freeones", "url"))
        options = GUARDED if number % 2 and boxes is STASH_BOXES else ()
        fight = bout(SEED + number, *options)
        fight.phase(boxes, [how] * (blows * 6 // 10))
        fight.phase(sites, [how] * (blows * 4 // 10))
        assert_stopped_as_told(fight)
        codes += Counter((blow.moment.stage, blow.code) for blow in fight.blows)
        logger.info("round %d: %s", number, [(blow.source, blow.moment.stage, blow.done) for blow in fight.blows])
    logger.info("%d times: %s", sum(codes.values()), dict(codes))
    assert sum(codes.values()) == rounds * blows
