"""``scrapy forget``: performers, what one source gave, or single faces taken out of everything, and kept out."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from scrapy.commands import ScrapyCommand
from scrapy.exceptions import UsageError

from enrich.commands.store_command import StoreCommand
from enrich.config.model import near_match
from enrich.errors import ConfigError, EnrichError, JobDirError, StoreError
from enrich.runtime.runner import complain
from enrich.spiders.bases.source import sources_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from scrapy.settings import BaseSettings, Settings
    from sqlalchemy import Connection

    from enrich.runtime.runner import Outcome
    from enrich.store.forgetting.files import Places
    from enrich.store.forgetting.forget import Going


class Command(StoreCommand, ScrapyCommand):
    """Prints what goes and does it. Exit code 1: nothing was forgotten, or a file still has to be rid of it."""

    def syntax(self) -> str:
        """What follows the command's name."""
        return "PERFORMER... [--source NAME] | --source NAME | --face ID | --gone  [--dry-run]"

    def short_desc(self) -> str:
        """The line in ``scrapy -h``."""
        return "Remove performers from everything and keep them out"

    def long_desc(self) -> str:
        """What ``scrapy forget -h`` says."""
        return (
            "PERFORMER is our number or SOURCE:ID. They go from the database, the indices, the exports and the job "
            "directories, and no source brings them back. It cannot be undone."
        )

    def add_options(self, parser: argparse.ArgumentParser) -> None:
        """Add the command's own options to Scrapy's."""
        super().add_options(parser)
        parser.add_argument(
            "--source", metavar="NAME", help="only what this source gave, to these performers or to all"
        )
        parser.add_argument("--face", metavar="ID", action="append", default=[], help="a single face (repeatable)")
        parser.add_argument("--gone", action="store_true", help="everybody whom their stash-boxes no longer have")
        parser.add_argument("--dry-run", action="store_true", help="only show what would go")

    def execute(self, settings: Settings, args: list[str], opts: argparse.Namespace) -> Sequence[str]:
        """Do it; without a word of what, only what was left to be done."""
        if bool(args or opts.source) + bool(opts.face) + opts.gone > 1:
            raise UsageError("one at a time: performers and a source, faces, or --gone")
        return forget(settings, args, opts)


class _OnlyShown(Exception):  # noqa: N818  # no error: it takes the transaction back
    """Nothing is to be written."""


def forget(settings: BaseSettings, who: Sequence[str], opts: argparse.Namespace) -> list[str]:
    """Forget in one transaction, then in the files; what is left to be done, a line each.

    Raises EnrichError: then nothing was forgotten.
    """
    from sqlalchemy.exc import DBAPIError

    from enrich.store.db.database import database_exists, database_label, database_url, explain, open_database, write
    from enrich.store.forgetting.files import finish, owed, require_quiet, wipe_job_dirs

    url = database_url(settings["DATA_DIR"], settings.get("DATABASE_URL"))
    label = database_label(url)
    if not database_exists(url):
        raise EnrichError(f"{label}: no database, so there is nothing to forget")
    places = places_of(settings)
    engine = open_database(url)
    said: list[str] = []
    result = "nothing was forgotten"
    try:
        with suppress(_OnlyShown), write(engine) as tx:
            if not (who or opts.source or opts.face or opts.gone) and not owed(tx):
                raise UsageError("name performers (our number or SOURCE:ID), or --source, --face or --gone")
            if not opts.dry_run:
                require_quiet(tx, "run this again; nothing was forgotten")
            said += _done(tx, who, opts, settings, places.priorities)
            if opts.dry_run:
                raise _OnlyShown
            try:  # within the transaction, so that no crawl can begin with an old queue
                said += wipe_job_dirs(tx, places)
            except JobDirError as error:
                raise StoreError(f"{error}; nothing was forgotten") from error
        result = "run `scrapy forget` to end it"
        for line in said:
            print(line)
        if opts.dry_run:
            print("nothing was changed")
            return []
        finished = finish(engine, places)
        for line in finished.done:
            print(line)
        return finished.problems
    except DBAPIError as error:
        raise StoreError(f"{label}: {explain(error)}; {result}") from error
    finally:
        engine.dispose()


