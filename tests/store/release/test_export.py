"""What an export holds: all that the consumer reads, by its rules, of one moment, and nothing else."""

from __future__ import annotations

import itertools
import sqlite3
from contextlib import closing
from pathlib import Path

import numpy as np
import pytest
from sqlalchemy import event

from enrich.errors import StoreError
from enrich.faces.pack import load_pack
from enrich.items import FailedImage
from tests.store.conftest import unit
from tests.store.consumer import REQUIRED, Release
from tests.store.exported import ALL, assert_every_face_is_its_persons, uids
from tests.store.exporting import MODEL, PEOPLE, PICTURES, RECOGNISERS, World, name_of, uuid_of, vectors_of
from tests.store.one_picture import fail_image


def test_consumer_finds_everybody(world: World, tmp_path: Path) -> None:
    written = world.export(tmp_path / "out")
    release = Release(tmp_path / "out")
    assert_every_face_is_its_persons(release, ALL)
    for recogniser in RECOGNISERS:
        for number in (0, 17, PEOPLE - 1):
            nearest = release.nearest(f"face_{recogniser}.voy", vectors_of(number, 9)[recogniser])
            assert set(nearest[:PICTURES]) == uids([number])
    assert (written.faces, written.performers, written.warnings) == (ALL, PEOPLE, ())
    assert (written.without_id, written.without_vector) == (0, 0)


def test_manifest_is_upstreams_and_says_where_it_is_from(world: World, tmp_path: Path) -> None:
    world.export(tmp_path / "out")
    manifest = Release(tmp_path / "out").manifest
    assert manifest["version"] == "2026.01.31"
    assert manifest["created_at"] == "2026-01-31T12:00:00Z"
    assert manifest["sources"] == ["stashdb"]
    assert manifest["models"] == {
        "pack": "stash_sense",
        "fingerprint": MODEL,
        "detector": "retinaface_buffalo_sc",
        "alignment": "insightface_norm_crop_5point",
        "facenet_dim": 512,
        "arcface_dim": 512,
        "flip_averaging": True,
    }
    assert manifest["database"] == world.one("SELECT value FROM meta WHERE key = 'database_id'")


def test_several_sources_and_merged_performers(world: World, tmp_path: Path) -> None:
    page = "https://stashdb.org/performers/{}".format
    world.save("fans-3", name_of(3), source="fansdb", urls=(page(uuid_of(3)),))
    world.save("pmv-50", name_of(50), source="pmvstash", country="PT")
    world.save("fans-50", name_of(50), source="fansdb", urls=("https://pmvstash.org/performers/pmv-50",))
    world.save("own-51", name_of(51), source="ownbox")
    world.person(8, merged_ids=(uuid_of(7),))  # 7 is no more, their faces are 8's
    ours = world.one("SELECT performer_id FROM stashbox_ids WHERE stashbox_performer_id = :id", id=uuid_of(9))
    world.save("babe-9", name_of(9), source="babepedia", performer_id=ours, mode="url", aliases=("Also Nine",))
    world.picture(9, 3, source="babepedia", source_id=None, performer_id=ours)
    assert world.export(tmp_path / "out").without_id == 0

    release = Release(tmp_path / "out")
    assert set(release.performers) == uids(set(range(PEOPLE)) - {7})  # those without a face are in the database alone
    assert {row.canonical_name for row in release.tables["performers"]} >= {name_of(50), name_of(51), name_of(3)}
    assert release.performers[f"stashdb.org:{uuid_of(8)}"]["face_count"] == 2 * PICTURES
    assert release.performers[f"stashdb.org:{uuid_of(9)}"]["face_count"] == PICTURES + 1
    assert ("Also Nine", "babepedia") in {(row.alias, row.source_endpoint) for row in release.tables["aliases"]}
    assert release.manifest["sources"] == ["babepedia", "fansdb", "ownbox", "pmvstash", "stashdb"]


