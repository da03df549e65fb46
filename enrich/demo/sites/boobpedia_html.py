"""The markup of the Boobpedia-shaped wiki: an article with its infobox and galleries, a film's, and none at all."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import date
from html import escape
from urllib.parse import quote

from enrich.demo.cast import Person
from enrich.demo.truth import Page, Picture

ROOT = "/boobpedia"
_NATIONALITIES = {
    "BE": "Belgian", "CA": "Canadian", "CZ": "Czech", "DE": "German", "DK": "Danish", "EE": "Estonian", "FR": "French",
    "GB": "British", "HR": "Croatian", "HU": "Hungarian", "IE": "Irish", "NO": "Norwegian", "NZ": "New Zealander",
    "RO": "Romanian", "SE": "Swedish", "SK": "Slovak", "US": "American",
}  # fmt: skip


def thumb(picture: Picture, width_px: int) -> str:
    """Where a smaller size of a picture lies."""
    folders, _, name = picture.path.rpartition("/")
    return f"{folders.replace('/wiki/images/', '/wiki/images/thumb/')}/{name}/{width_px}px-{name}"


def article_html(page: Page, people: Mapping[str, Person], asked: str) -> str:
    """One article. ``asked``: the title asked for; where it is another, this is what a redirect shows."""
    person = people[page.person]
    title = page.title.replace(" ", "_")
    settings = {"wgPageName": title, "wgArticleId": 404}
    subtitle = ""
    if asked != title and title.partition("_(")[0] != asked:
        settings["wgRedirectedFrom"] = asked
        subtitle = f'<span class="mw-redirectedfrom">(Redirected from {escape(asked.replace("_", " "))})</span>'
    banner = "".join(
        f'<div class="sitenotice"><a href="https://ads.example/" class="mw-file-description"><img src="{picture.path}" '
        f'alt="{escape(page.title)}"></a></div>'
        for picture in page.stray
    )
    body = f"""{_infobox(page, person)}
<p><b>{escape(page.title)}</b> was drawn by a computer and does not exist.<sup class="reference">[1]</sup></p>
{_galleries(page, people)}"""
    return _wiki_page(page.title, settings, body, subtitle, banner)


def film_html(title: str) -> str:
    """An article about a film."""
    rows = _row("Directed by", "Odile Framboisier") + _row("Starring", "Ada Fennimore<br>Zoë Lindqvist")
    table = f'<table class="infobox plainlinks"><tbody>{rows}{_row("Released", "2004")}</tbody></table>'
    return _wiki_page(title, {"wgPageName": title.replace(" ", "_")}, table)


def missing_html(asked: str) -> str:
    """What the wiki shows where there is no article."""
    said = '<div class="noarticletext"><p>There is currently no text in this page. You can search for it.</p></div>'
    return _wiki_page(asked.replace("_", " "), {"wgPageName": asked, "wgArticleId": 0}, said)


def _wiki_page(title: str, settings: Mapping[str, object], body: str, subtitle: str = "", banner: str = "") -> str:
    canonical = "https://www.boobpedia.com/boobs/" + quote(str(settings["wgPageName"]))
    return f"""<!DOCTYPE html>
