"""``scrapy demo``: an invented world on 127.0.0.1, crawled for real through real models into a real database."""

from __future__ import annotations

import argparse
import json
import os
import time
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from scrapy.commands import ScrapyCommand
from scrapy.settings import SETTINGS_PRIORITIES, Settings

from enrich.commands.arguments import refuse_arguments
from enrich.commands.store_command import StoreCommand
from enrich.config import Sources, load_sources
from enrich.errors import EnrichError
from enrich.runtime.runner import Job, Outcome, exit_code, preflight, print_problems, run_phases

if TYPE_CHECKING:
    from enrich.demo.running import RunningWorld

KEY = "demo-key"


class Command(StoreCommand, ScrapyCommand):
    """Uses ``data/demo`` and the pack ``opencv_zoo`` unless DATA_DIR, MODELS_DIR or MODEL_PACK say otherwise."""

    def syntax(self) -> str:
        """What follows the command's name."""
        return "[--serve] [-a dry_run=1]"

    def short_desc(self) -> str:
        """The line in ``scrapy -h``."""
        return "Crawl an invented world on this machine, to see everything work"

    def add_options(self, parser: argparse.ArgumentParser) -> None:
        """Add the command's own options to Scrapy's."""
        super().add_options(parser)
        parser.add_argument("--serve", action="store_true", help="leave the world up until Ctrl-C")
        parser.add_argument("-a", dest="spargs", action="append", default=[], metavar="NAME=VALUE", help="as for crawl")

    def execute(self, settings: Settings, args: list[str], opts: argparse.Namespace) -> Sequence[str]:
        """Fetch the models if they are missing, crawl, and show what came of it."""
        refuse_arguments(args)
        arguments = dict(argument.partition("=")[::2] for argument in opts.spargs)
        prepare(settings)
        self.exitcode = demonstrate(settings, arguments, serve=opts.serve)
        return ()


def prepare(settings: Settings) -> None:
    """Choose the demo's own folder, models and log level where the user has chosen none, and fetch missing models."""
    from enrich.faces.fetch import pull
    from enrich.faces.pack import known_packs
    from enrich.runtime.models import models_dir

    models = models_dir(settings)  # where a real crawl looks for them too
    defaults = {"DATA_DIR": str(Path("data") / "demo"), "MODELS_DIR": str(models), "MODEL_PACK": "opencv_zoo"}
    for name, value in defaults.items():
        if not chosen(settings, name):
            settings.set(name, value, priority="cmdline")
    if (settings.getpriority("LOG_LEVEL") or 0) <= SETTINGS_PRIORITIES["project"]:
        settings.set("LOG_LEVEL", "ERROR", priority="cmdline")
    pack = settings["MODEL_PACK"]
    if pack in known_packs():
        print(f"Models: {pack} in {models} ...", flush=True)
        pull(pack, models)


def chosen(settings: Settings, name: str) -> bool:
    """Whether the user said something about a setting, by ``-s`` or in the environment."""
    said = (settings.getpriority(name) or 0) > SETTINGS_PRIORITIES["project"]
    return said or f"ENRICH_{name}" in os.environ


def demonstrate(settings: Settings, arguments: dict[str, str], *, serve: bool) -> int:
    """Run the world and the crawls of it; the exit code."""
    from scrapy.crawler import AsyncCrawlerProcess

    from enrich.demo.running import running_world, write_sources

    folder = Path(settings["DATA_DIR"])
    with running_world(port=last_port(folder)) as world:
        sources = folder / "sources.yaml"
        try:
            folder.mkdir(parents=True, exist_ok=True)
            (folder / "world.json").write_text(json.dumps({"port": world.port}), encoding="utf-8")
            write_sources(sources, world.base_url)
        except OSError as error:
            raise EnrichError(f"{folder}: cannot be written: {error.strerror}; set DATA_DIR") from error
        settings.set("SOURCES_FILE", str(sources), priority="cmdline")
        known = load_sources(sources)
        os.environ |= {box.api_key_env: KEY for box in known.stash_boxes if box.api_key_env}
        process = AsyncCrawlerProcess(settings)
        phases = phases_of(known, arguments)
        preflight(process, [job for phase in phases for job in phase])
        print(f"World:  {len(world.world.people)} invented performers at {world.base_url}", flush=True)
        world.reset()
        began = time.monotonic()
        outcomes = run_phases(process, phases)
        seconds = time.monotonic() - began
        summarise(settings, world, outcomes, seconds, dry_run="dry_run" in arguments)
        print_problems(outcomes)
        if serve:
            print(by_hand(settings, world), flush=True)
            wait_for_interrupt()
    return exit_code(outcomes)


