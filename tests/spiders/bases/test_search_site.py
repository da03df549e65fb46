"""Searched sites: what is asked for, and which of the results and pages are taken."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any
from urllib.parse import unquote

import pytest
from scrapy.http import Request
from scrapy.spidermiddlewares.httperror import HttpError
from twisted.python.failure import Failure

from enrich.items import Lookup, Performer
from enrich.spiders.bases.reference_site import ReferenceSiteSpider, Step
from enrich.spiders.bases.search_site import Result, candidates
from enrich.spiders.freeones import FreeOnesSpider
from enrich.spiders.iafd import IafdSpider
from tests.spiders.conftest import first

Make = Callable[..., Any]
UUID = "0a0b0c0d-1111-4222-8333-444444444444"
PERSON = "https://www.iafd.com/person.rme/"
IAFD_SEARCH = "https://www.iafd.com/results.asp?searchtype=comprehensive&searchstring="


def asked(spider_of: Make, library_of: Make, kind: type[ReferenceSiteSpider], lookup: Lookup, mode: str) -> Request:
    (request,) = first(spider_of(kind, library=library_of([lookup]), mode=mode))
    return request


def result_page(*rows: tuple[str, str]) -> str:
    said = "".join(
        f'<tr><td><a href="/x"><img></a></td><td><a href="/person.rme/id={uuid}">{name}</a></td></tr>'
        for uuid, name in rows
    )
    return f'<table id="tblFem">{said}</table>'


@pytest.mark.parametrize(
    ("stored", "wanted"),
    [
        (f"{PERSON}id={UUID}", f"id={UUID}"),
        (f"http://iafd.com/person.rme/id={UUID.upper()}/awards?x=1", f"id={UUID}"),
        (f"https://www.iafd.com/person.rme?id={UUID}", f"id={UUID}"),
        (f"https://www.iafd.com/person.rme/?id={UUID}", f"id={UUID}"),
        (f"{PERSON}perfid=janeexample/gender=f/Jane-Example.htm", "perfid=janeexample/gender=f/Jane-Example.htm"),
        (f"{PERSON}perfid=JaneExample_ts/Jane-Example.htm/", "perfid=janeexample_ts/Jane-Example.htm"),
        (f"{PERSON}perfid=janeo/gender=f/Jane-O&#39;Example.htm", "perfid=janeo/gender=f/Jane-O%27Example.htm"),
        (f"{PERSON}perfid=janeo/gender=f/Jane-O%27Example.htm", "perfid=janeo/gender=f/Jane-O%27Example.htm"),
        ("http://www.iafd.com/person.rvm/perfid=janeexample/gender=d/Jane.htm", "perfid=janeexample/gender=d/Jane.htm"),
        ("https://www.iafd.com/person.asp?perfid=JaneExample&amp;gender=F", "perfid=janeexample/gender=f"),
        (f"{PERSON}perfid=janeexample/films", "perfid=janeexample"),
    ],
)  # fmt: skip
@pytest.mark.parametrize("mode", ["url", "name"])
def test_a_stored_page_is_asked_for_as_it_is_stored_and_never_searched_for(
    spider_of: Make, library_of: Make, stored: str, wanted: str, mode: str
) -> None:
    class Stored(library_of):
        def lookups_by_name(self, source: str, **page: Any) -> list[Lookup]:
            return self._page(self.lookups, source, page)

    lookup = Lookup(performer_id=3, name="Jane Example", urls=(stored,))
    request = asked(spider_of, Stored, IafdSpider, lookup, mode)
    assert request.url == PERSON + wanted
    assert request.cb_kwargs["step"].terms == ()


def test_the_configured_root_is_asked(spider_of: Make, library_of: Make) -> None:
    root = "http://127.0.0.1:8000/iafd"
    lookups = [
        Lookup(performer_id=3, name="Jane Example", urls=(f"{PERSON}id={UUID}",)),
        Lookup(performer_id=4, name="Jane Example", urls=("https://example.com/?u=https://www.iafd.com/person.rme",)),
    ]
    url, skipped = first(spider_of(IafdSpider, library=library_of(lookups), source={"url": root}))
    assert url.url == f"{root}/person.rme/id={UUID}"
    assert skipped.url.startswith("data:")
    name, _ = first(spider_of(IafdSpider, library=library_of(lookups), source={"url": root}, mode="name"))
    assert name.url == f"{root}/results.asp?searchtype=comprehensive&searchstring=Jane+Example"


def test_iafd_is_searched_for_each_name_that_says_enough(spider_of: Make, library_of: Make, response_to: Make) -> None:
    aliases = ("Jane", "JANE  example", "Zoë O'Ex", "波多野結衣", "Jane Other")
    request = asked(
        spider_of, library_of, IafdSpider, Lookup(performer_id=3, name="Jane Example", aliases=aliases), "name"
    )
    urls = []
    while isinstance(request, Request):
        urls.append(unquote(request.url.removeprefix(IAFD_SEARCH)))
        answer = response_to(request, "<title>nothing - iafd.com</title>")
        (request,) = request.callback(answer, **request.cb_kwargs)
    assert urls == ["Jane+Example", "Zoë+O'Ex", "波多野結衣"]
    assert (request.outcome, request.detail) == ("not_found", "the search finds nobody of that name")


@pytest.mark.parametrize("kind", [IafdSpider, FreeOnesSpider])
def test_a_name_that_says_nothing_is_neither_guessed_nor_searched_for(
    spider_of: Make, library_of: Make, response_to: Make, kind: type[ReferenceSiteSpider]
) -> None:
    request = asked(spider_of, library_of, kind, Lookup(performer_id=3, name="!?", aliases=("Jü",)), "name")
    (ended,) = request.callback(response_to(request), **request.cb_kwargs)
    assert ended.outcome == "skipped"


@pytest.mark.parametrize(
    ("name", "slug"),
    [
        ("Jane Example", "jane-example"),
        ("  Jane   St. O'Example-Doe ", "jane-st-oexample-doe"),
        ("Jane 9 Example", "jane-9-example"),
        ("Jane <3 Example", "jane-3-example"),
        ("Jane - Example", "jane-example"),
        ("Zoë Renée", None),
        ("波多野結衣", None),
        ("!?", None),
        ("Babes", None),
        ("Bio", None),
    ],
)
def test_freeones_slugs(spider_of: Make, name: str, slug: str | None) -> None:
    assert spider_of(FreeOnesSpider, mode="name").slug(name) == slug


def test_freeones_is_guessed_at_and_then_searched(spider_of: Make, library_of: Make, response_to: Make) -> None:
    lookup = Lookup(performer_id=3, name="Zoë Example", aliases=("Jane Example",))
    request = asked(spider_of, library_of, FreeOnesSpider, lookup, "name")
    assert request.url == "https://www.freeones.com/jane-example/bio"
    (request,) = request.callback(response_to(request, "", 404), **request.cb_kwargs)
    assert "?q=Zo%C3%AB+Example&" in request.url
    teasers = "".join(
        f'<div data-test="teaser-subject"><a class="teaser__link" href="/{slug}/feed"></a>'
        '<p data-test="subject-name">Zoë Example</p></div>'
        for slug in ("jane-example", "zoe-example")
    )
    (request,) = request.callback(response_to(request, f"<div id=search-result>{teasers}</div>"), **request.cb_kwargs)
    assert request.url == "https://www.freeones.com/zoe-example/bio"  # the other page was tried already


def test_no_page_or_search_is_swallowed_by_the_duplicate_filter(spider_of: Make, library_of: Make) -> None:
    lookup = Lookup(performer_id=3, name="Jane Example", urls=(f"{PERSON}id={UUID}",))
    for mode in ("url", "name"):
        assert asked(spider_of, library_of, IafdSpider, lookup, mode).dont_filter


SOMEBODY = Step(lookup=Lookup(performer_id=3, name="Jane Example", birth_date="1990-05-01"), slug="", tried=("tried",))


@pytest.mark.parametrize(
    ("result", "taken"),
    [
        (Result(slug="a", name="JANE EXAMPLE"), True),
        (Result(slug="a", name="Other", aliases=("J. E.", "Jane Exámple")), True),
        (Result(slug="a", name="Jane"), False),
        (Result(slug="a", name="Jane Example Doe"), False),
        (Result(slug="a", name="Janet Mason"), False),
        (Result(slug="tried", name="Jane Example"), False),
        (Result(slug="a", name="Jane Example", start_year=2007), True),
        (Result(slug="a", name="Jane Example", start_year=2006), False),
    ],
)
def test_only_a_whole_name_that_can_be_hers_is_taken(result: Result, taken: bool) -> None:
    assert bool(candidates([result], "Jane Example", SOMEBODY)) is taken


def test_one_person_found_twice_is_one(spider_of: Make, response_to: Make) -> None:
    spider = spider_of(IafdSpider, mode="name")
    step = Step(lookup=SOMEBODY.lookup, slug="", terms=("Jane Example",))
    body = result_page((UUID, "Jane Example"), (UUID.upper(), "Jane Example"))
    (request,) = spider.parse_search(response_to(IAFD_SEARCH, body), step)
    assert request.url == f"{PERSON}id={UUID}"


def test_a_page_found_is_still_compared(spider_of: Make, response_to: Make) -> None:
    spider = spider_of(IafdSpider, mode="name")
    step = Step(lookup=SOMEBODY.lookup, slug="", terms=("Jane Example",))
    (request,) = spider.parse_search(response_to(IAFD_SEARCH, result_page((UUID, "Jane Example"))), step)
    page = (
        "<h1>Jane Example</h1><div id=headshot></div><p class=bioheading>Birthday</p><p class=biodata>May 1, 1970</p>"
    )
    (ended,) = request.callback(response_to(request, page), **request.cb_kwargs)
    assert (ended.outcome, ended.detail) == ("wrong_person", "Jane Example is born in 1970 there, in 1990 here")


def test_a_redirect_tells_the_id_of_a_page_that_does_not(spider_of: Make, response_to: Make) -> None:
    page = "<h1>Jane Example</h1><div id=headshot></div><p class=bioheading>AKA</p>"
    step = Step(lookup=SOMEBODY.lookup, slug="janeexample/gender=f/Jane-Example.htm")
    (performer,) = spider_of(IafdSpider).parse_profile(response_to(f"{PERSON}id={UUID.upper()}", page), step)
    assert performer.source_id == UUID


@pytest.mark.parametrize(
    "path", ["photos/sponsored", "jane-other/photos/x", "jane-example/photos/", "jane-example/bio"]
)
def test_a_gallery_that_leads_elsewhere_gives_nothing(spider_of: Make, response_to: Make, path: str) -> None:
    performer = Performer(source="freeones", source_id="jane-example", name="Jane Example", performer_id=3)
    body = '<figure><a data-type="photo" data-id="1" data-size="9x9" href="/photo/1440x0/x.jpg"></a></figure>'
    spider = spider_of(FreeOnesSpider)
    own = response_to("https://www.freeones.com/jane-example/photos/x", body)
    assert len(spider.read_gallery(own, performer)) == 1
    assert spider.read_gallery(response_to(f"https://www.freeones.com/{path}", body), performer) == []


@pytest.mark.parametrize(
    ("body", "outcome"),
    [
        ("<p>an invalid or outdated page</p>", "not_found"),
        ("<title>404 - IAFD.com</title>", "not_found"),
        ("", "failed"),
    ],
)
def test_a_page_that_says_it_is_gone_is_believed_whatever_its_status(
    spider_of: Make, response_to: Make, body: str, outcome: str
) -> None:
    spider = spider_of(IafdSpider)
    request = spider._page_request(Step(lookup=SOMEBODY.lookup, slug=UUID))
    failure = Failure(HttpError(response_to(request, f"<html>{body}", 500), "no"))
    failure.request = request
    (ended,) = spider.failed_page(failure)
    assert ended.outcome == outcome


def test_a_career_that_lasts_to_this_year_has_no_end(spider_of: Make, response_to: Make) -> None:
    spider = spider_of(IafdSpider)
    year = datetime.now(UTC).year
    page = (
        "<h1>Jane Example</h1><div id=headshot></div>"
        f"<p class=bioheading>Years Active</p><p class=biodata>2003-{year} (Started around 19 years old)</p>"
    )
    step = Step(lookup=SOMEBODY.lookup, slug=UUID)
    (performer,) = spider.parse_profile(response_to(spider.page_url(UUID), page), step)
    assert (performer.career_start_year, performer.career_end_year) == (2003, None)
