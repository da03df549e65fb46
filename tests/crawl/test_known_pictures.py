"""What a crawl need not compute, of copies and small pictures, and what it does where it cannot, without memory."""

from __future__ import annotations

import json
import shutil
from collections import Counter
from collections.abc import Mapping
from io import BytesIO
from pathlib import Path
from typing import Any

import onnx
import pytest
import yaml
from onnx import TensorProto, helper
from PIL import Image

from enrich.demo.chance import look_from_seed, shot_from_seed
from enrich.demo.portrait import draw
from enrich.faces.pack import load_pack, sha256_of
from tests.conftest import Scrapy
from tests.crawl import ledger
from tests.crawl.answers import Answer, answering

COPIES, SMALL = 12, 6


def portrait(seed: int, **options: Any) -> bytes:
    out = BytesIO()
    Image.fromarray(draw(look_from_seed(seed), shot_from_seed(seed))).save(out, "JPEG", quality=95, **options)
    return out.getvalue()


def small(number: int) -> bytes:
    """Lower than 400 px once it is turned upright; after the header there is nothing."""
    exif = Image.Exif()
    exif[0x0112] = 6
    out = BytesIO()
    Image.new("RGB", (390 - number, 500)).save(out, "JPEG", exif=exif)
    return out.getvalue()[:-700]


class Boxes:
    """Two stash-boxes; the second has what the first has, at other addresses, and pictures that are too small."""

    def __init__(self) -> None:
        self.base_url = ""
        original = portrait(3)
        self.pictures: dict[str, dict[str, bytes]] = {
            "first": {"/first/0.jpg": original},
            "second": {f"/second/{number}.jpg": original for number in range(COPIES)}
            | {f"/second/small-{number}.jpg": small(number) for number in range(SMALL)},
        }

    def answer(self, path: str, _body: bytes) -> Answer | None:
        box = path.split("/")[1]
        if path.endswith("/graphql"):
            person = {
                "id": "00000000-0000-4000-8000-000000000001", "name": "Ann Example", "birth_date": "1990-01-01",
                "images": [{"id": name, "url": self.base_url + name} for name in self.pictures[box]],
                "urls": [], "aliases": [], "merged_ids": [], "deleted": False,
            }  # fmt: skip
            found = {"data": {"queryPerformers": {"count": 1, "performers": [person]}}}
            return Answer(json.dumps(found), "application/json")
        body = self.pictures.get(box, {}).get(path)
        return None if body is None else Answer(body, "image/jpeg")

    def sources(self, path: Path) -> str:
        """Write a sources.yaml that points here; its path."""
        boxes = {"stashdb": "first", "pmvstash": "second"}
        content = {
            "global": {"quality_filters": {"min_detection_confidence": "auto"}},
            "stash_boxes": {
                name: {"url": f"{self.base_url}/{box}/graphql", "rate_limit": 0, "trust_level": "high"}
                for name, box in boxes.items()
            },
        }
        path.write_text(yaml.safe_dump(content), "utf-8")
        return str(path)


def stats(scrapy: Scrapy, source: str) -> Mapping[str, Any]:
    (row,) = ledger.rows(scrapy.data_dir, "SELECT finish_reason, stats FROM runs WHERE source = ?", source)
    return {"finish_reason": row["finish_reason"], **json.loads(row["stats"])}


def test_nothing_is_computed_of_copies_and_of_small_pictures(scrapy: Scrapy, tmp_path: Path) -> None:
    boxes = Boxes()
    with answering(boxes.answer) as server:
        boxes.base_url = server.base_url
        scrapy.environment["ENRICH_SOURCES_FILE"] = boxes.sources(tmp_path / "sources.yaml")
        for source in ("stashdb", "pmvstash"):
            finished = scrapy("crawl", source)
            assert (finished.code, finished.lines) == (0, []), finished.err
    first, second = stats(scrapy, "stashdb"), stats(scrapy, "pmvstash")
    assert (first["enrich/faces/accepted"], first["enrich/batch/size_mean"]) == (1, 1)
    assert "enrich/images/undecoded" not in first
    assert second["enrich/images/undecoded"] == second["enrich/images/rejected"] == COPIES + SMALL
    assert "enrich/batch/size_mean" not in second

    found = ledger.rows(scrapy.data_dir, "SELECT reason, detail, sha256 FROM images WHERE source = 'pmvstash'")
    assert Counter(row["reason"] for row in found) == {"duplicate_image": COPIES, "image_too_small": SMALL}
    assert all(row["sha256"] for row in found)
    details = {row["reason"]: json.loads(row["detail"]) for row in found}
    assert details["duplicate_image"]["of_source"] == "stashdb"
    assert details["duplicate_image"]["of_image_url"].endswith("/first/0.jpg")
    assert details["image_too_small"]["width_px"] == 500
    assert 384 < details["image_too_small"]["height_px"] <= 390


