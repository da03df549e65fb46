"""Runs crawls in one process, phase after phase, and says how they ended.

Stash-boxes create performers, reference sites add faces to them: the second phase begins when the first has ended. All
crawls of a process share the models and the database writer.
"""

from __future__ import annotations

import asyncio
import contextlib
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from enrich.errors import ConfigError, CredentialError, EnrichError
from enrich.middlewares.credentials import key_of
from enrich.spiders.browser import check_browser
from enrich.spiders.source import sources_of

if TYPE_CHECKING:
    from scrapy.crawler import AsyncCrawlerProcess, Crawler

DONE, FAILED, DEGRADED = 0, 1, 3
"""The exit codes of the contract."""

CLEAN_REASONS = frozenset({"finished", "shutdown"})
FAILED_REASONS = frozenset({"credentials_refused", "start_error"})


@dataclass(frozen=True, slots=True)
class Job:
    """One source to crawl and the spider's arguments."""

    source: str
    arguments: Mapping[str, str] = field(default_factory=dict)


@dataclass(slots=True)
class Outcome:
    """How one crawl ended. ``error``: why it could not start; ``degraded``: what was not as it should be."""

    source: str
    finish_reason: str | None = None
    degraded: list[str] = field(default_factory=list)
    error: BaseException | None = None
    stats: Mapping[str, object] = field(default_factory=dict)

    @property
    def exit_code(self) -> int:
        if self.error is not None or self.finish_reason in FAILED_REASONS:
            return FAILED
        if self.degraded or self.finish_reason not in CLEAN_REASONS:
            return DEGRADED
        return DONE


def preflight(process: AsyncCrawlerProcess, jobs: Sequence[Job]) -> None:
    """Find out before anything is opened or written whether the jobs can start.

    Raises EnrichError: an unknown source, a mistake in sources.yaml, a missing API key or a missing model pack.
    """
    from enrich.pipelines.engine import pack_for

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
    pack_for(process.settings)


def run_phases(process: AsyncCrawlerProcess, phases: Sequence[Sequence[Job]]) -> list[Outcome]:
    """Crawl the jobs of each phase side by side, the phases one after the other; block until all have ended.

    A stop request (SIGTERM, Ctrl-C) lets the running crawls finish what they have in hand and starts no further phase.
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
    return outcomes


async def _run_all(process: AsyncCrawlerProcess, phases: Sequence[Sequence[Job]], outcomes: list[Outcome]) -> None:
    for phase in phases:
        crawls = []
        for job in phase:
            outcome = Outcome(job.source)
            outcomes.append(outcome)
            crawls.append(_run_one(process, job, outcome))
        await asyncio.gather(*crawls)
        if any(outcome.finish_reason == "shutdown" for outcome in outcomes):
            return


async def _run_one(process: AsyncCrawlerProcess, job: Job, outcome: Outcome) -> None:
    crawler: Crawler | None = None
    try:
        crawler = process.create_crawler(job.source)
        await process.crawl(crawler, **job.arguments)
    except Exception as error:  # noqa: BLE001  # what ends one crawl must not end the others; it is printed at the end
        outcome.error = error
    if crawler is not None and (stats := _stats(crawler)):
        outcome.stats = stats
        outcome.finish_reason = str(stats.get("finish_reason")) if "finish_reason" in stats else None
        outcome.degraded = [str(value) for key, value in sorted(stats.items()) if key.startswith("enrich/degraded/")]


def _stats(crawler: Crawler) -> dict[str, object]:
    try:
        return dict(crawler.stats.get_stats())
    except RuntimeError:  # the crawl ended before Scrapy made its statistics collector
        return {}


def _stop_reactor() -> None:
    from twisted.internet import error, reactor

    with contextlib.suppress(error.ReactorNotRunning):  # a stop request was faster
        reactor.stop()  # type: ignore[misc]  # Twisted's types describe the interface, not the module


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
