from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from enrich.identity.nationality import read_nationality
from enrich.items import Lookup, Performer
from enrich.spiders.bases.reference_site import Step
from enrich.spiders.boobpedia import BoobpediaSpider

Make = Callable[..., Any]
LOOKUP = Lookup(performer_id=3, name="Jane Example")


def article(infobox: str = "", gallery: str = "", title: str = "Jane Example") -> str:
    born = "<tr><td><b>Born</b></td><td>1985</td></tr>"
    return (
        f'<h1 id="firstHeading">{title}</h1><div class="mw-parser-output">'
        f'<table class="infobox"><tbody>{born}{infobox}</tbody></table>{gallery}</div>'
    )


def found(spider_of: Make, response_to: Make, body: str | bytes) -> list[Any]:
    spider = spider_of(BoobpediaSpider)
    request = spider._page_request(Step(lookup=LOOKUP, slug="Jane_Example"))
    return list(spider.parse_profile(response_to(request, body), **request.cb_kwargs))


@pytest.mark.parametrize(
    ("name", "slug"),
    [
        ("Jane Example", "Jane_Example"),
        ("  jane   example ", "Jane_example"),
        ("Mary-Jane O'Dell", "Mary-Jane_O'Dell"),
        ("S. T. St. James", "S._T._St._James"),
        ("Zoe\u0308 Renée", "Zoë_Renée"),
        ("Jane 2", "Jane_2"),
        ("波多野結衣", "波多野結衣"),
        ("Ruby <3 Marlow", None),
        ("Special: Random", None),
        ("!?", None),
        ("", None),
    ],
)
def test_title_of_a_name(spider_of: Make, name: str, slug: str | None) -> None:
    assert spider_of(BoobpediaSpider).slug(name) == slug


def test_a_title_is_encoded_once(spider_of: Make) -> None:
    spider = spider_of(BoobpediaSpider)
    assert spider.page_url("Renée_O'Ex_(model)") == ("https://www.boobpedia.com/boobs/Ren%C3%A9e_O%27Ex_%28model%29")


@pytest.mark.parametrize(
    ("caption", "taken"),
    [
        ("Jane Example", True),
        ("JANE EXAMPLE 2009", True),
        ("Jane Example's first day, 2009", True),
        ("At the fair: Jane-Example", True),
        ("Jane Sample on a boat", True),
        ("Jane", False),
        ("Mary Jane Examples", False),
        ("Jane and Example", False),
        ("Jane Example & Joan Other", False),
        ("Joan Other with Jane Example", False),
        ("Joan Other, Jane Example", False),
        ("Joan Other", False),
        ("", False),
    ],
)
def test_whose_picture_a_caption_says_it_is(spider_of: Make, response_to: Make, caption: str, taken: bool) -> None:
    picture = '<img src="/wiki/images/thumb/a/ab/X.jpg/120px-X.jpg">'
    gallery = f'<ul class="gallery"><li class="gallerybox">{picture}<div class="gallerytext">{caption}</div></li></ul>'
    aliases = "<tr><td>Also known as</td><td>Jane Sample, Jay</td></tr>"
    performer, *_ = found(spider_of, response_to, article(aliases, gallery))
    assert len(performer.images) == taken


@pytest.mark.parametrize(("caption", "taken"), [("Jane", True), ("Jane Other", False)])
def test_a_name_of_one_word_has_to_be_the_whole_caption(
    spider_of: Make, response_to: Make, caption: str, taken: bool
) -> None:
    picture = f'<img src="/wiki/images/thumb/a/ab/X.jpg/120px-X.jpg" alt="{caption}">'
    gallery = f'<ul class="gallery"><li class="gallerybox">{picture}</li></ul>'
    aliases = "<tr><td>Also known as</td><td>Jane Example</td></tr>"
    performer, *_ = found(spider_of, response_to, article(aliases, gallery, title="Jane"))
    assert len(performer.images) == taken


DAMAGE = [
    "<tr></tr><tr><td></td><td></td></tr><tr><td>",
    '<tr><td colspan="2"><a class="mw-file-description"><img></a><a class="image" href="#"><img src="https://[x"></a>',
    '<tr><td colspan="2"><a class="image"><img src="/wiki/images/x.jpg" srcset=", 2x, a b c, d 1e9x" width="wide"></a>',
    '<tr><td><a href="https://[bad"><b>X</b></a><a href="#"><b>Y</b></a><a><b>Z</b></a></td></tr>',
    "<tr><td><b>Height</b></td><td>9&nbsp;m</td></tr><tr><td><b>Died</b></td><td>99 Never 20199</td></tr>",
    '<tr><td><script>{"wgPageName":"\\u12"}</script></td></tr>',
    '<tr><td><script>{"wgPageName":"\\ud800"}</script></td></tr>',
]


@pytest.mark.parametrize("damage", DAMAGE)
def test_damaged_markup_costs_only_what_is_damaged(spider_of: Make, response_to: Make, damage: str) -> None:
    performer, *_ = found(spider_of, response_to, article(damage))
    assert isinstance(performer, Performer)
    assert (performer.name, performer.birth_date, performer.urls) == ("Jane Example", "1985", ())
    assert performer.source_id == "Jane_Example"
    assert [ref.image_url for ref in performer.images if not ref.image_url.endswith("/wiki/images/x.jpg")] == []


def test_many_links_and_deep_markup(spider_of: Make, response_to: Make) -> None:
    links = '<tr><td><a href="/x">x</a><b>y</b></td></tr>' * 10_000
    deep = "<div>" * 5000
    assert isinstance(found(spider_of, response_to, article(links, deep))[0], Performer)


@pytest.mark.parametrize(
    ("adjective", "country"),
    [
        ("American", "US"),
        ("south  african", "ZA"),
        ("Scottish", "GB"),
        ("Korean", None),
        ("Dominican", None),
        ("American Samoan", None),
        ("Unknown", None),
        ("", None),
        (None, None),
    ],
)
def test_nationality(adjective: str | None, country: str | None) -> None:
    assert read_nationality(adjective) == country
