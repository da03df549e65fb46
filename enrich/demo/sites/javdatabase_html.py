"""The markup of the JAVDatabase-shaped site: an idol's page in the layouts of two years, and WordPress's 404."""

from __future__ import annotations

import unicodedata
from collections.abc import Mapping
from html import escape

from enrich.demo.cast import Person
from enrich.demo.truth import Page, Picture

ROOT = "/javdatabase"
_BLANK = f"{ROOT}/covers/blank.gif"


def missing_html() -> str:
    """What the site shows, with status 404, for an idol it does not have."""
    return f"""<!DOCTYPE html>
<html><head><meta charset="utf-8"><title>Page not found</title></head><body class="error404">
<div class="page-404"><h1>Not Found</h1></div><div class="idol-thumb"><img src="{_BLANK}"></div></body></html>
"""


def idol_html(page: Page, people: Mapping[str, Person], slug: str) -> str:
    """One idol's page; every other one has a lazy portrait and the heading without a class of its own."""
    person = people[page.person]
    title = escape(page.title)
    heading = f'<h1 class="h3">{title}</h1>' if _lazy(page) else f'<h1 class="idol-name">{title} - JAV Profile</h1>'
    stray = "".join(
        f'<div class="vertical"><a rel="sponsored" href="https://ads.example/"><img src="{picture.path}"></a></div>'
        for picture in page.stray
    )
    account = person.key.replace("_", "")
    accounts = (
        f'<a href="https://twitter.com/{account}_jav"><i class="fa-brands fa-square-twitter"></i></a> '
        f'<a rel="sponsored" href="https://onlyfans.com/{account}_sponsor"><i class="fa-brands fa-fire"></i></a>'
    )
    return f"""<!DOCTYPE html>
<html><head><meta charset="utf-8"><title>{title} - JAV Database</title>
<link rel="canonical" href="https://www.javdatabase.com/idols/{slug}/"></head><body class="single-idols">
{stray}<span property="name" class="current">{title}</span>
<div class="entry-content"><div class="row">
<div class="col-12 col-xxl-5"><div class="idol-portrait">{_portrait(page)}</div></div>
<div class="col-12 col-xxl-7">{heading}
{_facts(person)}<br>
<b>Hair Color(s):</b> <a>{escape(person.look.hair_colour.capitalize())}</a><br>
<p><b>Tags:</b> <a>Drawn</a> - <a class="btn btn-primary btn-sm">Suggest Tags</a><br>
{_names(page)}<br>{accounts}</p></div></div>
<div id="biography">{title} was drawn by a computer and does not exist.</div>
{_others(page, people)}</div></body></html>
"""


def _lazy(page: Page) -> bool:
    return len(page.title) % 2 == 0


def _portrait(page: Page) -> str:
    """The portrait behind a sponsor's link: its address at once, or its thumbnail's in the lazy attribute."""
    (portrait,) = page.profile
    thumb = portrait.path.replace("/full/", "/thumb/")
    image = f'src="{_BLANK}" data-src="{thumb}"' if _lazy(page) else f'src="{portrait.path}"'
    return f'<a rel="nofollow sponsored" href="https://ads.example/"><img class="lazyload" {image}></a>'


def _facts(person: Person) -> str:
    said = {
        "Age": "<a>30</a>",
        "DOB": f"<a>{_day(person.birth_date)}</a>",
        "Debut": f"<a>{person.career_start_year}-04-01</a>" if person.career_start_year else "?",
        "Birthplace": "<a>Tokyo</a>",
        "Measurements": "83-59-83",
        "Height": f"<a>{person.height_cm} cm</a>" if person.height_cm else "Unknown",
        "Shoe Size": "??",
    }
    return " - ".join(f"<b>{label}:</b> {value}" for label, value in said.items())


def _day(birth_date: str | None) -> str:
    known = birth_date or "?"
    return known + "-??" * (2 - known.count("-")) if birth_date else known


def _names(page: Page) -> str:
    """Japanese names, then the others; the page's own name in the other order is not among them."""
    own = set(page.title.casefold().split())
    names = [alias for alias in page.aliases if set(alias.casefold().split()) != own]
    japanese = [name for name in names if "CJK" in unicodedata.name(name[0])]
    other = [name for name in names if name not in japanese]
    return f"<b>JP:</b> {', '.join(japanese) or '?'} - <b>Alt:</b> {escape(', '.join(other)) or 'Unknown'}"


def _others(page: Page, people: Mapping[str, Person]) -> str:
    """Related idols, with facts and portraits like the page's own, and the cover of a video."""
    idols = "".join(_idol(picture, people[picture.drawing.people[0]]) for picture in page.related)
    cover = page.stranger_upload
    covers = f'<div class="movie-cover-thumb"><img src="{_BLANK}" data-src="{cover.path}"></div>' if cover else ""
    return f'<h4 id="Related">Related Idols</h4><div class="row">{idols}</div>{covers}'


def _idol(picture: Picture, person: Person) -> str:
    name = escape(person.name)
    facts = f"<b>DOB:</b> 1970-01-01 - <b>Alt:</b> {name}"
    thumb = f'<div class="idol-thumb"><img src="{picture.path}" alt="{name}"></div>'
    return f'<div class="col-6 col-xxl-7">{facts}{thumb}</div>'
