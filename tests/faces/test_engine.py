"""The whole room at work: pictures in, faces and vectors out, from several threads, and what stops it at the start."""

from __future__ import annotations

import hashlib
import os
import shutil
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from itertools import combinations
from pathlib import Path

import numpy as np
import pytest
from PIL import Image as PillowImage

from enrich.errors import ModelError
from enrich.faces.engine import FaceEngine, load_engine
from enrich.faces.pack import ModelPack
from enrich.items import DetectedImage, Image, RejectedImage, Uint8Array

ToImage = Callable[[bytes], Image]
Encode = Callable[..., bytes]


def test_a_picture_becomes_its_faces(engine: FaceEngine, face: Uint8Array, encoded: Encode, image: ToImage) -> None:
    body = encoded(face)
    found = engine.analyse(image(body))
    assert isinstance(found, DetectedImage)
    assert (found.width_px, found.height_px) == (640, 640)
    assert found.sha256 == hashlib.sha256(body).hexdigest()
    (only,) = found.faces
    assert only.crop.shape == (112, 112, 3)
    assert only.confidence >= engine.pack.min_detection_confidence
    assert abs(only.yaw_deg) < 15
    assert 200 < only.size_px < 400


def test_a_picture_lying_on_its_side_is_turned_first(
    zoo_engine: FaceEngine, face: Uint8Array, encoded: Encode, image: ToImage
) -> None:
    exif = PillowImage.Exif()
    exif[0x0112] = 6
    lying = np.ascontiguousarray(np.rot90(face))
    found = zoo_engine.analyse(image(encoded(lying, "JPEG", exif=exif, quality=95)))
    assert isinstance(found, DetectedImage)
    left_eye, right_eye = found.faces[0].landmarks_px[:2]
    assert right_eye[0] - left_eye[0] > 80
    assert abs(right_eye[1] - left_eye[1]) < 15


def test_what_cannot_be_decoded_is_rejected(zoo_engine: FaceEngine, image: ToImage, encoded: Encode) -> None:
    page = zoo_engine.analyse(image(b"<html></html>"))
    assert isinstance(page, RejectedImage)
    assert (page.reason, page.detail["bytes"]) == ("not_an_image", 13)
    huge = bytearray(encoded(np.zeros((8, 8, 3), np.uint8), "BMP"))
    huge[18:26] = (50_000).to_bytes(4, "little") * 2
    bomb = zoo_engine.analyse(image(bytes(huge)))
    assert isinstance(bomb, RejectedImage)
    assert (bomb.reason, dict(bomb.detail)) == ("image_too_large", {"width_px": 50_000, "height_px": 50_000})
    assert bomb.sha256 == hashlib.sha256(huge).hexdigest()


def test_threads_find_what_one_thread_finds(
    engine: FaceEngine, portraits: Mapping[str, list[bytes]], image: ToImage
) -> None:
    pictures = [image(bodies[0]) for bodies in portraits.values()]
    alone = [engine.analyse(picture) for picture in pictures]
    with ThreadPoolExecutor(4) as pool:
        together = list(pool.map(engine.analyse, pictures * 2))
    for one, other in zip(alone * 2, together, strict=True):
        assert isinstance(one, DetectedImage)
        assert isinstance(other, DetectedImage)
        assert len(one.faces) == len(other.faces)
        for mine, theirs in zip(one.faces, other.faces, strict=True):
            assert np.array_equal(mine.landmarks_px, theirs.landmarks_px)
            assert np.array_equal(mine.crop, theirs.crop)


