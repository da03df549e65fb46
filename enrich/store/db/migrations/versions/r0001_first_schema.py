"""The first schema: Stash Sense's tables, the ledger, the vectors, the runs."""

from __future__ import annotations

from uuid import uuid4

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None

_NOW = sa.text("CURRENT_TIMESTAMP")
_OPEN = sa.text("(outcome IN ('pending', 'failed') OR reason IN ('source_limit', 'total_limit'))")


def upgrade() -> None:
    """Make all tables."""
    op.create_table(
        "counters",
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("value", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("name"),
    )
    op.create_table(
        "meta",
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("value", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("key"),
    )
    op.create_table(
        "performers",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("canonical_name", sa.Text(), nullable=False),
        sa.Column("disambiguation", sa.Text()),
        sa.Column("gender", sa.Text()),
        sa.Column("country", sa.Text()),
        sa.Column("ethnicity", sa.Text()),
        sa.Column("birth_date", sa.Text()),
        sa.Column("death_date", sa.Text()),
        sa.Column("height_cm", sa.Integer()),
        sa.Column("eye_color", sa.Text()),
        sa.Column("hair_color", sa.Text()),
        sa.Column("career_start_year", sa.Integer()),
        sa.Column("career_end_year", sa.Integer()),
        sa.Column("scene_count", sa.Integer()),
        sa.Column("stashdb_updated_at", sa.Text()),
        sa.Column("face_count", sa.Integer(), server_default=sa.text("0")),
        sa.Column("image_url", sa.Text()),
        sa.Column("created_at", sa.Text(), server_default=_NOW),
        sa.Column("updated_at", sa.Text(), server_default=_NOW),
        sa.PrimaryKeyConstraint("id"),
        sqlite_autoincrement=True,
    )
    op.create_index("idx_performers_country", "performers", ["country"])
    op.create_index("idx_performers_ethnicity", "performers", ["ethnicity"])
    op.create_index("idx_performers_height", "performers", ["height_cm"])
    op.create_index("idx_performers_name", "performers", ["canonical_name"])
    op.create_index("idx_performers_scene_count", "performers", ["scene_count"])
    op.create_index("idx_performers_stashdb_updated", "performers", ["stashdb_updated_at"])
    op.create_table(
        "runs",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("mode", sa.Text(), nullable=False),
        sa.Column("started_at", sa.Text(), nullable=False),
        sa.Column("heartbeat_at", sa.Text(), nullable=False),
        sa.Column("finished_at", sa.Text()),
        sa.Column("finish_reason", sa.Text()),
        sa.Column("performers", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("faces_added", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("errors", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("expected", sa.Integer()),
        sa.Column("host", sa.Text()),
        sa.Column("pid", sa.Integer()),
        sa.Column("stats", sa.JSON()),
        sa.PrimaryKeyConstraint("id"),
        sqlite_autoincrement=True,
    )
    op.create_index("idx_runs_source_mode", "runs", ["source", "mode", "id"])
    op.create_table(
        "scrape_progress",
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("last_processed_id", sa.Text()),
        sa.Column("last_processed_time", sa.Text(), server_default=_NOW),
        sa.Column("performers_processed", sa.Integer(), server_default=sa.text("0")),
        sa.Column("faces_added", sa.Integer(), server_default=sa.text("0")),
        sa.Column("errors", sa.Integer(), server_default=sa.text("0")),
        sa.PrimaryKeyConstraint("source"),
    )
    op.create_table(
        "aliases",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("performer_id", sa.Integer(), nullable=False),
        sa.Column("alias", sa.Text(), nullable=False),
        sa.Column("source_endpoint", sa.Text()),
        sa.Column("created_at", sa.Text(), server_default=_NOW),
        sa.ForeignKeyConstraint(["performer_id"], ["performers.id"], ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("performer_id", "alias"),
        sqlite_autoincrement=True,
    )
    op.create_index("idx_aliases_performer", "aliases", ["performer_id"])
    op.create_table(
        "external_urls",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("performer_id", sa.Integer(), nullable=False),
        sa.Column("site", sa.Text(), nullable=False),
        sa.Column("url", sa.Text(), nullable=False),
        sa.Column("normalized_id", sa.Text(), nullable=False),
        sa.Column("source_endpoint", sa.Text(), nullable=False),
        sa.Column("confidence", sa.Float(), server_default=sa.text("1.0")),
        sa.Column("created_at", sa.Text(), server_default=_NOW),
        sa.ForeignKeyConstraint(["performer_id"], ["performers.id"], ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("site", "normalized_id"),
        sqlite_autoincrement=True,
    )
    op.create_index("idx_urls_normalized", "external_urls", ["normalized_id"])
    op.create_index("idx_urls_performer", "external_urls", ["performer_id"])
    op.create_index("idx_urls_site_performer", "external_urls", ["site", "performer_id"])
    op.create_table(
        "faces",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("performer_id", sa.Integer(), nullable=False),
        sa.Column("facenet_index", sa.Integer(), nullable=False),
        sa.Column("arcface_index", sa.Integer(), nullable=False),
        sa.Column("image_url", sa.Text()),
        sa.Column("source_endpoint", sa.Text(), nullable=False),
        sa.Column("quality_score", sa.Float()),
        sa.Column("created_at", sa.Text(), server_default=_NOW),
        sa.ForeignKeyConstraint(["performer_id"], ["performers.id"], ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("arcface_index"),
        sa.UniqueConstraint("facenet_index"),
        sqlite_autoincrement=True,
    )
    op.create_index("idx_faces_performer", "faces", ["performer_id"])
    op.create_table(
        "lookups",
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("mode", sa.Text(), nullable=False),
        sa.Column("performer_id", sa.Integer(), nullable=False),
        sa.Column("outcome", sa.Text(), nullable=False),
        sa.Column("detail", sa.Text()),
        sa.Column("attempts", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("next_try_at", sa.Text()),
        sa.Column("checked_at", sa.Text(), nullable=False),
        sa.Column("asked", sa.Text()),
        sa.ForeignKeyConstraint(["performer_id"], ["performers.id"], ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("source", "mode", "performer_id"),
    )
    op.create_index("idx_lookups_performer", "lookups", ["performer_id"])
    op.create_table(
        "merged_ids",
        sa.Column("performer_id", sa.Integer(), nullable=False),
        sa.Column("merged_stashbox_id", sa.Text(), nullable=False),
        sa.Column("endpoint", sa.Text(), nullable=False),
        sa.Column("merged_at", sa.Text(), server_default=_NOW),
        sa.ForeignKeyConstraint(["performer_id"], ["performers.id"], ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("endpoint", "merged_stashbox_id"),
    )
    op.create_index("idx_merged_performer", "merged_ids", ["performer_id"])
    op.create_table(
        "piercings",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("performer_id", sa.Integer(), nullable=False),
        sa.Column("location", sa.Text()),
        sa.Column("description", sa.Text()),
        sa.Column("source_endpoint", sa.Text()),
        sa.Column("created_at", sa.Text(), server_default=_NOW),
        sa.ForeignKeyConstraint(["performer_id"], ["performers.id"], ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("performer_id", "location", "description"),
        sqlite_autoincrement=True,
    )
    op.create_index("idx_piercings_performer", "piercings", ["performer_id"])
    op.create_table(
        "profiles",
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("source_id", sa.Text(), nullable=False),
        sa.Column("performer_id", sa.Integer(), nullable=False),
        sa.Column("data", sa.JSON(), nullable=False),
        sa.Column("updated", sa.Text()),
        sa.Column("seen_at", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["performer_id"], ["performers.id"], ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("source", "source_id"),
    )
    op.create_index("idx_profiles_performer", "profiles", ["performer_id"])
    op.create_table(
        "stashbox_ids",
        sa.Column("performer_id", sa.Integer(), nullable=False),
        sa.Column("endpoint", sa.Text(), nullable=False),
        sa.Column("stashbox_performer_id", sa.Text(), nullable=False),
        sa.Column("created_at", sa.Text(), server_default=_NOW),
        sa.ForeignKeyConstraint(["performer_id"], ["performers.id"], ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("endpoint", "stashbox_performer_id"),
    )
    op.create_index("idx_stashbox_id", "stashbox_ids", ["stashbox_performer_id"])
    op.create_index("idx_stashbox_performer", "stashbox_ids", ["performer_id"])
    op.create_table(
        "tattoos",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("performer_id", sa.Integer(), nullable=False),
        sa.Column("location", sa.Text()),
        sa.Column("description", sa.Text()),
        sa.Column("source_endpoint", sa.Text()),
        sa.Column("created_at", sa.Text(), server_default=_NOW),
        sa.ForeignKeyConstraint(["performer_id"], ["performers.id"], ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("performer_id", "location", "description"),
        sqlite_autoincrement=True,
    )
    op.create_index("idx_tattoos_performer", "tattoos", ["performer_id"])
    op.create_table(
        "embeddings",
        sa.Column("face_id", sa.Integer(), nullable=False),
        sa.Column("recogniser", sa.Text(), nullable=False),
        sa.Column("model", sa.Text(), nullable=False),
        sa.Column("vector", sa.LargeBinary(), nullable=False),
        sa.ForeignKeyConstraint(["face_id"], ["faces.id"], ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("face_id", "recogniser"),
    )
    op.create_table(
        "face_details",
        sa.Column("face_id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("sha256", sa.Text(), nullable=False),
        sa.Column("box_px", sa.JSON(), nullable=False),
        sa.Column("landmarks_px", sa.JSON(), nullable=False),
        sa.Column("confidence", sa.Float(), nullable=False),
        sa.Column("yaw_deg", sa.Float(), nullable=False),
        sa.Column("model", sa.Text(), nullable=False),
        sa.Column("matched", sa.Text()),
        sa.Column("page_url", sa.Text()),
        sa.Column("gallery", sa.Text()),
        sa.ForeignKeyConstraint(["face_id"], ["faces.id"], ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("face_id"),
    )
    op.create_table(
        "images",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("performer_id", sa.Integer(), nullable=False),
        sa.Column("image_url", sa.Text(), nullable=False),
        sa.Column("mode", sa.Text()),
        sa.Column("sha256", sa.Text()),
        sa.Column("outcome", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text()),
        sa.Column("attempts", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("next_try_at", sa.Text()),
        sa.Column("error", sa.Text()),
        sa.Column("detail", sa.JSON()),
        sa.Column("face_id", sa.Integer()),
        sa.Column("matched", sa.Text()),
        sa.Column("page_url", sa.Text()),
        sa.Column("gallery", sa.Text()),
        sa.Column("width_px", sa.Integer()),
        sa.Column("height_px", sa.Integer()),
        sa.Column("created_at", sa.Text(), nullable=False),
        sa.Column("decided_at", sa.Text()),
        sa.ForeignKeyConstraint(["face_id"], ["faces.id"], ondelete="SET NULL"),
        sa.ForeignKeyConstraint(["performer_id"], ["performers.id"], ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("source", "performer_id", "image_url"),
        sqlite_autoincrement=True,
    )
    op.create_index("idx_images_face", "images", ["face_id"])
    op.create_index("idx_images_open", "images", ["source", "id"], sqlite_where=_OPEN, postgresql_where=_OPEN)
    op.create_index("idx_images_performer", "images", ["performer_id"])
    op.create_index("idx_images_sha256", "images", ["sha256"])
    op.create_index("idx_aliases_alias", "aliases", [sa.text("lower(alias)")])
    op.bulk_insert(
        sa.table("meta", sa.column("key", sa.Text), sa.column("value", sa.Text)),
        [{"key": "database_id", "value": uuid4().hex}],
    )
    op.bulk_insert(
        sa.table("counters", sa.column("name", sa.Text), sa.column("value", sa.Integer)),
        [{"name": "face_id", "value": 0}],
    )