def test_a_gpu_that_was_asked_for_and_cannot_be_used_stops_before_the_first_request(
    scrapy: Scrapy, tmp_path: Path
) -> None:
    boxes = Boxes()
    with answering(boxes.answer) as server:
        boxes.base_url = server.base_url
        sources = boxes.sources(tmp_path / "sources.yaml")
        hidden = {"ENRICH_EMBED_DEVICE": "cuda", "CUDA_VISIBLE_DEVICES": "-1"}
        finished = scrapy("crawl", "stashdb", ENRICH_SOURCES_FILE=sources, **hidden)
        (line,) = finished.lines
        assert (finished.code, server.asked) == (1, [])
        assert line.startswith("enrich: EMBED_DEVICE=cuda: ")
        assert "EMBED_DEVICE=auto" in line


def write_insatiable(path: Path) -> None:
    """Write a recogniser of the crop's mean colour that wants terabytes unless that is a medium grey, as of noise."""
    nodes = [
        helper.make_node("GlobalAveragePool", ["x"], ["means"]),
        helper.make_node("Flatten", ["means"], ["colours"]),
        helper.make_node("ReduceMean", ["x"], ["grey"], keepdims=0),
        helper.make_node("Sub", ["grey", "middle"], ["off"]),
        helper.make_node("Abs", ["off"], ["distance"]),
        helper.make_node("Floor", ["distance"], ["whole"]),
        helper.make_node("Cast", ["whole"], ["number"], to=TensorProto.INT64),
        helper.make_node("Mul", ["number", "tera"], ["teras"]),
        helper.make_node("Reshape", ["teras", "one"], ["shape"]),
        helper.make_node("ConstantOfShape", ["shape"], ["zeros"]),
        helper.make_node("ReduceSum", ["zeros"], ["nothing"], keepdims=0),
        helper.make_node("Add", ["colours", "nothing"], ["y"]),
    ]
    constants = [
        helper.make_tensor("middle", TensorProto.FLOAT, [], [127.5]),
        helper.make_tensor("tera", TensorProto.INT64, [], [2**40]),
        helper.make_tensor("one", TensorProto.INT64, [1], [1]),
    ]
    given = helper.make_tensor_value_info("x", TensorProto.FLOAT, ["n", 3, 112, 112])
    graph = helper.make_graph(
        nodes, "insatiable", [given], [helper.make_tensor_value_info("y", TensorProto.FLOAT, ["n", 3])], constants
    )
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8), path)


@pytest.fixture
def insatiable(models_dir: Path, tmp_path: Path) -> Path:
    """A pack whose recogniser starts, and finds no memory for a face."""
    zoo, folder = load_pack("opencv_zoo", models_dir), tmp_path / "insatiable"
    folder.mkdir()
    shutil.copyfile(zoo.path(zoo.detector), folder / zoo.detector.file)
    write_insatiable(folder / "insatiable.onnx")
    described = zoo.model_dump(mode="json", include={"licence", "detector", "min_detection_confidence"})
    spec = {"name": "grey", "file": "insatiable.onnx", "sha256": sha256_of(folder / "insatiable.onnx"), "dim": 3}
    described["recognisers"] = [{**spec, "match_distances": {1: 0.3}}]
    (folder / "pack.yaml").write_text(yaml.safe_dump(described), "utf-8")
    return folder


def test_a_device_without_memory_ends_the_crawl_and_leaves_the_picture_for_later(
    scrapy: Scrapy, insatiable: Path, tmp_path: Path
) -> None:
    boxes = Boxes()
    with answering(boxes.answer) as server:
        boxes.base_url = server.base_url
        sources = boxes.sources(tmp_path / "sources.yaml")
        finished = scrapy("crawl", "stashdb", ENRICH_SOURCES_FILE=sources, ENRICH_MODEL_PACK=str(insatiable))
        assert finished.code == 1, finished.err
        (line,) = finished.lines
        assert line.startswith("enrich: stashdb: insatiable.onnx: not enough memory on CPU (")
        assert "Traceback" not in finished.err
        assert stats(scrapy, "stashdb")["finish_reason"] == "models_failed"
        (row,) = ledger.rows(scrapy.data_dir, "SELECT outcome, error, next_try_at FROM images")
        assert (row["outcome"], row["next_try_at"] is not None) == ("failed", True)
        assert row["error"] in line
