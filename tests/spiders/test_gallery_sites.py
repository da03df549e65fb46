"""PornPics and EliteBabes where the saved pages do not reach: names, headings, damage, answers of the wrong kind."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from scrapy.http import Request

from enrich.items import Lookup, LookupEnded, Performer
from enrich.spiders.bases.gallery_site import Walk
from enrich.spiders.bases.html_values import hyphenated, says_not_found
from enrich.spiders.bases.reference_site import ReferenceSiteSpider, Step
from enrich.spiders.elitebabes import ElitebabesSpider
from enrich.spiders.pornpics import PornpicsSpider

Make = Callable[..., Any]
MARA = Lookup(performer_id=3, name="Mara Quillfeather")
SITES: list[type[ReferenceSiteSpider]] = [PornpicsSpider, ElitebabesSpider]
LIST = {"pornpics": "?limit=20&offset=20", "elitebabes": "?mpage=2"}


def ask(spider: ReferenceSiteSpider) -> Request:
    return spider._page_request(Step(lookup=MARA, slug="mara-quillfeather"))


def profile(spider: ReferenceSiteSpider, response_to: Make, body: str | bytes, **how: Any) -> list[Any]:
    request = ask(spider)
    return list(spider.parse_profile(response_to(request, body, **how), **request.cb_kwargs))


def walk(spider: ReferenceSiteSpider) -> Walk:
    url = spider.page_url("mara-quillfeather")
    return Walk(
        performer=Performer(
            source=spider.name, source_id="mara-quillfeather", name=MARA.name, performer_id=3, page_url=url
        )
    )


@pytest.mark.parametrize(
    ("name", "slug"),
    [
        ("Zoë Renée", "zoe-renee"),
        ("Orla O'Dannagh", "orla-odannagh"),
        ("Sarita St. Amory", "sarita-st-amory"),
        ("Mei-Lan  Tarrow", "mei-lan-tarrow"),
        ("Vesna Kolarić\u2013Hartt", "vesna-kolaric-hartt"),
        ("Juno 9 Larkspurr", "juno-9-larkspurr"),
        ("波多野結衣", None),
        ("Tamara 星野", None),
        ("!?", None),
        ("", None),
    ],
)
def test_slugs(spider_of: Make, name: str, slug: str | None) -> None:
    assert hyphenated(name) == slug
    assert {spider_of(site).slug(name) for site in SITES} == {slug}


BAD: dict[str, tuple[bytes, dict[str, Any]]] = {
    "empty": (b"", {}),
    "truncated": (b"<h1>Mara Quillfeather Nude Pics</h1><ul id='tiles'", {}),
    "noise": (bytes(range(256)) * 4096, {}),
    "dashes": (b"<title>x</title><h1>" + b"- & | " * 180000 + b"</h1><h2 class=fn>" + b"- " * 99999, {}),
    "login": (b"<form><input type=password></form>", {}),
    "challenge": (b"<title>Just a moment...</title><script src=/cdn-cgi/challenge-platform/x></script>", {}),
    "json": (b'{"name": "Mara Quillfeather"}', {"content_type": "application/json"}),
    "json said to be html": (b'[{"g_url": "/galleries/x-12345678/"}]', {}),
    "picture": (b"\xff\xd8\xff\xe0", {"content_type": "image/jpeg"}),
    "unknown charset": (b"<h1>Mara</h1>", {"content_type": "text/html; charset=klingon"}),
    "deep": (b"<div>" * 20000 + b"x", {}),
    "deep data": (b"<script type=application/ld+json>" + b"[" * 99999 + b"</script>", {}),
    "null bytes": (b"<h1>\0\0</h1><ul id=tiles></ul><ul class=list-gallery></ul>\0", {}),
    "many links": (
        b"<li class=thumbwook><figure><a class=rel-link href=/galleries/x-1/></a></figure></li>" * 10000,
        {},
    ),
    "no type": (b"Mara Quillfeather", {"content_type": ""}),
}


@pytest.mark.parametrize("site", SITES)
@pytest.mark.parametrize("case", BAD)
def test_no_page_breaks_the_search_and_none_is_guessed_at(
    spider_of: Make, response_to: Make, site: type[ReferenceSiteSpider], case: str
) -> None:
    body, how = BAD[case]
    spider = spider_of(site)
    (ended,) = profile(spider, response_to, body, **how)
    assert isinstance(ended, LookupEnded)
    assert ended.outcome == "failed"
    assert spider.crawler.stats.get_value("pages/unexpected") == 1


@pytest.mark.parametrize("site", SITES)
@pytest.mark.parametrize("case", BAD)
def test_no_further_page_breaks_the_walk(
    spider_of: Make, response_to: Make, site: type[ReferenceSiteSpider], case: str
) -> None:
    body, how = BAD[case]
    spider = spider_of(site)
    for url, callback in (("gallery-12345678/", spider.parse_gallery), (LIST[spider.name], spider.parse_list)):
        first, *others = callback(response_to(f"{spider.source.url}/{url}", body, **how), walk(spider))
        if (spider.name, url, case) == ("pornpics", LIST["pornpics"], "json said to be html"):
            assert first.url == "https://www.pornpics.com/galleries/x-12345678/"  # which is what the list is
        else:
            assert isinstance(first, Performer)
            assert (first.images, others) == ((), [])


@pytest.mark.parametrize(
    ("title", "missing"),
    [
        ("404 Not Found", True),
        ("  Page not found | PornPics", True),
        ("Error 404", True),
        ("Mara Quillfeather 404 photos, page not found", False),
        ("4045551 photos", False),
        ("", False),
    ],
)
def test_only_the_beginning_of_a_title_says_that_a_page_is_missing(
    response_to: Make, title: str, missing: bool
) -> None:
    assert says_not_found(response_to("https://x.example/", f"<title>{title}</title>")) is missing


TILES = "<ul id='tiles'></ul>"


def data(*persons: str) -> str:
    texts = ", ".join(
        f'{{"@type": "Person", "name": "{person}", "image": "/models/{person[0]}.jpg"}}' for person in persons
    )
    return f'<script type="application/ld+json">[{texts}]</script>'


@pytest.mark.parametrize(
    ("page", "name", "pictures"),
    [
        ("<h1>Mara Quillfeather Nude Pics</h1>" + data("Mara Quillfeather"), "Mara Quillfeather", ["M"]),
        ("<h1>Free Mara Quillfeather Porn Photos &amp; Galleries</h1>", "Mara Quillfeather", []),
        ("<h1>mara quillfeather</h1>" + data("Ottoline Marsh", "Mara Quillfeather"), "Mara Quillfeather", ["M"]),
        (data("Mara Quillfeather"), "Mara Quillfeather", ["M"]),
        # The heading is somebody else's, or nobody says whose the page is.
        ("<h1>Mara Quillfeather Two Nude Pics</h1>" + data("Mara Quillfeather"), "Mara Quillfeather Two", None),
        ("<h1>Ottoline Marsh Pics</h1>" + data("Mara Quillfeather"), "Ottoline Marsh", None),
        (data("Mara Quillfeather", "Ottoline Marsh"), None, None),
        ("<h1>Nude Pics</h1>", "Pics", None),
    ],
)
def test_whose_page_it_is(
    spider_of: Make, response_to: Make, page: str, name: str | None, pictures: list[str] | None
) -> None:
    spider = spider_of(PornpicsSpider)
    found = profile(spider, response_to, page + TILES)[0]
    if pictures is None:
        assert isinstance(found, LookupEnded)
        assert found.detail == (
            "unexpected page: nothing on it marks a profile" if name is None else f"the page is {name}'s"
        )
    else:
        assert isinstance(found, Performer)
        assert found.name.casefold() == (name or "").casefold()
        root = "https://www.pornpics.com/models/"
        assert [ref.image_url for ref in found.images] == [f"{root}{letter}.jpg" for letter in pictures]


@pytest.mark.parametrize(
    ("body", "galleries"),
    [
        ("[]", 0),
        ('[{"g_url": "https://www.pornpics.com/galleries/a-12345678/"}]', 1),
        ('[{"g_url": null}, 7, {"g_url": ["x"]}, {"g_url": "https://[bad"}]', 0),
    ],
)
def test_the_end_of_the_list(spider_of: Make, response_to: Make, body: str, galleries: int) -> None:
    spider = spider_of(PornpicsSpider)
    page = response_to(spider.page_url("x") + "?limit=20&offset=40", body, content_type="text/html")
    listing = spider.read_list(page, walk(spider).performer)
    assert (len(listing.galleries), listing.lists) == (galleries, ())


@pytest.mark.parametrize(
    ("script", "lists"),
    [
        ("apiUrl = '/api?x=1'; totalPages = parseInt('3')", 2),
        ('let apiUrl="/api?x=1",totalPages=parseInt("99")', ElitebabesSpider.max_lists),
        ("apiUrl = '/api?x=1'; totalPages = parseInt('1')", 0),
        ("apiUrl = '/api?x=1'", 0),
        ("apiUrl = 'https://ads.example/api?x=1'; totalPages = parseInt('3')", 0),
        ("apiUrl = 'https://[bad'; totalPages = parseInt('3')", 0),
    ],
)
def test_the_script_that_pages(spider_of: Make, response_to: Make, script: str, lists: int) -> None:
    spider = spider_of(ElitebabesSpider)
    page = f'<h2 class="fn">Mara Quillfeather</h2><ul class="list-gallery"></ul><script>{script}</script>'
    found = spider.read(response_to(spider.page_url("mara-quillfeather"), page)).lists
    assert list(found) == [f"https://www.elitebabes.com/api?x=1&mpage={n}" for n in range(2, 2 + lists)]


@pytest.mark.parametrize("site", SITES)
def test_where_a_redirect_ends_is_whose_page_it_is(
    spider_of: Make, response_to: Make, site: type[ReferenceSiteSpider]
) -> None:
    spider = spider_of(site)
    marks = '<ul id="tiles"></ul><ul class="list-gallery"></ul>'
    request = ask(spider).replace(url=spider.page_url("mara-q") + "?from=old")
    response = response_to(request, f"<h1>Mara Quillfeather</h1>{marks}")
    (performer,) = spider.parse_profile(response, **request.cb_kwargs)
    assert performer.source_id == "mara-q"
