"""Retries: how long they wait, that they hold nothing meanwhile, and that a stop neither waits for nor loses them."""

from __future__ import annotations

from collections import Counter
from itertools import pairwise

import pytest
from scrapy.http import Request, Response
from scrapy.utils.test import get_crawler

from enrich.middlewares.retry import WaitingRetryMiddleware
from enrich.request_meta import WAIT_SECONDS
from tests.middlewares.counting_site import Answer, Asked, plain, serving
from tests.middlewares.test_retry_after import everything
from tests.middlewares.walker import Walker


def times(asked: list[Asked], path: str) -> list[float]:
    return [one.at for one in asked if one.path == path]


@pytest.mark.parametrize("status", [500, 408])
def test_what_may_pass_is_tried_again_later(walker: Walker, status: int) -> None:
    def server(path: str, asked: list[Asked]) -> Answer:
        bad = path in ("/page/2", "/image/4") and len(times(asked, path)) < 3
        return Answer(status) if bad else plain(path, asked)

    with serving(server) as site:
        walked = walker(site, pages=20, RETRY_FIRST_WAIT_SECONDS=0.4, CONCURRENT_REQUESTS=1).end()
        asked = list(site.asked)
    assert not walked.failed
    assert walked.stats["retry/count"] == 6
    for path in ("/page/2", "/image/4"):
        gaps = [later - sooner for sooner, later in pairwise(times(asked, path))]
        assert len(gaps) == 3
        assert gaps[0] > 0.2
        assert gaps[1] > 0.4
        assert gaps[2] > 0.8
    # One request at a time, and yet all else was had while these waited.
    last = max(times(asked, "/page/2")[-1], times(asked, "/image/4")[-1])
    assert sum(one.at < last for one in asked) >= len(asked) - 3


def test_a_connection_that_breaks_is_tried_again(walker: Walker) -> None:
    def server(path: str, asked: list[Asked]) -> Answer:
        # Twisted itself asks once more, at once, where a connection in use was closed.
        bad = path == "/image/4" and len(times(asked, path)) < 4
        return Answer(0) if bad else plain(path, asked)

    with serving(server) as site:
        walked = walker(site, pages=6, RETRY_FIRST_WAIT_SECONDS=0.1).end()
        assert set(site.paths(200)) == everything(6)
    assert not walked.failed
    assert walked.stats["retry/count"] > 0


def test_an_answer_is_not_asked_for_twice(walker: Walker) -> None:
    said = {f"/image/{status}": status for status in (401, 403, 404, 410)}

    def server(path: str, asked: list[Asked]) -> Answer:
        return Answer(said[path]) if path in said else plain(path, asked)

    with serving(server) as site:
        walked = walker(site, pages=20, WALK_FROM=395).end()
        assert sorted(site.paths(*said.values())) == sorted(said)
    outcome = {url.rpartition("/")[2]: what for url, what in walked.failed.items()}
    assert outcome["401"] == "HTTP 401"
    assert outcome["403"] == "HTTP 403"
    assert "not_found" in outcome["404"]
    assert "not_found" in outcome["410"]
    assert len(outcome) == 4


def test_a_dead_host_and_a_name_that_nobody_knows(walker: Walker) -> None:
    with serving(plain) as site:
        for images in ("http://localhost:9", "http://nobody.localhost.invalid"):
            settings = {"WALK_IMAGES": images, "RETRY_FIRST_WAIT_SECONDS": 0.1, "RETRY_TIMES": 2}
            walked = walker(site, pages=1, **settings).end()
            assert len(walked.failed) == 1, walked.log


def test_a_stop_does_not_wait_for_retries_nor_lose_them(walker: Walker) -> None:
    healthy: list[bool] = []

    def server(path: str, asked: list[Asked]) -> Answer:
        return Answer(500) if path.startswith("/image/") and not healthy else plain(path, asked)

    settings = {
        "RETRY_FIRST_WAIT_SECONDS": 500,
        "RETRY_LONGEST_WAIT_SECONDS": 500,
        "JOBDIR": str(walker.folder / "job"),
    }
    with serving(server) as site:
        walk = walker(site, pages=10, **settings)
        site.wait_for(lambda asked: sum(one.status == 500 for one in asked) == 10)
        walked = walk.stop()
        assert walked.stats["finish_reason"] == "shutdown"
        assert not walked.failed
        healthy.append(True)
        walker(site, pages=10, **settings).end()
        assert Counter(site.paths(200)) == Counter(everything(10))


def test_waits_double_up_to_the_longest_and_differ() -> None:
    crawler = get_crawler(
        settings_dict={"RETRY_FIRST_WAIT_SECONDS": 2, "RETRY_LONGEST_WAIT_SECONDS": 10, "RETRY_TIMES": 9}
    )
    crawler.spider = crawler._create_spider("any")
    middleware = WaitingRetryMiddleware.from_crawler(crawler)
    waits: list[set[float]] = [set() for _ in range(5)]
    for _ in range(50):
        request = Request("http://127.0.0.1/")
        for wait in waits:
            again = middleware.process_response(request, Response(request.url, status=500))
            assert isinstance(again, Request)
            request = again
            wait.add(request.meta.pop(WAIT_SECONDS))
    for wait, longest in zip(waits, (2, 4, 8, 10, 10), strict=True):
        assert longest / 2 <= min(wait) < max(wait) <= longest
        assert len(wait) > 40
