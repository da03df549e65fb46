"""``scrapy check`` over loopback: that it finds what changed, and leaves nothing behind."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml

from enrich.config import default_sources
from tests.conftest import Scrapy
from tests.crawl.answers import Answer, Answering, answering

PAGES = Path(__file__).resolve().parent.parent / "pages"
SITES = [source.name for source in default_sources().reference_sites]
BOXES = [source.name for source in default_sources().stash_boxes]
PERSON = {"id": "00000000-0000-4000-8000-000000000001", "name": "Jane Example"}
LISTS = {
    "/graphql": {"data": {"queryPerformers": {"count": 1, "performers": [PERSON]}}},
    "/performers": {"data": [PERSON], "meta": {"total": 1, "per_page": 5, "last_page": 1}, "links": {}},
}


def nobody(path: str, _: bytes) -> Answer | None:
    """Sources at which all is well: lists of people, and nobody of a name that nobody has."""
    listed = LISTS.get(path.partition("?")[0])
    if listed is not None:
        return Answer(json.dumps(listed), "application/json")
    searches = {"/results.asp": "iafd/search_nobody.html", "/babes": "freeones/search_nobody.html"}
    page = searches.get(path.partition("?")[0])
    return Answer((PAGES / page).read_bytes()) if page else None


def ask(scrapy: Scrapy, tmp_path: Path, server: Answering, *arguments: str) -> tuple[int, str]:
    urls = {
        name: server.base_url + ("" if name == "theporndb" or name in SITES else "/graphql") for name in BOXES + SITES
    }
    blocks = {name: {"url": url, "rate_limit": 0, "trust_level": "high"} for name, url in urls.items()}
    said = {
        "stash_boxes": {name: blocks[name] for name in BOXES},
        "reference_sites": {name: {**blocks[name], "needs_flaresolverr": False} for name in SITES},
    }
    path = tmp_path / "sources.yaml"
    path.write_text(yaml.safe_dump(said), encoding="utf-8")
    scrapy.environment |= {"ENRICH_SOURCES_FILE": str(path), "ENRICH_MODELS_DIR": str(tmp_path / "no models")}
    finished = scrapy("check", *arguments)
    assert not scrapy.data_dir.exists()
    return finished.code, finished.out + finished.err


@pytest.fixture
def without_models(tmp_path: Path) -> Scrapy:
    return Scrapy(tmp_path / "data", tmp_path)


def test_every_source_has_a_contract(without_models: Scrapy) -> None:
    finished = without_models("check", "-l")
    assert finished.code == 0, finished.err
    listed = finished.out.replace("\n  * ", " ").split("\n")
    assert sorted(filter(None, listed)) == sorted(f"{name} check_live" for name in BOXES + SITES)


def test_sources_that_are_as_known(without_models: Scrapy, tmp_path: Path) -> None:
    without_models.environment |= {f"{name.upper()}_API_KEY": "demo-key" for name in BOXES}
    with answering(nobody) as server:
        code, said = ask(without_models, tmp_path, server)
    assert code == 0, said
    assert f"Ran {2 * len(BOXES + SITES)} contracts" in said
    asked = [path for _, path, _ in server.asked if path != "/robots.txt"]
    assert len(asked) == len(BOXES + SITES), asked


@pytest.mark.parametrize("name", ["babepedia", "iafd", "pornpics"])
def test_a_page_to_look_at(name: str, without_models: Scrapy, tmp_path: Path) -> None:
    answer = json.loads((PAGES / name / "full.expected.json").read_text("utf-8"))["answer"]
    page = (answer["lookup"].get("urls") or [default_sources().get(name).url + f"/x/{answer['slug']}"])[0]
    with answering(lambda *_: Answer((PAGES / name / "full.html").read_bytes())) as server:
        code, said = ask(without_models, tmp_path, server, name, "-a", f"page={page}")
    assert code == 0, said
    assert "Ran 2 contracts" in said


@pytest.mark.parametrize(
    ("arguments", "answer", "says"),
    [
        (["babepedia"], lambda *_: Answer("<html><h1>New layout</h1></html>"), "nothing on it marks a profile"),
        (["iafd"], lambda *_: Answer("<html><h1>New layout</h1></html>"), "nothing on it marks results"),
        (["babepedia"], lambda path, _: Answer("no", status=403) if "babe" in path else None, "HttpError"),
        (["stashdb"], lambda *_: Answer("<html>busy</html>"), "0 items, expected 1"),
        (["babepedia", "-a", "page=https://www.babepedia.com/babe/X"], nobody, "nothing on it marks a profile"),
        (["babepedia", "-a", "page=https://twitter.com/babepedia"], nobody, "not the address of a profile"),
    ],
)
def test_what_is_not_as_known_is_said(
    without_models: Scrapy,
    tmp_path: Path,
    arguments: list[str],
    answer: Callable[[str, bytes], Answer | None],
    says: str,
) -> None:
    with answering(answer) as server:
        code, said = ask(without_models, tmp_path, server, *arguments)
    assert code == 1, said
    assert says in said


def test_a_source_without_its_key_is_not_asked(without_models: Scrapy, tmp_path: Path) -> None:
    without_models.environment["STASHDB_API_KEY"] = ""
    with answering(nobody) as server:
        code, said = ask(without_models, tmp_path, server, "stashdb")
    assert code == 1
    assert "STASHDB_API_KEY" in said
    assert not server.asked
