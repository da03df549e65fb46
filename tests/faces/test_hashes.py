"""One photograph is known again when it was saved or scaled otherwise, and another one of the same person is not it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from io import BytesIO
from itertools import combinations, islice

import cv2
import imagehash
import numpy as np
import pytest
from PIL import Image as PillowImage

from enrich.demo.cast import Person
from enrich.demo.pictures import Studio
from enrich.demo.trouble import good_drawing
from enrich.demo.world import build_world
from enrich.faces.engine import FaceEngine
from enrich.faces.hashes import crop_hash, picture_hash
from enrich.faces.near_duplicates import VERSIONS, Hashes, Match, hashes_of, similarity
from enrich.items import DetectedImage, FloatArray, Image, Uint8Array

Saved = Callable[[Uint8Array], bytes]


def jpeg(rgb: Uint8Array, quality: int = 85, scale: float = 1.0) -> bytes:
    picture, out = PillowImage.fromarray(rgb), BytesIO()
    size = (round(picture.width * scale), round(picture.height * scale))
    picture.resize(size, PillowImage.Resampling.LANCZOS).save(out, "JPEG", quality=quality)
    return out.getvalue()


def cut(rgb: Uint8Array, share: float) -> Uint8Array:
    """Without so much of its width at the left, and of its height at the bottom."""
    height, width = rgb.shape[:2]
    return rgb[: round(height * (1 - share)), round(width * share) :].copy()


VERSIONS_OF: Mapping[str, Saved] = {
    "saved at quality 90": lambda rgb: jpeg(rgb, 90),
    "saved at quality 50": lambda rgb: jpeg(rgb, 50),
    "scaled to 0.5": lambda rgb: jpeg(rgb, scale=0.5),
    "scaled to 1.5": lambda rgb: jpeg(rgb, scale=1.5),
}


@dataclass(frozen=True)
class Seen:
    """What becomes of a picture's largest face."""

    look: Hashes
    vectors: Mapping[str, FloatArray]

    def likeness(self, other: Seen) -> Match | None:
        return self.look.match(other.look, similarity(self.vectors, other.vectors))


def seen(engine: FaceEngine, image: Callable[[bytes], Image], body: bytes) -> Seen:
    found = engine.analyse(image(body))
    assert isinstance(found, DetectedImage)
    face = max(found.faces, key=lambda face: face.size_px)
    look = hashes_of(found.picture_hash, face.crop_hash)
    assert look is not None
    return Seen(look, {name: vectors[0] for name, vectors in engine.embed([face.crop]).items()})


def test_a_hash_is_that_of_the_library(face: Uint8Array) -> None:
    """Of the very picture that is hashed; the way there is ours."""
    luma = cv2.resize(cv2.cvtColor(face, cv2.COLOR_RGB2GRAY), (112, 112), interpolation=cv2.INTER_AREA)
    crop = np.repeat(luma[:, :, None], 3, axis=2)
    theirs = imagehash.phash(PillowImage.fromarray(cv2.resize(luma, (32, 32), interpolation=cv2.INTER_AREA)))
    assert crop_hash(crop) == str(theirs)
    assert len(crop_hash(crop)) == 16
    assert imagehash.hex_to_hash(picture_hash(face)) - imagehash.phash(PillowImage.fromarray(face)) <= 2


def bits_apart(one: str, other: str) -> int:
    return imagehash.hex_to_hash(one) - imagehash.hex_to_hash(other)