<html><head><meta charset="utf-8"><title>{escape(title)} - Boobpedia - Encyclopedia of big boobs</title>
<script>RLCONF={json.dumps(settings)};</script><link rel="canonical" href="{canonical}"></head><body>
{banner}<h1 id="firstHeading" class="firstHeading"><span class="mw-page-title-main">{escape(title)}</span></h1>
<div id="bodyContent"><div id="contentSub">{subtitle}</div><div id="mw-content-text"><div class="mw-parser-output">
{body}
</div></div></div>
<div id="footer"><img src="{ROOT}/wiki/resources/assets/poweredby_mediawiki_88x31.png"></div></body></html>
"""


def _row(label: str, value: str) -> str:
    return f"<tr><td><b>{label.replace(' ', '&nbsp;')}</b></td><td>{value}</td></tr>\n"


def _infobox(page: Page, person: Person) -> str:
    rows = "".join(
        f'<tr><td colspan="2"><span typeof="mw:File"><a href="{ROOT}/boobs/File:{picture.path.rpartition("/")[2]}" '
        f'class="mw-file-description"><img src="{thumb(picture, 240)}" width="240"></a></span></td></tr>\n'
        for picture in page.profile
    )
    if page.aliases:
        rows += _row("Also known as", "<br>".join(escape(alias) for alias in page.aliases) + "<sup>[1]</sup>")
    if person.birth_date:
        rows += _row("Born", _born(person.birth_date))
    if person.career_start_year:
        rows += _row("Years active", f"{person.career_start_year}&ndash;{person.career_end_year or 'present'}")
    if person.ethnicity:
        rows += _row("Ethnicity", f'<a href="{ROOT}/boobs/Category:E">{person.ethnicity.capitalize()}</a>')
    if person.country in _NATIONALITIES:
        flag = f'<img src="{ROOT}/wiki/images/thumb/0/01/Flag.png/20px-Flag.png" width="20">'
        rows += _row("Nationality", f'{flag} <a href="{ROOT}/boobs/Category:N">{_NATIONALITIES[person.country]}</a>')
    rows += _row("Boobs", f'<a href="{ROOT}/boobs/Category:Natural">Natural</a>')
    if person.height_cm:
        feet, inches = divmod(round(person.height_cm / 2.54), 12)
        rows += _row("Height", f"{feet}&nbsp;ft {inches}&nbsp;in ({person.height_cm / 100:.2f}&nbsp;m)")
    rows += _row("Eye color", person.look.eye_colour.capitalize()) + _row("Hair", person.look.hair_colour.capitalize())
    account = person.key.replace("_", "")
    rows += f'<tr><td colspan="2"><a href="https://twitter.com/{account}_wiki"><b>Twitter</b></a></td></tr>\n'
    sponsor = (
        f'<a href="https://sponsor.example/{account}"><img src="{ROOT}/wiki/images/0/02/Join.gif" width="200"></a>'
    )
    return f'<table class="infobox plainlinks"><tbody>{rows}<tr><td colspan="2">{sponsor}</td></tr></tbody></table>'


def _born(said: str) -> str:
    year = f'<a href="{ROOT}/boobs/Category:{said[:4]}_births">{said[:4]}</a>'
    if len(said) < 10:
        return f"{year} (age&nbsp;30)"
    day = date.fromisoformat(said)
    return f'<a href="{ROOT}/boobs/Category:{day:%B}_{day.day}_birthdays">{day:%B} {day.day}</a>, {year} (age&nbsp;30)'


def _galleries(page: Page, people: Mapping[str, Person]) -> str:
    """Her own pictures, by caption or by file name; others', whose captions name them beside her or alone."""
    name = page.title.partition(" (")[0]
    boxes = [_box(picture, f"{name} in 2019", "") for picture in page.gallery]
    boxes += [_box(picture, "", f"{name} 02.jpg") for picture in page.uploads]
    if page.stranger_upload:
        other = people[page.stranger_upload.drawing.people[0]].name
        boxes.append(_box(page.stranger_upload, f"{name} and {other}", ""))
    alike = [_box(picture, people[picture.drawing.people[0]].name, f"{name}.jpg") for picture in page.related]
    return "\n".join(
        f'<h2>{heading}</h2><ul class="gallery mw-gallery-traditional">{"".join(shown)}</ul>'
        for heading, shown in (("Photos", boxes), ("Similar models", alike))
    )


def _box(picture: Picture, caption: str, alt: str) -> str:
    image = f'<img alt="{escape(alt)}" src="{thumb(picture, 240)}" width="90">'
    anchor = f'<span typeof="mw:File"><a href="{ROOT}/boobs/File:X.jpg" class="mw-file-description">{image}</a></span>'
    return (
        f'<li class="gallerybox"><div class="thumb">{anchor}</div><div class="gallerytext">{escape(caption)}</div></li>'
    )
