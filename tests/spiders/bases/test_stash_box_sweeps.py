"""Nobody on a list is left out: a second sweep, and a run that goes on where one was stopped."""

from __future__ import annotations

import pickle
from collections.abc import Callable
from typing import Any

import pytest
from scrapy.exceptions import CloseSpider, DontCloseSpider
from scrapy.http import Request
from twisted.python.failure import Failure

from enrich.spiders.bases.stash_box_query import Query
from enrich.spiders.stashdb import StashDBSpider
from tests.spiders.conftest import first
from tests.spiders.stash_box import answer, listed

Make = Callable[..., Any]


class Engine:
    """The one thing of Scrapy's engine that a spider uses when it is idle."""

    def __init__(self) -> None:
        self.asked: list[Request] = []

    def crawl(self, request: Request) -> None:
        self.asked.append(request)


def test_a_second_sweep_asks_for_all_pages_also_those_of_a_second_sweep_that_was_stopped(
    spider_of: Make, response_to: Make
) -> None:
    spider = spider_of(StashDBSpider)
    spider.crawler.engine = Engine()
    pages = [item for item in answer(spider, response_to, listed(250, *range(100))) if isinstance(item, Request)]
    assert [page.dont_filter for page in pages] == [False, False], "of the first sweep, the filter knows what was read"
    with pytest.raises(DontCloseSpider):
        spider.reconcile()
    found = answer(spider, response_to, listed(250, *range(100)), direction="DESC")
    assert [item.dont_filter for item in found if isinstance(item, Request)] == [True, True]


def test_what_is_missing_after_two_sweeps_is_said(spider_of: Make, response_to: Make) -> None:
    spider = spider_of(StashDBSpider)
    spider.crawler.engine = Engine()
    answer(spider, response_to, listed(3, 1, 2))
    with pytest.raises(DontCloseSpider):
        spider.reconcile()
    answer(spider, response_to, listed(3, 2, 1), direction="DESC")
    spider.reconcile()
    assert spider.crawler.stats.get_value("enrich/degraded/count").startswith("1 of 3 performers")


def test_a_resumed_run_counts_what_the_one_before_listed(spider_of: Make, response_to: Make) -> None:
    before = spider_of(StashDBSpider)
    answer(before, response_to, listed(2, 1))
    after = spider_of(StashDBSpider)
    after.state = pickle.loads(pickle.dumps(before.state))
    answer(after, response_to, listed(2, 2))
    after.reconcile()
    assert after.crawler.stats.get_value("enrich/degraded/count") is None


def test_a_page_that_could_not_be_read_is_asked_for_again_by_the_run_that_goes_on(
    spider_of: Make, response_to: Make
) -> None:
    before = spider_of(StashDBSpider, since="2025-01-01")
    lost = Query(page=3, sort="UPDATED_AT", direction="DESC")
    failure = Failure(TimeoutError())
    failure.request = before.query_request(lost)
    before.failed_page(failure)
    with pytest.raises(CloseSpider):
        answer(before, response_to, "", 401, page=7)
    after = spider_of(StashDBSpider, since="2025-01-01")
    after.state = pickle.loads(pickle.dumps(before.state))
    requests = first(after)
    assert [request.cb_kwargs["query"] for request in requests] == [after.first_query(), lost, Query(page=7)]
    assert all(request.dont_filter for request in requests)
    for request in requests:
        after.taken(request)
    assert first(after)[1:] == []


@pytest.mark.parametrize("arguments", [{"limit": "1"}, {"since": "2025-01-01"}])
def test_a_walk_that_is_not_of_everybody_is_not_counted(
    spider_of: Make, response_to: Make, arguments: dict[str, str]
) -> None:
    spider = spider_of(StashDBSpider, **arguments)
    answer(spider, response_to, listed(900, 1))
    spider.reconcile()
    assert spider.crawler.stats.get_value("enrich/degraded/count") is None
