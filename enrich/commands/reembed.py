"""``scrapy index --reembed``: accepted pictures are fetched again, embedded with MODEL_PACK, then all vectors change.

The crawl is an ordinary one but for what it asks for and what becomes of it: pace, robots.txt, FlareSolverr and keys
are the source's. It may be stopped and run again at any time; until the switch the database is of the pack before.
"""

from __future__ import annotations

import argparse
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from enrich.config import check_numbers
from enrich.errors import ConfigError, EnrichError, StoreError
from enrich.runtime.runner import DEGRADED, DONE, Job, Outcome, exit_code, preflight, print_problems, run_phases

if TYPE_CHECKING:
    from scrapy.crawler import AsyncCrawlerProcess
    from scrapy.settings import BaseSettings
    from sqlalchemy import Engine

    from enrich.config import Sources
    from enrich.store.index.sync import IndexSpec
    from enrich.store.reembedding.reembed import Progress

PIPELINES = {
    "enrich.pipelines.validate.SniffStage": 100,
    "enrich.pipelines.detect.DetectStage": 200,
    "enrich.pipelines.reembed.ReembedStage": 300,
}


def add_options(parser: argparse.ArgumentParser) -> None:
    """The options of ``--reembed``, and itself."""
    group = parser.add_argument_group("another model pack")
    group.add_argument(
        "--reembed",
        action="store_true",
        help="fetch the accepted pictures again and make the vectors of MODEL_PACK; continues where it was stopped",
    )
    group.add_argument("--sources", metavar="A,B|all", help="fetch from these sources only, enabled or not")
    group.add_argument("--lost", action="store_true", help="list the faces that cannot be embedded again, and exit")
    group.add_argument("--drop", metavar="N", help="switch now, without the N faces that have no new vectors")
    group.add_argument("--abandon", action="store_true", help="throw away the vectors gathered so far, and end")


def check_options(opts: argparse.Namespace) -> None:
    """Raise ConfigError for options that mean nothing without ``--reembed``, or not together."""
    given = [name for name in ("sources", "lost", "drop", "abandon") if getattr(opts, name)]
    if given and not opts.reembed:
        raise ConfigError(f"--{given[0]} is an option of --reembed: say both")
    if opts.reembed and (opts.rebuild or opts.check):
        raise ConfigError("--reembed builds the indices itself: say it without --rebuild and --check")
    if len(given) > 1:
        raise ConfigError(f"--{given[0]} and --{given[1]} do not go together")
    if opts.drop is not None and not (opts.drop.isascii() and opts.drop.isdecimal()):
        raise ConfigError(f"--drop {opts.drop}: should be the number of faces to drop, as --reembed reports it")


@dataclass(frozen=True, slots=True)
class _Task:
    """The database, the pack it is to become one of, and the options."""

    settings: BaseSettings
    engine: Engine
    index_dir: Path
    specs: Sequence[IndexSpec]

    @property
    def model(self) -> str:
        return self.specs[0].model

    def progress(self) -> Progress:
        from enrich.store.db.database import snapshot
        from enrich.store.reembedding.reembed import progress

        with snapshot(self.engine) as connection:
            return progress(connection, self.model)

    def due_sources(self) -> list[str]:
        """The sources of which there is a picture to fetch now."""
        from enrich.store.reembedding.library import ReembedLibrary

        so_far = self.progress()
        library = ReembedLibrary(self.engine, self.model)
        try:
            waiting = sorted({*so_far.open, *so_far.failed})
            return [source for source in waiting if library.due_images(source, after=0, batch=1)]
        finally:
            library.close()


def reembed(settings: BaseSettings, url: str, index_dir: Path, opts: argparse.Namespace) -> int:
    """Do what the options say; the exit code. Raises EnrichError."""
    from sqlalchemy.exc import DBAPIError

    from enrich.runtime.models import pack_for
    from enrich.store.db.database import database_label, explain, open_database, write
    from enrich.store.index.sync import IndexSpec
    from enrich.store.reembedding.reembed import abandon, begin

    check_numbers(settings)
    pack = pack_for(settings)
    engine = open_database(url)
    try:
        specs = [IndexSpec(recogniser.name, recogniser.dim, pack.fingerprint) for recogniser in pack.recognisers]
        task = _Task(settings, engine, index_dir, specs)
        if opts.abandon:
            with write(engine) as tx:
                print(f"new vectors of {abandon(tx)} faces were thrown away; the database is as it was")
            return DONE
        if _is_there(task):
            return DONE
        with write(engine) as tx:
            begin(tx, task.model)
        if opts.lost:
            return _print_lost(task)
        if opts.drop is not None:
            return _switch(task, int(opts.drop))
        return _fetch(task, opts.sources)
    except DBAPIError as error:
        raise StoreError(f"{database_label(url)}: {explain(error)}") from error
    finally:
        engine.dispose()


