"""The tables: ours, and with them Stash Sense's. Times are UTC texts, ``2026-01-31 09:30:00``.

What is written here is the newest schema, for queries; ``db/migrations`` makes and changes databases.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import (
    JSON,
    Column,
    Float,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    PrimaryKeyConstraint,
    Table,
    Text,
    UniqueConstraint,
    text,
)

from enrich.store.db.stash_sense_tables import aliases as aliases
from enrich.store.db.stash_sense_tables import external_urls as external_urls
from enrich.store.db.stash_sense_tables import faces as faces
from enrich.store.db.stash_sense_tables import merged_ids as merged_ids
from enrich.store.db.stash_sense_tables import metadata as metadata
from enrich.store.db.stash_sense_tables import performer_column as performer_column
from enrich.store.db.stash_sense_tables import performers as performers
from enrich.store.db.stash_sense_tables import piercings as piercings
from enrich.store.db.stash_sense_tables import scrape_progress as scrape_progress
from enrich.store.db.stash_sense_tables import stashbox_ids as stashbox_ids
from enrich.store.db.stash_sense_tables import tattoos as tattoos


def _found(nullable: bool = False) -> list[Column[Any]]:
    """Where a face was found: the sha256 of its picture's bytes; box and landmarks in pixels of it, yaw in degrees."""
    return [
        Column("sha256", Text, nullable=nullable),
        Column("box_px", JSON(none_as_null=True), nullable=nullable),
        Column("landmarks_px", JSON(none_as_null=True), nullable=nullable),
        Column("confidence", Float, nullable=nullable),
        Column("yaw_deg", Float, nullable=nullable),
    ]


def _looks() -> list[Column[Any]]:
    """What was measured of a face, and the perceptual hashes of its picture and of its aligned crop, 16 hex digits.

    ``NULL`` of faces that were stored before these were kept, or that another program found.
    """
    hashes: list[Column[Any]] = [Column("picture_hash", Text), Column("crop_hash", Text)]
    return [*hashes, Column("measures", JSON(none_as_null=True))]


def _vectors(name: str, *key: str) -> Table:
    """Vectors of faces, float32 little-endian, L2 norm 1. ``model``: fingerprint of the pack that made them."""
    return Table(
        name,
        metadata,
        Column("face_id", Integer, ForeignKey("faces.id", ondelete="CASCADE"), nullable=False),
        Column("recogniser", Text, nullable=False),
        Column("model", Text, nullable=False),
        Column("vector", LargeBinary, nullable=False),
        PrimaryKeyConstraint(*key),
    )


embeddings = _vectors("embeddings", "face_id", "recogniser")
"""What the indices are made of, all of one pack."""

face_details = Table(
    "face_details",
    metadata,
    Column("face_id", Integer, ForeignKey("faces.id", ondelete="CASCADE"), primary_key=True, autoincrement=False),
    *_found(),
    Column("model", Text, nullable=False),
    Column("matched", Text),
    Column("page_url", Text),
    Column("gallery", Text),
    *_looks(),
)
"""Where in its image a face was found, and how the image came to be taken for the performer's."""

images = Table(
    "images",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=True),
    Column("source", Text, nullable=False),
    performer_column(),
    Column("image_url", Text, nullable=False),
    Column("mode", Text),
    Column("sha256", Text),
    Column("outcome", Text, nullable=False),
    Column("reason", Text),
    Column("attempts", Integer, nullable=False, server_default=text("0")),
    Column("next_try_at", Text),
    Column("error", Text),
    Column("detail", JSON(none_as_null=True)),
    Column("face_id", Integer, ForeignKey("faces.id", ondelete="SET NULL")),
    Column("matched", Text),
    Column("page_url", Text),
    Column("gallery", Text),
    Column("width_px", Integer),
    Column("height_px", Integer),
    Column("created_at", Text, nullable=False),
    Column("decided_at", Text),
    UniqueConstraint("source", "performer_id", "image_url"),
    Index("idx_images_performer", "performer_id"),
    sqlite_autoincrement=True,
)
"""The ledger: one row for every picture of a performer at a source; pending, accepted, rejected or failed."""

OPEN_IMAGE = text("(outcome IN ('pending', 'failed') OR reason IN ('source_limit', 'total_limit'))")
"""True of pictures whose last word is not spoken; word for word the condition of the index ``idx_images_open``."""

Index(
    "idx_images_open",
    *(images.c[name] for name in ("source", "performer_id", "next_try_at", "outcome", "reason")),
    sqlite_where=OPEN_IMAGE,
    postgresql_where=OPEN_IMAGE,
)
_KNOWN_BYTES, _HAS_FACE = images.c.sha256.is_not(None), images.c.face_id.is_not(None)
Index("idx_images_sha256", images.c.sha256, sqlite_where=_KNOWN_BYTES, postgresql_where=_KNOWN_BYTES)
Index("idx_images_face", images.c.face_id, sqlite_where=_HAS_FACE, postgresql_where=_HAS_FACE)

