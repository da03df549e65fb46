"""Brings a database to the newest schema by Alembic: a backup beside it first, then one transaction, all or nothing."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from importlib.resources import files
from importlib.resources.abc import Traversable
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from alembic.config import Config
from alembic.runtime.environment import EnvironmentContext
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from alembic.util import CommandError
from sqlalchemy import Connection, Engine

from enrich.errors import StoreError
from enrich.store.db.backup import back_up


def upgrade(engine: Engine, path: Path | None, more_versions: Iterable[Path]) -> None:
    """Run the revisions the database lacks, as ``enrich.store.db.migrate`` says."""
    with _migrations() as folder:
        script = ScriptDirectory(folder, version_locations=[folder / "versions", *more_versions])
        head = script.get_current_head()
        with engine.connect() as connection:
            found = _revision(connection)
        if found == head:
            return
        _refuse_newer(script, found, head, str(path or engine.url))
        if found is not None and path is not None:
            back_up(path, path.with_name(f"{path.name}.schema-{found}.bak"))
        with engine.connect().execution_options(enrich_begin="BEGIN IMMEDIATE") as connection, connection.begin():
            if _revision(connection) == found:  # else another process was quicker, and has done it all
                _upgrade(connection, script)


@contextmanager
def _migrations() -> Iterator[Path]:
    """The folder of revisions; a copy where they lie in an egg, as under Scrapyd: Alembic reads no zip file."""
    found = files("enrich.store.db") / "migrations"
    if isinstance(found, Path):
        yield found
        return
    with TemporaryDirectory(prefix="enrich-migrations-") as folder:
        _copy(found, Path(folder))
        yield Path(folder)


def _copy(found: Traversable, folder: Path) -> None:
    folder.mkdir(exist_ok=True)
    for inside in found.iterdir():
        if inside.is_dir():
            _copy(inside, folder / inside.name)
        else:
            (folder / inside.name).write_bytes(inside.read_bytes())


def _revision(connection: Connection) -> str | None:
    return MigrationContext.configure(connection).get_current_revision()


def _refuse_newer(script: ScriptDirectory, found: str | None, head: str | None, name: str) -> None:
    try:
        known = found is None or script.get_revision(found) is not None
    except CommandError:  # what Alembic makes of a revision it does not know
        known = False
    if not known:
        raise StoreError(
            f"{name}: its schema is {found}, this program knows schemas up to {head}; "
            "use the newer version of enrich that wrote it"
        )


def _upgrade(connection: Connection, script: ScriptDirectory) -> None:
    def steps(revision: Any, _: MigrationContext) -> Any:
        return script._upgrade_revs("head", revision)  # what alembic's own `upgrade` command hands to the context

    with EnvironmentContext(Config(), script, fn=steps) as environment:
        environment.configure(connection=connection, transactional_ddl=True)
        environment.run_migrations()