def test_universal_id_is_that_of_the_stash_box_with_the_highest_priority(world: World, tmp_path: Path) -> None:
    for number, boxes in {1: ["theporndb"], 2: ["fansdb", "javstash"], 3: ["ownbox"], 4: ["ownbox", "fansdb"]}.items():
        world.sql("DELETE FROM stashbox_ids WHERE stashbox_performer_id = :id", id=uuid_of(number))
        performer = world.one("SELECT id FROM performers WHERE canonical_name = :name", name=name_of(number))
        for box in boxes:
            world.sql(
                "INSERT INTO stashbox_ids (performer_id, endpoint, stashbox_performer_id) VALUES (:p, :box, :id)",
                p=performer, box=box, id=uuid_of(number),
            )  # fmt: skip
    world.export(tmp_path / "out")
    domains = {
        said["name"]: uid.split(":")[0]
        for uid, said in Release(tmp_path / "out").performers.items()
    }  # fmt: skip
    expected = ["stashdb.org", "theporndb.net", "javstash.org", "ownbox.org", "fansdb.cc"]
    assert [domains[name_of(number)] for number in range(5)] == expected
    world.export(tmp_path / "other", priorities={"fansdb": 1, "javstash": 2})
    assert "fansdb.cc:" + uuid_of(2) in Release(tmp_path / "other").performers


def test_removed_faces_leave_no_hole(world: World, tmp_path: Path) -> None:
    for number, picture in ((0, 0), (5, 0), (5, 1), (5, 2), (PEOPLE - 1, 2)):
        world.sql("DELETE FROM faces WHERE id = :id", id=world.face_id(number, picture))
    world.export(tmp_path / "out")
    release = Release(tmp_path / "out")
    assert_every_face_is_its_persons(release, ALL - 5)
    assert None not in release.faces
    assert f"stashdb.org:{uuid_of(5)}" not in release.performers
    (five,) = (row for row in release.tables["performers"] if row.canonical_name == name_of(5))
    assert five.face_count == 0


def test_face_that_lacks_a_vector_is_left_out_of_all_and_counted(world: World, tmp_path: Path) -> None:
    delete = "DELETE FROM embeddings WHERE face_id = :id AND recogniser = :name"
    world.sql(delete, id=world.face_id(0, 0), name="facenet")
    world.sql(delete, id=world.face_id(0, 1), name="arcface")
    world.sql("UPDATE embeddings SET model = 'older' WHERE face_id = :id", id=world.face_id(1, 1))
    assert world.export(tmp_path / "out").without_vector == 3
    assert_every_face_is_its_persons(Release(tmp_path / "out"), ALL - 3)


def test_who_is_in_no_stash_box_is_left_out_and_counted(world: World, tmp_path: Path) -> None:
    world.sql("DELETE FROM stashbox_ids WHERE stashbox_performer_id = :id", id=uuid_of(5))
    assert world.export(tmp_path / "out").without_id == PICTURES
    release = Release(tmp_path / "out")
    assert_every_face_is_its_persons(release, ALL - PICTURES)
    assert name_of(5) not in {row.canonical_name for row in release.tables["performers"]}


def test_nothing_else_leaves_the_database(world: World, tmp_path: Path) -> None:
    """Where a picture was found, what a source said word for word, what failed, who was removed: none of it."""
    told = "https://secret.example/page"
    ours = world.one("SELECT performer_id FROM stashbox_ids WHERE stashbox_performer_id = :id", id=uuid_of(9))
    page = {"source": "babepedia", "performer_id": ours, "page_url": told}
    world.save("babe-9", name_of(9), mode="url", **page)
    world.picture(9, 3, source_id=None, **page)
    failed = FailedImage(ref=world.ref("https://secret.example/failed.jpg", source_id=uuid_of(9)), error="HTTP 503")
    world.do(fail_image, failed)
    world.save("gone", "Secret Removed", aliases=("Secret Alias",))
    world.sql("DELETE FROM performers WHERE canonical_name = 'Secret Removed'")
    world.export(tmp_path / "out")
    for file in (tmp_path / "out").iterdir():
        assert b"secret" not in file.read_bytes().lower(), file.name
    assert set(Release(tmp_path / "out").performers) == uids(range(PEOPLE))


