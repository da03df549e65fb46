"""The schema: Stash Sense's tables and ours, as the migrations make them after a backup, all or not at all."""

from __future__ import annotations

import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import inspect, text
from sqlalchemy.exc import DBAPIError

import enrich.store.db
from enrich.errors import StoreError
from enrich.store.db.database import open_database
from enrich.store.db.migrate import migrate, newest_revision
from enrich.store.db.schema import metadata

STASH_SENSE = {
    "performers": "id canonical_name disambiguation gender country ethnicity birth_date death_date height_cm eye_color"
    " hair_color career_start_year career_end_year scene_count stashdb_updated_at face_count image_url created_at"
    " updated_at",
    "stashbox_ids": "performer_id endpoint stashbox_performer_id created_at",
    "external_urls": "id performer_id site url normalized_id source_endpoint confidence created_at",
    "aliases": "id performer_id alias source_endpoint created_at",
    "faces": "id performer_id facenet_index arcface_index image_url source_endpoint quality_score created_at",
    "merged_ids": "performer_id merged_stashbox_id endpoint merged_at",
    "tattoos": "id performer_id location description source_endpoint created_at",
    "piercings": "id performer_id location description source_endpoint created_at",
    "scrape_progress": "source last_processed_id last_processed_time performers_processed faces_added errors",
}


def test_stash_senses_tables_have_exactly_its_columns(store: Any) -> None:
    inspector = inspect(store.engine)
    assert {
        table: " ".join(column["name"] for column in inspector.get_columns(table)) for table in STASH_SENSE
    } == STASH_SENSE
    assert inspector.get_pk_constraint("stashbox_ids")["constrained_columns"] == ["endpoint", "stashbox_performer_id"]
    assert inspector.get_pk_constraint("merged_ids")["constrained_columns"] == ["endpoint", "merged_stashbox_id"]
    assert [u["column_names"] for u in inspector.get_unique_constraints("external_urls")] == [["site", "normalized_id"]]


def test_every_performer_row_goes_with_the_performer(store: Any) -> None:
    inspector = inspect(store.engine)
    for table in metadata.tables:
        for key in inspector.get_foreign_keys(table):
            assert key["options"]["ondelete"] in ("CASCADE", "SET NULL"), table
    with store.engine.connect() as connection:
        assert connection.execute(text("PRAGMA foreign_keys")).scalar() == 1


@pytest.mark.filterwarnings("ignore:.*expression-based index:Warning")  # that index is compared below
def test_the_migrations_make_the_schema_that_queries_are_written_for(store: Any) -> None:
    with store.engine.connect() as connection:
        assert compare_metadata(MigrationContext.configure(connection), metadata) == []
    made = dict(store.rows("SELECT name, sql FROM sqlite_master WHERE type = 'index' AND sql IS NOT NULL"))
    assert {index.name for table in metadata.tables.values() for index in table.indexes} == set(made)
    assert "lower(alias)" in made["idx_aliases_alias"]
    assert "WHERE (outcome IN ('pending', 'failed')" in made["idx_images_open"]


@contextmanager
def revision(folder: Path, name: str, body: str, after: str | None = None) -> Iterator[Path]:
    folder.mkdir(exist_ok=True)
    before = after or newest_revision()
    (folder / f"r{name}.py").write_text(
        f"from alembic import op\nrevision = {name!r}\ndown_revision = {before!r}\n\ndef upgrade():\n    {body}\n"
    )
    yield folder


def test_a_migration_keeps_the_data_and_a_backup(store: Any, tmp_path: Path) -> None:
    store.save()
    with revision(tmp_path / "more", "9001", "op.execute('CREATE TABLE extra (x INTEGER)')") as more:
        migrate(store.engine, store.path, [more])
    assert store.one("SELECT version_num FROM alembic_version") == "9001"
    assert store.one("SELECT canonical_name FROM performers") == "Jane Example"
    assert "extra" in inspect(store.engine).get_table_names()
    with closing(sqlite3.connect(tmp_path / f"performers.db.schema-{newest_revision()}.bak")) as backup:
        assert backup.execute("SELECT canonical_name FROM performers").fetchall() == [("Jane Example",)]
        assert backup.execute("SELECT version_num FROM alembic_version").fetchall() == [(newest_revision(),)]
    with pytest.raises(StoreError, match="9001"):  # this program itself is the older one now
        open_database(store.url)


def test_the_newest_revision_is_the_end_of_the_chain_and_is_known_without_alembic(store: Any) -> None:
    folder = Path(enrich.store.db.__file__).parent / "migrations"
    assert ScriptDirectory(folder).get_current_head() == newest_revision()
    program = (
        "import sys; from enrich.store.db.database import *; open_database(sys.argv[1])\n"
        "print('alembic' in sys.modules)"
    )
    opened = subprocess.run([sys.executable, "-c", program, store.url], capture_output=True, text=True, check=True)
    assert opened.stdout == "False\n"


def test_migrations_run_all_or_not_at_all(store: Any, tmp_path: Path) -> None:
    store.save()
    with (
        revision(tmp_path / "more", "9001", "op.execute('CREATE TABLE extra (x INTEGER)')"),
        revision(tmp_path / "more", "9002", "op.execute('DROP TABLE no_such_table')", "9001") as more,
        pytest.raises(DBAPIError, match="no_such_table"),
    ):
        migrate(store.engine, store.path, [more])
    assert store.one("SELECT version_num FROM alembic_version") == newest_revision()
    assert "extra" not in inspect(store.engine).get_table_names()
    assert store.one("SELECT canonical_name FROM performers") == "Jane Example"


def test_opening_the_newest_schema_makes_no_backup(store: Any, tmp_path: Path) -> None:
    open_database(store.url).dispose()
    assert list(tmp_path.glob("*.bak")) == []
