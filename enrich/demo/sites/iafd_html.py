"""The markup of the IAFD-shaped site: a page, a page that is gone, and the tables of a search."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import date
from html import escape

from enrich.demo.cast import Person
from enrich.demo.truth import Page

ROOT = "/iafd"
_GENDERS = {"FEMALE": "Woman", "MALE": "Man", "TRANSGENDER_FEMALE": "Trans woman", "TRANSGENDER_MALE": "Trans man"}
_NO_HEADSHOT = "https://www.iafd.com/graphics/headshots/thumbs/th_iafd_ad.gif"


def gone_html() -> str:
    """What the site shows, with status 200, for an id that it does not know."""
    return """<!DOCTYPE html>
<html><head><meta charset="utf-8"><title>404 - IAFD.com</title></head><body>
<h1>Oops</h1><p>This is an invalid or outdated page.</p></body></html>
"""


def profile_html(page: Page, people: Mapping[str, Person], page_id: str) -> str:
    """One person's page."""
    title = escape(page.title)
    headshot = "".join(f'<img src="{picture.path}" alt="{title}">' for picture in page.profile)
    tab = f'<ul><li><a data-src="{ROOT}/matchups.rme/id={page_id}">Performer Credits (12)</a></li></ul>'
    strays = "".join(f'<a href="https://ads.example/"><img src="{picture.path}"></a>' for picture in page.stray)
    return f"""<!DOCTYPE html>
<html><head><meta charset="utf-8"><title>{title} - iafd.com</title>
<link rel="canonical" href="https://www.iafd.com/person.rme/id={page_id}"></head><body>
<div class="ad">{strays}</div>
<h1>{title} </h1>
<div id="headshot">{headshot}</div>
<div id="perftabs">{tab}</div>
<div class="tab-content"><div role="tabpanel" class="tab-pane" id="bio"><div class="row"><div class="col-sm-4">
{_facts(page, people[page.person])}
</div></div></div>
<div role="tabpanel" class="tab-pane" id="personal">{_credits(page, people)}</div></div>
</body></html>
"""


def results_html(rows: Iterable[tuple[str, str, Page | None]], people: Mapping[str, Person]) -> str:
    """What a search finds: id, name and page; the tables are left out where nobody is in them."""
    female: list[str] = []
    male: list[str] = []
    for page_id, title, page in rows:
        person = people[page.person] if page else None
        link = f'<a href="{ROOT}/person.rme/id={page_id}">'
        also = "<br>".join(escape(name) for name in page.aliases) if page else ""
        years = (person.career_start_year or "", person.career_end_year or "", 12) if person else ("", "", 1)
        cells = "".join(f'<td class="text-center">{said}</td>' for said in years)
        row = f'<tr><td>{link}<img src="{_NO_HEADSHOT}"></a></td><td>{link}{escape(title)}</a></td>'
        table = male if person and person.gender == "MALE" else female
        table.append(f'{row}<td class="text-left">{also}</td>{cells}</tr>')
    tables = "".join(_table(name, found) for name, found in (("tblFem", female), ("tblMal", male)) if found)
    return f"""<!DOCTYPE html>
<html><head><meta charset="utf-8"><title>results - iafd.com</title></head><body><h1>Search results</h1>
{tables}
<table id="titleresult"><tbody><tr><td>Lanterns</td></tr></tbody></table></body></html>
"""


def _table(name: str, rows: list[str]) -> str:
    head = "".join(f"<th>{label}</th>" for label in ("Headshot", "Name", "AKA", "Start", "End", "Titles"))
    return f'<table id="{name}"><thead><tr>{head}</tr></thead><tbody>{"".join(rows)}</tbody></table>'


def _credits(page: Page, people: Mapping[str, Person]) -> str:
    """Titles, with the people who also appear in them."""
    rows = [
        f'<tr><td>{escape(people[picture.drawing.people[0]].name)}</td><td><img data-src="{picture.path}"></td></tr>'
        for picture in page.related
    ]
    return f'<table id="personal"><tbody>{"".join(rows)}</tbody></table>'


def _facts(page: Page, person: Person) -> str:
    also = "".join(f"{escape(name)}<br>" for name in page.aliases) or "No known aliases"
    parts = [f'<p class="bioheading">Performer AKA</p><div class="biodata">{also}</div>']

    def add(label: str, value: str | None) -> None:
        parts.append(f'<p class="bioheading">{label}</p><p class="biodata">{value or "No data"}</p>')

    add("Gender", _GENDERS.get(person.gender or ""))
    add("Birthday", _day(person.birth_date))
    if person.death_date:
        add("Date of Death", _day(person.death_date))
    add("Ethnicity", person.ethnicity.capitalize() if person.ethnicity else None)
    add("Hair Color", person.look.hair_colour.capitalize())
    add("Eye Color", person.look.eye_colour.capitalize())
    add("Height", _height(person.height_cm))
    add("Tattoos", "; ".join(where for where, _ in person.tattoos) or "None")
    start, end = person.career_start_year, person.career_end_year
    add("Years Active", f"{start}-{end or date.today().year}" if start else None)
    account = f'<a href="https://x.com/{person.key}_demo"><img src="{ROOT}/graphics/x.png"></a>'
    parts.append(f'<p class="bioheading">Social Network</p>{account}')
    return "\n".join(parts)


def _day(said: str | None) -> str | None:
    if said is None or len(said) < 10:
        return said and said[:4]
    day = date.fromisoformat(said)
    return f'<a href="{ROOT}/calendar.asp">{day:%B} {day.day}, {day.year}</a> (of age)'


def _height(height_cm: int | None) -> str | None:
    if height_cm is None:
        return None
    feet, inches = divmod(round(height_cm / 2.54), 12)
    return f"{feet} feet, {inches} inches ({height_cm} cm)"
