"""``scrapy status``: what the database holds and how the crawls went."""

from __future__ import annotations

import argparse
import json
import sys
import textwrap
from collections.abc import Sequence
from typing import TYPE_CHECKING

from scrapy.commands import ScrapyCommand

from enrich.commands.arguments import refuse_arguments
from enrich.commands.store_command import StoreCommand

if TYPE_CHECKING:
    from collections.abc import Mapping

    from rich.console import Console
    from scrapy.settings import Settings

    from enrich.store.crawl_queries.status import SourceStatus, Status
    from enrich.store.reembedding.reembed import Progress

WIDTH = 140
"""Characters a line may have where the output goes to a file, and a line of the first table anywhere."""


class Command(StoreCommand, ScrapyCommand):
    """Prints a table, or JSON with ``--json``; says so where there is no database yet."""

    def syntax(self) -> str:
        """What follows the command's name."""
        return "[--json]"

    def short_desc(self) -> str:
        """The line in ``scrapy -h``."""
        return "Show what the database holds and how the crawls went"

    def add_options(self, parser: argparse.ArgumentParser) -> None:
        """Add the command's own options to Scrapy's."""
        super().add_options(parser)
        parser.add_argument("--json", action="store_true", help="print JSON for other programs")

    def execute(self, settings: Settings, args: list[str], opts: argparse.Namespace) -> Sequence[str]:
        """Print; one line on stderr and exit code 1 where the database cannot be read."""
        from enrich.store.crawl_queries.status import Status, status
        from enrich.store.db.database import database_exists, database_label, database_url, open_database

        refuse_arguments(args)
        url = database_url(settings["DATA_DIR"], settings.get("DATABASE_URL"))
        label = database_label(url)
        found, there = Status(database=label), database_exists(url)
        if there:
            engine = open_database(url)
            try:
                found = status(engine, label)
            finally:
                engine.dispose()
        if opts.json:
            print(json.dumps(found.as_json(), indent=2))
        elif there:
            show(found)
        else:
            print(f"{label}: no database yet; `scrapy enrich` or `scrapy crawl SOURCE` makes it")
        return ()


def show(found: Status) -> None:
    """Print the tables for a person."""
    from rich.console import Console
    from rich.table import Table

    console = Console(width=None if sys.stdout.isatty() else WIDTH)
    console.print(found.database, style="bold", soft_wrap=True, highlight=False)
    console.print(
        f"{found.performers} performers, {found.performers_with_faces} of them with faces; "
        f"{found.faces} faces; {found.urls} links",
        highlight=False,
    )
    if found.model is not None:
        vectors = ", ".join(f"{name} ({dim})" for name, dim in found.recognisers.items())
        console.print(f"vectors: {vectors} of model pack {found.model}", highlight=False)
    if found.gone:
        line = f"{found.gone} performers are gone from all their stash-boxes: `scrapy forget --gone` forgets them"
        console.print(line, highlight=False, markup=False, soft_wrap=True)
    if found.reembedding is not None:
        console.print(reembedding(found.reembedding), highlight=False, markup=False, soft_wrap=True)
    table = Table(box=None, pad_edge=False, header_style="bold")
    table.add_column("source")
    for title in (
        "run",
        "performers",
        "faces",
        "accepted",
        "rejected",
        "failed",
        "pending",
        "errors",
        "a minute",
        "left",
    ):
        table.add_column(title, justify="left" if title == "run" else "right")
    for one in found.sources:
        outcomes = [str(one.images.get(name, 0)) for name in ("accepted", "rejected", "failed", "pending")]
        table.add_row(
            name_of(one),
            run_of(one),
            str(one.performers),
            str(one.faces),
            *outcomes,
            str(one.errors),
            "" if one.performers_per_minute is None else f"{one.performers_per_minute:g}",
            "" if one.eta_seconds is None else duration(one.eta_seconds),
        )
    if found.sources:
        console.print()
        # A narrow terminal folds lines, and cuts off no name. A dumb one keeps to a width only if told a height.
        Console(width=max(console.width, WIDTH), height=console.height).print(table)
    by_source = {name_of(one): one for one in found.sources}
    listed(console, "pictures rejected because", {name: one.reasons for name, one in by_source.items()})
    listed(console, "faces in doubt", {name: in_doubt(one) for name, one in by_source.items()})
    listed(console, "searches ended", {name: one.lookups for name, one in by_source.items()})
    listed(
        console,
        "performers refused in the last run because",
        {name: one.run_refused for name, one in by_source.items()},
    )
    for name, one in by_source.items():
        for line in one.run_degraded:
            console.print(f"{name}: {line}", style="yellow", highlight=False, markup=False, soft_wrap=True)
        if one.gone:
            line = f"{name}: {one.gone} performers are no longer there"
            console.print(line, highlight=False, markup=False, soft_wrap=True)
        if one.robots_ignored is not None:
            line = f"{name}: robots.txt is not obeyed: {one.robots_ignored}"
            console.print(line, highlight=False, markup=False, soft_wrap=True)


