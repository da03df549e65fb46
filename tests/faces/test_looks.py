"""At which canvas a detector looks, how often, and what it does not see for it."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import cv2
import numpy as np
import onnx
import pytest

from enrich.demo.pictures import Studio
from enrich.demo.world import build_world
from enrich.errors import ModelError
from enrich.faces.decode import decode
from enrich.faces.detections import Detections, Detector
from enrich.faces.detector import find_faces
from enrich.faces.engine import FaceEngine
from enrich.faces.measures import yaw_deg
from enrich.faces.pack import ModelPack, sha256_of
from enrich.faces.scrfd import Scrfd
from enrich.faces.sessions import CPU
from enrich.items import Uint8Array


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
