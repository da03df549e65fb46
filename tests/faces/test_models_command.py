"""``scrapy models`` as a user runs it."""

from __future__ import annotations

from typing import Any

import pytest


def test_list_says_what_is_there(scrapy: Any) -> None:
    finished = scrapy("models", "list")
    assert finished.code == 0, finished.err
    assert "opencv_zoo  (MODEL_PACK)" in finished.out
    assert "38.7 MB" in finished.out
    assert "missing" in finished.out.split("opencv_zoo")[0], "buffalo_l is not there"
    assert "non-commercial" in finished.out


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
        (("check", "nonsense"), "neither a known pack"),
        (("pull", "nonsense"), "neither a known pack"),
        (("pull", "buffalo_l"), "place det_10g.onnx, w600k_r50.onnx in"),
    ],
)
def test_mistakes_are_one_line(scrapy: Any, tmp_path: Any, arguments: tuple[str, ...], said: str) -> None:
    finished = scrapy("models", *arguments, ENRICH_MODELS_DIR=str(tmp_path / "none"))
    assert finished.code == 1
    assert len(finished.err.splitlines()) == 1
    assert said in finished.err
    assert finished.out == ""
