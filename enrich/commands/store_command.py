"""The frame of the commands that crawl nothing: settings, problems as lines on stderr, the exit code."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from typing import TYPE_CHECKING, cast

from enrich.commands.arguments import refuse_options
from enrich.errors import EnrichError
from enrich.runtime.runner import FAILED, complain

if TYPE_CHECKING:
    from scrapy.settings import Settings


class StoreCommand:
    """A command that works on what is stored. Exit code 1 where it reports a problem or raises EnrichError.

    To be named before ScrapyCommand; it is none itself, because Scrapy takes every one in this package for a command.
    """

    settings: Settings | None
    exitcode: int
    requires_project = True
    requires_crawler_process = False

    def run(self, args: list[str], opts: argparse.Namespace) -> None:
        """Execute; every problem is a line on stderr."""
        refuse_options(args)
        settings = cast("Settings", self.settings)  # Scrapy sets them before it calls this
        try:
            problems = self.execute(settings, args, opts)
        except EnrichError as error:
            problems = [str(error)]
        for line in problems:
            complain(line)
        if problems:
            self.exitcode = FAILED

    def execute(self, settings: Settings, args: list[str], opts: argparse.Namespace) -> Sequence[str]:
        """Do it and return the problems that are left."""
        raise NotImplementedError
