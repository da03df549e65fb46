"""Exports made again: newer than the one before, and without those who were forgotten."""

from __future__ import annotations

import shutil
from datetime import UTC, datetime, timedelta
from pathlib import Path

from enrich.faces.pack import load_pack
from enrich.store.release.export import next_version
from tests.store.conftest import NOON, unit
from tests.store.consumer import REQUIRED, Release
from tests.store.exported import ALL, assert_every_face_is_its_persons
from tests.store.exporting import PICTURES, World, name_of


def test_versions_rise_as_texts() -> None:
    last, versions = None, list[str]()
    for day in (1, 1, 1, 9, 9, 8, 10):  # on the 8th the clock has gone backwards
        last = next_version(datetime(2026, 2, day, 23, 30, tzinfo=UTC), last)
        versions.append(last)
    assert versions == [
        "2026.02.01", "2026.02.01.0002", "2026.02.01.0003", "2026.02.09", "2026.02.09.0002", "2026.02.09.0003",
        "2026.02.10",
    ]  # fmt: skip
    assert sorted(versions) == versions
    assert len({next_version(NOON, None), next_version(NOON - timedelta(hours=3), None)}) == 1


def test_each_export_is_newer_than_the_one_before_wherever_it_lies(world: World, tmp_path: Path) -> None:
    versions = [world.export(tmp_path / name).version for name in ("one", "two", "one")]
    assert versions == ["2026.01.31", "2026.01.31.0002", "2026.01.31.0003"]
    assert Release(tmp_path / "one").manifest["version"] == versions[-1]


def test_rewriting_takes_the_forgotten_out_of_every_export(world: World, tmp_path: Path) -> None:
    folders = [tmp_path / name for name in ("a", "b")]
    world.export(folders[0])
    world.export(folders[1], storage="e4m3")
    world.sql("DELETE FROM performers WHERE canonical_name = :name", name=name_of(5))
    assert [(done.path, done.outcome) for done in world.rewrite()] == [(folder, "rewritten") for folder in folders]
    for folder, storage in zip(folders, ("float32", "e4m3"), strict=True):
        release = Release(folder)
        assert_every_face_is_its_persons(release, ALL - PICTURES, tolerance=0.02)
        assert release.manifest["storage"] == storage
        assert release.manifest["version"] > "2026.01.31.0002"
        for file in folder.iterdir():
            assert name_of(5).encode() not in file.read_bytes()


def test_what_rewriting_finds(world: World, tmp_path: Path) -> None:
    for name in ("gone", "deep/er/out", "full", "kept", "other"):
        world.export(tmp_path / name)
    shutil.rmtree(tmp_path / "gone")
    shutil.rmtree(tmp_path / "deep")
    (tmp_path / "full" / "mine.txt").write_text("mine")
    (tmp_path / "other" / "manifest.json").write_text("{}")
    outcomes = {done.path.name: (done.outcome, str(done)) for done in world.rewrite()}
    assert {name: outcome for name, (outcome, _) in outcomes.items()} == {
        "gone": "missing", "out": "unreachable", "full": "failed", "kept": "rewritten", "other": "failed",
    }  # fmt: skip
    assert "holds mine.txt beside the export" in outcomes["full"][1]
    assert "no export of enrich" in outcomes["other"][1]
    assert (tmp_path / "full" / "mine.txt").read_text() == "mine"
    listed = {Path(path).name for (path,) in world.rows("SELECT path FROM exports")}
    assert listed == {"out", "full", "kept", "other"}


def test_rewriting_with_no_face_left_removes_the_export(world: World, tmp_path: Path) -> None:
    world.export(tmp_path / "out")
    world.sql("DELETE FROM performers")
    assert [done.outcome for done in world.rewrite()] == ["removed"]
    assert {entry.name for entry in tmp_path.iterdir()} == {"data"}
    assert world.rows("SELECT * FROM exports") == []


def test_a_folder_packs_description_is_kept_when_rewritten(nobody: World, tmp_path: Path) -> None:
    folder = tmp_path / "own"
    folder.mkdir()
    source = Path(load_pack.__code__.co_filename).parent / "packs" / "opencv_zoo.yaml"
    (folder / "pack.yaml").write_text(source.read_text().replace("input_size_px: 640", "input_size_px: 320"))
    pack = load_pack(str(folder), Path(), complete=False)
    nobody.person(0)
    nobody.picture(0, 0, vectors={"sface": unit(0, 128)}, model=pack.fingerprint)
    nobody.export(tmp_path / "out", pack=pack)
    nobody.rewrite()
    required = REQUIRED - {"face_facenet.voy", "face_arcface.voy"} | {"face_sface.voy"}
    models = Release(tmp_path / "out", required).manifest["models"]
    assert (models["pack"], models["fingerprint"]) == ("own", pack.fingerprint)