def test_e4m3_is_smaller_and_near_enough(world: World, tmp_path: Path) -> None:
    world.export(tmp_path / "float32")
    world.export(tmp_path / "e4m3", storage="e4m3")
    sizes = {name: (tmp_path / name / "face_facenet.voy").stat().st_size for name in ("float32", "e4m3")}
    assert sizes["e4m3"] < 0.4 * sizes["float32"]
    release = Release(tmp_path / "e4m3")
    assert_every_face_is_its_persons(release, ALL, tolerance=0.02)
    assert release.manifest["storage"] == "e4m3"


def test_another_pack_is_exported_under_its_own_name_with_a_warning(nobody: World, tmp_path: Path) -> None:
    fingerprint = load_pack("opencv_zoo", Path(), complete=False).fingerprint
    for number in range(3):
        nobody.person(number)
        nobody.picture(number, 0, vectors={"sface": unit(number, 128)}, model=fingerprint)
    written = nobody.export(tmp_path / "out")
    release = Release(tmp_path / "out", REQUIRED - {"face_facenet.voy", "face_arcface.voy"} | {"face_sface.voy"})
    models = release.manifest["models"]
    assert (models["pack"], models["sface_dim"], models["flip_averaging"]) == ("opencv_zoo", 128, False)
    pack, few = written.warnings
    assert "model pack opencv_zoo" in pack
    assert "cannot load this release, which lacks face_arcface.voy and face_facenet.voy" in pack
    assert few.startswith("3 faces: Stash Sense asks for the 100 nearest")


def test_unknown_pack_with_the_consumers_names_is_warned_of(nobody: World, tmp_path: Path) -> None:
    nobody.person(0)
    nobody.picture(0, 0, model="somebody's")
    written = nobody.export(tmp_path / "out")
    assert "may name the wrong people" in written.warnings[0]
    assert Release(tmp_path / "out").manifest["models"]["pack"] is None


def test_it_is_of_one_moment_whatever_is_written_meanwhile(world: World, tmp_path: Path) -> None:
    other, numbers = World(world.folder), itertools.count()

    @event.listens_for(world.engine, "after_cursor_execute")
    def crawl_and_forget(*told: object) -> None:
        if str(told[2]).startswith("SELECT") and "FROM meta" not in str(told[2]):
            number = next(numbers)
            other.person(100 + number)
            other.picture(100 + number, 0)
            other.sql("DELETE FROM performers WHERE canonical_name = :name", name=name_of(number))

    world.export(tmp_path / "out")
    assert next(numbers) > 5
    assert other.one("SELECT count(*) FROM performers") == PEOPLE
    other.engine.dispose()
    release = Release(tmp_path / "out")
    assert_every_face_is_its_persons(release, ALL)
    assert set(release.performers) == uids(range(PEOPLE))


@pytest.mark.parametrize("blob", [b"", b"\0" * 2048, np.full(512, np.nan, "<f4").tobytes()])
def test_damaged_vector_stops_it(world: World, tmp_path: Path, blob: bytes) -> None:
    world.export(tmp_path / "out")
    before = (tmp_path / "out" / "manifest.json").read_bytes()
    face = world.face_id(4, 1)
    world.sql("UPDATE embeddings SET vector = :blob WHERE face_id = :id AND recogniser = 'arcface'", blob=blob, id=face)
    with pytest.raises(StoreError, match=f"face {face}: its arcface vector is damaged"):
        world.export(tmp_path / "out")
    assert (tmp_path / "out" / "manifest.json").read_bytes() == before


def test_consumer_searches_aliases_by_an_index(world: World, tmp_path: Path) -> None:
    world.export(tmp_path / "out")
    with closing(sqlite3.connect(tmp_path / "out" / "performers.db")) as release:
        plan = release.execute("EXPLAIN QUERY PLAN SELECT * FROM aliases WHERE alias = 'x' COLLATE NOCASE").fetchall()
    assert "idx_aliases_alias" in str(plan)
