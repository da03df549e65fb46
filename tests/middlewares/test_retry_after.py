"""Real crawls, in processes of their own, of a site that counts: the pace, refusals, and what a stop leaves behind."""

from __future__ import annotations

import signal
import time
from collections import Counter
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from itertools import pairwise

import pytest
from scrapy.http import Response

from enrich.middlewares.retry_after import retry_after_seconds
from tests.middlewares.counting_site import Answer, Asked, Site, plain, serving
from tests.middlewares.walker import Walk, Walker


def most_within(asked: list[Asked], seconds: float) -> int:
    times = [one.at for one in asked]
    return max(sum(at <= other < at + seconds for other in times) for at in times)


def elsewhere(site: Site) -> str:
    """The same site under another host, as an image host."""
    return f"http://localhost:{site.server_port}"


def everything(pages: int) -> set[str]:
    return {f"/{kind}/{n}" for kind in ("page", "image") for n in range(pages)}


def wait_for_lines(walk: Walk, words: str, times: int) -> None:
    """Block until the log of a crawl has said so often so."""
    assert walk.process.stderr is not None
    while times:
        line = walk.process.stderr.readline()
        assert line, "it ended before"
        times -= words in line


# --- the pace ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("seconds", [10, pytest.param(60, marks=[pytest.mark.soak, pytest.mark.timeout(200)])])
def test_two_processes_keep_one_pace(walker: Walker, seconds: int) -> None:
    def both_at_work(asked: list[Asked]) -> bool:
        return all(any(one.path.startswith(page) for one in asked) for page in ("/page/0", "/page/5000"))

    with serving(plain) as site:
        walks = [
            walker(site, rate_limit=120, pages=1000, WALK_FROM=number, WALK_IMAGES=elsewhere(site))
            for number in (0, 5000)
        ]
        first = len(site.wait_for(both_at_work))
        asked = site.wait_for(lambda asked: len(asked) > first and asked[-1].at > asked[first].at + seconds * 1.2, 150)
        ended = [walk.stop() for walk in walks]
    allowed = 2 * seconds
    assert most_within(asked, seconds) <= allowed + (seconds < 60)  # the slack is that of a whole minute
    full = [one for one in asked[first:] if one.at < asked[first].at + seconds]
    assert len(full) >= 0.97 * allowed - (seconds < 60)
    kinds = Counter(one.path.split("/")[1] for one in full)
    assert min(kinds["page"], kinds["image"]) > 0.1 * allowed
    for walked in ended:
        assert walked.stats["finish_reason"] == "shutdown"
        assert walked.stats["throttle/waits"] > 1
        assert not walked.failed


def test_no_limit_is_no_limit(walker: Walker) -> None:
    with serving(plain) as site:
        walked = walker(site, pages=100).end()
        assert set(site.paths(200)) == everything(100)
    assert "throttle/waits" not in walked.stats
    assert not walker.data_dir.exists()


# --- refusals ---------------------------------------------------------------------------------------------------------


def test_a_stricter_server_gets_few_requests_in_vain(walker: Walker) -> None:
    def strict(path: str, asked: list[Asked]) -> Answer:
        taken = sum(one.status == 200 for one in asked if one.at > time.monotonic() - 3)
        return Answer(429) if taken >= 50 else plain(path, asked)  # 1000 a minute, counted by three seconds

    with serving(strict) as site:
        walked = walker(site, rate_limit=1200, pages=100, THROTTLE_FIRST_PAUSE_SECONDS=2).end(100)
        assert set(site.paths(200)) == everything(100)
        assert 0 < len(site.paths(429)) < 0.02 * 200
    assert walked.stats["throttle/429"] == len(site.paths(429))
    assert walked.stats["throttle/rate_per_minute"] < 1000
    assert "retry/count" not in walked.stats
    assert not walked.failed


@pytest.mark.soak
@pytest.mark.timeout(600)
def test_a_stricter_server_by_the_minute(walker: Walker) -> None:
    def strict(path: str, asked: list[Asked]) -> Answer:
        taken = sum(one.status == 200 for one in asked if one.at > time.monotonic() - 60)
        return Answer(429) if taken >= 100 else plain(path, asked)

    with serving(strict) as site:
        walks = [walker(site, rate_limit=120, pages=70, WALK_FROM=first) for first in (0, 70)]
        ended = [walk.end(500) for walk in walks]
        assert set(site.paths(200)) == everything(140)
        assert 0 < len(site.paths(429)) < 0.02 * 280
    assert not [walked.failed for walked in ended if walked.failed]


@pytest.mark.parametrize(("status", "as_date"), [(429, True), (503, False)])
def test_a_refusal_pauses_everybody_and_costs_no_try(walker: Walker, status: int, as_date: bool) -> None:
    def server(path: str, asked: list[Asked]) -> Answer:
        if len(asked) != 12:
            return plain(path, asked)
        date = format_datetime(datetime.now(UTC) + timedelta(seconds=3), usegmt=True)
        return Answer(status, {"Retry-After": date if as_date else "2"})

    with serving(server) as site:
        walks = [walker(site, pages=20, WALK_FROM=first, RETRY_TIMES=0) for first in (0, 20)]
        ended = [walk.end() for walk in walks]
        assert set(site.paths(200)) == everything(40)
        asked = list(site.asked)
    assert not [walked.failed for walked in ended if walked.failed]
    for stat in (f"throttle/{status}", "throttle/pauses"):
        assert sum(walked.stats.get(stat, 0) for walked in ended) == 1
    # What was on its way came within moments, then there was silence until the pause was over.
    times = [one.at for one in asked[asked.index(next(one for one in asked if one.status == status)) :]]
    assert max(later - sooner for sooner, later in pairwise(times)) > 1.5


