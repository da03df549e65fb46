"""The planted trouble is what it claims to be, and the same drawing is the same bytes."""

from __future__ import annotations

import io

import pytest
from PIL import Image, ImageOps

from enrich.demo.pictures import Studio
from enrich.demo.truth import Drawing, Picture, World
from tests.demo.conftest import Eyes


@pytest.fixture(params=["zoo", "insight"])
def eyes(request: pytest.FixtureRequest) -> tuple[Eyes, float]:
    """A detector and the confidence from which it counts a face."""
    look: Eyes = request.getfixturevalue(request.param)
    return look, {"zoo": 0.8, "insight": 0.5}[request.param]


def planted(world: World, plant: str) -> list[Picture]:
    found = [picture for picture in world.pictures.values() if picture.plant == plant]
    assert found, f"nothing is planted as {plant}"
    return found


def opened(studio: Studio, drawing: Drawing) -> Image.Image:
    picture = Image.open(io.BytesIO(studio.develop(drawing)[0]))
    picture.load()
    return picture


def test_too_small(world: World, studio: Studio) -> None:
    for picture in planted(world, "small"):
        size = opened(studio, picture.drawing).size
        assert min(size) < 400
        if picture.site == "stashdb":  # whose server says so; elsewhere it shows when the picture is there
            assert size == (picture.told_width_px, picture.told_height_px)
            assert not picture.may_request


def test_smaller_than_the_server_says(world: World, studio: Studio) -> None:
    for picture in planted(world, "small_untold"):
        assert min(opened(studio, picture.drawing).size) < 400
        assert picture.told_width_px is None or picture.told_width_px >= 400


@pytest.mark.parametrize("plant", ["nobody", "underage"])
def test_nobody_is_in_a_landscape(world: World, studio: Studio, eyes: tuple[Eyes, float], plant: str) -> None:
    look, _ = eyes
    for picture in planted(world, plant):
        assert look(studio.pixels(picture.drawing)) == []
        assert picture.drawing.people == ()


def test_two_people(world: World, studio: Studio, eyes: tuple[Eyes, float]) -> None:
    look, least = eyes
    for picture in planted(world, "two_people"):
        faces = look(studio.pixels(picture.drawing))
        assert len(faces) == 2
        assert all(face.confidence >= least and face.size_px >= 90 and abs(face.yaw_deg) < 40 for face in faces)


def test_turned_head(world: World, studio: Studio, eyes: tuple[Eyes, float]) -> None:
    look, least = eyes
    for picture in planted(world, "turned"):
        faces = look(studio.pixels(picture.drawing))
        assert len(faces) == 1
        assert faces[0].confidence >= least
        assert faces[0].size_px >= 90
        assert abs(faces[0].yaw_deg) > 48


def test_small_face(world: World, studio: Studio, eyes: tuple[Eyes, float]) -> None:
    look, least = eyes
    for picture in planted(world, "far"):
        faces = look(studio.pixels(picture.drawing))
        assert len(faces) == 1
        assert faces[0].confidence >= least
        assert faces[0].size_px < 70


def test_no_image_at_all(world: World, studio: Studio) -> None:
    for plant in ("html", "vector"):
        for picture in planted(world, plant):
            with pytest.raises(OSError, match="cannot identify"):
                opened(studio, picture.drawing)


def test_truncated(world: World, studio: Studio) -> None:
    for picture in planted(world, "truncated"):
        with pytest.raises(OSError, match="truncated"):
            opened(studio, picture.drawing)


def test_twins_have_the_same_bytes(world: World, studio: Studio) -> None:
    twin, across = planted(world, "twin")[0], planted(world, "twin_of_stashdb")[0]
    for picture in (twin, across):
        others = [p for p in world.pictures.values() if p.drawing == picture.drawing and p is not picture]
        assert len(others) == 1
        assert others[0].listed_for == picture.listed_for
        assert studio.develop(others[0].drawing) == studio.develop(picture.drawing)
    assert across.site != next(p.site for p in world.pictures.values() if p.drawing == across.drawing)


def test_another_version_is_the_same_picture_in_other_bytes(world: World, studio: Studio) -> None:
    (version,) = planted(world, "version_of_stashdb")
    (original,) = [p for p in world.pictures.values() if p.drawing == version.drawing.original]
    assert (original.site, original.listed_for) == ("stashdb", version.listed_for)
    width, height = opened(studio, original.drawing).size
    assert opened(studio, version.drawing).size == (round(width * 0.9), round(height * 0.9))
    assert round(width * 0.9) >= 400


def test_encodings(world: World, studio: Studio) -> None:
    found = {picture.drawing.encoding: picture.drawing for picture in world.pictures.values()}
    assert opened(studio, found["png"]).format == "PNG"
    assert opened(studio, found["webp"]).format == "WEBP"
    lying = opened(studio, found["jpeg_exif_rotated"])
    drawing = found["jpeg_exif_rotated"]
    assert lying.size == (drawing.height_px, drawing.width_px)
    assert ImageOps.exif_transpose(lying).size == (drawing.width_px, drawing.height_px)


def test_same_drawing_same_bytes(world: World) -> None:
    drawings = [picture.drawing for picture in list(world.pictures.values())[::40]]
    first = [Studio(world.people).develop(drawing) for drawing in drawings]
    assert [Studio(world.people).develop(drawing) for drawing in drawings] == first
    assert len({body for body, _ in first}) == len(set(drawings))


def test_smaller_version_on_request(world: World, studio: Studio) -> None:
    drawing = next(p.drawing for p in world.pictures.values() if p.drawing.kind == "portrait")
    body, _ = studio.develop(drawing, 300)
    assert max(Image.open(io.BytesIO(body)).size) == 300
