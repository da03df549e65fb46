"""Feeds: every item can be written as JSON lines, JSON and CSV, without vectors, crops and picture bytes."""

from __future__ import annotations

import csv
import inspect
import io
import json
from dataclasses import is_dataclass
from typing import Any

import numpy as np
import pytest
from scrapy.exporters import BaseItemExporter, CsvItemExporter, JsonItemExporter, JsonLinesItemExporter

from enrich import items
from enrich.items import (
    BodyMark,
    DetectedImage,
    EmbeddedImage,
    Face,
    FailedImage,
    GonePerformer,
    Image,
    ImageRef,
    KnownImage,
    Lookup,
    LookupEnded,
    Performer,
    RefusedPerformer,
    RejectedImage,
    ScreenedImage,
)

REF = ImageRef(source="stashdb", image_url="https://example.org/1.jpg", source_id="a")
FACE = Face(
    box_px=np.array([1, 2, 3.5, 4], np.float32),
    landmarks_px=np.zeros((5, 2), np.float32),
    confidence=0.9,
    visible=1.0,
    yaw_deg=0.0,
    pitch_deg=0.0,
    roll_deg=0.0,
    sharpness=0.5,
    exposure=0.5,
    crop=np.zeros((112, 112, 3), np.uint8),
)
PICTURE: dict[str, Any] = {"ref": REF, "sha256": "0" * 64, "width_px": 600, "height_px": 800}
ITEMS = [
    BodyMark(location="arm"),
    REF,
    Performer(
        source="stashdb", source_id="a", name="Ann", tattoos=(BodyMark(location="arm"),), aliases=("A",), images=(REF,)
    ),
    RefusedPerformer(source="stashdb", source_id="a", reason="underage"),
    GonePerformer(source="stashdb", source_id="a", reason="deleted"),
    LookupEnded(source="iafd", mode="name", performer_id=1, outcome="not_found"),
    Lookup(performer_id=1, name="Ann"),
    Image(ref=REF, body=b"\xff\xd8"),
    FACE,
    DetectedImage(**PICTURE, faces=(FACE,)),
    ScreenedImage(**PICTURE, face=FACE, quality=0.7),
    EmbeddedImage(**PICTURE, face=FACE, quality=0.7, model="m", vectors={"r": np.ones(4, np.float32)}),
    KnownImage(ref=REF, sha256="0" * 64),
    RejectedImage(ref=REF, reason="extreme_angle", detail={"yaw": 60.5}),
    FailedImage(ref=REF, error="timeout"),
]


def exported(exporter: type[BaseItemExporter], item: object) -> str:
    file = io.BytesIO()
    writer = exporter(file)
    writer.start_exporting()
    writer.export_item(item)
    writer.finish_exporting()
    file.flush()
    return file.getvalue().decode()


def test_every_item_class_is_tried() -> None:
    defined = {each for _, each in inspect.getmembers(items, is_dataclass)}
    assert {type(item) for item in ITEMS} == defined


@pytest.mark.parametrize("item", ITEMS, ids=lambda item: type(item).__name__)
@pytest.mark.parametrize("exporter", [JsonLinesItemExporter, JsonItemExporter, CsvItemExporter])
def test_every_item_can_be_exported(exporter: type[BaseItemExporter], item: object) -> None:
    text = exported(exporter, item)
    assert "array(" not in text
    if exporter is CsvItemExporter:
        (row,) = csv.DictReader(io.StringIO(text))
    else:
        found = json.loads(text)
        row = found[0] if isinstance(found, list) else found
    assert all(not row.get(key) for key in ("vectors", "crop", "body"))


def test_a_face_has_its_box_and_landmarks_as_numbers_and_no_crop() -> None:
    row = json.loads(exported(JsonLinesItemExporter, ITEMS[11]))
    assert row["face"]["box_px"] == [1, 2, 3.5, 4]
    assert row["face"]["landmarks_px"] == [[0, 0]] * 5
    assert "crop" not in row["face"]
    assert row["ref"]["image_url"] == REF.image_url
    assert (row["quality"], row["vectors"]) == (0.7, None)