def reembedding(found: Progress) -> str:
    """How far the faces are on their way to another model pack, in a line."""
    counts = {
        "lost": sum(found.lost.values()),
        "to be tried again": sum(found.failed.values()),
        "not tried yet": sum(found.open.values()),
    }
    rest = "".join(f", {number} {what}" for what, number in counts.items() if number)
    done = f"{found.done} of {found.faces} faces have vectors of {found.model} too{rest}"
    return f"{done}; `scrapy index --reembed` continues"


def in_doubt(one: SourceStatus) -> dict[str, int]:
    """The faces that wait for others to be judged by, and the stored ones that a person may want to look at."""
    counts = {
        "kept back until there are others to compare with": one.waiting,
        "stored with none to compare with": one.unconfirmed,
        "stored though unlike the others": one.suspicious,
    }
    return {words: number for words, number in counts.items() if number}


def listed(console: Console, title: str, counts: Mapping[str, Mapping[str, int]]) -> None:
    """Print counts by word, a line for each source that has any, and one for all if those are several."""
    from rich.table import Table

    shown = {name: count for name, count in counts.items() if count}
    if not shown:
        return
    if len(shown) > 1:
        words = {word for count in shown.values() for word in count}
        shown["all"] = {word: sum(count.get(word, 0) for count in shown.values()) for word in words}
    table = Table(box=None, pad_edge=False, header_style="bold")
    table.add_column("source", no_wrap=True)
    table.add_column(title)
    width = console.width - max(map(len, shown)) - 2
    for name, count in shown.items():
        table.add_row(name, in_lines(count, max(width, 20)))
    console.print()
    console.print(table)


def in_lines(counts: Mapping[str, int], width: int) -> str:
    """The counts, the commonest first, in lines of ``width`` characters that part no number from its words."""
    ordered = sorted(counts, key=lambda words: (-counts[words], words))
    whole = ", ".join(f"{counts[words]} {words}".replace(" ", "\N{NO-BREAK SPACE}") for words in ordered)
    return "\n".join(textwrap.wrap(whole, width, break_long_words=False)).replace("\N{NO-BREAK SPACE}", " ")


def name_of(one: SourceStatus) -> str:
    """The source, and the mode of a reference site: ``babepedia:url``."""
    return one.source if one.mode in (None, "api") else f"{one.source}:{one.mode}"


def run_of(one: SourceStatus) -> str:
    """The last run in a word or two."""
    if one.state is None:
        return ""
    if one.run_degraded and one.state == "finished":
        return "degraded"
    ended_otherwise = one.state == "interrupted" and one.finish_reason not in (None, "interrupted")
    return f"{one.state} ({one.finish_reason})" if ended_otherwise else one.state


def duration(seconds: float) -> str:
    """A time span as a person says it: ``3 h 20 min``."""
    minutes = round(seconds / 60)
    return f"{minutes // 60} h {minutes % 60} min" if minutes >= 60 else f"{minutes} min" if minutes else "< 1 min"
