"""Runs crawls in one process, phase after phase, and says how they ended.

Stash-boxes create performers, reference sites add faces to them: the second phase begins when the first has ended. All
crawls of a process share the models and the database writer.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from scrapy import Spider, signals
from scrapy.core.engine import ExecutionEngine
from scrapy.crawler import Crawler

from enrich.challenges.browser_settings import check_browser
from enrich.config import check_numbers
from enrich.errors import (
    CREDENTIALS_REFUSED,
    DATABASE_FAILED,
    JOBDIR_UNWRITABLE,
    MODELS_FAILED,
    ConfigError,
    CredentialError,
    EnrichError,
)
from enrich.middlewares.credentials import key_of
from enrich.spiders.bases.source import SourceSpider, sources_of

if TYPE_CHECKING:
    from scrapy.crawler import AsyncCrawlerProcess
    from scrapy.settings import Settings

    from enrich.spiders.bases.arguments import Arguments

DONE, FAILED, DEGRADED = 0, 1, 3
"""The exit codes of the contract."""

CLEAN_REASONS = frozenset({"finished", "shutdown"})
FAILED_REASONS = frozenset({CREDENTIALS_REFUSED, DATABASE_FAILED, JOBDIR_UNWRITABLE, MODELS_FAILED, "start_error"})


@dataclass(frozen=True, slots=True)
class Job:
    """One source to crawl and the spider's arguments."""

    source: str
    arguments: Mapping[str, str] = field(default_factory=dict)


class StoppableCrawler(Crawler):
    """A crawl that a stop request ends cleanly at any moment, and that has not ended before it is closed.

    Scrapy 2.19 takes no notice of a request while a crawl is still opening (a model may take seconds to load), and does
    not wait for one that is closing already.
    """

    def __init__(self, spidercls: type[Spider], settings: Settings, opening: asyncio.Lock) -> None:
        super().__init__(spidercls, settings)
        self.opening = opening
        self.opened = asyncio.Event()
        self.closed = asyncio.Event()
        self.told_to_stop = False
        self.finish_reason: str | None = None

    async def crawl_async(self, *args: Any, **kwargs: Any) -> None:
        self.signals.connect(self.opened.set, signals.engine_started)
        self.signals.connect(self._note_reason, signals.spider_closed)
        try:
            assert issubclass(self.spidercls, SourceSpider)
            arguments = self.spidercls.read_arguments(kwargs)
            async with self.opening:  # the next one opens in another turn of the event loop
                await asyncio.to_thread(_make_ready, self.settings, self.spidercls.name, arguments)
            await super().crawl_async(*args, **kwargs)
            await self.closed.wait()
        finally:
            self.opened.set()
            self.closed.set()

    def _note_reason(self, reason: str) -> None:
        self.finish_reason = reason

    async def stop_async(self) -> None:
        """Return when the crawl is closed; at once if this is not the first time, for whoever asks again is forcing."""
        if self.told_to_stop:
            return
        self.told_to_stop = True
        await self.opened.wait()
        if not self._is_closing():
            self.crawling = False
            await self.engine.stop_async()
        await self.closed.wait()

    def _is_closing(self) -> bool:
        slot = self.engine._slot if self._engine is not None else None
        return slot is None or slot.closing is not None

    def _create_engine(self) -> ExecutionEngine:
        return ExecutionEngine(self, self._engine_closed)

    async def _engine_closed(self, _: Spider) -> None:
        try:
            await super().stop_async()
        finally:
            self.closed.set()


@dataclass(slots=True)
class Outcome:
    """How one crawl ended. ``error``: why it could not start; ``degraded``: what was not as it should be."""

    source: str
    finish_reason: str | None = None
    degraded: list[str] = field(default_factory=list)
    error: BaseException | None = None
    stats: Mapping[str, object] = field(default_factory=dict)
    crawler: StoppableCrawler | None = None

    @property
    def forced(self) -> bool:
        """Whether it was ended before it was closed."""
        return self.crawler is not None and not self.crawler.closed.is_set()

    @property
    def exit_code(self) -> int:
        if self.error is not None or self.finish_reason in FAILED_REASONS:
            return FAILED
        if self.degraded or self.finish_reason not in CLEAN_REASONS:
            return DEGRADED
        return DONE


def preflight(process: AsyncCrawlerProcess, jobs: Sequence[Job]) -> None:
    """Find out before anything is opened or written whether the jobs can start.

    Raises EnrichError: a setting that is no number, an unknown source, a mistake in sources.yaml, a missing API key or
    a missing model pack.
    """
    from enrich.runtime.models import pack_for

    check_numbers(process.settings)
    sources = sources_of(process.settings)
    process.settings.set("ENRICH_SOURCES", sources, priority="cmdline")
    known = process.spider_loader.list()
    problems = []
    for job in jobs:
        source = sources.get(job.source)
        if job.source not in known:
            raise ConfigError(f"{job.source}: no spider of that name; there are {', '.join(known)}")
        check_browser(source, process.settings)
        if source.api_key_env is not None:
            try:
                key_of(source)
            except CredentialError as error:
                problems.append(str(error))
    if problems:
        raise CredentialError("\n".join(problems))
    process.settings.set("ENRICH_PACK", pack_for(process.settings), priority="cmdline")


