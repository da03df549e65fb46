"""Crawls with a job directory, stopped, killed and forced to end by real signals: what the next one goes on with."""

from __future__ import annotations

import json
import os
import signal
import sys
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from scrapy.crawler import Crawler
from scrapy.settings import Settings
from scrapy.statscollectors import MemoryStatsCollector

from enrich.config import default_sources
from enrich.demo.running import RunningWorld
from enrich.extensions.jobdir import JobDirGuard
from enrich.runtime.job_path import crawl_of, job_dir_of
from enrich.spiders.babepedia import BabepediaSpider
from enrich.spiders.bases.source import SourceSpider
from enrich.spiders.stashdb import StashDBSpider
from enrich.store.jobs import INDEX, JobDir
from tests.conftest import Scrapy
from tests.crawl import ledger
from tests.middlewares.counting_site import Answer, Asked, Site, plain, serving
from tests.middlewares.walker import Walk, Walker

PAGES = 12
EVERYTHING = Counter(f"/{kind}/{number}" for kind in ("page", "image") for number in range(PAGES))
HANGING = "/image/3"


@dataclass
class World:
    """A site on which one picture never comes to its end while ``hangs``, and crawls of it with one job directory."""

    site: Site
    walker: Walker
    hanging: list[bool]

    @property
    def job(self) -> Path:
        return self.walker.folder / "job"

    @property
    def said(self) -> dict[str, Any]:
        return dict(json.loads((self.job / "job.json").read_text()))

    def crawl(self, rate_limit: float = 0) -> Walk:
        extensions = {
            "enrich.extensions.jobdir.JobDirGuard": 0,
            "scrapy.extensions.spiderstate.SpiderState": None,
        }
        settings = {"EXTENSIONS": extensions, "JOBDIR": str(self.job), "CONCURRENT_REQUESTS": 2}
        return self.walker(self.site, rate_limit=rate_limit, pages=PAGES, **settings)

    def crawl_until_it_hangs(self) -> Walk:
        walk = self.crawl()
        self.site.wait_for(lambda asked: any(one.path == HANGING for one in asked))
        return walk


@pytest.fixture
def small(walker: Walker) -> Any:
    hanging: list[bool] = []

    def answer(path: str, asked: list[Asked]) -> Answer:
        if path == HANGING and hanging:
            return Answer(headers={"Content-Length": "1000"}, content_type="image/jpeg")
        return plain(path, asked)

    with serving(answer) as site:
        yield World(site, walker, hanging)


# --- how a crawl ended, and what the next does ------------------------------------------------------------------------


def test_stopped_and_gone_on_with_nothing_is_asked_twice_and_nothing_is_left(small: World) -> None:
    walk = small.crawl()
    small.site.wait_for(lambda asked: len(asked) > 4)
    assert walk.stop().stats["finish_reason"] == "shutdown"
    assert small.said["state"] == "stopped"
    assert small.job.stat().st_mode & 0o777 == 0o700
    finished = small.crawl().end()
    assert "jobdir/unclean_recoveries" not in finished.stats
    assert "scheduler/unserializable" not in finished.stats
    assert Counter(small.site.paths(200)) == EVERYTHING
    assert [path.name for path in small.job.iterdir()] == ["lock"]
    again = small.crawl().end()
    assert Counter(small.site.paths(200)) == EVERYTHING + EVERYTHING, "a finished crawl leaves nothing to the next"
    assert "[enrich.extensions.jobdir]" not in again.log


def kill(walk: Walk) -> None:
    walk.process.kill()
    walk.process.communicate()


def stop_twice(walk: Walk) -> None:
    walk.process.send_signal(signal.SIGTERM)
    assert walk.process.stderr is not None
    for line in walk.process.stderr:
        if "Closing spider (shutdown)" in line:
            break
    walk.process.send_signal(signal.SIGTERM)
    assert "forcing unclean shutdown" in walk.end().log


@pytest.mark.parametrize("ending", [kill, stop_twice])
def test_an_unclean_end_is_noticed_and_nothing_is_lost(small: World, ending: Callable[[Walk], None]) -> None:
    walk = small.crawl()
    small.site.wait_for(lambda asked: len(asked) > 2)
    walk.stop()  # so that there is an index of the queue, which is no longer true at the next end
    small.hanging.append(True)
    ending(small.crawl_until_it_hangs())
    assert small.said["state"] == "running"
    small.hanging.clear()
    before = len(small.site.paths(200))
    after = small.crawl().end()
    assert Counter(small.site.paths(200)[before:]) == EVERYTHING
    assert after.stats["jobdir/unclean_recoveries"] == 1
    (line,) = [line for line in after.log.splitlines() if "[enrich.extensions.jobdir] WARNING: " in line]
    assert "was not stopped cleanly" in line
    (aside,) = small.job.glob("unclean-*")
    assert aside.name in line
    assert (aside / "requests.queue").is_dir()


def test_a_state_that_cannot_be_written_is_said_and_not_gone_on_with(small: World) -> None:
    walk = small.crawl(rate_limit=120)
    small.site.wait_for(lambda asked: len(asked) > 2)
    (small.job / "job.json.tmp").mkdir()
    assert "the next crawl starts from the database: " in walk.stop().log
    assert small.said["state"] == "running"
    (small.job / "job.json.tmp").rmdir()
    assert small.crawl().end().stats["jobdir/unclean_recoveries"] == 1


# --- where it lies, and whose it is -----------------------------------------------------------------------------------


