"""Answers of searched sites that are no profile or no list, and profiles with something damaged on them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from scrapy.http import Request

from enrich.items import Lookup, LookupEnded, Performer
from enrich.spiders.bases.reference_site import Step
from enrich.spiders.freeones import FreeOnesSpider
from enrich.spiders.iafd import IafdSpider

Make = Callable[..., Any]
SOMEBODY = Step(lookup=Lookup(performer_id=3, name="Jane Example", birth_date="1990-05-01"), slug="", tried=("tried",))
# What has something of a profile or of a list; what has nothing is in test_bad_input.py.
BAD = {
    "truncated": b'<html><div id="search-resu',
    "login": b"<h1>Jane Example</h1><form><input type=password></form>",
    "null bytes": b"<h1>\0\0</h1>\0<div id=headshot>\0</div>",
    "many links": b"<a href=/person.rme/id=1><img src=/x.jpg></a>" * 10000,
    "many headings": b"<p class=bioheading>AKA</p>" * 10000,
    "no place for a headshot": b"<h1>Jane Example</h1><p class=bioheading>AKA</p>",
    "anchors and no name": (
        b"<div id=headshot></div><p class=bioheading>x</p><p data-test=section-personal-information></p>"
    ),
}


@pytest.mark.parametrize("case", BAD)
@pytest.mark.parametrize("kind", [IafdSpider, FreeOnesSpider])
@pytest.mark.parametrize("slug", ["", "jane-example"])
def test_no_answer_breaks_the_search_and_none_is_guessed_at(
    spider_of: Make, response_to: Make, case: str, kind: type[Any], slug: str
) -> None:
    spider = spider_of(kind, mode="name")
    step = Step(lookup=SOMEBODY.lookup, slug=slug, terms=("Jane Example",) if not slug else ())
    url = spider.page_url(slug) if slug else spider.search_url("Jane Example")
    parse = spider.parse_profile if slug else spider.parse_search
    (ended,) = parse(response_to(url, BAD[case]), step)
    assert isinstance(ended, LookupEnded)
    assert ended.outcome == "failed"
    assert spider.crawler.stats.get_value("pages/unexpected") == 1


DAMAGE = {
    IafdSpider: [
        '<link rel="canonical" href="https://[bad"><a data-src="/matchups.rme/id=">x</a>',
        "<p class=bioheading></p><p class=bioheading>Height<p class=biodata>tall</p>",
        "<p class=bioheading>Website</p><a>x</a><a href='https://[bad'>y</a><a href='mailto:x'>z</a>",
        "<p class=bioheading>Performer AKA</p><div class=biodata><br><br> (studio.example)<br>( <br></div>",
        "<form id=correct><input name=Gender></form>",
        "<p class=bioheading>Birthday</p><p class=biodata>Smarch 99, 20199</p>",
    ],
    FreeOnesSpider: [
        '<link rel="alternate" hreflang="x-default" href="https://[bad">',
        '<div class="social-meta"><a></a><a href="https://[bad"></a><a href="mailto:x"></a></div>',
        '<div class="dashboard-image-container"><a><img></a></div>',
        '<div class="timeline-horizontal"><p class="m-0"></p></div><div>Passed away on</div>',
    ],
}  # fmt: skip


@pytest.mark.parametrize(("kind", "damage"), [(kind, damage) for kind, pages in DAMAGE.items() for damage in pages])
def test_damaged_markup_costs_only_what_is_damaged(
    spider_of: Make, response_to: Make, kind: type[Any], damage: str
) -> None:
    spider = spider_of(kind)
    anchors = (
        "<h1>Jane Example</h1><div id=headshot></div><p class=bioheading>x</p>"
        "<p data-test=section-personal-information></p>"
    )
    step = Step(lookup=SOMEBODY.lookup, slug="jane-example")
    found = list(spider.parse_profile(response_to(spider.page_url("jane-example"), damage + anchors), step))
    if isinstance(found[0], Request):  # FreeOnes goes on to the list of galleries
        (request,) = found
        assert request.url == "https://www.freeones.com/jane-example/photos"
        found = list(request.callback(response_to(request, "<p>nothing</p>"), **request.cb_kwargs))
    (performer,) = found
    assert isinstance(performer, Performer)
    assert (performer.source_id, performer.aliases, performer.urls, performer.images) == ("jane-example", (), (), ())
    assert (performer.birth_date, performer.height_cm, performer.gender) == (None, None, None)
