"""What was measured of a face, and hashes by which another version of its picture is known again."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"


def upgrade() -> None:
    """Add three columns to each table that says where a face was found; of faces that are stored they are empty."""
    for table in ("face_details", "candidates", "reembedded"):
        op.add_column(table, sa.Column("picture_hash", sa.Text()))
        op.add_column(table, sa.Column("crop_hash", sa.Text()))
        op.add_column(table, sa.Column("measures", sa.JSON()))