def _done(
    tx: Connection, who: Sequence[str], opts: argparse.Namespace, settings: BaseSettings, priorities: Mapping[str, int]
) -> Iterator[str]:
    """Do it in the transaction; what went, a line each. Raises EnrichError before anything is done."""
    from enrich.store.forgetting.forget import find_performer, forget_faces, forget_performers, going
    from enrich.store.forgetting.gone import gone_everywhere
    from enrich.store.forgetting.source import forget_source, known_from_nowhere_else, known_sources

    if opts.source:
        known = known_sources(tx) | set(sources_of(settings).sources)
        if opts.source not in known:
            near = near_match(opts.source, sorted(known))
            raise ConfigError(f"--source {opts.source}: no such source{near}; nothing was forgotten")
    if opts.face:
        yield f"{forget_faces(tx, [_number(face) for face in opts.face])} faces"
        return
    found = {one: find_performer(tx, one) for one in who}
    yield from (f"{one}: already forgotten" for one, number in found.items() if number is None)
    numbers = sorted({number for number in found.values() if number is not None})
    if opts.gone:
        numbers = gone_everywhere(tx)
        yield f"{len(numbers)} performers are gone from all their stash-boxes"
    if opts.source and not who:
        taken = forget_source(tx, opts.source, priorities)
        yield (
            f"{opts.source}: {taken.faces} faces and {taken.pictures} pictures of {taken.performers} performers; "
            f"{taken.entirely} of them are known from nowhere else and go entirely"
        )
        yield f"{opts.source} is not kept out: set enabled: false in {sources_of(settings).path}"
    elif opts.source:
        leaving = set(known_from_nowhere_else(tx, opts.source, numbers))
        yield from (_line(going(tx, one, opts.source, entirely=one in leaving), opts.source) for one in numbers)
        forget_source(tx, opts.source, priorities, numbers)
    else:
        yield from (_line(going(tx, one)) for one in numbers)
        forget_performers(tx, numbers)


def _line(one: Going, source: str | None = None) -> str:
    ids = f" ({', '.join(one.ids)})" if one.ids else ""
    given = f"from {source} " if source else ""
    last = "; known from nowhere else, so all of it goes" if source and one.entirely else ""
    return (
        f"performer {one.performer_id}, {one.name}{ids}: {given}{one.faces} faces, {one.pictures} pictures, "
        f"{one.names} other names, {one.links} links{last}"
    )


def _number(face: str) -> int:
    if not (face.isascii() and face.isdecimal()):
        raise ConfigError(f"--face {face}: should be a face's number; nothing was forgotten")
    return int(face)


# --- for other commands -----------------------------------------------------------------------------------------------


def places_of(settings: BaseSettings) -> Places:
    """Where the files are that may hold what was forgotten. Raises ConfigError."""
    from enrich.store.forgetting.files import Places

    return Places(
        data_dir=Path(settings["DATA_DIR"]),
        priorities={box.name: box.priority for box in sources_of(settings).stash_boxes if box.priority is not None},
    )


def finish_forgetting(settings: BaseSettings) -> None:
    """Take who was forgotten out of the files, if a killed command or a crawl has left that to do; say what is left.

    Nothing is done while a crawl is going on: its end will see to it. Raises EnrichError.
    """
    from enrich.store.db.database import database_url, open_database, snapshot
    from enrich.store.forgetting.files import finish, owed, running_crawls

    engine = open_database(database_url(settings["DATA_DIR"], settings.get("DATABASE_URL")))
    try:
        with snapshot(engine) as connection:
            if not owed(connection) or running_crawls(connection):
                return
        for line in finish(engine, places_of(settings), wait_seconds=0).problems:
            complain(line)
    finally:
        engine.dispose()


def after_crawls(settings: BaseSettings, outcomes: Sequence[Outcome]) -> None:
    """The same after crawls, if one of them says that it has removed somebody, or has found that to do."""
    if any(outcome.stats.get("forgetting/owed") for outcome in outcomes):
        try:
            finish_forgetting(settings)
        except EnrichError as error:
            complain(str(error))