def test_people_are_told_apart_with_the_packs_distances(
    engine: FaceEngine, portraits: Mapping[str, list[bytes]], image: ToImage
) -> None:
    crops, people = [], []
    for person, bodies in portraits.items():
        for body in bodies[::4]:  # the two that are least alike
            found = engine.analyse(image(body))
            assert isinstance(found, DetectedImage)
            assert len(found.faces) == 1, "every portrait shows one face"
            assert found.faces[0].confidence >= engine.pack.min_detection_confidence
            crops.append(found.faces[0].crop)
            people.append(person)
    vectors = engine.embed(crops)[engine.pack.primary.name]
    distances = 1 - vectors @ vectors.T
    pairs = list(combinations(range(len(people)), 2))
    within = [distances[a, b] for a, b in pairs if people[a] == people[b]]
    between = [distances[a, b] for a, b in pairs if people[a] != people[b]]
    assert (len(within), len(between)) == (22, 924)
    assert max(within) < engine.pack.primary.match_distance(1)
    assert min(between) > max(engine.pack.primary.match_distances.values())


def test_one_engine_a_process(zoo: ModelPack) -> None:
    assert load_engine(zoo, "cpu") is load_engine(zoo.model_copy(), "cpu")


def test_a_file_that_is_not_the_one_the_pack_names(zoo: ModelPack, tmp_path: Path) -> None:
    shutil.copytree(zoo.folder, tmp_path / "opencv_zoo")
    path = tmp_path / "opencv_zoo" / zoo.detector.file
    path.write_bytes(path.read_bytes()[:-1] + b"!")
    with pytest.raises(
        ModelError, match=r"face_detection_yunet_2023mar\.onnx is not the file .* `scrapy models pull opencv_zoo`"
    ):
        FaceEngine(zoo.model_copy(update={"folder": tmp_path / "opencv_zoo"}), "cpu")


@pytest.mark.parametrize("content", [b"", b"not a model"])
def test_a_file_that_is_no_model(zoo: ModelPack, tmp_path: Path, content: bytes) -> None:
    shutil.copytree(zoo.folder, tmp_path / "broken")
    for spec in zoo.specs:
        (tmp_path / "broken" / spec.file).write_bytes(content)
    digest = hashlib.sha256(content).hexdigest()
    update = {
        "folder": tmp_path / "broken",
        "detector": zoo.detector.model_copy(update={"sha256": digest}),
        "recognisers": (zoo.primary.model_copy(update={"sha256": digest}),),
    }
    with pytest.raises(ModelError, match="is not a model that onnxruntime can run") as refused:
        FaceEngine(zoo.model_copy(update=update), "cpu")
    assert "\n" not in str(refused.value)


def test_a_recogniser_that_is_not_as_described(zoo: ModelPack) -> None:
    wrong = zoo.primary.model_copy(update={"dim": 512})
    with pytest.raises(ModelError, match=r"shape \(128,\), the pack says 512"):
        FaceEngine(zoo.model_copy(update={"recognisers": (wrong,)}), "cpu")
    wrong = zoo.primary.model_copy(update={"input_size_px": 96})
    with pytest.raises(ModelError, match="model pack opencv_zoo does not run") as refused:
        FaceEngine(zoo.model_copy(update={"recognisers": (wrong,)}), "cpu")
    assert "\n" not in str(refused.value)


def test_a_detector_that_is_not_as_described(zoo: ModelPack, insight: ModelPack) -> None:
    wrong = insight.detector.model_copy(update={"kind": "yunet"})
    with pytest.raises(ModelError, match=r"^model pack \w+ does not run: KeyError: 'cls_8'; is each file") as refused:
        FaceEngine(insight.model_copy(update={"detector": wrong}), "cpu")
    assert "\n" not in str(refused.value)
    wrong = zoo.detector.model_copy(update={"kind": "scrfd"})
    with pytest.raises(ModelError, match="gives no landmarks"):
        FaceEngine(zoo.model_copy(update={"detector": wrong}), "cpu")


def test_nothing_is_said_on_stderr(zoo: ModelPack, capfd: pytest.CaptureFixture[str]) -> None:
    FaceEngine(zoo, "cpu", threads=1)
    assert capfd.readouterr() == ("", "")


def test_workers_share_the_cores(zoo: ModelPack) -> None:
    assert FaceEngine(zoo, "cpu").threads == len(os.sched_getaffinity(0))
