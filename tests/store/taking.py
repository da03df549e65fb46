"""An old Stash Sense database and the new one that it is taken over into."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np

from enrich.store.takeover import TakeOver, take_over
from tests.store.conftest import PRIORITIES, Store
from tests.store.stash_sense import OldData, crowd

MODEL = "facenet+arcface-0123456789abcdef"
NOW = datetime(2026, 2, 1, 12, tzinfo=UTC)


class Taking:
    """Takes old databases over into one of the test's own, as ``scrapy import`` does."""

    def __init__(self, store: Store, old: Path) -> None:
        self.store = store
        self.old = old

    def __call__(self, old: OldData, **options: Any) -> TakeOver:
        options = {"index_dir": old.folder, "model": MODEL, **options}
        return take_over(old.path, self.store.url, scratch=self.store.folder, priorities=PRIORITIES, now=NOW, **options)

    def data(self, version: int = 5, owners: list[int] | None = None, **damage: Any) -> OldData:
        """A data folder of Stash Sense."""
        return OldData(self.old, version, crowd(30) if owners is None else owners).make(**damage)

    def vectors(self) -> dict[str, dict[str, np.ndarray]]:
        """Address of a picture -> recogniser -> the vector stored for it."""
        found: dict[str, dict[str, np.ndarray]] = {}
        for url, recogniser, vector in self.store.rows(
            "SELECT image_url, recogniser, vector FROM faces JOIN embeddings ON face_id = faces.id"
        ):
            found.setdefault(url, {})[recogniser] = np.frombuffer(vector, "<f4")
        return found

    def everything(self) -> dict[str, list[tuple[Any, ...]]]:
        """The whole database."""
        tables = [row[0] for row in self.store.rows("SELECT name FROM sqlite_master WHERE type = 'table' ORDER BY 1")]
        return {table: self.store.rows(f"SELECT * FROM {table}") for table in tables}


def lines(done: TakeOver) -> str:
    return "\n".join(done.lines())
