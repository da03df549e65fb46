"""What a crawl hands out with ``-O``: performers and accepted pictures, in Scrapy's own feeds."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Any

from tests.conftest import Scrapy

FACES_FEED = {"format": "csv", "item_classes": ["enrich.items.EmbeddedImage"]}


def test_a_crawl_writes_json_lines_json_and_csv(crawling: Scrapy, tmp_path: Path) -> None:
    lines, array, table, faces = (tmp_path / name for name in ("i.jsonl", "i.json", "i.csv", "faces.csv"))
    feeds = json.dumps({str(faces): FACES_FEED})
    wanted = [argument for file in (lines, array, table) for argument in ("-O", str(file))]
    finished = crawling("crawl", "stashdb", "-a", "limit=12", *wanted)
    assert finished.code == 0, finished.err
    assert "Traceback" not in finished.err

    rows: list[dict[str, Any]] = [json.loads(line) for line in lines.read_text().splitlines()]
    assert json.loads(array.read_text()) == rows
    accepted = [row for row in rows if "face" in row]
    assert accepted
    assert any("aliases" in row for row in rows)
    for row in accepted:
        assert len(row["face"]["box_px"]) == 4
        assert len(row["face"]["landmarks_px"]) == 5
        assert "crop" not in row["face"]
        assert row["vectors"] is None
    with table.open(newline="") as file:
        assert len(list(csv.DictReader(file))) == len(rows)

    finished = crawling("crawl", "stashdb", "-s", f"FEEDS={feeds}", ENRICH_DATA_DIR=str(tmp_path / "new"))
    assert finished.code == 0, finished.err
    with faces.open(newline="") as file:
        found = list(csv.DictReader(file))
    assert len(found) >= len(accepted)
    assert all(row["sha256"] and row["face"] for row in found)
