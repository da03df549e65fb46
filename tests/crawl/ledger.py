"""What a crawl left behind, read from its database as another program would."""

from __future__ import annotations

import sqlite3
from collections import Counter
from contextlib import closing
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import numpy as np
import voyager


def rows(data_dir: Path, query: str, *values: Any) -> list[sqlite3.Row]:
    with closing(sqlite3.connect(f"file:{data_dir / 'performers.db'}?mode=ro", uri=True)) as connection:
        connection.row_factory = sqlite3.Row
        return connection.execute(query, values).fetchall()


def images(data_dir: Path) -> dict[str, tuple[str, str | None]]:
    """Path of each picture in the ledger -> (outcome, reason). A picture may be listed for one performer only."""
    found = rows(data_dir, "SELECT image_url, outcome, reason FROM images")
    return {urlsplit(row["image_url"]).path: (row["outcome"], row["reason"]) for row in found}


def tally(data_dir: Path) -> Counter[tuple[str, str, str | None]]:
    """How often each performer's pictures ended how. Which of them a limit leaves out depends on who answers first."""
    query = """SELECT stashbox_performer_id, outcome, reason FROM images JOIN stashbox_ids USING (performer_id)"""
    return Counter(tuple(row) for row in rows(data_dir, query))


def vectors(data_dir: Path) -> dict[int, np.ndarray]:
    found = rows(data_dir, "SELECT face_id, vector FROM embeddings")
    return {row["face_id"]: np.frombuffer(row["vector"], "<f4") for row in found}


def index(data_dir: Path, recogniser: str) -> voyager.Index:
    with (data_dir / "index" / f"face_{recogniser}.voy").open("rb") as file:
        return voyager.Index.load(file)
