from __future__ import annotations

import asyncio
import pickle
from collections.abc import Callable
from typing import Any
from urllib.parse import unquote

import pytest
from scrapy.exceptions import CloseSpider, IgnoreRequest
from scrapy.http import HtmlResponse, Request
from scrapy.spidermiddlewares.httperror import HttpError
from scrapy.utils.request import request_from_dict
from twisted.python.failure import Failure

from enrich.errors import EnrichError
from enrich.items import Lookup, LookupEnded, Performer
from enrich.spiders.babepedia import BabepediaSpider
from enrich.spiders.profile import Profile
from enrich.spiders.reference_site import ReferenceSiteSpider, Step

Make = Callable[..., Any]
ROOT = "https://www.babepedia.com/babe/"
JANE = Lookup(performer_id=3, name="Jane Example", urls=(ROOT + "Jane_Example",))
MISSING = "<title>Babepedia - Search results for Jane</title>"


def page_of(name: str, *aliases: str) -> str:
    return (
        f'<title>{name}</title><div id="profbox2"><a class="img" href="/pics/{name}.jpg"></a></div>'
        f'<h1 id="babename">{name}</h1><h2 id="aka"><small>Also known as:</small> {" - ".join(aliases)}</h2>'
    )


def first(spider: ReferenceSiteSpider) -> list[Request]:
    async def collect() -> list[Request]:
        return [request async for request in spider.first_requests()]

    return asyncio.run(collect())


def answered(
    spider: ReferenceSiteSpider, response_to: Make, request: Request, body: str | bytes, status: int = 200, **how: str
) -> list[Any]:
    return list(spider.parse_profile(response_to(request, body, status, **how), **request.cb_kwargs))


def failed(request: Request, error: Exception) -> Failure:
    failure = Failure(error)
    failure.request = request
    return failure


# --- who is looked for, and where -------------------------------------------------------------------------------------


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


# --- what came of it --------------------------------------------------------------------------------------------------


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
        list(spider.failed_page(failed(ask(spider), IgnoreRequest("Forbidden by robots.txt"))))
    assert ROOT + "Jane_Example" in spider.crawler.stats.get_value("enrich/degraded/robots")


def test_a_page_that_robots_txt_closes_ends_that_search(spider_of: Make, response_to: Make) -> None:
    spider = spider_of(BabepediaSpider)
    answered(spider, response_to, ask(spider), page_of("Jane Example"))
    (ended,) = spider.failed_page(failed(ask(spider), IgnoreRequest("Forbidden by robots.txt")))
    assert ended.outcome == "blocked"


BAD = {
    "empty": (b"", {}),
    "truncated": (page_of("Jane Example")[:-40].encode() + b'<div id="personal-info-block"><span class="la', {}),
    "noise": (bytes(range(256)) * 4096, {}),
    "wrong charset": (page_of("Zoë").encode("latin-1"), {"content_type": "text/html; charset=utf-8"}),
    "unknown charset": (page_of("Jane").encode(), {"content_type": "text/html; charset=klingon"}),
    "login": (b"<form><input type=password></form>", {}),
    "challenge": (b"<title>Just a moment...</title><script src=/cdn-cgi/challenge-platform/x></script>", {}),
    "json": (b'{"name": "Jane Example"}', {"content_type": "application/json"}),
    "json said to be html": (b'{"name": "Jane Example"}', {}),
    "picture": (b"\xff\xd8\xff\xe0", {"content_type": "image/jpeg"}),
    "deep": (b"<div>" * 20000 + b"x", {}),
    "null bytes": (b"<h1 id=babename>\0\0</h1>\0", {}),
    "many links": (b"<a class=img href=/pics/x.jpg></a>" * 10000, {}),
    "empty name": (b'<h1 id="babename"> </h1><div id=profbox2><a class=img href=/pics/x.jpg></a></div>', {}),
    "no type": (b"Jane Example", {"content_type": ""}),
}


@pytest.mark.parametrize("case", BAD)
def test_no_page_breaks_the_search_and_none_is_guessed_at(spider_of: Make, response_to: Make, case: str) -> None:
    body, how = BAD[case]
    spider = spider_of(BabepediaSpider)
    *pictures, last = answered(spider, response_to, ask(spider), body, **how)
    if case == "truncated":
        assert isinstance(pictures[0], Performer)
        return
    assert not pictures
    assert isinstance(last, LookupEnded)
    assert last.outcome == ("wrong_person" if case == "unknown charset" else "failed")
    assert spider.crawler.stats.get_value("pages/unexpected", 0) == (0 if case == "unknown charset" else 1)


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
