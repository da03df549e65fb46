"""``scrapy enrich``: the enabled sources in two phases in one process, sharing models and writer."""

from __future__ import annotations

import argparse

from scrapy.commands import ScrapyCommand
from scrapy.crawler import AsyncCrawlerProcess
from scrapy.settings import BaseSettings

from enrich.commands.arguments import refuse_arguments
from enrich.commands.forget import after_crawls
from enrich.config import Sources
from enrich.errors import ConfigError, CredentialError, EnrichError
from enrich.runtime.runner import FAILED, Job, complain, conclude, preflight, run_phases
from enrich.spiders.bases.source import sources_of


class Command(ScrapyCommand):
    """The command."""

    requires_project = True

    def syntax(self) -> str:
        return "[options]"

    def short_desc(self) -> str:
        return "Crawl the enabled sources: stash-boxes first, then reference sites"

    def add_options(self, parser: argparse.ArgumentParser) -> None:
        super().add_options(parser)
        group = parser.add_argument_group("enrich")
        group.add_argument("--sources", metavar="A,B|all", help="only these sources, enabled or not (all: every one)")
        group.add_argument(
            "--disable-source", metavar="X", action="append", default=[], help="leave X out (repeatable)"
        )
        group.add_argument(
            "--source-max-faces",
            metavar="X=N",
            action="append",
            default=[],
            help="at most N faces a performer from X (repeatable)",
        )
        group.add_argument("--max-faces-total", metavar="N", help="at most N faces a performer from all sources")
        group.add_argument(
            "--reference-mode",
            choices=("url", "name"),
            default="url",
            help="find performers by stored URL (default) or by name",
        )
        group.add_argument("--test-performers", metavar="N", help="only N performers a source")
        group.add_argument("--dry-run", action="store_true", help="do everything but write")

    def run(self, args: list[str], opts: argparse.Namespace) -> None:
        refuse_arguments(args)
        assert self.settings is not None
        assert isinstance(self.crawler_process, AsyncCrawlerProcess)
        try:
            sources = chosen(sources_of(self.settings), opts)
            self.crawler_process.settings.set("ENRICH_SOURCES", sources, priority="cmdline")
            phases = phases_of(sources, opts)
            preflight(self.crawler_process, [job for phase in phases for job in phase])
            give_each_a_job_directory(self.crawler_process.settings)
        except CredentialError as error:
            complain(f"{error}\nor leave a source out: --disable-source NAME, or enabled: false in {sources.path}")
            self.exitcode = FAILED
            return
        except EnrichError as error:
            complain(str(error))
            self.exitcode = FAILED
            return
        outcomes = run_phases(self.crawler_process, phases)
        after_crawls(self.settings, outcomes)
        self.exitcode = conclude(outcomes)


def chosen(sources: Sources, opts: argparse.Namespace) -> Sources:
    """The sources with the command line's choices and limits applied. Raises ConfigError where one is invalid."""
    limits: dict[str, int] = {}
    for choice in opts.source_max_faces:
        name, equals, number = choice.partition("=")
        if not equals:
            raise ConfigError(f"--source-max-faces {choice}: say it as NAME=N, such as stashdb=3")
        limits[name] = whole_number("--source-max-faces", number, f"{name}={number}")
    total = None if opts.max_faces_total is None else whole_number("--max-faces-total", opts.max_faces_total)
    only = None if opts.sources is None else [name.strip() for name in opts.sources.split(",") if name.strip()]
    return sources.override(max_faces=limits, max_faces_total=total, disable=opts.disable_source, enable_only=only)


def phases_of(sources: Sources, opts: argparse.Namespace) -> list[list[Job]]:
    """The jobs of both phases. Raises ConfigError where nothing is left to crawl."""
    common: dict[str, str] = {}
    if opts.test_performers is not None:
        common["limit"] = str(whole_number("--test-performers", opts.test_performers))
    if opts.dry_run:
        common["dry_run"] = "1"
    first = [Job(source.name, common) for source in sources.stash_boxes if source.enabled]
    second = [
        Job(source.name, {**common, "mode": opts.reference_mode})
        for source in sources.reference_sites
        if source.enabled
    ]
    if not first and not second:
        raise ConfigError(f"{sources.path}: no source is enabled: set enabled: true, or name some with --sources")
    return [phase for phase in (first, second) if phase]


def give_each_a_job_directory(settings: BaseSettings) -> None:
    """Have every source keep what it leaves to be done, below JOBDIR if that is set; ``JOBDIR=`` turns it off."""
    jobdir = settings.get("JOBDIR")
    if jobdir not in (None, "", "auto"):
        settings.set("JOBS_DIR", jobdir, priority="cmdline")
    if jobdir != "":
        settings.set("JOBDIR", "auto", priority="cmdline")


def whole_number(option: str, text: str, given: str | None = None) -> int:
    """``text`` as a positive whole number. Raises ConfigError; ``given``: what the option was given, if it is more."""
    if not text.isascii() or not text.isdecimal() or int(text) < 1:
        raise ConfigError(f"{option} {given or text}: must be a whole number from 1 up")
    return int(text)