def spider_of(kind: type[SourceSpider], settings: dict[str, Any] | None = None, **arguments: str) -> SourceSpider:
    crawler = Crawler(kind, {"ENRICH_SOURCES": default_sources(), "DATA_DIR": "data", **(settings or {})})
    crawler.stats = MemoryStatsCollector(crawler)
    crawler.spider = kind.from_crawler(crawler, **arguments)
    assert isinstance(crawler.spider, SourceSpider)
    return crawler.spider


@pytest.mark.parametrize(
    ("settings", "arguments", "place"),
    [
        ({}, {}, None),
        ({"JOBDIR": ""}, {}, None),
        ({"JOBDIR": "here"}, {}, "here"),
        ({"JOBDIR": "auto"}, {}, "data/jobs/babepedia-url"),
        ({"JOBDIR": "auto"}, {"mode": "name", "limit": "3"}, "data/jobs/babepedia-name"),
        ({"JOBDIR": "auto", "JOBS_DIR": "there"}, {}, "there/babepedia-url"),
        ({"JOBDIR": "auto"}, {"performer": "17"}, None),
        ({"JOBDIR": "here"}, {"performer": "17"}, "here"),
        ({"JOBDIR": "auto"}, {"dry_run": "1"}, None),
        ({"JOBDIR": "here"}, {"dry_run": "1"}, None),
    ],
)
def test_where_it_lies(settings: dict[str, str], arguments: dict[str, str], place: str | None) -> None:
    given = BabepediaSpider.read_arguments(arguments)
    found = job_dir_of(Settings({"DATA_DIR": "data", **settings}), "babepedia", given)
    assert found == (None if place is None else Path(place))


def test_what_makes_a_crawl_another() -> None:
    plainly = crawl_of(spider_of(StashDBSpider))
    assert crawl_of(spider_of(StashDBSpider, _job="scrapyd's")) == plainly
    for arguments in ({"limit": "3"}, {"since": "2026-01-31"}, {"max_faces": "2"}):
        assert crawl_of(spider_of(StashDBSpider, **arguments)) != plainly
    yaml = default_sources().override(max_faces={"stashdb": 2})
    assert crawl_of(spider_of(StashDBSpider, {"ENRICH_SOURCES": yaml})) != plainly
    assert crawl_of(spider_of(BabepediaSpider)) != crawl_of(spider_of(BabepediaSpider, mode="name"))
    assert all(plainly[name] for name in ("source", "address", "mode", "enrich", "Scrapy", "schema"))


def test_what_the_spider_noted_comes_back_unless_it_cannot_be_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = {"JOBDIR": str(tmp_path / "job"), "DATA_DIR": str(tmp_path)}
    module = ModuleType("of_an_older_program")
    exec("class Query: pass", module.__dict__)
    monkeypatch.setitem(sys.modules, module.__name__, module)

    def leave(noted: dict[str, Any]) -> None:
        spider = spider_of(StashDBSpider, settings)
        guard = JobDirGuard.from_crawler(spider.crawler)
        guard.spider_opened()
        (guard.job.path / INDEX).parent.mkdir(exist_ok=True)
        (guard.job.path / INDEX).write_text("{}")
        guard.job.keep(guard.crawl, noted, None, "shutdown")
        guard.job.release()

    def found() -> tuple[dict[str, Any], Any]:
        spider = spider_of(StashDBSpider, settings)
        JobDirGuard.from_crawler(spider.crawler).job.release()
        return spider.state, spider.crawler.stats.get_value("jobdir/unclean_recoveries")

    leave({"performers": {"a"}})
    assert found() == ({"performers": {"a"}}, None)
    leave({"lost": module.Query()})
    monkeypatch.delitem(sys.modules, module.__name__)
    assert found() == ({}, 1)


# --- the command ------------------------------------------------------------------------------------------------------


def test_in_use(crawling: Scrapy, world: RunningWorld) -> None:
    path = crawling.data_dir / "jobs" / "stashdb-api"
    held = JobDir.lock(path, "stashdb")
    refused = crawling("crawl", "stashdb", "-s", "JOBDIR=auto")
    held.release()
    assert refused.code == 1
    (line,) = refused.lines
    assert f"{path}: in use by stashdb, process {os.getpid()} on " in line
    assert world.requests() == {}
    assert not (crawling.data_dir / "performers.db").exists()


@pytest.mark.parametrize("blocked", ["job", "job/job.json.tmp"])
def test_a_place_that_cannot_be_written(crawling: Scrapy, world: RunningWorld, tmp_path: Path, blocked: str) -> None:
    job = tmp_path / "job"
    if blocked == "job":
        job.touch()
    else:
        (tmp_path / blocked).mkdir(parents=True)
    refused = crawling("crawl", "stashdb", "-s", f"JOBDIR={job}")
    assert refused.code == 1
    (line,) = refused.lines
    assert f"the job directory {job} cannot be used" in line
    assert world.requests() == {}


def test_each_source_of_enrich_has_its_own_and_one_in_use_stops_no_other(crawling: Scrapy, tmp_path: Path) -> None:
    held = JobDir.lock(tmp_path / "jobs" / "babepedia-url", "babepedia")
    several = ("--sources", "stashdb,babepedia", "--test-performers", "2")
    finished = crawling("enrich", *several, "-s", f"JOBDIR={tmp_path / 'jobs'}")
    held.release()
    assert finished.code == 1
    (line,) = finished.lines
    assert "babepedia-url: in use" in line
    assert len(ledger.rows(crawling.data_dir, "SELECT id FROM performers")) == 2
    assert sorted(path.name for path in (tmp_path / "jobs").iterdir()) == ["babepedia-url", "stashdb-api"]
    assert not (crawling.data_dir / "jobs").exists()
