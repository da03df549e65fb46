"""What a pack may say, where its files are looked for, and what its fingerprint depends on."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import onnx
import pytest
import yaml
from onnx import TensorProto, helper

from enrich.errors import ModelError
from enrich.faces.pack import ModelPack, known_packs, load_pack


def test_packaged_packs_load(tmp_path: Path) -> None:
    assert known_packs() == ["buffalo_l", "opencv_zoo", "stash_sense"]
    for name in known_packs():
        pack = load_pack(name, tmp_path, complete=False)
        assert pack.folder == tmp_path / name
        assert pack.missing() == [tmp_path / name / spec.file for spec in pack.specs]
        assert all(set(spec.match_distances) == {1, 2, 4} for spec in pack.recognisers)
        assert (pack.fetch is None) == (pack.origin is not None)
    names = {
        name: [spec.name for spec in load_pack(name, tmp_path, complete=False).recognisers] for name in known_packs()
    }
    assert names == {"buffalo_l": ["arcface"], "opencv_zoo": ["sface"], "stash_sense": ["facenet", "arcface"]}


def test_stash_sense_is_what_its_sidecar_loads(tmp_path: Path) -> None:
    pack = load_pack("stash_sense", tmp_path, complete=False)
    assert pack.detector.sizes_px == (640,)
    assert pack.detector.swap_colours
    assert pack.detector.square_canvas
    fed = [
        (
            spec.file,
            spec.sha256[:8],
            spec.input_size_px,
            spec.dim,
            spec.layout,
            spec.colour,
            spec.mean,
            spec.std,
            spec.flip,
        )
        for spec in pack.recognisers
    ]
    assert fed == [
        ("facenet512.onnx", "4b6fcd19", 160, 512, "nhwc", "rgb", 127.5, 127.5, True),
        ("arcface.onnx", "2eff37a1", 112, 512, "nhwc", "rgb", 127.5, 128.0, True),
    ]
    assert pack.fingerprint == "facenet+arcface-22b6b33e35a990e3"  # stored with every face, here and by `scrapy import`


def test_files_that_no_command_fetches(tmp_path: Path) -> None:
    with pytest.raises(ModelError) as refused:
        load_pack("stash_sense", tmp_path)
    message = str(refused.value)
    assert "\n" not in message
    assert f"det_500m.onnx, facenet512.onnx, arcface.onnx not found in {tmp_path / 'stash_sense'}" in message
    assert "place what is missing there yourself: det_500m.onnx is in insightface's buffalo_sc" in message
    assert "models pull" not in message


@pytest.mark.parametrize("name", ["buffalo_l", "opencv_zoo"])
def test_a_missing_pack_says_what_belongs_where(name: str, tmp_path: Path) -> None:
    with pytest.raises(ModelError) as refused:
        load_pack(name, tmp_path)
    message = str(refused.value)
    assert "\n" not in message
    assert f"scrapy models pull {name}" in message
    assert str(tmp_path / name) in message
    assert all(spec.file in message for spec in load_pack(name, tmp_path, complete=False).specs)


def test_an_unknown_name_lists_the_known_ones(tmp_path: Path) -> None:
    with pytest.raises(
        ModelError, match=r"model pack buffalo_xl: neither a known one \(buffalo_l, opencv_zoo, stash_sense\)"
    ):
        load_pack("buffalo_xl", tmp_path)


def test_the_home_directory_may_be_written_as_a_tilde(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    assert load_pack("buffalo_l", Path("~/models"), complete=False).folder == tmp_path / "models" / "buffalo_l"


def test_match_distances(zoo: ModelPack) -> None:
    distances = [zoo.primary.match_distance(count) for count in (1, 2, 3, 4, 5, 100)]
    one, two, four = zoo.primary.match_distances.values()
    assert distances == [one, two, two, four, four, four]


def test_the_fingerprint_is_what_made_the_vectors(zoo: ModelPack, tmp_path: Path) -> None:
    assert zoo.fingerprint == "sface-33590cc9ca114f4e"  # stored with every face: it must not change by itself
    harmless = {"folder": tmp_path, "name": "other", "min_detection_confidence": 0.1, "origin": "elsewhere"}
    assert ModelPack.model_validate({**zoo.model_dump(), **harmless}).fingerprint == zoo.fingerprint
    nearer = zoo.primary.model_copy(update={"match_distances": {1: 0.1}, "file": "renamed.onnx"})
    assert zoo.model_copy(update={"recognisers": (nearer,)}).fingerprint == zoo.fingerprint
    for key, value in {"mean": 1.0, "flip": True, "colour": "bgr", "sha256": "0" * 64, "name": "sface2"}.items():
        other = zoo.primary.model_copy(update={key: value})
        changed = ModelPack.model_validate({**zoo.model_dump(), "recognisers": [other.model_dump()]})
        assert changed.fingerprint != zoo.fingerprint, key
    for change in ({"sha256": "0" * 64}, {"swap_colours": True}):
        other_detector = {**zoo.detector.model_dump(), **change}
        assert ModelPack.model_validate({**zoo.model_dump(), "detector": other_detector}).fingerprint != zoo.fingerprint


def described(zoo: ModelPack) -> dict[str, Any]:
    """A pack.yaml that says what the packaged one says."""
    return zoo.model_dump(mode="json", exclude={"name", "folder", "fetch"})


def test_a_folder_with_a_pack_file(zoo: ModelPack, tmp_path: Path) -> None:
    folder = tmp_path / "mine"
    shutil.copytree(zoo.folder, folder)
    (folder / "pack.yaml").write_text(yaml.safe_dump(described(zoo)), encoding="utf-8")
    pack = load_pack(str(folder), tmp_path / "elsewhere")
    assert (pack.name, pack.folder, pack.fingerprint) == ("mine", folder, zoo.fingerprint)
    (folder / zoo.detector.file).unlink()
    with pytest.raises(ModelError, match=rf"model pack mine: {zoo.detector.file} not found in .*mine$"):
        load_pack(str(folder), tmp_path)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"detector": {"kind": "haar"}}, "detector.kind"),
        ({"thresholds": 1}, "thresholds: Extra inputs"),
        ({"recognisers": []}, "recognisers"),
        ({"min_detection_confidence": "auto"}, "min_detection_confidence"),
        ({"licence": None}, "licence"),
    ],
)
def test_a_pack_file_with_a_mistake(zoo: ModelPack, tmp_path: Path, change: dict[str, Any], message: str) -> None:
    (tmp_path / "pack.yaml").write_text(yaml.safe_dump({**described(zoo), **change}), encoding="utf-8")
    with pytest.raises(ModelError, match=rf"pack\.yaml: {message}") as refused:
        load_pack(str(tmp_path), tmp_path)
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize(
    ("distances", "message"), [({2: 0.4}, "1 face"), ({1: 0.4, 2: 0.3}, "do not fall"), ({1: 2.5}, r"in 0\.\.2")]
)
def test_distances_that_make_no_sense(
    zoo: ModelPack, tmp_path: Path, distances: dict[int, float], message: str
) -> None:
    content = described(zoo)
    content["recognisers"][0]["match_distances"] = distances
    (tmp_path / "pack.yaml").write_text(yaml.safe_dump(content), encoding="utf-8")
    with pytest.raises(ModelError, match=rf"pack\.yaml: recognisers\.0\.match_distances: .*{message}"):
        load_pack(str(tmp_path), tmp_path)


@pytest.mark.parametrize("content", [b"a: [1", b"", b"- 1", b"\xff\xfe"])
def test_a_pack_file_that_cannot_be_read(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "pack.yaml").write_bytes(content)
    with pytest.raises(ModelError, match=r"pack\.yaml") as refused:
        load_pack(str(tmp_path), tmp_path)
    assert "\n" not in str(refused.value)


def test_two_recognisers_of_one_name(zoo: ModelPack, tmp_path: Path) -> None:
    one = described(zoo)["recognisers"]
    (tmp_path / "pack.yaml").write_text(yaml.safe_dump({**described(zoo), "recognisers": one * 2}), encoding="utf-8")
    with pytest.raises(ModelError, match="two recognisers have the same name"):
        load_pack(str(tmp_path), tmp_path)


def test_a_folder_of_insightfaces_layout(insight: ModelPack, testpack: Path) -> None:
    assert insight.folder == testpack.resolve()
    assert (insight.detector.kind, insight.detector.file) == ("scrfd", "det_500m.onnx")
    assert insight.detector.input_size_px == 640
    assert insight.primary.model_dump(include={"name", "kind", "file", "dim", "input_size_px"}) == {
        "name": "arcface",
        "kind": "insightface",
        "file": "arcface_mobilefacenet.onnx",
        "dim": 512,
        "input_size_px": 112,
    }
    assert insight.fingerprint.startswith("arcface-")


@pytest.mark.parametrize(
    ("kept", "lacking"),
    [(None, "detector"), ("det_500m.onnx", "recogniser"), ("arcface_mobilefacenet.onnx", "detector")],
)
def test_a_folder_that_is_no_pack(testpack: Path, tmp_path: Path, kept: str | None, lacking: str) -> None:
    if kept is not None:
        shutil.copy(testpack / kept, tmp_path)
    with pytest.raises(ModelError, match=f"neither a pack.yaml nor, among its .onnx files, a {lacking}"):
        load_pack(str(tmp_path), tmp_path)


def write_graph(path: Path, takes: list[int | str], gives: list[list[int | str]]) -> None:
    """An ONNX file whose graph takes a tensor of such a shape and gives such ones."""
    outputs = [helper.make_tensor_value_info(f"y{n}", TensorProto.FLOAT, shape) for n, shape in enumerate(gives)]
    graph = helper.make_graph(
        [helper.make_node("Identity", ["x"], [output.name]) for output in outputs],
        "shapes",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, takes)],
        outputs,
    )
    onnx.save(helper.make_model(graph), path)


@pytest.mark.parametrize(
    ("detector", "vector", "message"),
    [
        ([1, 3, 300, 300], [1, 512], r"detector\.input_size_px: .* multiple of 32 \(found 300\)$"),
        ([1, 3, 640, 640], ["n", "d"], r"recognisers\.0\.dim: .* greater than 0 \(found 0\)$"),
        ([1, 3, 640, 640], [], r"recognisers\.0\.dim: .* greater than 0 \(found 0\)$"),
        ([1, 3], [1, 512], "a detector that insightface would recognise$"),
    ],
)
def test_graphs_that_no_pack_can_be_made_of(
    tmp_path: Path, detector: list[int | str], vector: list[int | str], message: str
) -> None:
    write_graph(tmp_path / "det.onnx", detector, [detector] * 9)
    write_graph(tmp_path / "rec.onnx", [1, 3, 112, 112], [vector])
    with pytest.raises(ModelError, match=message) as refused:
        load_pack(str(tmp_path), tmp_path)
    assert str(tmp_path) in str(refused.value)
    assert "pack.yaml" in str(refused.value), "the way out"
    assert "\n" not in str(refused.value)


def test_a_folder_with_a_damaged_model(tmp_path: Path) -> None:
    (tmp_path / "det.onnx").write_bytes(b"not a model")
    with pytest.raises(ModelError, match=r"det\.onnx is not an ONNX model"):
        load_pack(str(tmp_path), tmp_path)
