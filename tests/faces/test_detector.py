"""Detection against OpenCV's and insightface's own pipelines, and what our part of it adds."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import onnx
import pytest

from enrich.errors import ModelError
from enrich.faces.decode import decode
from enrich.faces.detections import Detections
from enrich.faces.detector import YuNet, find_faces
from enrich.faces.engine import FaceEngine
from enrich.faces.graph import any_size
from enrich.faces.measures import yaw_deg
from enrich.faces.pack import ModelPack, sha256_of
from enrich.faces.scrfd import Scrfd
from enrich.faces.sessions import CPU, open_session
from enrich.items import FloatArray, Uint8Array


def opencvs(pack: ModelPack, canvas: Uint8Array) -> FloatArray:
    """What cv2.FaceDetectorYN finds on an RGB canvas: rows of x, y, w, h, five points, score."""
    size = canvas.shape[1::-1]
    detector = cv2.FaceDetectorYN.create(str(pack.path(pack.detector)), "", size, pack.detector.threshold, 0.3, 5000)
    rows: Any = detector.detect(cv2.cvtColor(canvas, cv2.COLOR_RGB2BGR))[1]  # None without a face
    return np.empty((0, 15), np.float32) if rows is None else np.asarray(rows, np.float32)


def same_as_opencvs(found: Detections, rows: FloatArray) -> None:
    order = np.argsort(-rows[:, 14])
    assert len(found.scores) == len(rows)
    mine = np.argsort(-found.scores)
    assert np.allclose(found.scores[mine], rows[order, 14], atol=1e-5)
    assert np.allclose(found.landmarks_px[mine].reshape(-1, 10), rows[order, 4:14], atol=1e-2)
    corners = np.hstack([rows[:, :2], rows[:, :2] + rows[:, 2:4]])
    assert np.allclose(found.boxes_px[mine], corners[order], atol=1e-2)


def test_yunet_is_opencvs_on_a_drawn_face(zoo: ModelPack, face: Uint8Array) -> None:
    yunet = YuNet(zoo, [CPU], 1)
    four = np.tile(np.asarray(cv2.resize(face, (320, 320), interpolation=cv2.INTER_AREA), np.uint8), (2, 2, 1))
    for canvas, faces in ((face, 1), (four, 4), (np.zeros_like(face), 0)):
        found = yunet.find(canvas)
        assert len(found.scores) == faces
        same_as_opencvs(found, opencvs(zoo, canvas))


def test_yunet_is_opencvs_on_portraits(zoo: ModelPack, portraits: Mapping[str, list[bytes]]) -> None:
    yunet = YuNet(zoo, [CPU], 1)
    for bodies in list(portraits.values())[:8]:
        canvas = np.asarray(cv2.resize(decode(bodies[0]), (640, 640)), np.uint8)
        same_as_opencvs(yunet.find(canvas), opencvs(zoo, canvas))


def test_scrfd_is_insightfaces_where_nothing_is_scaled(
    insight: ModelPack, portraits: Mapping[str, list[bytes]]
) -> None:
    from insightface.model_zoo import get_model

    theirs = get_model(str(insight.path(insight.detector)), providers=[CPU])
    theirs.prepare(0, input_size=(640, 640), det_thresh=insight.detector.threshold)
    ours = Scrfd(insight, [CPU], 1)
    for bodies in list(portraits.values())[:5]:
        canvas = np.asarray(cv2.resize(decode(bodies[3]), (640, 640)), np.uint8)
        found = ours.find(canvas)
        rows, points = theirs.detect(cv2.cvtColor(canvas, cv2.COLOR_RGB2BGR))
        assert np.allclose(found.scores, rows[:, 4], atol=1e-5)
        assert np.allclose(found.boxes_px, rows[:, :4], atol=1e-2)
        assert np.allclose(found.landmarks_px, points, atol=1e-2)


def test_scrfd_is_insightfaces_to_the_last_bit_with_the_same_session(
    insight: ModelPack, portraits: Mapping[str, list[bytes]]
) -> None:
    from insightface.model_zoo import SCRFD

    ours = Scrfd(insight, [CPU], 1)
    theirs = SCRFD(model_file=None, session=ours._session)
    theirs.prepare(0, det_thresh=insight.detector.threshold)
    pictures = [decode(bodies[3]) for bodies in list(portraits.values())[:5]]
    large = [np.asarray(cv2.resize(rgb, (640, 640)), np.uint8) for rgb in pictures]
    four = np.tile(np.asarray(cv2.resize(pictures[0], (320, 320)), np.uint8), (2, 2, 1))
    for canvas, least in [*((canvas, 1) for canvas in large), (four, 4), (four[:320, :320], 1), (0 * four, 0)]:
        found = ours.find(canvas)
        rows, points = theirs.detect(cv2.cvtColor(canvas, cv2.COLOR_RGB2BGR), input_size=canvas.shape[1::-1])
        assert len(rows) >= least
        for mine, its in ((found.scores, rows[:, 4]), (found.boxes_px, rows[:, :4]), (found.landmarks_px, points)):
            assert mine.dtype == np.float32
            assert mine.shape == its.shape
            assert np.array_equal(mine, its)


def test_scrfd_finds_what_insightface_finds(
    insight: ModelPack, insight_engine: FaceEngine, portraits: Mapping[str, list[bytes]]
) -> None:
    from insightface.app import FaceAnalysis

    theirs = FaceAnalysis(name=str(insight.folder), allowed_modules=["detection"], providers=[CPU])
    theirs.prepare(0, det_thresh=0.5, det_size=(640, 640))
    compared = 0
    for bodies in list(portraits.values())[:10]:
        rgb = decode(bodies[1])
        rows, points = theirs.det_model.detect(cv2.cvtColor(rgb, cv2.COLOR_RGB2BGR))
        if not len(rows):
            continue
        found = insight_engine.detect(rgb, smallest_face_px=1)  # at 640 px, as theirs
        eyes = np.linalg.norm(points[0][1] - points[0][0])
        assert np.abs(found.landmarks_px[0] - points[0]).max() < 0.03 * eyes
        assert found.scores[0] == pytest.approx(rows[0, 4], abs=0.05)
        compared += 1
    assert compared >= 8


def test_scrfd_with_an_open_input_size_runs_at_the_packs(insight: ModelPack, tmp_path: Path, face: Uint8Array) -> None:
    """insightface's larger detectors leave the size open, and its default then is not 640."""
    model = onnx.load(insight.path(insight.detector))
    for dimension in model.graph.input[0].type.tensor_type.shape.dim[2:]:
        dimension.dim_param = "side"
    for output in model.graph.output:
        output.type.tensor_type.shape.dim[1].dim_param = "cells"
    onnx.save(model, tmp_path / "open.onnx")
    spec = insight.detector.model_copy(update={"file": "open.onnx", "sha256": sha256_of(tmp_path / "open.onnx")})
    opened = Scrfd(insight.model_copy(update={"folder": tmp_path, "detector": spec}), [CPU], 1).find(face)
    fixed = Scrfd(insight, [CPU], 1).find(face)
    assert len(fixed.scores) == 1
    assert np.allclose(opened.landmarks_px, fixed.landmarks_px, atol=1e-2)
    assert np.allclose(opened.scores, fixed.scores, atol=1e-4)


