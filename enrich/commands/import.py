"""``scrapy import``: an existing Stash Sense database taken over, with its vectors."""
# ruff: noqa: N999  # Scrapy calls a command as its file is called

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from scrapy.commands import ScrapyCommand
from scrapy.exceptions import UsageError

from enrich.commands.store_command import StoreCommand

if TYPE_CHECKING:
    from scrapy.settings import BaseSettings, Settings

PACK = "stash_sense"
"""The model pack that the vectors of such a database are of."""


class Command(StoreCommand, ScrapyCommand):
    """Prints what came along and, by reason, every face that did not; exit code 1 where nothing was taken over."""

    def syntax(self) -> str:
        """What follows the command's name."""
        return "PERFORMERS_DB [--index-dir DIR | --without-vectors]"

    def short_desc(self) -> str:
        """The line in ``scrapy -h``."""
        return "Take over an existing Stash Sense database (schema 1 to 5) with its vectors"

    def add_options(self, parser: argparse.ArgumentParser) -> None:
        """Add the command's own options to Scrapy's."""
        super().add_options(parser)
        parser.add_argument(
            "--index-dir",
            metavar="DIR",
            help="folder of face_facenet.voy and face_arcface.voy (default: the database's)",
        )
        parser.add_argument(
            "--without-vectors",
            action="store_true",
            help="take over all but the vectors; every picture is fetched again, for whatever model pack",
        )

    def execute(self, settings: Settings, args: list[str], opts: argparse.Namespace) -> Sequence[str]:
        """Take it over, then bring the indices up to date."""
        if len(args) != 1:
            raise UsageError("say one database: scrapy import PERFORMERS_DB")
        if opts.index_dir and opts.without_vectors:
            raise UsageError("--index-dir and --without-vectors do not go together")
        path = Path(args[0])
        take_over(path, None if opts.without_vectors else Path(opts.index_dir or path.parent), settings)
        return ()


def take_over(path: Path, index_dir: Path | None, settings: BaseSettings) -> None:
    """Do it and say what was done. Raises EnrichError."""
    from enrich.commands.index import bring_up
    from enrich.faces.pack import load_pack
    from enrich.spiders.bases.source import sources_of
    from enrich.store.db.database import database_url
    from enrich.store.takeover import take_over as do

    data_dir = Path(settings["DATA_DIR"])
    url = database_url(data_dir, settings.get("DATABASE_URL"))
    boxes = sources_of(settings).stash_boxes
    models_dir = Path(settings.get("MODELS_DIR") or data_dir / "models")
    done = do(
        path,
        url,
        scratch=data_dir,
        index_dir=index_dir,
        model=load_pack(PACK, models_dir, complete=False).fingerprint,
        priorities={box.name: box.priority for box in boxes if box.priority is not None},
    )
    for line in done.lines():
        print(line, flush=True)  # the indices take their time
    bring_up(url, data_dir / "index", rebuild=False, check=False)
