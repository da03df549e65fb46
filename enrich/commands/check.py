"""``scrapy check``: Scrapy's own command, which here asks the real sites, one request each, and writes nothing."""

from __future__ import annotations

import argparse

from scrapy.commands import check
from scrapy.exceptions import UsageError

from enrich.errors import CredentialError, EnrichError
from enrich.middlewares.credentials import key_of
from enrich.runtime.runner import FAILED, complain
from enrich.spiders.bases.source import sources_of


class Command(check.Command):
    """The command."""

    def syntax(self) -> str:
        return "[options] [source] ..."

    def short_desc(self) -> str:
        return "Ask each source whether it still answers as its spider knows it"

    def long_desc(self) -> str:
        return (
            "One request (and robots.txt) to each source named, or to all of sources.yaml; no database, no models. "
            "-a page=URL: a reference site's page of somebody, to be read as a profile. "
            "Exit codes: 0 all are as known, 1 not."
        )

    def process_options(self, args: list[str], opts: argparse.Namespace) -> None:
        super().process_options(args, opts)
        assert self.settings is not None
        page = opts.spargs.pop("page", None)
        if page is not None and len(args) != 1:
            raise UsageError("-a page=URL needs the one source whose page it is", print_help=False)
        self.settings.set("CHECK_PAGE", page, priority="cmdline")
        # Contracts give no items, so there is no run to enter in a database.
        self.settings.set("EXTENSIONS", {"enrich.extensions.run.RunExtension": None}, priority="cmdline")

    def run(self, args: list[str], opts: argparse.Namespace) -> None:
        assert self.settings is not None
        if opts.list:
            super().run(args, opts)
            return
        try:
            sources = sources_of(self.settings)
            named = [sources.get(name) for name in args]
        except EnrichError as error:
            complain(str(error))
            self.exitcode = FAILED
            return
        ready = []
        for source in named or sources.sources.values():
            try:
                if source.api_key_env is not None:
                    key_of(source)
                ready.append(source.name)
            except CredentialError as error:
                complain(f"not asked: {error}")
                self.exitcode = FAILED if args else self.exitcode
        if ready and not self.exitcode:
            super().run(ready, opts)
