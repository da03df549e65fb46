"""``scrapy index``: the Voyager files brought up to date with the database, rebuilt, compared, or of another pack."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from scrapy.commands import ScrapyCommand

from enrich.commands.arguments import refuse_arguments
from enrich.commands.forget import finish_forgetting
from enrich.commands.reembed import add_options, check_options, reembed
from enrich.commands.store_command import StoreCommand
from enrich.errors import EnrichError

if TYPE_CHECKING:
    from scrapy.settings import Settings


class Command(StoreCommand, ScrapyCommand):
    """Exit code 1 where index and database differ after ``--check``, with a line for each difference.

    ``--reembed``: 0 once the database is of MODEL_PACK, or where it was stopped; 3 while faces are left.
    """

    def syntax(self) -> str:
        """What follows the command's name."""
        return "[--rebuild | --check | --reembed]"

    def short_desc(self) -> str:
        """The line in ``scrapy -h``."""
        return "Bring the face indices up to date, rebuild or check them, or embed all faces with another model pack"

    def add_options(self, parser: argparse.ArgumentParser) -> None:
        """Add the command's own options to Scrapy's."""
        super().add_options(parser)
        parser.add_argument("--rebuild", action="store_true", help="rebuild the files, whatever is there")
        parser.add_argument("--check", action="store_true", help="compare ids and vectors with the database")
        add_options(parser)

    def execute(self, settings: Settings, args: list[str], opts: argparse.Namespace) -> Sequence[str]:
        """Do it, first what ``--rebuild`` or nothing asks, then ``--check``."""
        from enrich.store.db.database import database_exists, database_label, database_url

        refuse_arguments(args)
        data_dir = settings["DATA_DIR"]
        index_dir = Path(data_dir) / "index"
        check_options(opts)
        url = database_url(data_dir, settings.get("DATABASE_URL"))
        if not database_exists(url):
            raise EnrichError(f"{database_label(url)}: no database yet; `scrapy crawl SOURCE` makes it")
        if opts.reembed:
            self.exitcode = reembed(settings, url, index_dir, opts)
            return ()
        finish_forgetting(settings)
        return bring_up(url, index_dir, rebuild=opts.rebuild, check=opts.check)


def bring_up(url: str, index_dir: Path, *, rebuild: bool, check: bool) -> list[str]:
    """Write the indices (unless only ``check`` is asked), then compare if asked; the differences found."""
    from enrich.store.db.database import open_database, snapshot
    from enrich.store.index import sync as indices
    from enrich.store.reembedding.switch import remove_leftovers

    engine = open_database(url)
    try:
        with snapshot(engine) as connection:
            specs = indices.index_specs(connection)
        if rebuild or not check:
            for spec in specs:
                print(
                    indices.rebuild(engine, index_dir, spec) if rebuild else indices.catch_up(engine, index_dir, spec)
                )
            for path in remove_leftovers(engine, index_dir, specs):
                print(f"{path}: removed, the database has no such vectors any more")
        differences = []
        for spec in specs if check else ():
            found = indices.check(engine, index_dir, spec)
            differences += found
            if not found:
                print(f"{indices.index_path(index_dir, spec.recogniser)}: agrees with the database")
        known = {indices.index_path(index_dir, spec.recogniser) for spec in specs}
        if check:
            others = sorted(set(index_dir.glob("face_*.voy")) - known)
            differences += [f"{path}: the database has no such vectors" for path in others]
        if not specs:
            print("the database has no faces yet, so there is no index")
        return differences
    finally:
        engine.dispose()
