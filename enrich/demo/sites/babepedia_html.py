"""The markup of the Babepedia-shaped site: a profile since July 2025, and the page of search results."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from html import escape
from urllib.parse import quote

from enrich.demo.cast import Person
from enrich.demo.truth import Page, Picture

ROOT = "/babepedia"


def search_html(name: str) -> str:
    """What the site shows, with status 200, for a page that does not exist."""
    said = escape(name)
    related = f'<div class="thumbshot"><a href="{ROOT}/babe/Ada_Fennimore"><img class="thumbimg"></a></div>'
    return f"""<!DOCTYPE html>
<html><head><meta charset="utf-8"><title>Babepedia - Search results for {said}</title></head><body>
<main id="content"><div class="main-container"><h1>Search results for {said}</h1><p>No babes found.</p>
<div id="morelikethumbs">{related}</div>
</div></main></body></html>
"""


def profile_html(page: Page, people: Mapping[str, Person]) -> str:
    """One profile page."""
    title = escape(page.title)
    person = people[page.person]
    parts = [
        _portraits(page),
        f'<h1 id="babename">{title}</h1>',
        _also_known_as(page),
        _links(person),
        _facts(person),
        f'<p id="biotext">{title} was drawn by a computer and does not exist.</p>',
        _uploads(page, people),
        _galleries(page),
        *(f'<p class="advice">{_image_link(picture, "")}</p>' for picture in page.stray),
        _related(page, people),
    ]
    body = "\n".join(part for part in parts if part)
    canonical = "https://www.babepedia.com/babe/" + quote(page.title.replace(" ", "_"))
    return f"""<!DOCTYPE html>
<html><head><meta charset="utf-8"><title>{title} - Free pics, galleries &amp; more at Babepedia</title>
<meta property="og:url" content="{canonical}"></head><body>
<main id="content"><div class="main-container"><div class="left-column">
{body}
</div></div></main></body></html>
"""


def _small(picture: Picture, mark: str) -> str:
    return picture.path.removesuffix(".jpg") + mark + ".jpg"


def _image_link(picture: Picture, alt: str, rel: str = "") -> str:
    thumb = f'<img alt="{escape(alt)}" src="{_small(picture, "_thumb")}">'
    return f'<a class="img"{rel} href="{picture.path}">{thumb}</a>'


def _portraits(page: Page) -> str:
    first, *others = page.profile
    rel = ' rel="gallery"'
    main = f'<img class="thumbnail thumb1" src="{_small(first, "_thumb3")}">'
    chosen = "".join(_image_link(picture, "", rel) for picture in others)
    portrait = f'<div id="profimg"><a class="img"{rel} href="{first.path}">{main}</a></div>'
    return f'<div class="gallery" id="profbox2">{portrait}\n<div id="profselect">{chosen}</div></div>'


def _also_known_as(page: Page) -> str:
    if not page.aliases:
        return ""
    names = escape(" - ".join(page.aliases))
    return f'<h2 id="aka"><small>Also known as:</small> {names}<img id="aliasinfobtn"></h2>'


def _links(person: Person) -> str:
    own = f'<a class="proficon www" href="https://{person.key.replace("_", "-")}.example/"></a>'
    fans = f'<a class="proficon of" href="{ROOT}/onlyfans/{person.key}_demo"></a>'
    return f'<div id="socialicons">{own}{fans}</div>'


def _uploads(page: Page, people: Mapping[str, Person]) -> str:
    shown = [_image_link(picture, page.title) for picture in page.uploads]
    if page.stranger_upload:
        shown.append(_image_link(page.stranger_upload, people[page.stranger_upload.drawing.people[0]].name))
    return f'<div class="gallery useruploads2">{"".join(shown)}</div>' if shown else ""


def _galleries(page: Page) -> str:
    if not page.gallery:
        return ""
    slug = quote(page.title.replace(" ", "_"))
    shots = [
        f'<div class="thumbshot"><a href="{ROOT}/gallery/{slug}/{100001 + at}"><img class="thumbimg lazy" '
        f'data-src="{picture.path.replace("/galleries/", "/galleries-thumbs/")}"></a></div>'
        for at, picture in enumerate(page.gallery)
    ]
    heading = f"<h2>{escape(page.title)} Galleries</h2>"
    return f'<div class="separate">{heading}<div id="thumbs" class="thumbsblock">{"".join(shots)}</div></div>'


def _related(page: Page, people: Mapping[str, Person]) -> str:
    """Other people: in the real markup, and as full pictures in links of the kind that profiles use."""
    shots = ['<a class="thumbshot" href="' + ROOT + '/babe/Odile_Framboisier"><img class="thumbimg"></a>']
    for picture in page.related:
        name = people[picture.drawing.people[0]].name
        shots.append(
            f'<div class="thumbshot"><a class="img" href="{picture.path}">'
            f'<img class="thumbimg lazy" data-src="{picture.path}" alt="{escape(name)}"></a></div>'
        )
    return f'<div id="morelikethumbs">{"".join(shots)}</div>'


def _facts(person: Person) -> str:
    rows = []
    if person.birth_date:
        rows.append(("Born:", _born(person.birth_date)))
    if person.country:
        rows.append(("Nationality:", f'<span class="fi fi-{person.country.lower()}"></span>'))
    if person.ethnicity:
        rows.append(("Ethnicity:", f'<a href="{ROOT}/ethnicity">{person.ethnicity.capitalize()}</a>'))
    rows.append(("Hair color:", f'<a href="{ROOT}/hair">{person.look.hair_colour.capitalize()}</a>'))
    rows.append(("Eye color:", f'<a href="{ROOT}/eyes">{person.look.eye_colour.capitalize()}</a>'))
    if person.height_cm:
        feet, inches = divmod(round(person.height_cm / 2.54), 12)
        rows.append(("Height:", escape(f"{feet}'{inches}\" (or {person.height_cm} cm)", quote=False)))
    if person.career_start_year:
        rows.append(("Years active:", f"{person.career_start_year}-{person.career_end_year or 'present'}"))
    items = "\n".join(
        f'<div class="info-item"><span class="label">{label}</span> <span class="value">{value}</span></div>'
        for label, value in rows
    )
    heading = '<div class="info-title">Personal info</div>'
    return f'<div id="personal-info-block">{heading}<div class="info-grid">\n{items}\n</div></div>'


def _born(said: str) -> str:
    """A full date has two links, anything less only the year's."""
    year = f'<a href="{ROOT}/born-in-the-year/{said[:4]}">{said[:4]}</a>'
    if len(said) < 10:
        return year
    day = date.fromisoformat(said)
    suffix = "th" if 10 < day.day < 14 else {1: "st", 2: "nd", 3: "rd"}.get(day.day % 10, "th")
    return f'{day:%A} <a href="{ROOT}/birthday/{day:%m-%d}">{day.day}{suffix} of {day:%B}</a> {year}'
