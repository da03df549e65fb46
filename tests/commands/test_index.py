"""``scrapy index``: brought up to date, rebuilt, checked; exit code 1 where they differ."""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import voyager
from scrapy.settings import Settings

from enrich.commands.index import Command
from enrich.items import EmbeddedImage, ImageRef, Performer
from enrich.store.db.database import database_url, open_database, write
from enrich.store.ledger.rows import Limits
from enrich.store.people.save import save_performer
from tests.faces.made import a_face
from tests.store.one_picture import save_face

REPO = Path(__file__).parents[2]


@pytest.fixture
def scrapy_index(data_dir: Path, capsys: pytest.CaptureFixture[str]) -> Callable[..., tuple[int, str, str]]:
    """``scrapy index ...`` on the data directory: exit code, stdout, stderr."""

    def run(*arguments: str) -> tuple[int, str, str]:
        command = Command()
        command.settings = Settings({"DATA_DIR": str(data_dir)})
        parser = argparse.ArgumentParser()
        command.add_options(parser)
        command.run([], parser.parse_args(arguments))
        return command.exitcode, *capsys.readouterr()

    return run


@pytest.fixture
def data_dir(tmp_path: Path) -> Path:
    """A database with one face."""
    image = EmbeddedImage(
        ref=ImageRef(source="stashdb", source_id="jane", image_url="https://img.example/1.jpg"), sha256="0" * 64,
        width_px=1, height_px=1, face=a_face(), quality=1.0, model="pack",
        vectors={"sface": np.full(16, 0.25, np.float32)},
    )  # fmt: skip
    engine = open_database(database_url(tmp_path))
    with write(engine) as tx:
        save_performer(tx, Performer(source="stashdb", source_id="jane", name="Jane Example"), {"stashdb": 1})
        save_face(tx, image, Limits())
    engine.dispose()
    return tmp_path


def test_it_is_missing_then_made_then_agrees(data_dir: Path, scrapy_index: Callable[..., tuple[int, str, str]]) -> None:
    voy = data_dir / "index" / "face_sface.voy"
    code, out, err = scrapy_index("--check")
    assert (code, out) == (1, "")
    assert f"{voy}: missing; the database has 1 faces" in err
    assert scrapy_index() == (0, f"{voy}: 1 faces, 1 added\n", "")
    assert set(voyager.Index.load(str(voy)).ids) == {1}
    assert scrapy_index("--check") == (0, f"{voy}: agrees with the database\n", "")


def test_rebuild_makes_it_anew_and_says_so(data_dir: Path, scrapy_index: Callable[..., tuple[int, str, str]]) -> None:
    scrapy_index()
    code, out, _ = scrapy_index("--rebuild", "--check")
    assert code == 0
    assert "1 faces, 1 added; rebuilt: as asked" in out
    assert "agrees with the database" in out


def test_an_index_of_what_the_database_has_not_is_a_difference(
    data_dir: Path, scrapy_index: Callable[..., tuple[int, str, str]]
) -> None:
    scrapy_index()
    (data_dir / "index" / "face_other.voy").write_bytes(b"left over")
    code, _, err = scrapy_index("--check")
    assert code == 1
    assert "face_other.voy: the database has no such vectors" in err


def test_as_a_program_without_a_database_there_is_nothing_to_do(tmp_path: Path) -> None:
    finished = subprocess.run(
        [sys.executable, "-m", "scrapy", "index"],
        cwd=REPO,
        env={**os.environ, "ENRICH_DATA_DIR": str(tmp_path)},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (finished.returncode, finished.stdout) == (1, "")
    assert "no database yet" in finished.stderr
    assert list(tmp_path.iterdir()) == []
