"""``scrapy models`` as a user runs it."""

from __future__ import annotations

from typing import Any

import pytest

from enrich.faces.pack import load_pack
from tests.faces.tiny import write_pack


def test_list_says_what_is_there(scrapy: Any) -> None:
    finished = scrapy("models", "list")
    assert finished.code == 0, finished.err
    assert "opencv_zoo  (MODEL_PACK)" in finished.out
    assert "38.7 MB" in finished.out
    assert "missing" in finished.out.split("opencv_zoo")[0], "buffalo_l is not there"
    assert "non-commercial" in finished.out


def test_list_says_what_no_command_fetches(scrapy: Any) -> None:
    listed = scrapy("models", "list").out.split("\nstash_sense\n")[1]
    assert "vectors: facenet of 512 numbers, arcface of 512 numbers" in listed
    assert listed.count("missing\n") == 3
    assert "place what is missing there yourself: det_500m.onnx is in insightface's buffalo_sc" in listed


def test_check_of_two_recognisers(scrapy: Any, tmp_path: Any, models_dir: Any) -> None:
    folder = write_pack(tmp_path / "tiny", load_pack("opencv_zoo", models_dir))
    finished = scrapy("models", "check", str(folder), ENRICH_MODEL_PACK=str(folder))
    assert finished.code == 0, finished.err
    assert "3 files verified" in finished.out
    assert "fingerprint facenet+arcface-" in finished.out
    assert "made facenet of 512 numbers, arcface of 512 numbers" in finished.out


def test_check_runs_the_pack(scrapy: Any) -> None:
    finished = scrapy("models", "check", "opencv_zoo")
    assert finished.code == 0, finished.err
    assert "2 files verified" in finished.out
    assert "found the face at confidence 0.9" in finished.out
    assert "sface of 128 numbers" in finished.out
    assert finished.err == ""


def test_check_of_the_test_pack(scrapy: Any, testpack: Any) -> None:
    finished = scrapy("models", "check", str(testpack))
    assert finished.code == 0, finished.err
    assert "arcface of 512 numbers" in finished.out
    assert finished.err == ""


def test_pull_what_is_there_says_so(scrapy: Any) -> None:
    finished = scrapy("models", "pull", "opencv_zoo")
    assert finished.code == 0, finished.err
    assert "already, and verified" in finished.out


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("check", "buffalo_l"), "scrapy models pull buffalo_l"),
        (("check", "stash_sense"), "det_500m.onnx, facenet512.onnx, arcface.onnx not found in"),
        (("check", "nonsense"), "neither a known one"),
        (("pull", "nonsense"), "neither a known one"),
        (("pull", "buffalo_l"), "place det_10g.onnx, w600k_r50.onnx in"),
        (
            ("pull", "stash_sense"),
            "no command fetches its files; place det_500m.onnx, facenet512.onnx, arcface.onnx in",
        ),
    ],
)
def test_mistakes_are_one_line(scrapy: Any, tmp_path: Any, arguments: tuple[str, ...], said: str) -> None:
    finished = scrapy("models", *arguments, ENRICH_MODELS_DIR=str(tmp_path / "none"))
    assert finished.code == 1
    assert len(finished.err.splitlines()) == 1
    assert said in finished.err
    assert finished.out == ""