def test_landmarks_are_as_the_viewer_sees_them(engine: FaceEngine, face: Uint8Array) -> None:
    (left_eye, right_eye, nose, left_mouth, right_mouth) = engine.detect(face).landmarks_px[0]
    drawn = [(265, 300), (375, 300), (320, 370), (276, 432), (364, 432)]
    for found, truth in zip((left_eye, right_eye, nose, left_mouth, right_mouth), drawn, strict=True):
        assert np.hypot(*(found - truth)) < 25


def test_yaw_changes_its_sign_in_the_mirror(engine: FaceEngine, portraits: Mapping[str, list[bytes]]) -> None:
    turned = 0
    for bodies in portraits.values():
        rgb = decode(bodies[0])
        yaw = yaw_deg(engine.detect(rgb).landmarks_px[0])
        if abs(yaw) > 6:
            mirrored = yaw_deg(engine.detect(np.ascontiguousarray(rgb[:, ::-1])).landmarks_px[0])
            assert mirrored * yaw < 0
            turned += 1
    assert turned >= 3


@pytest.mark.parametrize("size", [(4000, 3000), (4003, 3001), (300, 250), (640, 2000)])
def test_pictures_of_any_size_give_places_in_their_own_pixels(
    engine: FaceEngine, face: Uint8Array, size: tuple[int, int]
) -> None:
    """The drawn face, fitted into the upper left square of a larger picture."""
    width, height = size
    side = min(size)
    picture = np.full((height, width, 3), 128, dtype=np.uint8)
    picture[:side, :side] = cv2.resize(face, (side, side), interpolation=cv2.INTER_AREA)
    found = engine.detect(picture)
    expected = engine.detect(face).landmarks_px[0] * (side / 640)
    assert np.abs(found.landmarks_px[0] - expected).max() < 0.03 * side


