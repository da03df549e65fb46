"""What the store's tests share: a real database, and short ways to say what happens in it."""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np
import pytest
from sqlalchemy import Engine, text

from enrich.items import BodyMark, EmbeddedImage, FailedImage, FloatArray, ImageRef, Performer, RejectedImage
from enrich.store.crawl_queries.queries import Library
from enrich.store.db.database import database_url, open_database, write
from enrich.store.db.writer import Writer
from enrich.store.ledger.rows import Decision, Limits
from enrich.store.people.save import SavedPerformer, save_performer
from tests.faces.made import a_face
from tests.store.one_picture import fail_image, reject_image, save_face

if TYPE_CHECKING:
    from tests.store.exporting import World
    from tests.store.taking import Taking

T = TypeVar("T")

PRIORITIES = {"stashdb": 1, "theporndb": 2, "pmvstash": 3, "javstash": 4, "fansdb": 5}
NOON = datetime(2026, 1, 31, 12, tzinfo=UTC)


def unit(seed: int, dim: int = 16) -> FloatArray:
    vector = np.random.default_rng(seed).normal(size=dim).astype(np.float32)
    return vector / np.linalg.norm(vector)


class Store:
    """A database and what the tests do with it; every write is a transaction of its own."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.url = database_url(folder)
        self.path = folder / "performers.db"
        self.engine: Engine = open_database(self.url)
        self.noon = NOON

    def do(self, fn: Callable[..., T], *args: Any, **kwargs: Any) -> T:
        with write(self.engine) as tx:
            return fn(tx, *args, **kwargs)

    def rows(self, sql: str, **values: Any) -> list[tuple[Any, ...]]:
        with self.engine.connect() as connection:
            return [tuple(row) for row in connection.execute(text(sql), values)]

    def one(self, sql: str, **values: Any) -> Any:
        rows = self.rows(sql, **values)
        assert len(rows) == 1, rows
        return rows[0][0] if len(rows[0]) == 1 else rows[0]

    # --- performers ---

    def performer(self, source_id: str = "jane", name: str = "Jane Example", **said: Any) -> Performer:
        marks = {
            kind: tuple(BodyMark(location=where, description=what) for where, what in said.pop(kind, ()))
            for kind in ("tattoos", "piercings")
        }
        said.setdefault("source", "stashdb")
        return Performer(source_id=source_id, name=name, **marks, **said)

    def save(self, source_id: str = "jane", name: str = "Jane Example", run: Any = None, **said: Any) -> SavedPerformer:
        return self.do(save_performer, self.performer(source_id, name, **said), PRIORITIES, run=run)

    def aliases(self, performer: int) -> dict[str, str]:
        return dict(self.rows("SELECT alias, source_endpoint FROM aliases WHERE performer_id = :p", p=performer))

    # --- pictures ---

    def ref(self, url: str = "https://img.example/1.jpg", **said: Any) -> ImageRef:
        if "performer_id" not in said:
            said.setdefault("source_id", "jane")
        return ImageRef(image_url=url, **{"source": "stashdb", **said})

    def image(
        self, url: str = "https://img.example/1.jpg", *, body: str | None = None, seed: int | None = None,
        model: str = "pack-1", vectors: dict[str, FloatArray] | None = None, quality: float = 0.7,
        look: tuple[str, str] | tuple[None, None] = (None, None), **said: Any
    ) -> EmbeddedImage:  # fmt: skip
        sha256 = hashlib.sha256((body or url).encode()).hexdigest()
        face = a_face(
            box_px=np.array([10, 20, 110, 150], np.float32),
            landmarks_px=np.arange(10, dtype=np.float32).reshape(5, 2),
            confidence=0.93,
            yaw_deg=-7.5,
            sharpness=0.75,
            exposure=0.95,
            crop_hash=look[1],
        )
        if vectors is None:
            vectors = {"sface": unit(int(sha256[:8], 16) if seed is None else seed)}
        return EmbeddedImage(
            ref=self.ref(url, **said), sha256=sha256, width_px=600, height_px=800, face=face, quality=quality,
            model=model, vectors=vectors, picture_hash=look[0],
        )  # fmt: skip

    def face(
        self, url: str = "https://img.example/1.jpg", limits: Limits | None = None, run: Any = None, **said: Any
    ) -> Decision:
        return self.do(save_face, self.image(url, **said), limits or Limits(), run=run)

    def reject(self, url: str, reason: Any = "no_face", **said: Any) -> Decision:
        return self.do(reject_image, RejectedImage(ref=self.ref(url, **said), reason=reason))

    def fail(self, url: str, **options: Any) -> Decision:
        return self.do(fail_image, FailedImage(ref=self.ref(url), error="HTTP 503"), **options)


@pytest.fixture(scope="session")
def empty_database(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The file of a new database, to be copied: quicker than the migrations."""
    folder = tmp_path_factory.mktemp("empty")
    open_database(database_url(folder)).dispose()
    return folder / "performers.db"


@pytest.fixture
def store(tmp_path: Path, empty_database: Path) -> Iterator[Store]:
    """An empty database of its own for the test."""
    shutil.copy(empty_database, tmp_path)
    made = Store(tmp_path)
    yield made
    made.engine.dispose()


@pytest.fixture
def library(store: Store) -> Iterator[Library]:
    """Reads of the store: two faces of a source and three in all; an answer stands for thirty days."""
    made = Library(store.engine, limits=Limits(source=2, total=3), refresh_after=timedelta(days=30))
    yield made
    made.close()


@pytest.fixture
def three(store: Store) -> Store:
    """A database with three faces of one performer, made with one pack."""
    store.save()
    for number in (1, 2, 3):
        store.face(f"https://img.example/{number}.jpg", seed=number)
    return store


@pytest.fixture
def index_dir(store: Store) -> Path:
    """The folder of the store's indices."""
    return store.folder / "index"


@pytest.fixture
def voy(index_dir: Path) -> Path:
    """The index of SFace's vectors."""
    return index_dir / "face_sface.voy"


@pytest.fixture
def writer(tmp_path: Path) -> Iterator[Writer]:
    """The writer of a new database."""
    made = Writer.acquire(database_url(tmp_path))
    yield made
    made.release()


@pytest.fixture
def vector() -> Callable[..., FloatArray]:
    """A random unit vector for a seed: ``vector(7, dim=16)``."""
    return unit


@pytest.fixture(scope="session")
def filled(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the database of ``exporting.World``."""
    from tests.store.exporting import World  # which is made of what is above

    world = World(tmp_path_factory.mktemp("world"))
    world.fill()
    world.engine.dispose()
    return world.folder


@pytest.fixture
def world(filled: Path, tmp_path: Path) -> Iterator[World]:
    """A database of forty performers with three faces each, of the test's own."""
    from tests.store.exporting import World

    shutil.copytree(filled, tmp_path / "data")
    made = World(tmp_path / "data")
    yield made
    made.engine.dispose()


@pytest.fixture
def nobody(tmp_path: Path, empty_database: Path) -> Iterator[World]:
    """The same kind of database with nobody in it."""
    from tests.store.exporting import World

    (tmp_path / "data").mkdir()
    shutil.copy(empty_database, tmp_path / "data")
    made = World(tmp_path / "data")
    yield made
    made.engine.dispose()


@pytest.fixture
def taking(store: Store, tmp_path: Path) -> Taking:
    """A new database to take over into, and a folder for old data."""
    from tests.store.taking import Taking

    return Taking(store, tmp_path / "old")
