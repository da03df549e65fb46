"""Another model pack, from end to end: a crawl with one, its pictures fetched again for one with two recognisers."""

from __future__ import annotations

import argparse
import json
import shutil
import signal
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from urllib.parse import urlsplit

import numpy as np
import pytest
import yaml
from scrapy.utils.project import get_project_settings

from enrich.commands.index import Command
from enrich.demo.running import RunningWorld
from enrich.faces.engine import FaceEngine
from enrich.faces.pack import ModelPack, load_pack
from enrich.faces.same import same_face
from enrich.items import DetectedImage, Image, ImageRef
from tests.conftest import Scrapy
from tests.crawl import ledger
from tests.crawl.watched import Watched
from tests.faces.tiny import write_pack

Index = Callable[..., tuple[int, str, str]]


@pytest.fixture(scope="module")
def two(models_dir: Path, tmp_path_factory: pytest.TempPathFactory) -> ModelPack:
    """A pack with two recognisers, and the detector of the pack that the database is made with."""
    folder = write_pack(tmp_path_factory.mktemp("two") / "two", load_pack("opencv_zoo", models_dir))
    return load_pack(str(folder), folder)


@pytest.fixture(scope="module")
def first_crawl(world: RunningWorld, sources: Path, models_dir: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The data directory of one stash-box and one reference site, made with the zoo's one recogniser."""
    scrapy = Scrapy(tmp_path_factory.mktemp("first") / "data", models_dir, sources)
    finished = scrapy("enrich", "--sources", "stashdb,babepedia", "--test-performers", "4")
    assert finished.code == 0, finished.err
    return scrapy.data_dir


@pytest.fixture
def crawled(first_crawl: Path, crawling: Scrapy) -> Scrapy:
    """A copy of it, and the scrapy command on it; requests are counted from zero."""
    shutil.copytree(first_crawl, crawling.data_dir)
    return crawling


@pytest.fixture
def index(capsys: pytest.CaptureFixture[str]) -> Index:
    """``scrapy index`` in this process, for what needs no crawl: exit code, stdout, stderr."""

    def run(scrapy: Scrapy, *options: str) -> tuple[int, str, str]:
        command = Command()
        command.settings = get_project_settings()
        for name, value in scrapy.environment.items():
            if name.startswith("ENRICH_"):
                command.settings.set(name.removeprefix("ENRICH_"), value, priority="cmdline")
        parser = argparse.ArgumentParser()
        command.add_options(parser)
        capsys.readouterr()
        command.run([], parser.parse_args(options))
        return command.exitcode, *capsys.readouterr()

    return run


def execute(data_dir: Path, sql: str, *values: object) -> None:
    with closing(sqlite3.connect(data_dir / "performers.db")) as connection, connection:
        connection.execute("PRAGMA foreign_keys = ON")
        connection.execute(sql, values)


def kept(scrapy: Scrapy) -> list[tuple[object, ...]]:
    """What stays as it is when vectors change."""
    query = "SELECT id, performer_id, image_url, source_endpoint FROM faces ORDER BY id"
    return [tuple(row) for row in ledger.rows(scrapy.data_dir, query)]


def recognisers(scrapy: Scrapy) -> dict[str, int]:
    found = ledger.rows(scrapy.data_dir, "SELECT recogniser, count(*) FROM embeddings GROUP BY recogniser")
    return {row[0]: row[1] for row in found}


def vector(scrapy: Scrapy, face_id: int, recogniser: str) -> np.ndarray:
    query = "SELECT vector FROM embeddings WHERE face_id = ? AND recogniser = ?"
    (row,) = ledger.rows(scrapy.data_dir, query, face_id, recogniser)
    return np.frombuffer(row["vector"], "<f4")


def indices(scrapy: Scrapy) -> set[str]:
    return {path.name for path in (scrapy.data_dir / "index").glob("*.voy")}


def test_a_crawl_with_two_recognisers(crawling: Scrapy, two: ModelPack, index: Index) -> None:
    crawling.environment["ENRICH_MODEL_PACK"] = str(two.folder)
    finished = crawling("crawl", "stashdb", "-a", "limit=2")
    assert (finished.code, finished.lines) == (0, [])
    faces = [row[0] for row in kept(crawling)]
    assert len(faces) >= 2
    assert recognisers(crawling) == {"facenet": len(faces), "arcface": len(faces)}
    for name in ("facenet", "arcface"):
        assert sorted(ledger.index(crawling.data_dir, name).ids) == faces
    assert index(crawling, "--check")[0] == 0
    (crawling.data_dir / "index" / "face_arcface.voy").unlink()  # one of the two is lost
    code, _, err = index(crawling, "--check")
    assert (code, len(err.splitlines())) == (1, 1)
    assert f"face_arcface.voy: missing; the database has {len(faces)} faces" in err
    assert index(crawling)[0] == 0
    assert index(crawling, "--check")[0] == 0
    assert index(crawling, "--rebuild", "--check")[0] == 0


def test_another_pack_is_refused_until_all_faces_are_embedded_anew(
    crawled: Scrapy, two: ModelPack, world: RunningWorld, index: Index, sources: Path, tmp_path: Path
) -> None:
    before, old = kept(crawled), ledger.vectors(crawled.data_dir)
    crawled.environment["ENRICH_MODEL_PACK"] = str(two.folder)
    refused = crawled("crawl", "stashdb")
    assert refused.code == 1
    assert "`scrapy index --reembed`" in refused.lines[0]
    assert world.requests() == {}

    content = yaml.safe_load(sources.read_text("utf-8"))
    content["global"] = {"quality_filters": {"min_image_size": 4000}}  # for pictures to come: these are accepted
    stricter = tmp_path / "stricter.yaml"
    stricter.write_text(yaml.safe_dump(content), "utf-8")
    finished = crawled("index", "--reembed", ENRICH_SOURCES_FILE=str(stricter))
    assert finished.code == 0, finished.err
    assert f"the database is now of model pack {two.fingerprint}: {len(before)} faces\n" in finished.out
    assert kept(crawled) == before
    assert recognisers(crawled) == {"facenet": len(before), "arcface": len(before)}
    assert indices(crawled) == {"face_facenet.voy", "face_arcface.voy"}
    assert index(crawled, "--check")[0] == 0
    pictures = {urlsplit(str(row[2])).path for row in before}
    asked = {path for path in world.requests() if path != "/robots.txt"}
    assert asked == pictures, "the pictures of the faces and nothing else"
    assert not ledger.rows(crawled.data_dir, "SELECT 1 FROM new_embeddings UNION SELECT 1 FROM reembedded")

    engine = FaceEngine(two, "cpu", threads=1)  # the detector is the same: these are the vectors of the same crops
    for row in ledger.rows(crawled.data_dir, "SELECT * FROM faces JOIN face_details ON face_id = faces.id")[::4]:
        body = world.fetch(urlsplit(row["image_url"]).path)
        seen = engine.analyse(Image(ref=ImageRef(source="test", image_url="", source_id="x"), body=body))
        assert isinstance(seen, DetectedImage)
        chosen = same_face(seen.faces, tuple(json.loads(row["box_px"])), 0.8)
        assert chosen is not None
        for name, vectors in engine.embed([chosen.crop]).items():
            assert np.abs(vectors[0] - vector(crawled, row["id"], name)).max() < 1e-4
    details = ledger.rows(crawled.data_dir, "SELECT model, count(*) FROM face_details GROUP BY model")
    assert [tuple(row) for row in details] == [(two.fingerprint, len(before))]
    (backup,) = crawled.data_dir.glob("performers.db.*.bak")
    with closing(sqlite3.connect(backup)) as connection:
        kept_there = dict(connection.execute("SELECT face_id, vector FROM embeddings").fetchall())
    assert {face: vector.tobytes() for face, vector in old.items()} == kept_there

    again = crawled("crawl", "stashdb", "-a", "limit=5")
    assert (again.code, again.lines) == (0, [])
    assert index(crawled, "--check")[0] == 0
    code, out, _ = index(crawled, "--reembed")
    assert code == 0
    assert "there is nothing to embed again" in out


def test_what_cannot_be_embedded_anew_is_told_and_goes_only_when_that_is_agreed_to(
    crawled: Scrapy, two: ModelPack, world: RunningWorld, index: Index
) -> None:
    faces = kept(crawled)
    gone, changed, moved, nowhere, elsewhere, unknown, refused = (row[0] for row in faces[:14:2])
    missing, closed = f"{world.base_url}/nothing/here.jpg", "http://127.0.0.1:9/closed.jpg"
    for table, key in (("faces", "id"), ("images", "face_id")):
        execute(crawled.data_dir, f"UPDATE {table} SET image_url = ? WHERE {key} = ?", missing, gone)
        execute(crawled.data_dir, f"UPDATE {table} SET image_url = ? WHERE {key} = ?", closed, refused)
    execute(crawled.data_dir, "UPDATE face_details SET sha256 = 'another' WHERE face_id = ?", changed)
    execute(crawled.data_dir, "UPDATE face_details SET box_px = '[0, 0, 9, 9]' WHERE face_id = ?", moved)
    execute(crawled.data_dir, "UPDATE faces SET image_url = NULL WHERE id = ?", nowhere)
    execute(crawled.data_dir, "UPDATE faces SET source_endpoint = 'iafd' WHERE id = ?", elsewhere)
    execute(crawled.data_dir, "UPDATE faces SET source_endpoint = 'nobody' WHERE id = ?", unknown)
    sources = changed_sources(crawled, "iafd", enabled=False)
    crawled.environment.update(ENRICH_MODEL_PACK=str(two.folder), ENRICH_SOURCES_FILE=str(sources))

    left = crawled("index", "--reembed", "-s", "RETRY_TIMES=0")
    assert left.code == 3, left.err
    done = len(faces) - 7
    assert f"{done} of {len(faces)} faces have vectors of {two.fingerprint}" in left.out
    assert (
        "lost: 1 changed, 1 no_address, 1 no_face, 1 not_found; `scrapy index --reembed --lost` lists them" in left.out
    )
    assert "of sources that are not enabled: 1 iafd" in left.out
    assert "of sources that nobody can read: 1 nobody" in left.out
    source = next(row[3] for row in faces if row[0] == refused)
    assert f"could not be fetched: 1 {source}; from 20" in left.out
    assert "`scrapy index --reembed --drop 7`" in left.out
    listed = [line.split("\t") for line in index(crawled, "--reembed", "--lost")[1].splitlines()]
    assert {(int(line[0]), line[1]) for line in listed} == {
        (gone, "not_found"), (changed, "changed"), (moved, "no_face"), (nowhere, "no_address")
    }  # fmt: skip
    assert kept(crawled)[0][0] == faces[0][0]
    assert recognisers(crawled) == {"sface": len(faces)}, "until the switch nothing has changed"
    assert index(crawled, "--check")[0] == 0

    world.reset()
    assert index(crawled, "--reembed")[0] == 3
    assert world.requests() == {}, "what is done or lost is not asked for again, and what failed not so soon"
    code, _, err = index(crawled, "--reembed", "--drop", "6")
    assert (code, len(err.splitlines())) == (1, 1)
    assert f"7 of {len(faces)} faces have no vectors of {two.fingerprint}; 6 were agreed to be dropped" in err
    assert recognisers(crawled) == {"sface": len(faces)}

    code, out, err = index(crawled, "--reembed", "--drop", "7")
    assert code == 0, err
    assert f"{done} faces; 7 faces without new vectors are gone" in out
    lost = {gone, changed, moved, nowhere, elsewhere, unknown, refused}
    assert {row[0] for row in kept(crawled)} == {row[0] for row in faces} - lost
    assert recognisers(crawled) == {"facenet": done, "arcface": done}
    assert index(crawled, "--check")[0] == 0
    rows = ledger.rows(
        crawled.data_dir,
        "SELECT outcome, reason, json_extract(detail, '$.face') face FROM images WHERE detail IS NOT NULL",
    )
    ended = {row["face"]: (row["outcome"], row["reason"]) for row in rows if row["face"] is not None}
    assert ended == {
        gone: ("rejected", "not_found"), moved: ("rejected", "no_face"), changed: ("pending", None),
        **dict.fromkeys((nowhere, elsewhere, unknown, refused), ("pending", None)),
    }  # fmt: skip
    counted = "SELECT id FROM performers p WHERE face_count != (SELECT count(*) FROM faces WHERE performer_id = p.id)"
    assert not ledger.rows(crawled.data_dir, counted)


def changed_sources(scrapy: Scrapy, name: str, **said: object) -> Path:
    content = yaml.safe_load(Path(scrapy.environment["ENRICH_SOURCES_FILE"]).read_text("utf-8"))
    for block in ("stash_boxes", "reference_sites"):
        if name in content[block]:
            content[block][name].update(said)
    path = scrapy.data_dir / "sources.yaml"
    path.write_text(yaml.safe_dump(content), "utf-8")
    return path


@pytest.mark.parametrize(
    ("stop", "code"),
    [(signal.SIGKILL, -signal.SIGKILL), pytest.param(signal.SIGTERM, 0, marks=pytest.mark.soak)],
)
def test_it_goes_on_where_it_was_stopped_or_killed(
    crawled: Scrapy, two: ModelPack, world: RunningWorld, stop: signal.Signals, code: int
) -> None:
    faces = kept(crawled)
    slow = str(changed_sources(crawled, "stashdb", rate_limit=120))
    crawled.environment["ENRICH_MODEL_PACK"] = str(two.folder)

    def done() -> int:
        return int(ledger.rows(crawled.data_dir, "SELECT count(*) FROM reembedded WHERE outcome = 'done'")[0][0])

    with Watched(crawled.start("index", "--reembed", "--sources", "stashdb", ENRICH_SOURCES_FILE=slow)) as watched:
        while done() < 2:
            assert not watched.over(0.05), watched.log
        watched.process.send_signal(stop)
        finished = watched.finished()
    assert finished.code == code, finished.err
    assert recognisers(crawled) == {"sface": len(faces)}
    assert 2 <= done() < len(faces)
    gathered = {row["face_id"] for row in ledger.rows(crawled.data_dir, "SELECT face_id FROM reembedded")}
    world.reset()
    ended = crawled("index", "--reembed")
    assert ended.code == 0, ended.err
    assert kept(crawled) == faces
    assert recognisers(crawled) == {"facenet": len(faces), "arcface": len(faces)}
    asked = world.requests()
    assert not [row for row in faces if row[0] in gathered and urlsplit(str(row[2])).path in asked]


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (("--drop", "3"), "--drop is an option of --reembed: say both"),
        (("--reembed", "--check"), "say it without --rebuild and --check"),
        (("--reembed", "--lost", "--abandon"), "--lost and --abandon do not go together"),
        (("--reembed", "--drop", "some"), "--drop some: should be the number of faces"),
    ],
)
def test_options_that_cannot_be_meant(scrapy: Scrapy, index: Index, options: tuple[str, ...], said: str) -> None:
    code, _, err = index(scrapy, *options)
    assert (code, len(err.splitlines())) == (1, 1)
    assert said in err
    assert not scrapy.data_dir.exists()
