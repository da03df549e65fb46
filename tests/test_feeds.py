"""Feeds hold every item, as plain values, without pictures and vectors."""

from __future__ import annotations

import csv
import json
from dataclasses import fields
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from enrich import items
from enrich.feeds import (
    EXPORTED,
    KIND,
    FeedCsvExporter,
    FeedJsonExporter,
    FeedJsonLinesExporter,
    FeedXmlExporter,
    columns,
    record_of,
)
from enrich.items import (
    BodyMark,
    DetectedImage,
    EmbeddedImage,
    FailedImage,
    GonePerformer,
    Image,
    ImageRef,
    KnownImage,
    LookupEnded,
    Performer,
    RefusedPerformer,
    RejectedImage,
    ScreenedImage,
)
from tests.conftest import Scrapy
from tests.crawl.conftest import crawling, sources, world  # noqa: F401  # fixtures
from tests.faces.made import a_face

REF = ImageRef(source="stashdb", source_id="jane", image_url="https://img.example/1.jpg")
SEEN: dict[str, Any] = {"ref": REF, "sha256": "0" * 64, "width_px": 600, "height_px": 900}
FACE = a_face(box_px=np.array([1.5, 2, 101.5, 152], np.float32), landmarks_px=np.ones((5, 2), np.float32))
EVERY = (
    Performer(
        source="stashdb", source_id="jane", name="Jané, Example", aliases=("J. Example", "Ja,ne"), images=(REF,),
        tattoos=(BodyMark(location="left arm", description="a rose"),),
    ),
    RefusedPerformer(source="stashdb", source_id="june", reason="underage"),
    GonePerformer(source="stashdb", source_id="jean", reason="deleted"),
    LookupEnded(source="babepedia", mode="url", performer_id=1, outcome="not_found"),
    Image(ref=REF, body=b"\xff\xd8\xff"),
    DetectedImage(**SEEN, faces=(FACE, FACE)),
    ScreenedImage(**SEEN, face=FACE, quality=0.5),
    EmbeddedImage(**SEEN, face=FACE, quality=0.5, model="pack", vectors={"sface": np.ones(128, np.float32)}),
    KnownImage(ref=REF, sha256="0" * 64),
    RejectedImage(ref=REF, reason="extreme_angle", detail={"yaw_deg": np.float32(50)}),
    FailedImage(ref=REF, error="HTTP 500"),
)  # fmt: skip


def exported(exporter: type[Any], *found: object) -> bytes:
    file = BytesIO()
    one = exporter(file)
    one.start_exporting()
    for item in found:
        one.export_item(item)
    one.finish_exporting()
    return file.getvalue()


def test_every_class_of_item_is_tried_here() -> None:
    parts = {items.BodyMark, items.ImageRef, items.Face, items.Lookup}
    classes = {one for one in vars(items).values() if isinstance(one, type) and one.__module__ == items.__name__}
    assert classes - parts == set(EXPORTED) == {type(item) for item in EVERY}


@pytest.mark.parametrize("item", EVERY, ids=lambda item: type(item).__name__)
def test_a_record_is_plain_and_whole(item: Any) -> None:
    record = record_of(item)
    assert json.loads(json.dumps(record)) == record
    left_out = {one.name for one in fields(item) if one.metadata.get("serializer") is items.omitted}
    assert set(record) == {KIND} | {one.name for one in fields(item)} - left_out
    assert record[KIND] == type(item).__name__
    for exporter in (FeedJsonExporter, FeedJsonLinesExporter):
        read = json.loads(exported(exporter, item))
        assert (read[0] if isinstance(read, list) else read) == record
    assert exported(FeedXmlExporter, item).startswith(b"<?xml")


def test_pictures_crops_and_vectors_are_left_out_and_boxes_are_lists() -> None:
    text = exported(FeedJsonLinesExporter, *EVERY).decode()
    assert not any(f'"{name}"' in text for name in ("vectors", "crop", "body"))
    face = record_of(EVERY[7])["face"]
    assert face["box_px"] == [1.5, 2.0, 101.5, 152.0]
    assert face["landmarks_px"] == [[1.0, 1.0]] * 5
    assert not {"vectors", "crop", "body"} & set(columns())


def test_a_csv_has_a_column_for_every_item_whichever_comes_first() -> None:
    for order in (EVERY, EVERY[::-1]):
        rows = list(csv.DictReader(exported(FeedCsvExporter, *order).decode().splitlines()))
        assert [row[KIND] for row in rows] == [type(item).__name__ for item in order]
        by_kind = {row[KIND]: row for row in rows}
        assert by_kind["Performer"]["name"] == "Jané, Example"
        assert json.loads(by_kind["Performer"]["tattoos"]) == [{"location": "left arm", "description": "a rose"}]
        assert json.loads(by_kind["EmbeddedImage"]["face"])["confidence"] == FACE.confidence
        assert by_kind["RejectedImage"]["reason"] == "extreme_angle"


def test_a_crawl_fills_its_feeds(crawling: Scrapy, tmp_path: Path) -> None:  # noqa: F811
    feeds = {kind: tmp_path / f"items.{kind}" for kind in ("jsonl", "json", "csv")}
    finished = crawling("crawl", "stashdb", "-a", "limit=3", *(f"-O{path}" for path in feeds.values()))
    assert finished.code == 0, finished.err
    assert "Traceback" not in finished.err
    lines = [json.loads(line) for line in feeds["jsonl"].read_text("utf-8").splitlines()]
    assert {"Performer", "EmbeddedImage"} <= {line[KIND] for line in lines}
    assert json.loads(feeds["json"].read_text("utf-8")) == lines
    with feeds["csv"].open(encoding="utf-8", newline="") as file:
        assert [row[KIND] for row in csv.DictReader(file)] == [line[KIND] for line in lines]
