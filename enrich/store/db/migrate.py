"""Which schema a database has to be of; it is brought there when it is opened."""

from __future__ import annotations

import re
from collections.abc import Collection
from importlib.resources import files
from pathlib import Path

from sqlalchemy import Engine, column, inspect, select, table

_FILE_OF_REVISION = re.compile(r"r(\d{4})_\w+\.py")
_VERSIONS = table("alembic_version", column("version_num"))


def migrate(engine: Engine, path: Path | None, more_versions: Collection[Path] = ()) -> None:
    """Run the revisions the database lacks. ``path``: its file, for the backup. ``more_versions``: folders of further
    revisions. Raises StoreError for a database that a newer program has changed.
    """
    if not more_versions and revision(engine) == newest_revision():
        return
    from enrich.store.db.upgrade import upgrade  # imports Alembic, a tenth of a short command's time

    upgrade(engine, path, more_versions)


def newest_revision() -> str:
    """The schema that this program brings a database to: the highest number in the names of its revisions' files."""
    names = (found.name for found in (files("enrich.store.db") / "migrations" / "versions").iterdir())
    return max(match[1] for name in names if (match := _FILE_OF_REVISION.fullmatch(name)))


def revision(engine: Engine) -> str | None:
    """The schema that a database has; ``None`` for an empty one."""
    with engine.connect() as connection:
        if not inspect(connection).has_table(_VERSIONS.name):
            return None
        found = connection.execute(select(_VERSIONS.c.version_num)).scalar()
    return None if found is None else str(found)
