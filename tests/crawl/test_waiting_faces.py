"""Sources that are believed less, crawled before there is a face to compare with: what was gathered is taken as soon as
there is one, without a download, whoever is killed on the way."""

from __future__ import annotations

from pathlib import Path
from urllib.parse import urlsplit

import pytest
import yaml

from enrich.demo.running import RunningWorld
from enrich.demo.truth import Mode
from tests.conftest import Scrapy
from tests.crawl import ledger
from tests.crawl.judging import Judge
from tests.crawl.watched import Watched

WAITING = "SELECT image_url FROM images JOIN candidates ON image_id = images.id WHERE outcome = 'rejected'"


@pytest.fixture
def no_faces_yet(crawling: Scrapy, sources: Path, tmp_path: Path) -> Scrapy:
    """All performers of StashDB with their links, and not a face: there is no room for any."""
    content = yaml.safe_load(sources.read_text("utf-8"))
    content["stash_boxes"]["stashdb"]["max_faces"] = 0
    empty = tmp_path / "empty.yaml"
    empty.write_text(yaml.safe_dump(content), "utf-8")
    finished = crawling("crawl", "stashdb", ENRICH_SOURCES_FILE=str(empty))
    assert finished.code == 0, finished.err
    assert ledger.rows(crawling.data_dir, "SELECT 1 FROM faces") == []
    return crawling


def waiting(scrapy: Scrapy) -> set[str]:
    return {urlsplit(row["image_url"]).path for row in ledger.rows(scrapy.data_dir, WAITING)}


def faces_by_source(scrapy: Scrapy) -> dict[str, int]:
    found = ledger.rows(scrapy.data_dir, "SELECT source_endpoint, count(*) FROM faces GROUP BY source_endpoint")
    return {row[0]: row[1] for row in found}


def killed(scrapy: Scrapy, query: str, *arguments: str) -> None:
    """Start a crawl and kill it as soon as the query finds something."""
    with Watched(scrapy.start("crawl", *arguments)) as crawl:
        while not ledger.rows(scrapy.data_dir, query):
            if crawl.over(0.005):
                pytest.fail(f"over before it could be killed: {crawl.log[-2000:]}")
        crawl.process.kill()


def finished(scrapy: Scrapy, *arguments: str) -> None:
    done = scrapy("crawl", *arguments)
    assert (done.code, done.lines) == (0, []), done.err[-3000:]


def test_the_limit_of_an_argument_holds_for_faces_that_had_waited(no_faces_yet: Scrapy) -> None:
    scrapy = no_faces_yet
    for source, mode in (("pornpics", "url"), ("elitebabes", "url"), ("stashdb", None)):
        finished(scrapy, source, "-a", "max_faces=1", *(() if mode is None else ("-a", f"mode={mode}")))
        by_performer = f"SELECT count(*) FROM faces WHERE source_endpoint = '{source}' GROUP BY performer_id"
        assert {row[0] for row in ledger.rows(scrapy.data_dir, by_performer)} == {1}, source


@pytest.mark.soak
def test_what_was_gathered_is_taken_later_without_a_download(
    no_faces_yet: Scrapy, world: RunningWorld, models_dir: Path
) -> None:
    scrapy = no_faces_yet
    killed(scrapy, "SELECT 1 FROM candidates LIMIT 1 OFFSET 5", "freeones", "-a", "mode=url")
    gathered = waiting(scrapy)
    assert len(gathered) > 5
    world.reset()
    finished(scrapy, "freeones", "-a", "mode=url")
    assert not gathered & set(world.requests()), "what is gathered is not fetched again"
    finished(scrapy, "pornpics", "-a", "mode=url")
    found, gathered = scrapy.status(), waiting(scrapy)
    assert found["waiting"] == len(gathered) > 20
    assert faces_by_source(scrapy).keys() <= {"pornpics"}, "with nothing to compare with, only large groups stand"
    assert found["unconfirmed"] == found["faces"]

    world.reset()
    killed(scrapy, "SELECT 1 FROM faces WHERE source_endpoint = 'stashdb' LIMIT 1 OFFSET 20", "stashdb")
    finished(scrapy, "stashdb")
    assert not [path for path in world.requests() if path.startswith(("/freeones/", "/pornpics/"))]
    assert faces_by_source(scrapy).keys() == {"stashdb", "freeones", "pornpics"}
    assert not ledger.rows(scrapy.data_dir, "SELECT 1 FROM images WHERE detail LIKE '%unconfirmed%'")
    assert len(waiting(scrapy)) < len(gathered)
    crawled: dict[str, Mode] = {"stashdb": "api", "freeones": "url", "pornpics": "url"}
    faults = Judge(world, models_dir).faults(scrapy.data_dir, crawled)
    elsewhere = "pictures that nobody came across"  # the truth of a gallery site knows one size of each picture
    assert not [fault for fault in faults if not fault.startswith(elsewhere)], "\n".join(faults)
