"""Where an export goes: into a folder that is ours, or nowhere."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from enrich.errors import StoreError
from tests.store.consumer import Release
from tests.store.exporting import World
from tests.store.trees import tree


def a_file(out: Path, _: World) -> None:
    out.write_text("mine")


def files_of_others(out: Path, _: World) -> None:
    out.mkdir()
    (out / "thesis.txt").write_text("mine")


def upstreams_release(out: Path, _: World) -> None:
    out.mkdir()
    (out / "manifest.json").write_text(json.dumps({"version": "2026.01.30", "checksums": {}}))


def a_list_as_manifest(out: Path, _: World) -> None:
    out.mkdir()
    (out / "manifest.json").write_text("[]")


def an_export_of_another_database(out: Path, world: World) -> None:
    world.export(out)
    world.sql("UPDATE meta SET value = 'another' WHERE key = 'database_id'")
    world.sql("DELETE FROM exports")


def an_export_and_more(out: Path, world: World) -> None:
    world.export(out)
    (out / "release.zip").write_bytes(b"mine")
    world.sql("DELETE FROM exports")


def below_a_file(out: Path, _: World) -> None:
    out.parent.rmdir()
    out.parent.write_text("mine")


@pytest.mark.parametrize(
    ("made", "said"),
    [
        (a_file, "a file, not a folder"),
        (files_of_others, "holds files that are no export of enrich"),
        (upstreams_release, "holds files that are no export of enrich"),
        (a_list_as_manifest, "holds files that are no export of enrich"),
        (an_export_of_another_database, "holds the export of another database"),
        (an_export_and_more, "holds release.zip beside the export"),
        (below_a_file, "cannot be written: "),
    ],
)
def test_what_is_not_ours_is_left_alone(
    world: World, tmp_path: Path, made: Callable[[Path, World], None], said: str
) -> None:
    out = tmp_path / "place" / "out"
    out.parent.mkdir()
    made(out, world)
    before = tree(tmp_path)
    with pytest.raises(StoreError, match=said) as raised:
        world.export(out)
    assert str(raised.value).startswith(str(out))
    assert "\n" not in str(raised.value)
    assert tree(tmp_path) == before
    assert world.rows("SELECT * FROM exports") == []


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"format": "csv"}, "--format csv: no such format; there is stash-sense"),
        ({"storage": "int4"}, "--storage int4: no such storage; there are float32, e4m3"),
    ],
)
def test_unknown_format_and_storage(world: World, tmp_path: Path, options: dict[str, str], said: str) -> None:
    with pytest.raises(StoreError, match=said):
        world.export(tmp_path / "out", **options)
    assert tree(tmp_path) == {}


def test_nothing_to_export(nobody: World, tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="the database has no faces yet; crawl first"):
        nobody.export(tmp_path / "deep" / "er" / "out")
    assert tree(tmp_path) == {}
    assert nobody.rows("SELECT * FROM exports") == []


def test_no_face_that_could_be_exported(world: World, tmp_path: Path) -> None:
    world.sql("DELETE FROM embeddings WHERE recogniser = 'facenet' AND face_id > 3")
    world.sql("DELETE FROM stashbox_ids")
    with pytest.raises(StoreError, match="none of the database's 120 faces can be exported: 117 lack a vector"):
        world.export(tmp_path / "out")
    assert tree(tmp_path) == {}


def test_a_disks_top_folder_cannot_be_replaced(world: World) -> None:
    with pytest.raises(StoreError, match="/: a disk's top folder cannot be replaced in one step"):
        world.export(Path("/"))


def test_folders_are_made_an_empty_one_is_used_and_a_link_is_followed(world: World, tmp_path: Path) -> None:
    world.export(tmp_path / "deep" / "er" / "out")
    (tmp_path / "empty").mkdir(mode=0o750)
    (tmp_path / "link").symlink_to("empty")
    world.export(tmp_path / "link")
    assert (tmp_path / "link").is_symlink()
    assert (tmp_path / "empty").stat().st_mode & 0o777 == 0o750
    for folder in ("deep/er/out", "empty"):
        Release(tmp_path / folder)
        assert {entry.name for entry in (tmp_path / folder).parent.iterdir()} <= {
            "out",
            "empty",
            "link",
            "deep",
            "data",
        }
    assert {path for (path,) in world.rows("SELECT path FROM exports")} == {
        str(tmp_path / "deep" / "er" / "out"), str(tmp_path / "empty"),
    }  # fmt: skip
