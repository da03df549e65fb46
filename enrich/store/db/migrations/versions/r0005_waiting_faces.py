"""Faces that wait, with their vectors, until there are others to judge them by."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    """Make the two tables."""
    op.create_table(
        "candidates",
        sa.Column("image_id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("sha256", sa.Text(), nullable=False),
        sa.Column("box_px", sa.JSON(), nullable=False),
        sa.Column("landmarks_px", sa.JSON(), nullable=False),
        sa.Column("confidence", sa.Float(), nullable=False),
        sa.Column("yaw_deg", sa.Float(), nullable=False),
        sa.Column("quality_score", sa.Float(), nullable=False),
        sa.Column("model", sa.Text(), nullable=False),
        sa.Column("seen_face", sa.Integer()),
        sa.ForeignKeyConstraint(["image_id"], ["images.id"], ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("image_id"),
    )
    op.create_table(
        "candidate_vectors",
        sa.Column("image_id", sa.Integer(), nullable=False),
        sa.Column("recogniser", sa.Text(), nullable=False),
        sa.Column("vector", sa.LargeBinary(), nullable=False),
        sa.ForeignKeyConstraint(["image_id"], ["candidates.image_id"], ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("image_id", "recogniser"),
    )