def run_phases(process: AsyncCrawlerProcess, phases: Sequence[Sequence[Job]]) -> list[Outcome]:
    """Crawl the jobs of each phase side by side, the phases one after the other; block until all have ended.

    A stop request (SIGTERM, Ctrl-C) lets the running crawls finish what they have in hand and starts no further phase;
    a second one ends them at once.
    """
    outcomes: list[Outcome] = []
    loop = asyncio.get_event_loop()
    with tempfile.TemporaryDirectory(prefix="enrich-dry-run-") as scratch:
        process.settings.set("DRY_RUN_DIR", scratch, priority="cmdline")  # what one phase finds, the next has to see
        everything = loop.create_task(_run_all(process, phases, outcomes))
        everything.add_done_callback(lambda _: loop.call_soon(_stop_reactor))
        process.start(stop_after_crawl=False)
    if everything.done() and not everything.cancelled():
        everything.result()
    for outcome in outcomes:
        _read_stats(outcome)
    return outcomes


async def _run_all(process: AsyncCrawlerProcess, phases: Sequence[Sequence[Job]], outcomes: list[Outcome]) -> None:
    opening = asyncio.Lock()
    for phase in phases:
        crawls = []
        for job in phase:
            outcome = Outcome(job.source)
            outcomes.append(outcome)
            crawls.append(_run_one(process, job, outcome, opening))
        await asyncio.gather(*crawls)
        if any(map(_is_the_last, outcomes)):
            return


def _make_ready(settings: Settings, source: str, arguments: Arguments) -> None:
    from enrich.runtime.startup import make_ready  # imports the store: in the thread, too

    make_ready(settings, source, arguments)


def _is_the_last(outcome: Outcome) -> bool:
    """Whether no further phase is to begin: a stop was requested, or nothing can be written or computed any more."""
    crawler = outcome.crawler
    if crawler is None:
        return False
    return crawler.told_to_stop or crawler.finish_reason in (DATABASE_FAILED, MODELS_FAILED)


async def _run_one(process: AsyncCrawlerProcess, job: Job, outcome: Outcome, opening: asyncio.Lock) -> None:
    try:
        outcome.crawler = StoppableCrawler(process.spider_loader.load(job.source), process.settings, opening)
        await process.crawl(outcome.crawler, **job.arguments)
    except Exception as error:  # noqa: BLE001  # what ends one crawl must not end the others; it is printed at the end
        outcome.error = error


def _read_stats(outcome: Outcome) -> None:
    crawler = outcome.crawler
    if crawler is None:
        return
    outcome.stats = stats = _stats(crawler)
    outcome.degraded = [str(value) for key, value in sorted(stats.items()) if key.startswith("enrich/degraded/")]
    if outcome.forced:
        outcome.degraded.append("was forced to end; work in progress is left for the next crawl")
    else:
        outcome.finish_reason = crawler.finish_reason


def _stats(crawler: Crawler) -> dict[str, object]:
    try:
        return dict(crawler.stats.get_stats())
    except RuntimeError:  # the crawl ended before Scrapy made its statistics collector
        return {}


def _stop_reactor() -> None:
    from twisted.internet import error, reactor

    with contextlib.suppress(error.ReactorNotRunning):  # a stop request was faster
        reactor.stop()  # type: ignore[misc]  # Twisted's types describe the interface, not the module


def conclude(outcomes: Sequence[Outcome]) -> int:
    """Print what kept crawls from ending well, and return the exit code, which no stop request changes from here on.

    Does not return where a crawl was forced to end: Python would first wait for all that its threads wait for.
    """
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, signal.SIG_IGN)  # Python's own way out takes a while with handlers already gone
    print_problems(outcomes)
    code = exit_code(outcomes)
    if any(outcome.forced for outcome in outcomes):
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)
    return code


def exit_code(outcomes: Sequence[Outcome]) -> int:
    """The worst of the crawls': could not do it (1) over finished degraded (3) over done (0)."""
    codes = {outcome.exit_code for outcome in outcomes}
    return FAILED if FAILED in codes else DEGRADED if DEGRADED in codes else DONE


def print_problems(outcomes: Sequence[Outcome]) -> None:
    """One line on stderr for everything that kept a crawl from ending well."""
    for outcome in outcomes:
        if isinstance(outcome.error, EnrichError):
            complain(str(outcome.error))
        elif outcome.error is not None:
            complain(f"{outcome.source}: unexpected {type(outcome.error).__name__}: {outcome.error}")
        for line in outcome.degraded:
            complain(f"{outcome.source}: {line}")


def complain(message: str) -> None:
    """Print each line of the message to stderr, marked as ours."""
    for line in message.splitlines():
        sys.stderr.write(f"enrich: {line}\n")