def _is_there(task: _Task) -> bool:
    """Say so, and return True, where there is nothing to be embedded anew."""
    from enrich.store.db.database import snapshot
    from enrich.store.db.model_pack import index_specs
    from enrich.store.reembedding.reembed import begun

    with snapshot(task.engine) as connection:
        held, others = index_specs(connection), begun(connection)
    if not held:
        print("the database has no faces yet: there is nothing to embed again")
    elif held[0].model == task.model:
        print(f"the database is of model pack {task.model}, which MODEL_PACK names: there is nothing to embed again")
        for other in others:
            print(f"faces have been embedded with {other}: set MODEL_PACK to continue with it, or use --abandon")
    else:
        return False
    return True


def _fetch(task: _Task, only: str | None) -> int:
    """Fetch what is due from the enabled sources; switch if that was all."""
    from enrich.spiders.bases.source import sources_of

    sources = sources_of(task.settings)
    if only is not None:
        names = [name.strip() for name in only.split(",") if name.strip()]
        sources = sources.override(enable_only=names)
    jobs = [Job(name, {"pages": "0"}) for name in task.due_sources() if _is_enabled(sources, name)]
    outcomes: list[Outcome] = []
    if jobs:
        process = _process(task.settings, sources)
        preflight(process, jobs)
        outcomes = run_phases(process, [jobs])
        print_problems(outcomes)
    after = task.progress()
    if not after.left:
        return _switch(task, 0)
    _print_progress(after, sources)
    code = exit_code(outcomes)
    stopped = any(outcome.finish_reason == "shutdown" for outcome in outcomes)
    return code if code != DONE or stopped else DEGRADED


def _process(settings: BaseSettings, sources: Sources) -> AsyncCrawlerProcess:
    from scrapy.crawler import AsyncCrawlerProcess
    from scrapy.settings import Settings

    extensions = {name: order for name, order in settings.getdict("EXTENSIONS").items() if "RunExtension" not in name}
    extensions["enrich.extensions.reembed.ReembedExtension"] = 10
    for name, value in {
        "ENRICH_SOURCES": sources,
        "EXTENSIONS": extensions,
        "ITEM_PIPELINES": PIPELINES,
        "DUPEFILTER_CLASS": "scrapy.dupefilters.BaseDupeFilter",  # two performers' faces may be of one picture
        "JOBDIR": None,  # what is left to do is in the database
    }.items():
        settings.set(name, value, priority="cmdline")
    assert isinstance(settings, Settings)
    return AsyncCrawlerProcess(settings)


def _is_enabled(sources: Sources, name: str) -> bool:
    return name in sources.sources and sources.get(name).enabled


def _switch(task: _Task, may_drop: int) -> int:
    from enrich.store.index import sync as indices
    from enrich.store.reembedding.switch import NotReady, remove_leftovers, switch

    try:
        done = switch(task.engine, task.specs, may_drop=may_drop)
    except NotReady as error:
        raise EnrichError(f"{error}; `scrapy index --reembed` continues") from error
    gone = f"; {done.dropped} faces without new vectors are gone" if done.dropped else ""
    print(f"the database is now of model pack {task.model}: {done.faces} faces{gone}")
    if done.backup is not None:
        print(f"{done.backup}: the database as it was before; remove it when you are content")
    for spec in task.specs:
        print(indices.catch_up(task.engine, task.index_dir, spec))
    for path in remove_leftovers(task.engine, task.index_dir, task.specs):
        print(f"{path}: removed, the database has no such vectors any more")
    return DONE


def _print_lost(task: _Task) -> int:
    from enrich.store.db.database import snapshot
    from enrich.store.reembedding.reembed import lost_faces

    with snapshot(task.engine) as connection:
        for face in lost_faces(connection, task.model):
            print(f"{face.face_id}\t{face.reason}\t{face.performer}\t{face.source}\t{face.image_url or ''}")
    return DONE


def _print_progress(found: Progress, sources: Sources) -> None:
    print(f"{found.done} of {found.faces} faces have vectors of {found.model}")
    if found.lost:
        print(f"lost: {_counted(found.lost)}; `scrapy index --reembed --lost` lists them")
    if found.failed:
        print(f"could not be fetched: {_counted(found.failed)}; from {found.next_try_at} on they are tried again")
    waiting = {**found.open, **found.failed}
    disabled = {name: n for name, n in waiting.items() if name in sources.sources and not _is_enabled(sources, name)}
    if disabled:
        print(f"of sources that are not enabled: {_counted(disabled)}; enable them, or name them with --sources")
    unknown = {name: number for name, number in waiting.items() if name not in sources.sources}
    if unknown:
        print(f"of sources that nobody can read: {_counted(unknown)}")
    print(
        f"until none is left the database keeps the vectors it has; run `scrapy index --reembed` again, "
        f"or switch without the rest: `scrapy index --reembed --drop {found.left}`"
    )


def _counted(numbers: Mapping[str, int]) -> str:
    return ", ".join(f"{number} {name}" for name, number in sorted(numbers.items()))
