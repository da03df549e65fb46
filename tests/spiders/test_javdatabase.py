from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import pytest
from scrapy.http import Request

from enrich.items import Lookup, Performer
from enrich.spiders.bases.reference_site import Step
from enrich.spiders.javdatabase import JavDatabaseSpider

Make = Callable[..., Any]
ROOT = "https://www.javdatabase.com/idols/"


def asked(spider: JavDatabaseSpider) -> tuple[str, ...]:
    async def collect() -> list[Request]:
        return [request async for request in spider.first_requests()]

    (request,) = asyncio.run(collect())
    step: Step = request.cb_kwargs["step"]
    assert request.url == f"{ROOT}{step.slug}/"
    return step.slug, *step.rest


def read(spider_of: Make, response_to: Make, body: str) -> Performer:
    spider = spider_of(JavDatabaseSpider)
    request = spider._page_request(Step(lookup=Lookup(performer_id=3, name="Rin Example"), slug="rin-example"))
    performer, *_ = spider.parse_profile(response_to(request, body), **request.cb_kwargs)
    assert isinstance(performer, Performer)
    return performer


def column(facts: str) -> str:
    heading = '<h1 class="idol-name">Rin Example - JAV Profile</h1>'
    return (
        f'<div class="entry-content"><div class="row"><div class="col-12 col-xxl-7">{heading}{facts}</div></div></div>'
    )


@pytest.mark.parametrize(
    ("name", "slug"),
    [
        ("Rin Example", "rin-example"),
        ("Rin  St. Example", "rin-st-example"),
        ("J.Example", "j-example"),
        ("Zoë Renée O'Ex", "zoe-renee-oex"),
        ("D\u2019Aubracq", "daubracq"),
        ("Yūi Ōno", "yui-ono"),
        ("Zoe\u0308", "zoe"),
        ("Łucja", "lucja"),
        ("Mei-Lan \u2013 Tarrow", "mei-lan-tarrow"),
        ("\uff32\uff29\uff2e 2", "rin-2"),
        ("波多野結衣", None),
        ("Rin 波多野", None),
        ("ハタノ", None),
        ("Анна", None),
        (" -'.", None),
        ("", None),
    ],
)
def test_slug_of_a_name(spider_of: Make, name: str, slug: str | None) -> None:
    assert spider_of(JavDatabaseSpider).slug(name) == slug


def test_both_orders_are_tried_and_japanese_names_lead_nowhere(spider_of: Make, library_of: Make) -> None:
    lookup = Lookup(
        performer_id=3,
        name="星影 たまみ",
        aliases=("Tamami Hoshikage", "Hoshikage Tamami", "Mai Anne Kōno", "Rin", "天木 凛"),
    )
    spider = spider_of(JavDatabaseSpider, library=library_of([lookup]), mode="name")
    assert asked(spider) == ("tamami-hoshikage", "hoshikage-tamami", "mai-anne-kono")


def test_a_stored_link_is_asked_for_as_it_is(spider_of: Make, library_of: Make) -> None:
    links = (ROOT + "Rin-Example-2/?ipage=3", ROOT + "page/2/", "https://javdatabase.com/idols/rin-example-2")
    spider = spider_of(JavDatabaseSpider, library=library_of([Lookup(performer_id=3, name="Rin Example", urls=links)]))
    assert asked(spider) == ("rin-example-2",)


@pytest.mark.parametrize(
    ("said", "date"),
    [
        ("1996-06-09", "1996-06-09"),
        ("<a>1996-06-09</a>", "1996-06-09"),
        ("1996-06-??", "1996-06"),
        ("1996-??-??", "1996"),
        ("1996-??-09", "1996"),
        ("1996-13-09", "1996"),
        ("1996", "1996"),
        ("19960609", None),
        ("????-06-09", None),
        ("?", None),
        ("??", None),
        ("Unknown", None),
        ("", None),
    ],
)
def test_date_of_birth(spider_of: Make, response_to: Make, said: str, date: str | None) -> None:
    page = column(f"<b>DOB:</b> {said} - <b>Debut:</b> ? - <b>Height:</b> 150 cm")
    performer = read(spider_of, response_to, page)
    assert (performer.birth_date, performer.career_start_year, performer.height_cm) == (date, None, 150)


@pytest.mark.parametrize(
    "facts",
    [
        "<b></b><b>:</b><b>Height:</b><b>DOB:</b><br>1996-06-09<p>150 cm</p>",
        "<b>Height<br>150 cm",
        "<!-- <b>Height:</b> 150 cm --><b>Height:</b> <!-- 150 cm --> ?",
        "<b>Height:</b></p><p>150 cm</p>",
        '<a href="https://[bad"><i class="fa-x"></i></a><a><i class="fa-x"></i></a>',
    ],
)
def test_a_value_stands_on_the_line_of_its_label(spider_of: Make, response_to: Make, facts: str) -> None:
    performer = read(spider_of, response_to, column(facts))
    assert (performer.height_cm, performer.birth_date, performer.urls) == (None, None, ())


def test_many_labels_and_deep_markup(spider_of: Make, response_to: Make) -> None:
    page = column("<b>Height:</b> 150 cm" * 10_000 + "<i>" * 5000)
    assert read(spider_of, response_to, page).height_cm == 150


@pytest.mark.parametrize(
    ("image", "taken"),
    [
        ('src="/idolimages/full/rin-example.webp"', True),
        ('src="/idolimages/thumb/rin-example.jpg"', True),
        ('src="/covers/blank.gif" data-src="/idolimages/full/RIN-example.webp"', True),
        ('data-src="data:image/gif;base64,R0" src="/idolimages/full/rin-example.webp"', True),
        ('src="/idolimages/full/rin.webp"', False),
        ('src="/idolimages/full/rin-example-2.webp"', False),
        ('src="/idolimages/full/noimage.webp"', False),
        ('src="/idolimages/rin-example.webp"', False),
        ('src="https://[bad/idolimages/full/rin-example.webp"', False),
        ("", False),
    ],
)
def test_only_the_portrait_that_is_named_after_the_page(
    spider_of: Make, response_to: Make, image: str, taken: bool
) -> None:
    page = column("") + f'<div class="idol-portrait"><img {image}></div>'
    assert len(read(spider_of, response_to, page).images) == taken
