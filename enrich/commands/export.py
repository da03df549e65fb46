"""``scrapy export DIR --format stash-sense``: the consumer's release files, a complete new folder or the old one."""

from __future__ import annotations

import argparse
import signal
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from scrapy.commands import ScrapyCommand
from scrapy.exceptions import UsageError

from enrich.commands.store_command import StoreCommand
from enrich.errors import StoreError
from enrich.runtime.runner import complain

if TYPE_CHECKING:
    from scrapy.settings import BaseSettings, Settings

    from enrich.faces.pack import ModelPack
    from enrich.store.release.export import Release

OURS = ("index", "jobs", "reports", "models", "pace", "clearance")
"""Folders of DATA_DIR in which no export belongs."""


class Command(StoreCommand, ScrapyCommand):
    """Warnings, such as of a model pack that the consumer cannot use, go to stderr; the exit code stays 0."""

    default_settings: ClassVar[dict[str, Any]] = {"LOG_ENABLED": False}

    def syntax(self) -> str:
        """What follows the command's name."""
        return "DIR [--format stash-sense] [--storage float32|e4m3]"

    def short_desc(self) -> str:
        """The line in ``scrapy -h``."""
        return "Write the release files that Stash Sense loads"

    def long_desc(self) -> str:
        """What ``scrapy export -h`` says."""
        return (
            "Write performers.db, the face indices, faces.json, performers.json and manifest.json to DIR: a new or an "
            "empty folder, or one that holds an earlier export, which is replaced in one step."
        )

    def add_options(self, parser: argparse.ArgumentParser) -> None:
        """Add the command's own options to Scrapy's."""
        super().add_options(parser)
        parser.add_argument("--format", default="stash-sense", help="for which program (stash-sense)")
        parser.add_argument(
            "--storage",
            default="float32",
            help="how exact the vectors are: float32, or e4m3, under a third of its size",
        )

    def execute(self, settings: Settings, args: list[str], opts: argparse.Namespace) -> Sequence[str]:
        """Export; one line on stderr and exit code 1 where it could not be done, and DIR is as it was."""
        if len(args) != 1:
            raise UsageError("say one folder: scrapy export DIR")
        folder = Path(args[0])
        try:
            signal.signal(signal.SIGTERM, signal.default_int_handler)  # so that it cleans up after itself, as on Ctrl-C
            release = write(settings, folder, opts.format, opts.storage)
        except KeyboardInterrupt:
            return [f"{folder}: stopped; nothing was exported"]
        show(folder, release)
        return ()


def write(settings: BaseSettings, folder: Path, format: str, storage: str) -> Release:
    """Export the database of the settings to the folder. Raises EnrichError."""
    from enrich.spiders.bases.source import sources_of
    from enrich.store.db.database import database_exists, database_label, database_url, open_database
    from enrich.store.release.export import export

    data_dir = Path(settings["DATA_DIR"]).resolve()
    require_apart(folder, data_dir)
    url = database_url(data_dir, settings.get("DATABASE_URL"))
    if not database_exists(url):
        raise StoreError(f"{database_label(url)}: no database yet; `scrapy crawl SOURCE` makes it")
    priorities = {box.name: box.priority for box in sources_of(settings).stash_boxes if box.priority is not None}
    pack = own_pack(settings)
    engine = open_database(url)
    try:
        return export(engine, folder, format, priorities=priorities, pack=pack, storage=storage)
    finally:
        engine.dispose()


def require_apart(folder: Path, data_dir: Path) -> None:
    """Raise StoreError for DATA_DIR itself and for those of its folders that are kept for something else."""
    target = folder.resolve()
    if target == data_dir:
        raise StoreError(
            f"{target}: DATA_DIR itself; an export goes to a folder of its own, such as {target / 'exports'}/NAME"
        )
    for name in OURS:
        if target.is_relative_to(data_dir / name):
            raise StoreError(
                f"{target}: {data_dir / name} is kept for other files; {data_dir / 'exports'} is for exports"
            )


def own_pack(settings: BaseSettings) -> ModelPack | None:
    """MODEL_PACK where it is a folder: of the packaged ones the export knows which it is by itself."""
    from enrich.faces.pack import known_packs, load_pack

    name = settings["MODEL_PACK"]
    return None if name in known_packs() else load_pack(name, Path(), complete=False)


def show(folder: Path, release: Release) -> None:
    """Print what was written, what was left out, and what keeps it from being used."""
    files = ", ".join(release.indices)
    print(f"{folder}: version {release.version}, {release.faces} faces of {release.performers} performers ({files})")
    if release.without_id:
        print(f"left out: {release.without_id} faces whose performers no stash-box knows")
    if release.without_vector:
        print(f"left out: {release.without_vector} faces that lack a vector; `scrapy index --reembed` makes them")
    for warning in release.warnings:
        complain(warning)
