"""The markup of the FreeOnes-shaped site: a bio, a list of galleries, a gallery, the results of a search."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import date
from html import escape

from enrich.demo.cast import Person
from enrich.demo.truth import Page, Picture

ROOT = "/freeones"
_HOME = "https://www.freeones.com"
_GENDERS = {"FEMALE": "Female", "TRANSGENDER_FEMALE": "Trans Female", "MALE": "Male"}


def missing_html() -> str:
    """What the site shows, with status 404, for a page that does not exist."""
    return (
        "<!DOCTYPE html>\n<html><head><title>Page Not Found</title></head><body><h1>Page Not Found</h1></body></html>"
    )


def bio_html(page: Page, slug: str, person: Person) -> str:
    """One person's bio."""
    title = escape(page.title)
    gender = _GENDERS.get(person.gender or "")
    said = f" <span>{title} identifies as {gender}</span>" if gender else ""
    portraits = "".join(f'<img class="img-fluid" src="{picture.path}">' for picture in page.profile)
    career = (person.career_start_year, person.career_end_year or "Now") if person.career_start_year else ()
    years = "".join(f'<p class="m-0">{year}</p>' for year in career)
    account = f'<a href="https://www.instagram.com/{person.key}_demo/"></a>'
    return _whole(
        page,
        f"{slug}/bio",
        f"""<h1><span>{title}{said}</span></h1>
<div class="dashboard-image-container"><a class="dashboard-image-large">{portraits}</a></div>
<div class="timeline-horizontal">{years}</div>
<form name="subject"><section data-test="section-personal-information"><ul>
{_facts(page, person)}
</ul></section></form>
<div class="social-meta">{account}<a href="https://twitter.com/freeones"></a></div>""",
    )


def list_html(page: Page, slug: str, people: Mapping[str, Person]) -> str:
    """The person's galleries among a sponsor's and other people's."""
    teasers = [_teaser("gallery", f"/photos/sponsored/{slug}", page.stray[0])]
    teasers.append(_teaser("gallery", f"/{slug}/photos/lanterns", page.gallery[0]))
    for picture in page.related:
        other = people[picture.drawing.people[0]].key
        teasers.append(_teaser("gallery", f"/{other}/photos/lanterns", picture))
        teasers.append(_teaser("subject", f"/{other}/feed", picture))
    return _whole(page, f"{slug}/photos", "\n".join(teasers))


def gallery_html(page: Page, slug: str) -> str:
    """A gallery, described as data on one page and by its tiles alone on the next; one tile is locked."""
    media = [{"@type": "ImageObject", "url": f"{picture.path}"} for picture in page.gallery]
    said = json.dumps({"@type": "ImageGallery", "associatedMedia": media}).replace("/", "\\/")
    data = f'<script type="application/ld+json">{said}</script>' if len(slug) % 2 else ""
    tiles = "".join(_tile(number, picture) for number, picture in enumerate(page.gallery))
    locked = "".join(_tile(90, picture) for picture in page.stray)
    return _whole(
        page,
        f"{slug}/photos/lanterns",
        f'{data}{tiles}<div class="js-open-last-slide locked-last-slide">{locked}</div>',
    )


def results_html(found: Mapping[str, str]) -> str:
    """What a search finds: slug -> name."""
    teasers = "".join(
        f'<div data-test="teaser-subject"><a class="teaser__link" href="{ROOT}/{slug}/feed">'
        f'<img class="image-content"><p data-test="subject-name" title="{escape(name)}">{escape(name[:9])}</p>'
        "</a></div>"
        for slug, name in found.items()
    )
    return f'<!DOCTYPE html>\n<html><body><h1>Babes</h1><div id="search-result">{teasers}</div></body></html>'


def _whole(page: Page, path: str, body: str) -> str:
    return f"""<!DOCTYPE html>
<html><head><meta charset="utf-8"><title>{escape(page.title)} | Freeones</title>
<link rel="alternate" hreflang="x-default" href="{_HOME}/{path}"></head><body>
{body}
</body></html>
"""


def _teaser(kind: str, path: str, picture: Picture) -> str:
    image = f'<img class="image-content" data-src="{picture.path}">'
    return f'<div data-test="teaser-{kind}"><a class="teaser__link" href="{ROOT}{path}">{image}</a></div>'


def _tile(number: int, picture: Picture) -> str:
    size = f"{picture.drawing.width_px}x{picture.drawing.height_px}"
    return f'<figure><a data-type="photo" data-id="{number}" data-size="{size}" href="{picture.path}"></a></figure>'


def _facts(page: Page, person: Person) -> str:
    rows = []

    def add(label: str, value: str) -> None:
        said = f'<span class="font-size-xs">{value}</span>'
        rows.append(f'<li class="hide-on-edit"><span>{label}:</span>{said}</li>')

    def add_span(label: str, what: str, value: str | None) -> None:
        add(label, f'<a><span data-test="link_span_{what}">{escape(value or "Unknown")}</span></a>')

    add("Date of birth", _born(person.birth_date))
    names = (f'<span data-test="link_span_aliases">{escape(name)}</span>' for name in page.aliases or ("Unknown",))
    add("Aliases", ", ".join(names))
    if person.country:
        add("Place of birth", f'<a data-test="link_placeOfBirth" href="{ROOT}/babes?f[country]={person.country}">-</a>')
    add_span("Ethnicity", "ethnicity", person.ethnicity and person.ethnicity.capitalize())
    add_span("Height", "height", f"{person.height_cm} cm - 5'4\"" if person.height_cm else None)
    add_span("Hair Color", "hair_color", person.look.hair_colour.capitalize())
    add_span("Eye Color", "eye_color", person.look.eye_colour.capitalize())
    for where, _ in person.tattoos:
        add_span("Tattoo locations", "tattooLocations", where)
    return "\n".join(rows)


def _born(said: str | None) -> str:
    """A full date is a link that has it as an ISO date; anything less is only said."""
    if said is None or len(said) < 10:
        return f'<span data-test="link_span_dateOfBirth">{said[:4] if said else "Unknown"}</span>'
    day = date.fromisoformat(said)
    text = f'<span data-test="link_span_dateOfBirth">{day:%B} {day.day}, {day.year}</span>'
    return f'<a href="{ROOT}/babes?f%5BdateOfBirth%5D={said}">{text}</a>'