def test_the_picture_is_hashed_as_it_is_seen(zoo_engine: FaceEngine, image: Callable[[bytes], Image]) -> None:
    """EXIF's turn is honoured, and a picture without a face has no hash: nobody asks for it."""
    rgb = np.asarray(PillowImage.fromarray(next(drawings())).resize((480, 640)))
    exif = PillowImage.Exif()
    exif[0x0112] = 6
    turned, out = PillowImage.fromarray(rgb).transpose(PillowImage.Transpose.ROTATE_90), BytesIO()
    turned.save(out, "JPEG", quality=95, exif=exif)
    upright = zoo_engine.analyse(image(jpeg(rgb, 95)))
    other = zoo_engine.analyse(image(out.getvalue()))
    assert isinstance(upright, DetectedImage)
    assert isinstance(other, DetectedImage)
    assert upright.picture_hash is not None
    assert other.picture_hash is not None
    assert bits_apart(upright.picture_hash, other.picture_hash) <= 2
    empty = zoo_engine.analyse(image(jpeg(np.full((500, 500, 3), 120, np.uint8))))
    assert isinstance(empty, DetectedImage)
    assert empty.picture_hash is None


def test_a_flat_picture_has_a_hash_too() -> None:
    assert len(picture_hash(np.zeros((1, 3000, 3), np.uint8))) == 16


def drawings() -> Iterator[Uint8Array]:
    """Two different pictures of each of some people, as the demo draws them."""
    people: Mapping[str, Person] = build_world().people
    studio = Studio(people)
    for name in islice(sorted(people), 0, None, 8):
        yield from (studio.pixels(good_drawing(name, seed)) for seed in (11, 12))


@pytest.fixture(scope="module")
def drawn() -> list[Uint8Array]:
    return list(islice(drawings(), 6))


@pytest.fixture(scope="module")
def photographs(portraits: Mapping[str, list[bytes]]) -> list[Uint8Array]:
    """Three photographs of each of two people."""
    bodies = [body for person in list(portraits)[:2] for body in portraits[person][:3]]
    return [np.asarray(PillowImage.open(BytesIO(body)).convert("RGB")) for body in bodies]


@pytest.mark.parametrize("kind", ["drawn", "photographs"])
def test_versions_are_known_again_and_others_are_not(
    request: pytest.FixtureRequest, engine: FaceEngine, image: Callable[[bytes], Image], kind: str
) -> None:
    pictures: list[Uint8Array] = request.getfixturevalue(kind)
    first = [seen(engine, image, jpeg(rgb, 95)) for rgb in pictures]
    for (number, rgb), (how, version) in zip(enumerate(pictures), list(VERSIONS_OF.items()) * 2, strict=False):
        again = seen(engine, image, version(rgb))
        likeness = first[number].likeness(again)
        assert likeness is not None, how
        assert likeness.reason == "duplicate_image", how
    assert not [one for one, other in combinations(first, 2) if one.likeness(other)]


def test_a_little_cut_off_is_known_again_by_the_face(zoo_engine: FaceEngine, image: Callable[[bytes], Image]) -> None:
    """Not every such version is (docs/face-measurements.md says how many), but these are."""
    found = set()
    for rgb in islice(drawings(), 6):
        likeness = seen(zoo_engine, image, jpeg(rgb, 95)).likeness(seen(zoo_engine, image, jpeg(cut(rgb, 0.04))))
        found.add(likeness and likeness.reason)
    assert "duplicate_face" in found


def test_the_face_has_to_be_the_same_too() -> None:
    """Equal hashes alone are no proof: of two people before the same wall, small."""
    look, likeness = Hashes("0" * 16, "f" * 16), None
    for distance in (0.2, 0.05):
        likeness = look.match(look, 1 - distance)
        assert (likeness is None) == (distance == 0.2)
    assert likeness == replace(VERSIONS[0], picture_bits=0, crop_bits=0, similarity=0.95)


def test_of_several_recognisers_the_least_similar_counts() -> None:
    one = {"a": np.array([1, 0], np.float32), "b": np.array([1, 0], np.float32)}
    other = {"a": np.array([1, 0], np.float32), "b": np.array([0.6, 0.8], np.float32)}
    assert similarity(one, other) == pytest.approx(0.6)
    assert similarity(one, {"a": one["a"]}) == -1.0, "made by another pack"
