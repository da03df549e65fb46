"""The twelve sources are the same twelve wherever they are named."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from scrapy.settings import Settings
from scrapy.spiderloader import SpiderLoader

from enrich.config import default_sources, load_sources
from enrich.config.shipped import SHIPPED
from enrich.demo.sites import source_blocks

REPO = Path(__file__).resolve().parent.parent
STASH_BOXES = {"stashdb", "theporndb", "pmvstash", "javstash", "fansdb"}
REFERENCE_SITES = {"babepedia", "iafd", "freeones", "boobpedia", "pornpics", "elitebabes", "javdatabase"}
LOADER = SpiderLoader.from_settings(Settings({"SPIDER_MODULES": ["enrich.spiders"]}))


def test_scrapy_list_prints_the_twelve() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "scrapy", "list"],
        cwd=REPO,
        env={**os.environ},
        capture_output=True,
        text=True,
        check=True,
    )
    assert sorted(done.stdout.split()) == sorted(STASH_BOXES | REFERENCE_SITES)
    assert len(done.stdout.splitlines()) == 12


def test_spiders_sources_yaml_and_the_shipped_table_hold_the_same() -> None:
    said = load_sources(REPO / "sources.yaml")
    assert {box.name for box in said.stash_boxes} == STASH_BOXES
    assert {site.name for site in said.reference_sites} == REFERENCE_SITES
    assert set(said.sources) == set(SHIPPED) == set(default_sources().sources) == set(LOADER.list())
    for name, source in said.sources.items():
        shipped = SHIPPED[name].model_copy(update={"quality_filters": source.quality_filters})
        assert source == shipped, name


@pytest.mark.parametrize("name", sorted(LOADER.list()))
def test_a_spider_walks_the_way_its_source_is_of(name: str) -> None:
    api = name in STASH_BOXES
    assert LOADER.load(name).modes == (("api",) if api else ("url", "name"))
    assert SHIPPED[name].kind == ("stash_box" if api else "reference_site")


def test_the_demo_world_has_every_reference_site() -> None:
    blocks = source_blocks("http://127.0.0.1:1")
    assert set(blocks["reference_sites"]) == REFERENCE_SITES
    assert set(blocks["stash_boxes"]) <= STASH_BOXES


@pytest.mark.parametrize("name", sorted(LOADER.list()))
def test_the_page_on_sources_has_each_with_its_defaults(name: str) -> None:
    page = (REPO / "docs" / "sources.md").read_text("utf-8")
    found = re.search(rf"^### {name}\n(.*?)(?=^##|\Z)", page, re.MULTILINE | re.DOTALL)
    assert found, f"docs/sources.md says nothing of {name}"
    row = re.search(r"^\| defaults \| (.*) \|$", found[1], re.MULTILINE)
    assert row
    source = SHIPPED[name]
    said = [part.strip() for part in row[1].split(";")]
    genders = "women, transgender women and people of unknown gender" if source.gender_filter else "everyone"
    assert said == [
        "on" if source.enabled else "off",
        f"{source.rate_limit:.0f} requests a minute",
        f"{source.max_faces} faces",
        f"trust {source.trust_level}",
        f"priority {source.priority}" if source.priority is not None else genders,
        *(["FlareSolverr"] if source.needs_flaresolverr else []),
        *([f"key in `{source.api_key_env}`"] if source.api_key_env else []),
    ]
