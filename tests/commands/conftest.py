"""``scrapy forget`` in this process, on a data directory of the test's own."""

from __future__ import annotations

import argparse
from pathlib import Path

import pytest
from scrapy.settings import Settings

from enrich.commands.forget import Command
from enrich.items import EmbeddedImage, ImageRef, Performer
from enrich.store.db.database import database_url, open_database, write
from enrich.store.index.sync import catch_up, index_specs
from enrich.store.ledger.rows import Limits
from enrich.store.people.save import save_performer
from tests.commands.forgetting import PEOPLE, Run, vector
from tests.faces.made import a_face
from tests.store.one_picture import save_face


@pytest.fixture
def data_dir(tmp_path: Path) -> Path:
    """A database of three people with a face each from two sources, its index, and a backup."""
    engine = open_database(database_url(tmp_path))
    with write(engine) as tx:
        for at, name in enumerate(PEOPLE, 1):
            slug = name.split()[0].lower()
            said = Performer(source="stashdb", source_id=slug, name=name, urls=(f"https://twitter.com/{slug}_{at}",))
            number = save_performer(tx, said, {}).performer_id
            for source, owner in (("stashdb", {"source_id": slug}), ("babepedia", {"performer_id": number})):
                ref = ImageRef(source=source, image_url=f"https://img.example/{source}/{slug}.jpg", **owner)
                seed = 2 * at + (source == "stashdb")
                image = EmbeddedImage(
                    ref=ref, sha256=f"{seed:064}", width_px=1, height_px=1, face=a_face(), quality=1.0, model="pack",
                    vectors={"sface": vector(seed)},
                )  # fmt: skip
                save_face(tx, image, Limits())
    with engine.connect() as connection:
        (spec,) = index_specs(connection)
    catch_up(engine, tmp_path / "index", spec)
    engine.dispose()
    (tmp_path / "performers.db.schema-0001.bak").write_bytes(b"Jane Exampla")
    return tmp_path


@pytest.fixture
def forget(data_dir: Path, capsys: pytest.CaptureFixture[str]) -> Run:
    """``scrapy forget ...`` on the data directory: exit code, stdout, stderr."""

    def run(*arguments: str) -> tuple[int, str, str]:
        command = Command()
        command.settings = Settings({"DATA_DIR": str(data_dir)})
        parser = argparse.ArgumentParser()
        command.add_options(parser)
        parser.add_argument("who", nargs="*")
        opts = parser.parse_args(arguments)
        command.run(opts.who, opts)
        return command.exitcode, *capsys.readouterr()

    return run
