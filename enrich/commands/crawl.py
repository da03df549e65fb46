"""``scrapy crawl SOURCE``: Scrapy's own command, with one-line errors and exit codes that schedulers can act on."""

from __future__ import annotations

import argparse

from scrapy.commands import crawl
from scrapy.crawler import AsyncCrawlerProcess
from scrapy.exceptions import UsageError

from enrich.commands.arguments import refuse_options
from enrich.commands.forget import after_crawls
from enrich.errors import EnrichError
from enrich.runtime.runner import FAILED, Job, complain, conclude, preflight, run_phases


class Command(crawl.Command):
    """The command."""

    def short_desc(self) -> str:
        return "Crawl one source into the database"

    def long_desc(self) -> str:
        return (
            "Crawl one source, enabled or not: naming it is the consent. "
            "Exit codes: 0 done, 1 could not start or could not do it, 3 finished degraded."
        )

    def run(self, args: list[str], opts: argparse.Namespace) -> None:
        refuse_options(args)
        if len(args) != 1:
            raise UsageError("name exactly one source; `scrapy list` prints them")
        assert self.settings is not None
        assert isinstance(self.crawler_process, AsyncCrawlerProcess)
        job = Job(args[0], opts.spargs)
        try:
            preflight(self.crawler_process, [job])
        except EnrichError as error:
            complain(str(error))
            self.exitcode = FAILED
            return
        outcomes = run_phases(self.crawler_process, [[job]])
        after_crawls(self.settings, outcomes)
        self.exitcode = conclude(outcomes)
