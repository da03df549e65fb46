"""What a stash-box is asked, and what its answers lead to."""

from __future__ import annotations

import json
import logging
import pickle
from collections.abc import Callable
from typing import Any

import pytest
from scrapy.exceptions import CloseSpider
from scrapy.http import Request
from scrapy.utils.request import request_from_dict
from twisted.python.failure import Failure

from enrich.errors import ConfigError
from enrich.items import Performer
from enrich.spiders.bases.listing import PER_PAGE
from enrich.spiders.bases.stash_box_query import Query
from enrich.spiders.stashdb import StashDBSpider
from tests.spiders.conftest import first
from tests.spiders.stash_box import UUID, answer, listed, variables

Make = Callable[..., Any]


@pytest.mark.parametrize(
    ("arguments", "asked"),
    [
        ({}, {"page": 1, "per_page": PER_PAGE, "sort": "NAME", "direction": "ASC"}),
        ({"limit": "5"}, {"page": 1, "per_page": 5, "sort": "NAME", "direction": "ASC"}),
        ({"limit": "500"}, {"page": 1, "per_page": PER_PAGE, "sort": "NAME", "direction": "ASC"}),
        ({"since": "2025-03-01"}, {"page": 1, "per_page": PER_PAGE, "sort": "UPDATED_AT", "direction": "DESC"}),
    ],
)
def test_the_first_question(spider_of: Make, arguments: dict[str, str], asked: dict[str, Any]) -> None:
    (request,) = first(spider_of(StashDBSpider, **arguments))
    assert variables(request) == {"input": asked}
    assert request.dont_filter, "a resumed job directory asks it again"


@pytest.mark.parametrize("given", ["{}", "stashdb:{}"])
@pytest.mark.parametrize("uuid", ["0a0b0c0d-1111-4222-8333-444444444444", "0A0B0C0D-1111-4222-8333-444444444444"])
def test_one_performer(spider_of: Make, given: str, uuid: str) -> None:
    (request,) = first(spider_of(StashDBSpider, performer=given.format(uuid)))
    assert variables(request) == {"id": uuid.lower()}


@pytest.mark.parametrize("given", ["12", "fansdb:" + UUID, "Jane Example"])
def test_a_performer_that_cannot_be_one(spider_of: Make, given: str) -> None:
    with pytest.raises(ConfigError, match="should be a performer's UUID at stashdb"):
        spider_of(StashDBSpider, performer=given)


