"""What comes of a look-up at a reference site: a performer, the next page, or one end."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from scrapy.exceptions import CloseSpider
from scrapy.http import HtmlResponse, Request
from scrapy.spidermiddlewares.httperror import HttpError
from twisted.python.failure import Failure

from enrich.items import Lookup, LookupEnded, Performer
from enrich.request_errors import RobotsForbidden
from enrich.spiders.babepedia import BabepediaSpider
from enrich.spiders.bases.profile import Profile
from enrich.spiders.bases.reference_site import ReferenceSiteSpider, Step
from tests.spiders.babepedia import JANE, ROOT, answered, page_of

Make = Callable[..., Any]
MISSING = "<title>Babepedia - Search results for Jane</title>"


def failed(request: Request, error: Exception) -> Failure:
    failure = Failure(error)
    failure.request = request
    return failure


def ask(spider: ReferenceSiteSpider, *rest: str, lookup: Lookup = JANE) -> Request:
    return spider._page_request(Step(lookup=lookup, slug="Jane_Example", rest=rest))


def test_a_page_that_is_hers(spider_of: Make, response_to: Make) -> None:
    spider = spider_of(BabepediaSpider)
    performer, picture = answered(spider, response_to, ask(spider), page_of("JANE EXAMPLE", "Jane E", "Jane Example"))
    assert isinstance(performer, Performer)
    assert (performer.performer_id, performer.matched, performer.aliases) == (3, "JANE EXAMPLE", ("Jane E",))
    assert picture.meta["image"] == performer.images[0]
    assert performer.images[0].matched == "JANE EXAMPLE"


@pytest.mark.parametrize(("status", "body"), [(404, ""), (410, "gone"), (200, MISSING)])
def test_a_page_that_does_not_exist_leads_to_the_next_and_then_to_an_end(
    spider_of: Make, response_to: Make, status: int, body: str
) -> None:
    spider = spider_of(BabepediaSpider)
    (request,) = answered(spider, response_to, ask(spider, "Jane_E"), body, status)
    assert request.url == ROOT + "Jane_E"
    assert request.priority > 0
    (ended,) = answered(spider, response_to, request, body, status)
    assert (ended.outcome, ended.performer_id) == ("not_found", 3)


def test_somebody_else_on_one_page_and_nobody_on_the_next_is_somebody_else(spider_of: Make, response_to: Make) -> None:
    spider = spider_of(BabepediaSpider)
    (request,) = answered(spider, response_to, ask(spider, "Jane_E"), page_of("Janet Mason"))
    (ended,) = answered(spider, response_to, request, MISSING)
    assert (ended.outcome, ended.detail) == ("wrong_person", "the page is Janet Mason's")


def test_the_second_page_may_be_hers(spider_of: Make, response_to: Make) -> None:
    spider = spider_of(BabepediaSpider)
    (request,) = answered(spider, response_to, ask(spider, "Jane_E"), page_of("Janet Mason"))
    assert isinstance(answered(spider, response_to, request, page_of("Jane Example"))[0], Performer)


@pytest.mark.parametrize(
    ("status", "outcome"),
    [(403, "blocked"), (401, "blocked"), (429, "blocked"), (451, "blocked"), (500, "failed"), (503, "failed")],
)
def test_a_server_that_does_not_answer_well(spider_of: Make, response_to: Make, status: int, outcome: str) -> None:
    spider = spider_of(BabepediaSpider)
    request = ask(spider, "Jane_E")
    (ended,) = spider.failed_page(failed(request, HttpError(response_to(request, "", status), "no")))
    assert (ended.outcome, ended.detail) == (outcome, f"HTTP {status}")
    assert spider.crawler.stats.get_value("pages/failed") == 1


def test_a_connection_lost(spider_of: Make) -> None:
    spider = spider_of(BabepediaSpider)
    (ended,) = spider.failed_page(failed(ask(spider), OSError("lost")))
    assert (ended.outcome, ended.detail) == ("failed", "OSError: lost")


def test_a_site_that_robots_txt_closes_ends_the_run(spider_of: Make) -> None:
    spider = spider_of(BabepediaSpider)
    with pytest.raises(CloseSpider):
        list(spider.failed_page(failed(ask(spider), RobotsForbidden("Forbidden by robots.txt"))))
    assert ROOT + "Jane_Example" in spider.crawler.stats.get_value("enrich/degraded/robots")


def test_a_page_that_robots_txt_closes_ends_that_search(spider_of: Make, response_to: Make) -> None:
    spider = spider_of(BabepediaSpider)
    answered(spider, response_to, ask(spider), page_of("Jane Example"))
    (ended,) = spider.failed_page(failed(ask(spider), RobotsForbidden("Forbidden by robots.txt")))
    assert ended.outcome == "blocked"


# What has something of a profile; what has nothing is in test_bad_input.py.
BAD = {
    "wrong charset": (page_of("Zoë").encode("latin-1"), "utf-8", "failed"),
    "unknown charset": (page_of("Jane").encode(), "klingon", "wrong_person"),
    "null bytes": (b"<h1 id=babename>\0\0</h1>\0", "utf-8", "failed"),
    "empty name": (
        b'<h1 id="babename"> </h1><div id=profbox2><a class=img href=/pics/x.jpg></a></div>', "utf-8", "failed"
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", BAD)
def test_no_page_breaks_the_search_and_none_is_guessed_at(spider_of: Make, response_to: Make, case: str) -> None:
    body, charset, outcome = BAD[case]
    spider = spider_of(BabepediaSpider)
    (ended,) = answered(spider, response_to, ask(spider), body, content_type=f"text/html; charset={charset}")
    assert isinstance(ended, LookupEnded)
    assert ended.outcome == outcome
    assert spider.crawler.stats.get_value("pages/unexpected", 0) == (outcome == "failed")


def test_a_page_that_breaks_off_after_what_marks_it_is_a_profile(spider_of: Make, response_to: Make) -> None:
    spider = spider_of(BabepediaSpider)
    page = page_of("Jane Example")[:-40] + '<div id="personal-info-block"><span class="la'
    assert isinstance(answered(spider, response_to, ask(spider), page)[0], Performer)


def fact(inside: str) -> str:
    return f"<div id=personal-info-block><div class=info-item>{inside}</div></div>"


DAMAGE = [
    '<meta property="og:url" content="https://[bad">',
    '<div id=profbox2><a class=img></a><a class=img href="#"></a></div>',
    '<div id=profbox2><a class=img href="https://[bad/x.jpg"><img src="//[x"></a></div>',
    '<div id=socialicons><a href="https://[bad"></a><a href="mailto:x"></a><a></a><a href="/onlyfans/"></a></div>',
    "<div class=separate><h2>Jane Example Galleries</h2><div class=thumbsblock><div class=thumbshot>"
    '<a href="/gallery/"><img></a></div></div></div>',
    "<div class=useruploads2><a class=img><img alt></a></div>",
    fact("<span class=label></span>"),
    fact("<span class=label>Height:</span>"),
    fact("<span class=label>Born:</span><span class=value>99th of Never 20199</span>"),
]


@pytest.mark.parametrize("damage", DAMAGE)
def test_damaged_markup_costs_only_what_is_damaged(spider_of: Make, response_to: Make, damage: str) -> None:
    spider = spider_of(BabepediaSpider)
    found = answered(spider, response_to, ask(spider), page_of("Jane Example") + damage)
    assert isinstance(found[0], Performer)
    assert [ref.image_url for ref in found[0].images] == ["https://www.babepedia.com/pics/Jane%20Example.jpg"]
    assert found[0].urls == ()


class MinimalSpider(ReferenceSiteSpider):
    """As little as a site needs."""

    name = "elitebabes"
    path = "/model/{slug}/"

    def slug(self, name: str) -> str | None:
        return name.lower().replace(" ", "-")

    def read(self, response: HtmlResponse) -> Profile | None:
        if "crash" in response.text:
            raise RuntimeError("a bug")
        return Profile(name=response.css("h1::text").get(""))


def test_a_parser_with_a_bug_costs_the_page_and_not_the_crawl(spider_of: Make, response_to: Make) -> None:
    spider = spider_of(MinimalSpider)
    (ended,) = answered(spider, response_to, spider._page_request(Step(lookup=JANE, slug="x")), "<h1>crash</h1>")
    assert (ended.outcome, ended.detail) == ("failed", "unexpected page: the parser broke: RuntimeError")
