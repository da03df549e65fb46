"""docs/add-a-source.md, done as it says: every file is taken from the page, and the new site gives a face."""

from __future__ import annotations

import json
import os
import re
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Mapping
from contextlib import closing
from pathlib import Path

import pytest

from enrich.demo.cast import Person
from enrich.demo.pictures import Studio
from enrich.demo.truth import ACCEPTED
from enrich.demo.world import build_world
from tests.conftest import GUARD, REPO
from tests.crawl.answers import Answer, answering

PAGE = (REPO / "docs" / "add-a-source.md").read_text("utf-8")
FILES = dict(re.findall(r"^`([\w./]+)`:\n\n```\w+\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL))
SITE = "https://www.lanternhouse.example"
LINK = f"{SITE}/people/jane-example/"
JANE = {
    "id": "00000000-0000-4000-8000-000000000001",
    "name": "Jane Example",
    "birth_date": "1985-03-04",
    "urls": [{"url": LINK}],
    "images": [],
}


class Project:
    """A copy of the project; its commands run in it as in the project's own folder."""

    def __init__(self, folder: Path, models: Path) -> None:
        self.folder = folder
        for name in ("enrich", "tests"):
            shutil.copytree(REPO / name, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
        for name in ("pyproject.toml", "scrapy.cfg", "sources.yaml"):
            shutil.copy(REPO / name, folder / name)
        self.environment = {
            **{name: value for name, value in os.environ.items() if not name.startswith(("ENRICH_", "COV"))},
            "PYTHONPATH": os.pathsep.join((str(GUARD), str(folder))),
            "ENRICH_DATA_DIR": str(folder / "data"),
            "ENRICH_MODELS_DIR": str(models),
            "ENRICH_MODEL_PACK": "opencv_zoo",
            "STASHDB_API_KEY": "demo-key",
        }

    def run(self, *command: str) -> str:
        """What a command says; it has to succeed."""
        done = subprocess.run(
            [sys.executable, "-m", *command],
            cwd=self.folder,
            env=self.environment,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-5000:]
        return done.stdout

    def rows(self, query: str) -> list[tuple[object, ...]]:
        with closing(sqlite3.connect(self.folder / "data" / "performers.db")) as connection:
            return connection.execute(query).fetchall()


@pytest.fixture(scope="module")
def people() -> Mapping[str, Person]:
    return build_world().people


@pytest.fixture(scope="module")
def portrait(people: Mapping[str, Person]) -> bytes:
    """A good picture of somebody."""
    drawing = next(p.drawing for p in build_world().pictures.values() if p.expected == (ACCEPTED,))
    return Studio(people).develop(drawing)[0]


@pytest.fixture
def project(tmp_path: Path, models_dir: Path) -> Project:
    """The project with the files of the page in it."""
    made = Project(tmp_path / "project", models_dir)
    assert len(FILES) == 4
    for name, text in FILES.items():
        path = made.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("a", encoding="utf-8") as file:  # the block goes where the reference sites end
            file.write(text)
    return made


def test_what_the_page_says(project: Project, portrait: bytes) -> None:
    assert "lanternhouse" in project.run("scrapy", "list").split()
    assert "lanternhouse\n  * check_live" in project.run("scrapy", "check", "-l")
    tested = project.run("pytest", "tests/spiders", "-q", "-k", "lanternhouse", "-p", "no:cacheprovider")
    assert re.search(r"^[6-9] passed", tested, re.MULTILINE), tested

    def answer(path: str, body: bytes) -> Answer | None:
        if path == "/graphql":
            listed = {"data": {"queryPerformers": {"count": 1, "performers": [JANE]}}}
            return Answer(json.dumps(listed), "application/json")
        pages = {
            "/people/jane-example/": Answer(FILES["tests/pages/lanternhouse/full.html"]),
            "/portraits/jane-example-1.jpg": Answer(portrait, "image/jpeg"),
        }
        return pages.get(path)

    with answering(answer) as server:
        sources = project.folder / "sources.yaml"
        said = sources.read_text("utf-8").replace(
            f'"{SITE}", trust_level: high, rate_limit: 30', f'"{server.base_url}", trust_level: high, rate_limit: 0'
        )
        sources.write_text(said.replace("https://stashdb.org/graphql", f"{server.base_url}/graphql"), encoding="utf-8")
        project.run("scrapy", "check", "lanternhouse")
        project.run("scrapy", "check", "lanternhouse", "-a", f"page={LINK}")
        project.run("scrapy", "crawl", "stashdb")
        project.run("scrapy", "crawl", "lanternhouse")
        asked = [path for _, path, _ in server.asked]
    people = "performers ON performers.id = performer_id"
    assert project.rows(f"SELECT canonical_name, source_endpoint, faces.image_url FROM faces JOIN {people}") == [
        ("Jane Example", "lanternhouse", f"{server.base_url}/portraits/jane-example-1.jpg"),
    ]
    links = set(project.rows("SELECT site, normalized_id FROM external_urls"))
    assert links >= {("lanternhouse", "jane-example"), ("twitter", "janeexample")}
    assert [row[0] for row in project.rows("SELECT alias FROM aliases ORDER BY alias")] == ["J. Example", "Jane Sample"]
    assert not [path for path in asked if "joan" in path or "thumbs" in path]


def test_the_page_keeps_to_what_it_says() -> None:
    """The spider is a small file, and the expectations are of the page beside them."""
    assert len(FILES["enrich/spiders/lanternhouse.py"].splitlines()) <= 40
    assert json.loads(FILES["tests/pages/lanternhouse/full.expected.json"])["answer"]["slug"] == "jane-example"
    for name in re.findall(r"`((?:enrich|tests)/[\w/]+\.py)`", PAGE):
        assert name in FILES or (REPO / name).is_file(), name
