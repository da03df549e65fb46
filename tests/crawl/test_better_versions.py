"""A site that is believed less has a larger version of a stash-box's picture: that is the one that is kept, once."""

from __future__ import annotations

import json
from collections.abc import Mapping
from io import BytesIO
from pathlib import Path
from urllib.parse import quote, urlsplit

import pytest
from PIL import Image

from enrich.demo.pictures import Studio
from enrich.demo.trouble import good_drawing
from enrich.demo.world import build_world
from enrich.items import Uint8Array
from tests.conftest import Scrapy
from tests.crawl import ledger
from tests.crawl.answers import Answer, answering

PEOPLE = ("ada", "meilan")
NAMES = ("Ada Example", "Meilan Example")


def saved(pixels: Uint8Array, quality: int, scale: float = 1.0) -> bytes:
    out, picture = BytesIO(), Image.fromarray(pixels)
    size = (round(picture.width * scale), round(picture.height * scale))
    picture.resize(size, Image.Resampling.LANCZOS).save(out, "JPEG", quality=quality)
    return out.getvalue()


@pytest.fixture(scope="module")
def pictures() -> Mapping[str, bytes]:
    """Path -> bytes: of each person two photographs, the first also small, the second also saved again."""
    studio, found = Studio(build_world().people), {}
    for number, person in enumerate(PEOPLE):
        first, second = (studio.pixels(good_drawing(person, seed)) for seed in (21, 22))
        found[f"/first/{number}.jpg"] = saved(first, 80, scale=0.4)
        found[f"/pics/{number}-full.jpg"] = saved(first, 95)
        found[f"/pics/{number}-other.jpg"] = saved(second, 92)
        found[f"/pics/{number}-other-again.jpg"] = saved(second, 60)
    return found


def answer(pictures: Mapping[str, bytes], base_url: str, path: str) -> Answer | None:
    if path == "/graphql":
        people = [
            {
                "id": f"00000000-0000-4000-8000-{number:012d}", "name": name, "birth_date": "1990-01-01",
                "images": [{"id": f"i{number}", "url": f"{base_url}/first/{number}.jpg"}],
                "urls": [{"url": f"https://www.babepedia.com/babe/{quote(name.replace(' ', '_'))}"}],
                "aliases": [], "merged_ids": [], "deleted": False,
            }
            for number, name in enumerate(NAMES)
        ]  # fmt: skip
        found = {"data": {"queryPerformers": {"count": len(people), "performers": people}}}
        return Answer(json.dumps(found), "application/json")
    if path.startswith("/babe/"):
        name = path.removeprefix("/babe/").replace("_", " ")
        listed = [path for path in pictures if path.startswith(f"/pics/{NAMES.index(name)}-")]
        shown = "".join(f'<a class="img" href="{picture}"><img></a>' for picture in listed)
        return Answer(f'<html><h1 id="babename">{name}</h1><div id="profbox2">{shown}</div></html>')
    return Answer(pictures[path], "image/jpeg") if path in pictures else None


def test_the_larger_version_is_kept_and_the_others_are_duplicates(
    pictures: Mapping[str, bytes], scrapy: Scrapy, tmp_path: Path
) -> None:
    url = ""
    with answering(lambda path, _body: answer(pictures, url, path)) as site:
        url = site.base_url
        sources = tmp_path / "sources.yaml"
        sources.write_text(
            "global: {quality_filters: {min_detection_confidence: auto, min_image_size: 200, min_face_size: 40}}\n"
            f"stash_boxes: {{stashdb: {{url: '{url}/graphql', rate_limit: 0, trust_level: high}}}}\n"
            f"reference_sites: {{babepedia: {{enabled: true, url: '{url}', rate_limit: 0, trust_level: medium}}}}\n"
        )
        scrapy.environment["ENRICH_SOURCES_FILE"] = str(sources)
        finished = scrapy("enrich")
        assert (finished.code, finished.lines) == (0, []), finished.err
        asked = len([path for _, path, _ in site.asked if path.endswith(".jpg")])
        assert scrapy("enrich").code == 0
        assert len([path for _, path, _ in site.asked if path.endswith(".jpg")]) == asked == len(pictures)
    found = ledger.rows(scrapy.data_dir, "SELECT image_url, outcome, reason, detail FROM images")
    ended = {urlsplit(row["image_url"]).path: (row["outcome"], row["reason"]) for row in found}
    accepted, duplicate = ("accepted", None), ("rejected", "duplicate_image")
    for number in range(len(PEOPLE)):
        assert ended[f"/first/{number}.jpg"] == duplicate
        assert ended[f"/pics/{number}-full.jpg"] == accepted
        others = [ended[f"/pics/{number}-{name}.jpg"] for name in ("other", "other-again")]
        assert sorted(others, key=str) == [accepted, duplicate], "whichever came first"
    kept = ledger.rows(scrapy.data_dir, "SELECT source_endpoint, count(*) AS n FROM faces GROUP BY 1")
    assert [tuple(row) for row in kept] == [("babepedia", 4)]
    progress = ledger.rows(scrapy.data_dir, "SELECT source, faces_added FROM scrape_progress ORDER BY 1")
    assert [tuple(row) for row in progress] == [("babepedia:url", 4), ("stashdb", 0)]
    stats = [json.loads(row["stats"]) for row in ledger.rows(scrapy.data_dir, "SELECT stats FROM runs ORDER BY id")]
    assert sum(one.get("enrich/faces/replaced", 0) for one in stats) == len(PEOPLE)
    checked = scrapy("index", "--check")
    assert checked.code == 0, checked.err