POINTS = np.arange(10, dtype=np.float32).reshape(5, 2)


class Fixed:
    """A detector that reports the same four faces on any canvas."""

    sizes_px = (640,)
    step_px = 640

    def find(self, canvas: Uint8Array) -> Detections:
        assert canvas.shape == (640, 640, 3)
        boxes = [[-50, -20, 150, 180], [100, 100, 200, 230], [600, 250, 900, 400], [100, 330, 200, 430]]
        scores = np.array([0.7, 0.9, 0.8, 0.6], np.float32)
        return Detections(np.array(boxes, np.float32), np.stack([POINTS] * 4), scores)


@pytest.mark.parametrize("landmarks", [np.full((5, 2), 7.0), np.full((5, 2), np.nan)])
def test_a_face_without_an_extent_is_none(landmarks: FloatArray) -> None:
    class Strange(Fixed):
        def find(self, canvas: Uint8Array) -> Detections:
            found = super().find(canvas)
            found.landmarks_px[1] = landmarks
            return found

    assert find_faces(Strange(), np.zeros((640, 640, 3), np.uint8), 0.5).scores.tolist() == pytest.approx(
        [0.8, 0.7, 0.6]
    )


def test_boxes_end_at_the_picture_and_the_surest_comes_first() -> None:
    found = find_faces(Fixed(), np.zeros((640, 1280, 3), np.uint8), 0.5)
    assert found.boxes_px.tolist() == [[200, 200, 400, 460], [1200, 500, 1280, 640], [0, 0, 300, 360]]
    assert found.scores.tolist() == pytest.approx([0.9, 0.8, 0.7])
    assert (found.landmarks_px == POINTS * 2).all()


def test_a_face_cut_by_the_edge(engine: FaceEngine, face: Uint8Array) -> None:
    found = engine.detect(np.ascontiguousarray(face[:420]))
    assert len(found.scores) == 1
    assert found.boxes_px[0, 3] == 420


def test_the_surest_face_comes_first(zoo_engine: FaceEngine, face: Uint8Array) -> None:
    pale = np.ascontiguousarray(face // 6 + 100)
    both = np.hstack([pale, face])
    found = zoo_engine.detect(both)
    assert len(found.scores) == 2
    assert found.scores[0] > found.scores[1]
    assert found.landmarks_px[0, 0, 0] > 640


def test_a_detectors_graph_opens_to_other_sizes_and_stays_the_same_at_its_own(
    insight: ModelPack, zoo: ModelPack
) -> None:
    for pack in (insight, zoo):
        path = pack.path(pack.detector)
        opened, exported = (open_session(source, path, [CPU], 1) for source in (any_size(path), path))
        noise = np.random.default_rng(0).integers(0, 256, (1, 3, 640, 640)).astype(np.float32)
        name = exported.get_inputs()[0].name
        for ours, theirs in zip(opened.run(None, {name: noise}), exported.run(None, {name: noise}), strict=True):
            assert np.allclose(ours, theirs, atol=1e-4)
        smaller = opened.run(None, {name: np.ascontiguousarray(noise[..., :320, :480])})
        assert smaller[0].shape[1] * 2 < exported.run(None, {name: noise})[0].shape[1]


def test_a_graph_that_tells_no_factor_is_refused_by_name(insight: ModelPack, tmp_path: Path) -> None:
    model = onnx.load(insight.path(insight.detector))
    for dimension in model.graph.input[0].type.tensor_type.shape.dim[2:]:
        dimension.dim_param = "side"
    del model.graph.value_info[:]
    onnx.save(model, tmp_path / "strange.onnx")
    with pytest.raises(ModelError, match=r"strange\.onnx: its node Resize_79 gives no factor; a pack\.yaml without"):
        any_size(tmp_path / "strange.onnx")


def test_no_face_in_noise(engine: FaceEngine) -> None:
    noise = np.random.default_rng(0).integers(0, 256, (500, 700, 3), dtype=np.uint8)
    assert engine.detect(noise).best < engine.pack.min_detection_confidence
    assert engine.detect(np.zeros((1, 1, 3), np.uint8)).best < engine.pack.min_detection_confidence