def test_the_key_is_in_no_request(spider_of: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STASHDB_API_KEY", "very-secret")
    spider = spider_of(StashDBSpider)
    (request,) = first(spider)
    assert request.meta["credential"] == "ApiKey"
    assert b"very-secret" not in pickle.dumps(request.to_dict(spider=spider))
    assert "very-secret" not in repr(vars(spider.source))


def test_a_page_of_the_list_survives_a_job_directory(spider_of: Make) -> None:
    spider = spider_of(StashDBSpider)
    request = spider.query_request(Query(page=4))
    assert not request.dont_filter
    kept = request_from_dict(pickle.loads(pickle.dumps(request.to_dict(spider=spider))), spider=spider)
    assert (kept.body, kept.cb_kwargs, kept.callback) == (request.body, {"query": Query(page=4)}, spider.parse_page)


def test_all_pages_are_asked_for_at_once(spider_of: Make, response_to: Make) -> None:
    spider = spider_of(StashDBSpider)
    found = answer(spider, response_to, listed(1001, *range(PER_PAGE)))
    pages = [variables(request)["input"]["page"] for request in found if isinstance(request, Request)]
    assert pages == list(range(2, 12))
    assert answer(spider, response_to, listed(1001, 500), page=2)[1:] == []


def test_a_limit_asks_for_no_more_pages_than_it_needs(spider_of: Make, response_to: Make) -> None:
    spider = spider_of(StashDBSpider, limit="150")
    found = answer(spider, response_to, listed(1001, *range(100)), per_page=100)
    assert [variables(request)["input"]["page"] for request in found if isinstance(request, Request)] == [2]
    more = answer(spider, response_to, listed(1001, *range(100, 200)), page=2)
    assert len([item for item in found + more if isinstance(item, Performer)]) == 150


def test_pictures_in_the_servers_order_none_too_small_and_before_the_next_page(
    spider_of: Make, response_to: Make
) -> None:
    spider = spider_of(StashDBSpider)
    images = [
        {"url": f"https://stashdb.org/images/{n}", "width": size, "height": size}
        for n, size in enumerate((900, 10, 800))
    ]
    body = json.dumps(
        {"data": {"queryPerformers": {"count": 300, "performers": [{"id": UUID, "name": "A B", "images": images}]}}}
    )
    found = answer(spider, response_to, body)
    pictures = [item for item in found if isinstance(item, Request) and "image" in item.meta]
    pages = [item for item in found if isinstance(item, Request) and "query" in item.cb_kwargs]
    assert [request.url[-1] for request in pictures] == ["0", "2"]
    assert pictures[0].priority > pictures[1].priority > pages[0].priority
    assert all(
        b"apikey" not in request.headers.to_unicode_dict() and "credential" not in request.meta for request in pictures
    )


@pytest.mark.parametrize(
    ("status", "body"), [(401, ""), (200, '{"errors": [{"message": "not authorized"}], "data": null}')]
)
def test_a_refused_key_stops_everything_with_one_line(
    spider_of: Make, response_to: Make, caplog: pytest.LogCaptureFixture, status: int, body: str
) -> None:
    spider = spider_of(StashDBSpider)
    for page in (1, 2):
        with pytest.raises(CloseSpider) as stop:
            answer(spider, response_to, body, status, page=page)
        assert stop.value.reason == "credentials_refused"
    (line,) = [record for record in caplog.records if record.levelno == logging.ERROR]
    assert "STASHDB_API_KEY" in line.getMessage()


@pytest.mark.parametrize(
    "body",
    ['{"errors": [{"message": "Internal system error"}], "data": null}', "<html>busy</html>", "", "[]", "7", "{}"],
)
def test_a_page_that_goes_wrong_is_tried_again_and_then_given_up_aloud(
    spider_of: Make, response_to: Make, body: str
) -> None:
    spider = spider_of(StashDBSpider, settings={"RETRY_TIMES": 2})
    request = spider.query_request(Query(page=3))
    for _ in range(2):
        (request,) = spider.parse_page(response_to(request, body, 200, "application/json"), Query(page=3))
        assert request.dont_filter
    assert list(spider.parse_page(response_to(request, body, 200, "application/json"), Query(page=3))) == []
    assert spider.crawler.stats.get_value("pages/failed") == 1
    assert "page 3" in spider.crawler.stats.get_value("enrich/degraded/pages")


def test_a_page_lost_on_the_way_does_not_end_the_run(spider_of: Make, response_to: Make) -> None:
    spider = spider_of(StashDBSpider)
    answer(spider, response_to, listed(300, 1))
    failure = Failure(OSError("Connection lost"))
    failure.request = spider.query_request(Query(page=2))
    spider.failed_page(failure)
    assert "Connection lost" in spider.crawler.stats.get_value("enrich/degraded/pages")


def test_the_gender_filter_of_a_stash_box(spider_of: Make, response_to: Make) -> None:
    spider = spider_of(StashDBSpider, source={"gender_filter": frozenset({"FEMALE"})})
    people = [{"id": f"{UUID[:-1]}{n}", "name": f"P {n}", "gender": g} for n, g in enumerate(("FEMALE", "MALE", None))]
    found = answer(spider, response_to, json.dumps({"data": {"queryPerformers": {"count": 3, "performers": people}}}))
    assert [item.name for item in found] == ["P 0", "P 2"]
    assert spider.crawler.stats.get_value("performers/other_gender") == 1