def phases_of(sources: Sources, arguments: dict[str, str]) -> list[list[Job]]:
    """All stash-boxes, then all reference sites by stored links, then by names."""
    by_mode = [
        [Job(site.name, {"mode": mode, **arguments}) for site in sources.reference_sites] for mode in ("url", "name")
    ]
    return [[Job(box.name, arguments) for box in sources.stash_boxes], *by_mode]


def last_port(folder: Path) -> int:
    """The port that the world had the last time: the ledger knows the pictures by their addresses. 0: any."""
    import socket

    try:
        port = int(json.loads((folder / "world.json").read_text(encoding="utf-8"))["port"])
    except (OSError, ValueError, KeyError, TypeError):
        return 0
    try:
        with socket.create_server(("127.0.0.1", port)):
            return port
    except OSError as error:
        raise EnrichError(
            f"port {port} on 127.0.0.1, where the demo's pictures were the last time, cannot be used "
            f"({os.strerror(error.errno or 0)}): end the program that has it, or delete {folder} to start over"
        ) from error


def summarise(
    settings: Settings, world: RunningWorld, outcomes: Sequence[Outcome], seconds: float, *, dry_run: bool
) -> None:
    """Print what the database holds, what this run added, and where it all is."""
    from enrich.commands.status import show
    from enrich.store.crawl_queries.status import status
    from enrich.store.db.database import database_exists, database_url, open_database

    asked = world.requests()
    pictures = sum(asked.get(path, 0) for path in world.world.pictures)
    faces, later, skipped = (
        sum(int(str(outcome.stats.get(name, 0))) for outcome in outcomes)
        for name in ("enrich/faces/accepted", "enrich/faces/taken_later", "ledger/skipped")
    )
    print(
        f"Crawl:  {seconds:.1f} s, {sum(asked.values())} requests, {pictures} pictures downloaded, "
        f"{skipped} known already or without room, {faces + later} faces {'found' if dry_run else 'added'}"
    )
    if dry_run:
        print("Dry run: nothing was written.")
        return
    if not pictures:
        print("Nothing new: every picture of this world is in the ledger, so none was downloaded again.")
    data_dir = Path(settings["DATA_DIR"])
    url = database_url(data_dir, settings.get("DATABASE_URL"))
    if not database_exists(url):
        return
    engine = open_database(url)
    try:
        print()
        show(status(engine, str(data_dir / "performers.db")))
    finally:
        engine.dispose()
    print()
    for path in (data_dir / "performers.db", *sorted((data_dir / "index").glob("face_*.voy"))):
        print(path)
    print(
        f"\nLook further:  scrapy status -s DATA_DIR={data_dir}   scrapy index --check -s DATA_DIR={data_dir}"
        "\nRun it again:  nothing is downloaded or stored twice."
    )


def by_hand(settings: Settings, world: RunningWorld) -> str:
    """How to crawl the world from another terminal, into the same database with the same models."""
    folder = Path(settings["DATA_DIR"])
    return (
        f"\nThe world stays up at {world.base_url} until Ctrl-C. In another terminal:\n"
        f"  export ENRICH_SOURCES_FILE={folder / 'sources.yaml'} ENRICH_DATA_DIR={folder}\n"
        f"  export STASHDB_API_KEY={KEY} THEPORNDB_API_KEY={KEY} JAVSTASH_API_KEY={KEY}\n"
        f"  export PMVSTASH_API_KEY={KEY} FANSDB_API_KEY={KEY}\n"
        f"  export ENRICH_MODEL_PACK={settings['MODEL_PACK']} ENRICH_MODELS_DIR={settings['MODELS_DIR']}\n"
        f"  scrapy crawl stashdb"
    )


def wait_for_interrupt() -> None:
    """Return at Ctrl-C."""
    import signal

    signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        signal.pause()
    except KeyboardInterrupt:
        print()
