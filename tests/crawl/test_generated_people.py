"""A whole crawl over photographs of generated people, some of them on a wrong page: every right face kept, no wrong."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from io import BytesIO
from pathlib import Path
from urllib.parse import quote, urlsplit

import pytest
from PIL import Image, ImageOps

from tests.conftest import Scrapy
from tests.crawl import ledger
from tests.crawl.answers import Answer, answering

ASSETS = Path(os.environ.get("ENRICH_TEST_ASSETS", Path(__file__).resolve().parents[3] / "shared"))
PLANTED_OF_TEN = 1
"""How many pictures of ten on the site's pages show somebody else."""


class Pictured:
    """A stash-box that has one photograph of each person, and a reference site that has the others.

    On some pages a picture of somebody else comes first: mirrored, so that it is no copy of any on another page.
    """

    def __init__(self, folder: Path) -> None:
        photographs = [sorted(person.glob("*.jpg")) for person in sorted(folder.glob("person*"))]
        self.names = [f"Person {chr(65 + number)}na Example" for number in range(len(photographs))]
        self.first = {f"/first/{number}.jpg": files[0].read_bytes() for number, files in enumerate(photographs)}
        self.right = {
            f"/pics/{number}-{file.name}": file.read_bytes()
            for number, files in enumerate(photographs)
            for file in files[1:]
        }
        planted = -(-len(self.right) * PLANTED_OF_TEN // (10 - PLANTED_OF_TEN))
        others = [photographs[(number + 7) % len(photographs)][number % 5] for number in range(planted)]
        self.wrong = {f"/pics/{number}-0.jpg": mirrored(file) for number, file in enumerate(others)}
        self.pictures = self.first | self.right | self.wrong

    def answer(self, path: str, _body: bytes) -> Answer | None:
        if path == "/graphql":
            people = [
                {
                    "id": f"00000000-0000-4000-8000-{number:012d}", "name": name, "birth_date": "1990-01-01",
                    "images": [{"id": f"i{number}", "url": f"{self.base_url}/first/{number}.jpg"}],
                    "urls": [{"url": f"https://www.babepedia.com/babe/{quote(name.replace(' ', '_'))}"}],
                    "aliases": [], "merged_ids": [], "deleted": False,
                }
                for number, name in enumerate(self.names)
            ]  # fmt: skip
            found = {"data": {"queryPerformers": {"count": len(people), "performers": people}}}
            return Answer(json.dumps(found), "application/json")
        if path.startswith("/babe/"):
            name = path.removeprefix("/babe/").replace("_", " ")
            number = self.names.index(name)
            listed = sorted(path for path in self.pictures if path.startswith(f"/pics/{number}-"))
            shown = "".join(f'<a class="img" href="{picture}"><img></a>' for picture in listed)
            return Answer(f'<html><h1 id="babename">{name}</h1><div id="profbox2">{shown}</div></html>')
        return Answer(self.pictures[path], "image/jpeg") if path in self.pictures else None

    base_url = ""


def mirrored(file: Path) -> bytes:
    out = BytesIO()
    with Image.open(file) as image:
        ImageOps.mirror(image).save(out, "JPEG", quality=95)
    return out.getvalue()


@pytest.fixture(scope="module")
def people() -> Pictured:
    folder = ASSETS / "faces"
    if not folder.is_dir():
        pytest.skip(f"no portraits at {folder}: set ENRICH_TEST_ASSETS")  # not the project's to ship
    return Pictured(folder)


def ended(scrapy: Scrapy) -> Mapping[str, tuple[str, str | None]]:
    found = ledger.rows(scrapy.data_dir, "SELECT image_url, outcome, reason FROM images")
    return {urlsplit(row["image_url"]).path: (row["outcome"], row["reason"]) for row in found}


@pytest.mark.parametrize(
    ("pack", "trust"), [("opencv_zoo", "medium"), ("insightface", "medium"), ("opencv_zoo", "low")]
)
def test_every_right_face_and_no_wrong_one(
    request: pytest.FixtureRequest, people: Pictured, pack: str, trust: str, scrapy: Scrapy, tmp_path: Path
) -> None:
    if pack == "insightface":
        scrapy.environment["ENRICH_MODEL_PACK"] = str(request.getfixturevalue("testpack"))
    assert len(people.wrong) >= len(people.pictures) * 0.08
    with answering(people.answer) as site:
        people.base_url = site.base_url
        sources = tmp_path / "sources.yaml"
        sources.write_text(
            "global: {quality_filters: {min_detection_confidence: auto}}\n"
            f"stash_boxes: {{stashdb: {{url: '{site.base_url}/graphql', rate_limit: 0, trust_level: high}}}}\n"
            f"reference_sites: {{babepedia: {{enabled: true, url: '{site.base_url}', rate_limit: 0, max_faces: 10, "
            f"trust_level: {trust}}}}}\n"
        )
        scrapy.environment["ENRICH_SOURCES_FILE"] = str(sources)
        finished = scrapy("enrich")
    assert (finished.code, finished.lines) == (0, []), finished.err
    found = ended(scrapy)
    assert {path: found.get(path) for path in (*people.first, *people.right)} == dict.fromkeys(
        (*people.first, *people.right), ("accepted", None)
    )
    assert {path: found.get(path) for path in people.wrong} == dict.fromkeys(people.wrong, ("rejected", "no_match"))
    faces = ledger.rows(
        scrapy.data_dir,
        "SELECT canonical_name, faces.image_url FROM faces JOIN performers ON performers.id = performer_id",
    )
    numbers = [Path(urlsplit(row["image_url"]).path).stem.partition("-")[0] for row in faces]
    assert [people.names[int(number)] for number in numbers] == [row["canonical_name"] for row in faces]
    assert len(faces) == len(people.first) + len(people.right) == 110
