"""Vectors of another model pack, gathered beside the present ones until there is one for every face."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    """Make the two tables."""
    op.create_table(
        "reembedded",
        sa.Column("face_id", sa.Integer(), nullable=False),
        sa.Column("model", sa.Text(), nullable=False),
        sa.Column("outcome", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text()),
        sa.Column("attempts", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("next_try_at", sa.Text()),
        sa.Column("sha256", sa.Text()),
        sa.Column("box_px", sa.JSON()),
        sa.Column("landmarks_px", sa.JSON()),
        sa.Column("confidence", sa.Float()),
        sa.Column("yaw_deg", sa.Float()),
        sa.Column("quality_score", sa.Float()),
        sa.Column("decided_at", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["face_id"], ["faces.id"], ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("face_id", "model"),
    )
    op.create_table(
        "new_embeddings",
        sa.Column("face_id", sa.Integer(), nullable=False),
        sa.Column("recogniser", sa.Text(), nullable=False),
        sa.Column("model", sa.Text(), nullable=False),
        sa.Column("vector", sa.LargeBinary(), nullable=False),
        sa.ForeignKeyConstraint(["face_id"], ["faces.id"], ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("face_id", "model", "recogniser"),
    )