def test_one_address_that_is_always_unavailable_fails_alone(walker: Walker) -> None:
    def server(path: str, asked: list[Asked]) -> Answer:
        return Answer(503) if path == "/image/3" else plain(path, asked)

    with serving(server) as site:
        walked = walker(site, pages=10, THROTTLE_FIRST_PAUSE_SECONDS=0.05).end()
        assert set(site.paths(200)) == everything(10) - {"/image/3"}
        assert site.paths(503) == ["/image/3"] * 5
    assert list(walked.failed.values()) == ["HTTP 503"]


def test_a_source_that_refuses_for_hours_ends_degraded(walker: Walker) -> None:
    with serving(lambda path, asked: Answer(429)) as site:
        settings = {"THROTTLE_FIRST_PAUSE_SECONDS": 0.1, "THROTTLE_PATIENCE_SECONDS": 3}
        walked = walker(site, pages=20, **settings).end()
    assert walked.stats["finish_reason"] == "throttled"
    assert "HTTP 429" in walked.stats["enrich/degraded/throttle"]
    assert not walked.failed, "what is left stays to be done"


def test_a_source_that_asks_for_days_ends_at_once(walker: Walker) -> None:
    with serving(lambda path, asked: Answer(503, {"Retry-After": "200000"})) as site:
        walked = walker(site, pages=20).end()
    assert walked.stats["finish_reason"] == "throttled"
    assert "200000 s" in walked.stats["enrich/degraded/throttle"]


# --- stopping ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("rate_limit", [0, 20])
def test_a_stop_waits_for_no_pause_and_loses_nothing(walker: Walker, rate_limit: float) -> None:
    said: list[str] = []

    def server(path: str, asked: list[Asked]) -> Answer:
        if len(asked) >= 8 and not said:
            return Answer(429, {"Retry-After": "600"})
        return plain(path, asked)

    job = {"JOBDIR": str(walker.folder / "job")}
    with serving(server) as site:
        walk = walker(site, rate_limit=rate_limit and 120, pages=30, **job)
        site.wait_for(lambda asked: asked[-1].status == 429 if asked else False)
        walked = walk.stop()
        assert walked.stats["finish_reason"] == "shutdown"
        assert not walked.failed
        before = len(site.paths(200))
        assert before < 60
        again = walker(site, rate_limit=rate_limit and 120, pages=30, LOGSTATS_INTERVAL=0.2, **job)
        wait_for_lines(again, "Crawled 0 pages", 3)
        stopped = again.stop()
        assert stopped.stats["throttle/given_back"]
        assert not stopped.failed, "what was given back once is given back again"
        said.append("over")
        (walker.data_dir / "pace" / "babepedia").unlink()
        walker(site, pages=30, **job).end()
        assert Counter(site.paths(200)) == Counter(everything(30)), "all of it, and nothing twice"


def test_a_kill_loses_no_turn_of_others(walker: Walker) -> None:
    with serving(plain) as site:
        victim = walker(site, rate_limit=120, pages=100)
        site.wait_for(lambda asked: len(asked) > 3)
        victim.process.send_signal(signal.SIGKILL)
        victim.process.wait()
        seen = len(site.asked)
        walk = walker(site, rate_limit=120, pages=100, WALK_FROM=500)
        asked = site.wait_for(lambda asked: len(asked) > seen + 4)
        walk.stop()
    assert all(later.at - sooner.at > 0.3 for sooner, later in pairwise(asked))


# --- Retry-After ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("said", "seconds"),
    [
        ("120", 120),
        (" 7 ", 7),
        ("1.5", 1.5),
        ("0", 0),
        ("Sat, 21 Nov 2026 10:02:00 GMT", 120),
        ("Saturday, 21-Nov-26 10:02:00 GMT", 120),
        ("Sat, 21 Nov 2026 09:00:00 GMT", 0),
        ("Sat, 21 Nov 99999 09:00:00 GMT", None),
        ("-5", None),
        ("soon", None),
        ("", None),
        ("9" * 400, None),
    ],
)
def test_both_forms_of_retry_after(said: str, seconds: float | None) -> None:
    headers = {"Retry-After": said, "Date": "Sat, 21 Nov 2026 10:00:00 GMT"}
    assert retry_after_seconds(Response("http://127.0.0.1/", headers=headers)) == seconds


def test_a_date_without_the_servers_own() -> None:
    date = format_datetime(datetime.now(UTC) + timedelta(seconds=100), usegmt=True)
    seconds = retry_after_seconds(Response("http://127.0.0.1/", headers={"Retry-After": date}))
    assert seconds == pytest.approx(100, abs=30)
