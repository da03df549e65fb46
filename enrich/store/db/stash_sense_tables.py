"""Stash Sense's tables with exactly its columns: not one more, its reader builds a dataclass from ``SELECT *``."""

from __future__ import annotations

from sqlalchemy import (
    Column,
    Float,
    ForeignKey,
    Index,
    Integer,
    MetaData,
    PrimaryKeyConstraint,
    Table,
    Text,
    UniqueConstraint,
    text,
)

metadata = MetaData()

_NOW = text("CURRENT_TIMESTAMP")
"""The default of its time columns: the same text as its ``datetime('now')``."""


def performer_column() -> Column[int]:
    """Whose a row is: it goes with the performer."""
    return Column("performer_id", Integer, ForeignKey("performers.id", ondelete="CASCADE"), nullable=False)


performers = Table(
    "performers",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=True),
    Column("canonical_name", Text, nullable=False),
    Column("disambiguation", Text),
    Column("gender", Text),
    Column("country", Text),
    Column("ethnicity", Text),
    Column("birth_date", Text),
    Column("death_date", Text),
    Column("height_cm", Integer),
    Column("eye_color", Text),
    Column("hair_color", Text),
    Column("career_start_year", Integer),
    Column("career_end_year", Integer),
    Column("scene_count", Integer),
    Column("stashdb_updated_at", Text),
    Column("face_count", Integer, server_default=text("0")),
    Column("image_url", Text),
    Column("created_at", Text, server_default=_NOW),
    Column("updated_at", Text, server_default=_NOW),
    Index("idx_performers_name", "canonical_name"),
    Index("idx_performers_country", "country"),
    Index("idx_performers_ethnicity", "ethnicity"),
    Index("idx_performers_height", "height_cm"),
    Index("idx_performers_scene_count", "scene_count"),
    Index("idx_performers_stashdb_updated", "stashdb_updated_at"),
    sqlite_autoincrement=True,
)

stashbox_ids = Table(
    "stashbox_ids",
    metadata,
    performer_column(),
    Column("endpoint", Text, nullable=False),
    Column("stashbox_performer_id", Text, nullable=False),
    Column("created_at", Text, server_default=_NOW),
    PrimaryKeyConstraint("endpoint", "stashbox_performer_id"),
    Index("idx_stashbox_performer", "performer_id"),
    Index("idx_stashbox_id", "stashbox_performer_id"),
)

external_urls = Table(
    "external_urls",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=True),
    performer_column(),
    Column("site", Text, nullable=False),
    Column("url", Text, nullable=False),
    Column("normalized_id", Text, nullable=False),
    Column("source_endpoint", Text, nullable=False),
    Column("confidence", Float, server_default=text("1.0")),
    Column("created_at", Text, server_default=_NOW),
    UniqueConstraint("site", "normalized_id"),
    Index("idx_urls_performer", "performer_id"),
    Index("idx_urls_normalized", "normalized_id"),
    Index("idx_urls_site_performer", "site", "performer_id"),
    sqlite_autoincrement=True,
)

aliases = Table(
    "aliases",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=True),
    performer_column(),
    Column("alias", Text, nullable=False),
    Column("source_endpoint", Text),
    Column("created_at", Text, server_default=_NOW),
    UniqueConstraint("performer_id", "alias"),
    Index("idx_aliases_performer", "performer_id"),
    Index("idx_aliases_alias", text("lower(alias)")),
    sqlite_autoincrement=True,
)

faces = Table(
    "faces",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=True),
    performer_column(),
    Column("facenet_index", Integer, nullable=False, unique=True),
    Column("arcface_index", Integer, nullable=False, unique=True),
    Column("image_url", Text),
    Column("source_endpoint", Text, nullable=False),
    Column("quality_score", Float),
    Column("created_at", Text, server_default=_NOW),
    Index("idx_faces_performer", "performer_id", "source_endpoint"),
    sqlite_autoincrement=True,
)

merged_ids = Table(
    "merged_ids",
    metadata,
    performer_column(),
    Column("merged_stashbox_id", Text, nullable=False),
    Column("endpoint", Text, nullable=False),
    Column("merged_at", Text, server_default=_NOW),
    PrimaryKeyConstraint("endpoint", "merged_stashbox_id"),
    Index("idx_merged_performer", "performer_id"),
)


def _body_marks(name: str) -> Table:
    return Table(
        name,
        metadata,
        Column("id", Integer, primary_key=True, autoincrement=True),
        performer_column(),
        Column("location", Text),
        Column("description", Text),
        Column("source_endpoint", Text),
        Column("created_at", Text, server_default=_NOW),
        UniqueConstraint("performer_id", "location", "description"),
        Index(f"idx_{name}_performer", "performer_id"),
        sqlite_autoincrement=True,
    )


tattoos = _body_marks("tattoos")
piercings = _body_marks("piercings")

scrape_progress = Table(
    "scrape_progress",
    metadata,
    Column("source", Text, primary_key=True),
    Column("last_processed_id", Text),
    Column("last_processed_time", Text, server_default=_NOW),
    Column("performers_processed", Integer, server_default=text("0")),
    Column("faces_added", Integer, server_default=text("0")),
    Column("errors", Integer, server_default=text("0")),
)
