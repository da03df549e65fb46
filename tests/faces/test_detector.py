"""Detection against OpenCV's and insightface's own pipelines, and what our part of it adds."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import onnx
import pytest

from enrich.demo.pictures import Studio
from enrich.demo.world import build_world
from enrich.errors import ModelError
from enrich.faces.decode import decode
from enrich.faces.detector import Detections, Detector, YuNet, find_faces
from enrich.faces.engine import FaceEngine
from enrich.faces.graph import any_size
from enrich.faces.measures import yaw_deg
from enrich.faces.pack import ModelPack, sha256_of
from enrich.faces.scrfd import Scrfd
from enrich.faces.sessions import CPU, open_session
from enrich.items import FloatArray, Uint8Array


class Watched:
    """A detector that notes the canvases it is shown."""

    def __init__(self, detector: Detector) -> None:
        self.detector = detector
        self.sizes_px = detector.sizes_px
        self.step_px = detector.step_px
        self.canvases: list[tuple[int, ...]] = []

    @property
    def shown(self) -> list[int]:
        """Their longer sides."""
        return [max(canvas) for canvas in self.canvases]

    def find(self, canvas: Uint8Array) -> Detections:
        self.canvases.append(canvas.shape[:2])
        return self.detector.find(canvas)


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


def tied(pack: ModelPack, folder: Path, **said: object) -> ModelPack:
    """The pack with a detector that is tied to 640 px: the sizes that it scales to are a part of its graph."""
    model = onnx.load(pack.path(pack.detector))
    graph = model.graph
    sizes = {node.input[3] for node in graph.node if node.op_type == "Resize"}
    constants = [tensor for tensor in graph.initializer if tensor.name in sizes]
    for tensor in constants:
        graph.initializer.remove(tensor)
        graph.node.insert(0, onnx.helper.make_node("Constant", [], [tensor.name], value=tensor))
    assert constants
    onnx.save(model, folder / "tied.onnx")
    update = {"file": "tied.onnx", "sha256": sha256_of(folder / "tied.onnx"), "small_input_size_px": None, **said}
    return pack.model_copy(update={"folder": folder, "detector": pack.detector.model_copy(update=update)})


def test_scrfd_of_another_size_than_the_packs_is_refused(insight: ModelPack, tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"tied\.onnx takes 640 x 640 px, the pack says 320"):
        Scrfd(tied(insight, tmp_path, input_size_px=320), [CPU], 1)


def test_a_graph_that_is_tied_to_its_size_is_shown_squares(
    insight: ModelPack, tmp_path: Path, face: Uint8Array
) -> None:
    detector = Watched(Scrfd(tied(insight, tmp_path), [CPU], 1))
    upright = np.ascontiguousarray(face[:, 150:500])
    found = find_faces(detector, upright, 0.5)
    assert detector.canvases == [(640, 640)]
    untied = Watched(Scrfd(insight, [CPU], 1))
    expected = find_faces(untied, upright, 0.5, smallest_face_px=1)
    assert untied.canvases == [(640, 352)]
    assert len(found.scores) == len(expected.scores) == 1
    assert np.abs(found.landmarks_px - expected.landmarks_px).max() < 0.01 * 350


def test_a_canvas_that_ends_with_the_picture_shows_what_a_square_shows(
    engine: FaceEngine, portraits: Mapping[str, list[bytes]]
) -> None:
    """The black that a square has beside the picture holds nothing, but what is near it looks a little different."""

    class Square(Watched):
        def __init__(self, detector: Detector) -> None:
            super().__init__(detector)
            self.step_px = detector.sizes_px[-1]

    sure = engine.pack.min_detection_confidence
    shorter = 0
    for bodies in portraits.values():
        rgb = decode(bodies[2])
        width = rgb.shape[1]
        for picture in (rgb, np.ascontiguousarray(rgb[:, width // 8 : -width // 8]), np.hstack([rgb, rgb[:, ::-1]])):
            square, ending = Square(engine._detector), Watched(engine._detector)
            expected, found = find_faces(square, picture, sure), find_faces(ending, picture, sure)
            assert square.canvases[0][0] == square.canvases[0][1]
            shorter += min(ending.canvases[0]) < max(ending.canvases[0])
            assert (found.best >= sure) == (expected.best >= sure)
            if expected.best >= sure:
                assert found.best == pytest.approx(expected.best, abs=0.03)
                nearest = np.abs(found.landmarks_px - expected.landmarks_px[0]).max(axis=(1, 2)).min()
                assert nearest < 0.03 * (expected.boxes_px[0, 3] - expected.boxes_px[0, 1])
    assert shorter >= 50


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


def test_a_smaller_look_finds_faces_that_fill_the_frame(
    insight_engine: FaceEngine, portraits: Mapping[str, list[bytes]]
) -> None:
    detector, sure = insight_engine._detector, insight_engine.pack.min_detection_confidence
    assert detector.sizes_px == (320, 640)
    looked, large, both, small = 0, 0, 0, 0
    for bodies in portraits.values():
        for body in bodies[::2]:
            rgb = decode(body)
            looked += 1
            large += find_faces(detector, rgb, 0.0, smallest_face_px=1).best >= sure
            both += find_faces(detector, rgb, sure, smallest_face_px=1).best >= sure
            small += find_faces(detector, rgb, 0.0).best >= sure
    assert large < looked
    assert both == small == looked == 66


@pytest.mark.parametrize(("pack", "inset", "before"), [("zoo", (0.2, 0.3), 5), ("insight", (0.3, 0.3), 18)])
def test_a_face_cut_at_chin_and_forehead_is_found_with_padding(
    pack: str, inset: tuple[float, float], before: int, portraits: Mapping[str, list[bytes]],
    request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    """Of each face only what is between the eyebrows and just below the mouth."""
    engine: FaceEngine = request.getfixturevalue(f"{pack}_engine")
    detector, sure = engine._detector, engine.pack.min_detection_confidence
    without = with_padding = 0
    for bodies in portraits.values():
        rgb = decode(bodies[0])
        whole = find_faces(detector, rgb, sure)
        margin = np.array(inset) * (whole.boxes_px[0, 2:] - whole.boxes_px[0, :2])
        (left, top), (right, bottom) = (
            (whole.boxes_px[0, :2] + margin).astype(int),
            (whole.boxes_px[0, 2:] - margin).astype(int),
        )
        cut = np.ascontiguousarray(rgb[top:bottom, left:right])
        with monkeypatch.context() as patched:
            patched.setattr("enrich.faces.detector.PADDED_ASPECT", 0)
            if find_faces(detector, cut, sure).best >= sure:
                without += 1
                continue
        found = find_faces(detector, cut, sure)
        if found.best >= sure:
            with_padding += 1
            assert (found.boxes_px[0] >= 0).all()
            assert (found.boxes_px[0] <= [right - left, bottom - top] * 2).all()
            eyes = np.hypot(*(whole.landmarks_px[0, 1] - whole.landmarks_px[0, 0]))
            assert np.abs(found.landmarks_px[0] + [left, top] - whole.landmarks_px[0]).max() < 0.3 * eyes
    assert without <= before
    assert without + with_padding >= 21


@pytest.mark.parametrize(("side", "smallest"), [(640, 80), (1280, 80), (320, 20), (2560, 160)])
def test_a_face_that_can_count_is_seen_on_the_small_canvas(
    insight_engine: FaceEngine, face: Uint8Array, side: int, smallest: int
) -> None:
    """Two faces of about the smallest size that counts, in opposite corners: the second-face rule must see both."""
    across = round(smallest * 640 / 260)  # the drawn face is about 260 px wide
    small = cv2.resize(face, (across, across), interpolation=cv2.INTER_AREA)
    picture = np.full((side, side, 3), 128, dtype=np.uint8)
    picture[:across, :across] = picture[-across:, -across:] = small
    watched = Watched(insight_engine._detector)
    assert len(find_faces(watched, picture, 0.5, smallest).scores) == 2
    assert watched.shown == [320]


def test_a_picture_too_large_for_the_small_canvas_is_looked_at_on_the_large_one(insight_engine: FaceEngine) -> None:
    watched = Watched(insight_engine._detector)
    find_faces(watched, np.zeros((1281, 64, 3), np.uint8), 0.5, 80)
    assert watched.shown == [640, 320]
    watched.canvases.clear()
    find_faces(watched, np.zeros((64, 1280, 3), np.uint8), 0.5, 80)
    assert watched.shown == [320, 640]


@pytest.mark.parametrize(("size", "looks"), [((800, 600), 3), ((600, 1200), 3), ((600, 1201), 2)])
def test_a_picture_without_a_face_is_looked_at_once_more_if_it_could_be_one_face(
    engine: FaceEngine, face: Uint8Array, size: tuple[int, int], looks: int
) -> None:
    watched = Watched(engine._detector)
    find_faces(watched, np.zeros((*size, 3), np.uint8), 0.5)
    assert len(watched.shown) == looks
    watched.canvases.clear()
    find_faces(watched, face, 0.5)
    assert len(watched.shown) == 1


def test_a_turned_head_is_measured_on_the_large_canvas(insight_engine: FaceEngine) -> None:
    world = build_world()
    studio = Studio(world.people)
    turned = {picture.drawing for picture in world.pictures.values() if picture.drawing.kind == "turned"}
    assert len(turned) >= 4
    for drawing in turned:
        watched = Watched(insight_engine._detector)
        found = find_faces(watched, np.ascontiguousarray(studio.pixels(drawing)), 0.5)
        assert watched.shown == [320, 640]
        assert 50 < abs(yaw_deg(found.landmarks_px[0])) < 85, "they are drawn at 68 degrees"


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
    with pytest.raises(ModelError, match=r"strange\.onnx: its node Resize_79 tells no factor; a pack\.yaml without"):
        any_size(tmp_path / "strange.onnx")


def test_no_face_in_noise(engine: FaceEngine) -> None:
    noise = np.random.default_rng(0).integers(0, 256, (500, 700, 3), dtype=np.uint8)
    assert engine.detect(noise).best < engine.pack.min_detection_confidence
    assert engine.detect(np.zeros((1, 1, 3), np.uint8)).best < engine.pack.min_detection_confidence