lookups = Table(
    "lookups",
    metadata,
    Column("source", Text, nullable=False),
    Column("mode", Text, nullable=False),
    performer_column(),
    Column("outcome", Text, nullable=False),
    Column("detail", Text),
    Column("attempts", Integer, nullable=False, server_default=text("0")),
    Column("next_try_at", Text),
    Column("checked_at", Text, nullable=False),
    Column("asked", Text),
    PrimaryKeyConstraint("source", "mode", "performer_id"),
    Index("idx_lookups_performer", "performer_id"),
)
"""How the search for each performer at each reference site ended. ``asked``: fingerprint of the names or links asked
with; a change of it makes the performer due again."""

profiles = Table(
    "profiles",
    metadata,
    Column("source", Text, nullable=False),
    Column("source_id", Text, nullable=False),
    performer_column(),
    Column("data", JSON, nullable=False),
    Column("updated", Text),
    Column("seen_at", Text, nullable=False),
    PrimaryKeyConstraint("source", "source_id"),
    Index("idx_profiles_performer", "performer_id"),
)
"""What each source said of each performer, whole; the performer's columns are derived from it."""

runs = Table(
    "runs",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=True),
    Column("source", Text, nullable=False),
    Column("mode", Text, nullable=False),
    Column("started_at", Text, nullable=False),
    Column("heartbeat_at", Text, nullable=False),
    Column("finished_at", Text),
    Column("finish_reason", Text),
    Column("performers", Integer, nullable=False, server_default=text("0")),
    Column("faces_added", Integer, nullable=False, server_default=text("0")),
    Column("errors", Integer, nullable=False, server_default=text("0")),
    Column("expected", Integer),
    Column("host", Text),
    Column("pid", Integer),
    Column("stats", JSON(none_as_null=True)),
    Index("idx_runs_source_mode", "source", "mode", "id"),
    sqlite_autoincrement=True,
)
"""Every crawl of a source. ``expected``: performers it will go through, where the source tells."""

counters = Table(
    "counters",
    metadata,
    Column("name", Text, primary_key=True),
    Column("value", Integer, nullable=False),
)
"""The last number given out of each series (``face_id``); numbers are never given out twice."""

meta = Table(
    "meta",
    metadata,
    Column("key", Text, primary_key=True),
    Column("value", Text, nullable=False),
)
"""``database_id``; ``salt`` of the forgotten; ``model``: fingerprint of the pack the vectors are of;
``dim:<recogniser>``: its vectors' length; ``forgetting``: what of that is still to be done; ``jobdir:<path>``: job
directories that lie elsewhere; ``export_version``: the last one given out."""

forgotten = Table(
    "forgotten",
    metadata,
    Column("hash", Text, primary_key=True),
    Column("forgotten_at", Text, nullable=False),
)
"""Salted hashes of the ids and links of performers who were forgotten: what they match is never stored again."""

gone = Table(
    "gone",
    metadata,
    Column("source", Text, nullable=False),
    Column("source_id", Text, nullable=False),
    performer_column(),
    Column("reason", Text, nullable=False),
    Column("found_at", Text, nullable=False),
    PrimaryKeyConstraint("source", "source_id"),
    Index("idx_gone_performer", "performer_id"),
)
"""Performers whom their stash-box no longer has. ``reason``: ``deleted`` or ``not_found``."""

exports = Table(
    "exports",
    metadata,
    Column("path", Text, primary_key=True),
    Column("format", Text, nullable=False),
    Column("exported_at", Text, nullable=False),
)
"""Folders (absolute paths) that hold an export of this database: who is forgotten has to go from them too."""

reembedded = Table(
    "reembedded",
    metadata,
    Column("face_id", Integer, ForeignKey("faces.id", ondelete="CASCADE"), nullable=False),
    Column("model", Text, nullable=False),
    Column("outcome", Text, nullable=False),
    Column("reason", Text),
    Column("attempts", Integer, nullable=False, server_default=text("0")),
    Column("next_try_at", Text),
    *_found(nullable=True),
    Column("quality_score", Float),
    Column("decided_at", Text, nullable=False),
    *_looks(),
    PrimaryKeyConstraint("face_id", "model"),
)
"""Faces on their way to another model pack, whose fingerprint is ``model``: ``done`` (where it was found is here, its
vectors are in ``new_embeddings``), ``lost`` (``reason``) or ``failed`` (to be tried again). Empty but for that time."""

new_embeddings = _vectors("new_embeddings", "face_id", "model", "recogniser")
"""Vectors of a pack that the database is not of yet; as ``embeddings``, which they replace all at once."""

candidates = Table(
    "candidates",
    metadata,
    Column("image_id", Integer, ForeignKey("images.id", ondelete="CASCADE"), primary_key=True, autoincrement=False),
    *_found(),
    Column("quality_score", Float, nullable=False),
    Column("model", Text, nullable=False),
    Column("seen_face", Integer),
    *_looks(),
)
"""Faces that wait for others to be judged by: their pictures are rejected so far. Where the picture is accepted, its
face stands unconfirmed. ``seen_face``: the performer's newest face when it was last judged; ``NULL``: never judged."""

candidate_vectors = Table(
    "candidate_vectors",
    metadata,
    Column("image_id", Integer, ForeignKey("candidates.image_id", ondelete="CASCADE"), nullable=False),
    Column("recogniser", Text, nullable=False),
    Column("vector", LargeBinary, nullable=False),
    PrimaryKeyConstraint("image_id", "recogniser"),
)
"""Their vectors, as in ``embeddings``."""
