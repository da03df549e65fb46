"""Whom a reference site is asked about, and where."""

from __future__ import annotations

import pickle
from collections.abc import Callable
from typing import Any
from urllib.parse import unquote

import pytest
from scrapy.utils.request import request_from_dict

from enrich.errors import EnrichError
from enrich.items import Lookup
from enrich.spiders.babepedia import BabepediaSpider
from tests.spiders.babepedia import JANE, ROOT, answered, page_of
from tests.spiders.conftest import first

Make = Callable[..., Any]


def test_url_mode_takes_the_slug_of_the_link_and_asks_the_configured_root(spider_of: Make, library_of: Make) -> None:
    library = library_of(
        [JANE, Lookup(performer_id=9, name="Zoë O'Ex", urls=("http://babepedia.com/babe/Zo%C3%AB%20O'Ex",))]
    )
    spider = spider_of(BabepediaSpider, library=library, source={"url": "http://127.0.0.1:8000/babepedia"})
    assert [request.url for request in first(spider)] == [
        "http://127.0.0.1:8000/babepedia/babe/Jane_Example",
        "http://127.0.0.1:8000/babepedia/babe/Zo%C3%AB_O%27Ex",
    ]


def test_the_library_is_asked_in_batches_with_the_gender_filter(spider_of: Make, library_of: Make) -> None:
    lookups = [Lookup(performer_id=n, name=f"P {n}", urls=(f"{ROOT}P_{n}",)) for n in range(1, 251)]
    for mode in ("url", "name"):
        library = library_of(lookups)
        spider = spider_of(BabepediaSpider, library=library, mode=mode, performer="stashdb:x")
        assert len(first(spider)) == 250
        assert [asked["after"] for asked in library.asked] == [0, 100, 200, 250]
        assert {asked["genders"] for asked in library.asked} == {spider.source.gender_filter}
        assert {asked["performer"] for asked in library.asked} == {"stashdb:x"}


def test_a_limit_counts_performers(spider_of: Make, library_of: Make) -> None:
    lookups = [Lookup(performer_id=n, name=f"P {n}") for n in range(1, 251)]
    assert len(first(spider_of(BabepediaSpider, library=library_of(lookups), mode="name", limit="120"))) == 120


def test_several_links_of_one_performer_are_one_piece_of_work(spider_of: Make, library_of: Make) -> None:
    links = (ROOT + "Jane_Example", ROOT + "jane%20example", "https://x.com/babepedia.com/babe/Nobody", ROOT + "Jane_E")
    spider = spider_of(BabepediaSpider, library=library_of([Lookup(performer_id=3, name="Jane Example", urls=links)]))
    (request,) = first(spider)
    assert (request.cb_kwargs["step"].slug, request.cb_kwargs["step"].rest) == ("Jane_Example", ("Jane_E",))


def test_name_mode_tries_the_name_and_then_the_aliases_that_say_enough(spider_of: Make, library_of: Make) -> None:
    aliases = ("Jane", "Jane  Other", "波多野結衣", "JANE EXAMPLE", *(f"Alias {n}" for n in range(9)))
    spider = spider_of(
        BabepediaSpider, library=library_of([Lookup(performer_id=3, name="Jane Example", aliases=aliases)]), mode="name"
    )
    (request,) = first(spider)
    step = request.cb_kwargs["step"]
    assert (step.slug, *step.rest) == ("Jane_Example", "Jane_Other", "波多野結衣", "Alias_0", "Alias_1")
    assert unquote(request.url) == ROOT + "Jane_Example"


@pytest.mark.parametrize("mode", ["url", "name"])
def test_who_cannot_be_asked_for_is_skipped_and_nobody_is_asked(
    spider_of: Make, library_of: Make, response_to: Make, mode: str
) -> None:
    lookups = [
        Lookup(performer_id=3, name="!?", urls=("https://www.babepedia.com/gallery/x",)),
        Lookup(performer_id=4, name=" ", urls=("x",)),
    ]
    (request,) = first(spider_of(BabepediaSpider, library=library_of(lookups), mode=mode))
    assert request.url.startswith("data:")
    ended = list(request.callback(response_to(request), **request.cb_kwargs))
    assert [(item.performer_id, item.outcome, item.mode) for item in ended] == [
        (3, "skipped", mode),
        (4, "skipped", mode),
    ]


def test_two_performers_with_one_page_are_both_looked_up(spider_of: Make, library_of: Make) -> None:
    twin = Lookup(performer_id=4, name="Jane Example", urls=JANE.urls)
    assert [r.dont_filter for r in first(spider_of(BabepediaSpider, library=library_of([JANE, twin])))] == [True, True]


def test_without_a_database_there_is_nothing_to_look_for(spider_of: Make) -> None:
    with pytest.raises(EnrichError, match="no database"):
        first(spider_of(BabepediaSpider))


def test_a_lookup_survives_a_job_directory(spider_of: Make, library_of: Make) -> None:
    spider = spider_of(BabepediaSpider, library=library_of([JANE]))
    (request,) = first(spider)
    kept = request_from_dict(pickle.loads(pickle.dumps(request.to_dict(spider=spider))), spider=spider)
    assert (kept.cb_kwargs, kept.callback, kept.errback) == (
        request.cb_kwargs,
        spider.parse_profile,
        spider.failed_page,
    )


@pytest.mark.parametrize(("body", "status"), [("", 404), (page_of("Jane Example"), 200), (page_of("Janet Mason"), 200)])
def test_whose_search_is_in_the_queue_is_not_looked_for_anew_until_it_is_over(
    spider_of: Make, library_of: Make, response_to: Make, body: str, status: int
) -> None:
    other = Lookup(performer_id=4, name="Ann Other", urls=(ROOT + "Ann_Other",))
    before, after = (spider_of(BabepediaSpider, library=library_of([JANE, other])) for _ in range(2))
    jane, _ = first(before)
    before.taken(jane)
    after.state = pickle.loads(pickle.dumps(before.state))
    assert [request.cb_kwargs["step"].lookup for request in first(after)] == [other]
    assert answered(after, response_to, jane, body, status)
    assert [request.cb_kwargs["step"].lookup for request in first(after)] == [JANE, other], "as soon as it is due again"
