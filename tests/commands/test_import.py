"""``scrapy import``: what comes along, what is said of the rest, and that crawls go on from there."""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from scrapy.exceptions import UsageError
from scrapy.settings import Settings
from scrapy.utils.misc import load_object

from enrich.commands.index import bring_up
from enrich.faces.pack import load_pack
from enrich.store.db.database import database_url
from enrich.store.takeover import take_over
from tests.conftest import Scrapy
from tests.crawl import ledger
from tests.faces.tiny import write_pack
from tests.middlewares.counting_site import JPEG, Answer, Asked, serving
from tests.store.stash_sense import OldData, crowd, uuid

Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def old(tmp_path: Path) -> OldData:
    """A data folder of Stash Sense, schema 4; the vectors of two faces are deleted."""
    return OldData(tmp_path / "old", 4, crowd(40)).make(deleted=[7, 8])


@pytest.fixture
def scrapy_import(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Run:
    """``scrapy import ...`` into an empty data directory: exit code, stdout, stderr."""

    def run(*arguments: str) -> tuple[int, str, str]:
        command = load_object("enrich.commands.import.Command")()
        command.settings = Settings({"DATA_DIR": str(tmp_path / "data")})
        parser = argparse.ArgumentParser()
        command.add_options(parser)
        options, rest = parser.parse_known_args(arguments)
        command.run(rest, options)
        return (command.exitcode, *capsys.readouterr())

    return run


def test_it_says_what_it_did_and_makes_the_indices(old: OldData, scrapy_import: Run, tmp_path: Path) -> None:
    code, out, err = scrapy_import(str(old.path))
    assert (code, err) == (0, "")
    index = tmp_path / "data" / "index"
    model = load_pack("stash_sense", tmp_path, complete=False).fingerprint
    assert out.splitlines() == [
        f"{old.path}: Stash Sense schema 4, {len(set(old.owners))} performers, 40 faces",
        f"performers: {len(set(old.owners))} new",
        "faces: 38 taken with their vectors, 2 to be fetched again",
        "  2 not taken: its vector is deleted or missing in face_facenet.voy: 8-9",
        "  to be fetched again: by the next `scrapy crawl` of their source (-a pages=0: nothing but these)",
        f"its vectors are of model pack stash_sense ({model}): crawl on with MODEL_PACK=stash_sense, or have those of "
        "another pack made with `scrapy index --reembed`",
        f"{index / 'face_arcface.voy'}: 38 faces, 38 added",
        f"{index / 'face_facenet.voy'}: 38 faces, 38 added",
    ]
    assert bring_up(database_url(tmp_path / "data"), index, rebuild=False, check=True) == []


def test_vectors_from_elsewhere_and_none_at_all(old: OldData, scrapy_import: Run, tmp_path: Path) -> None:
    (tmp_path / "voy").mkdir()
    for name in ("facenet", "arcface"):
        old.index(name).rename(tmp_path / "voy" / old.index(name).name)
    code, out, err = scrapy_import(str(old.path))
    assert (code, out) == (1, "")
    assert err == (
        f"enrich: {old.index('facenet')}: missing; name the folder that has it with --index-dir, "
        "or take over all but the vectors with --without-vectors\n"
    )
    code, out, _ = scrapy_import(str(old.path), "--without-vectors")
    assert code == 0
    assert "faces: 40 to be fetched again\n" in out
    assert "the database has no faces yet" in out
    code, out, _ = scrapy_import(str(old.path), "--index-dir", str(tmp_path / "voy"))
    assert code == 0
    assert "faces: 38 taken with their vectors, 2 were to be fetched already\n" in out


def test_wrong_arguments(scrapy_import: Run) -> None:
    for arguments in ((), ("a", "b"), ("a", "--index-dir", "b", "--without-vectors")):
        with pytest.raises(UsageError):
            scrapy_import(*arguments)


def test_as_a_program_and_a_crawl_with_another_pack_afterwards(old: OldData, scrapy: Scrapy) -> None:
    finished = scrapy("import", str(old.path))
    assert (finished.code, finished.lines) == (0, [])
    assert "38 taken with their vectors" in finished.out
    checked = scrapy("index", "--check")
    assert checked.code == 0, checked.err
    assert checked.out.count("agrees with the database") == 2
    crawled = scrapy("crawl", "stashdb")
    assert crawled.code == 1
    model = load_pack("stash_sense", old.folder, complete=False).fingerprint
    assert any(f"the database holds vectors of model pack {model}" in line for line in crawled.lines), crawled.lines


def test_a_crawl_goes_on_from_there(tmp_path: Path, models_dir: Path) -> None:
    """Pictures that came with their vectors are not asked for again, those without are, and so is a new one."""
    pack = load_pack(str(write_pack(tmp_path / "pack", load_pack("opencv_zoo", models_dir))), models_dir)
    old = OldData(tmp_path / "old", 3, [1, 1, 1, 2]).make(deleted=[1])

    def answer(path: str, asked: list[Asked]) -> Answer:
        if path != "/graphql":
            return Answer(body=JPEG, content_type="image/jpeg")
        performers: list[dict[str, Any]] = []
        for number, images in ((1, ("1", "2", "3", "new")), (2, ("4",))):
            shown = [{"id": one, "url": f"{site.url}/{one}", "width": 600, "height": 600} for one in images]
            said = {"aliases": [], "deleted": False, "merged_ids": [], "urls": [], "images": shown}
            performers.append({"id": uuid(number), "name": f"Person {number}", **said})
        body = json.dumps({"data": {"queryPerformers": {"count": 2, "performers": performers}}})
        return Answer(body=body.encode(), content_type="application/json")

    with serving(answer) as site:
        for face in range(1, 5):
            old.sql("UPDATE faces SET image_url = ? WHERE id = ?", f"{site.url}/{face}", face)
        sources = tmp_path / "sources.yaml"
        sources.write_text(
            f'stash_boxes: {{stashdb: {{url: "{site.url}/graphql", rate_limit: 0, trust_level: high, max_faces: 9}}}}'
        )
        scrapy = Scrapy(tmp_path / "data", models_dir, sources)
        done = take_over(
            old.path, database_url(scrapy.data_dir), scratch=scrapy.data_dir, index_dir=old.folder,
            model=pack.fingerprint, priorities={"stashdb": 1},
        )  # fmt: skip
        assert len(done.plan.take) == 3
        crawled = scrapy("crawl", "stashdb", ENRICH_MODEL_PACK=str(pack.folder))
        assert crawled.code == 0, crawled.err
        assert sorted(path for path in site.paths(200) if path != "/graphql") == ["/2", "/new"]
    rows = ledger.rows(scrapy.data_dir, "SELECT image_url, outcome FROM images ORDER BY id")
    assert [(row["image_url"].rpartition("/")[2], row["outcome"]) for row in rows] == [
        ("1", "accepted"), ("3", "accepted"), ("4", "accepted"), ("2", "rejected"), ("new", "rejected"),
    ]  # fmt: skip
    checked = scrapy("index", "--check")
    assert checked.code == 0, checked.err
