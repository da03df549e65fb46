"""Boobpedia: the infobox of a wiki article about one person, and what galleries say is a picture of that person.

The article itself is read, not the wiki's API: one request answers a title and resolves its redirects, where the API's
address is disputed and wikis commonly close it to robots.
"""

from __future__ import annotations

import contextlib
import json
import re
import unicodedata
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from parsel import Selector
from scrapy.http import HtmlResponse

from enrich.identity import clean_text, host_of, identify, name_key, same_name
from enrich.identity.nationality import read_nationality
from enrich.spiders.bases.html_values import absolute, read_date, read_height_cm, read_word, read_years, unique
from enrich.spiders.bases.profile import PageImage, Profile, is_telling
from enrich.spiders.bases.reference_site import ReferenceSiteSpider

_NO_ARTICLE = "There is currently no text in this page"
_ABOUT_A_PERSON = frozenset(
    ("born", "died", "ethnicity", "measurements", "bra/cup size", "boobs", "height", "weight", "body type")
)
_ABOUT_A_WORK = frozenset(("directed by", "director", "starring", "release date", "released", "running time", "studio"))
_ICON_PX = 60
"""Flags and the signs of other sites are 16 to 20 pixels wide, portraits 200 and more."""
_NOT_IN_A_TITLE = re.compile(r"[#<>\[\]{}|:]")
_REMARK = re.compile(r"\s*\([^()]*\)")
_REFERENCE = re.compile(r"\[\w{1,3}\]")
_THUMB = re.compile(r"/thumb(/[^?#]+)/(?:[^/?#]*-)?\d+px-[^/]+$")
_THUMB_PX = re.compile(r"[/-](\d{1,5})px-[^/]+$")
_PICTURE = re.compile(r"\.(?:jpe?g|png|webp|gif)$", re.IGNORECASE)
_PAGE_NAME = re.compile(r'"wgPageName"\s*:\s*("(?:[^"\\]|\\.)*")')
_SCALE = re.compile(r"\d+(?:\.\d+)?x")
_JOINING = frozenset(("and", "with", "feat", "featuring", "vs"))
_JOINED = re.compile(r"[&+/]|,\s*[^\W\d]")


class BoobpediaSpider(ReferenceSiteSpider):
    """Reads www.boobpedia.com."""

    name = "boobpedia"
    path = "/boobs/{slug}"

    def slug(self, name: str) -> str | None:
        """A wiki title: words joined by underscores, the first letter upper case; some characters are not allowed."""
        if not name_key(name) or _NOT_IN_A_TITLE.search(name):
            return None
        title = unicodedata.normalize("NFC", "_".join(name.split()))
        return title[0].upper() + title[1:]

    def is_missing(self, response: HtmlResponse) -> bool:
        """Nobody's article: none at all, or one about a film."""
        tables = [_rows(table) for table in _infoboxes(response)]
        if not tables:
            return _NO_ARTICLE in _text(response.css("#mw-content-text, #bodyContent")[:1])
        labels = {row.label for rows in tables for row in rows}
        return labels.isdisjoint(_ABOUT_A_PERSON) and not labels.isdisjoint(_ABOUT_A_WORK)

    def read(self, response: HtmlResponse) -> Profile | None:
        """Read an article with one person's infobox; with two it is nobody's in particular.

        That the title asked for was redirected here is no sign that it names this person: it may be a film or a duo.
        """
        title = clean_text(response.css("h1#firstHeading").xpath("string()").get())
        tables = ((table, _rows(table)) for table in _infoboxes(response))
        people = [(table, rows) for table, rows in tables if any(row.label in _ABOUT_A_PERSON for row in rows)]
        name = clean_text(_REMARK.sub("", title or "")) or title
        if name is None or len(people) != 1:
            return None
        ((infobox, rows),) = people
        facts: dict[str, str] = {}
        for row in rows:
            facts.setdefault(row.label, row.text)
        one_line = {label: " ".join(text.split()) for label, text in facts.items()}
        start_year, end_year = read_years(one_line.get("years active"))
        known_as = unique(_listed(_REMARK.sub("", facts.get("also known as", ""))))
        aliases = tuple(alias for alias in known_as if alias != name and name_key(alias))
        return Profile(
            name=name,
            slug=_page_name(response),
            aliases=aliases,
            birth_date=read_date(one_line.get("born")),
            death_date=read_date(one_line.get("died")),
            country=read_nationality(next(_listed(facts.get("nationality")), None)),
            ethnicity=_only_word(facts.get("ethnicity")),
            height_cm=read_height_cm(one_line.get("height")),
            eye_color=_only_word(facts.get("eye color")),
            hair_color=_only_word(facts.get("hair") or facts.get("hair color")),
            career_start_year=start_year,
            career_end_year=end_year,
            urls=unique(_links(response, infobox)),
            images=(
                *_pictures(response, infobox.css("a.mw-file-description img, a.image img")),
                *_gallery(response, [name, *(alias for alias in aliases if is_telling(alias))]),
            ),
        )


@dataclass(frozen=True, slots=True)
class _Row:
    """A line of an infobox. ``label``: lower case, no colon; ``text``: without references, one line for each of it."""

    label: str
    text: str


def _infoboxes(response: HtmlResponse) -> Sequence[Selector]:
    direct = response.css("div.mw-parser-output > table.infobox")
    return direct or response.css("div.mw-parser-output table.infobox, #bodyContent table.infobox")


def _rows(infobox: Selector) -> list[_Row]:
    rows = []
    for line in infobox.xpath("./tr | ./tbody/tr"):
        cells = line.xpath("./td | ./th")
        if len(cells) == 2:
            label = " ".join(_text(cells[0]).split()).rstrip(": ").casefold()
            rows.append(_Row(label, _REFERENCE.sub("", _text(cells[1]))))
    return rows


def _text(cell: Any) -> str:
    """What a cell says: its lines as lines, without references and styles."""
    parts = cell.xpath(".//text()[not(ancestor::sup or ancestor::style or ancestor::script)] | .//br").getall()
    text = "".join("\n" if part.startswith("<br") else part for part in parts)
    return re.sub(r"\s+,", ",", re.sub(r"[^\S\n]+", " ", text))


def _listed(text: str | None) -> Iterator[str]:
    return (name for part in re.split(r"[,;\n]", text or "") if (name := clean_text(part.strip(" \"'\u201c\u201d"))))


def _only_word(text: str | None) -> str | None:
    """The one value of a category; a list of them says less than the database could hold."""
    values = list(_listed(text))
    return read_word(values[0]) if len(values) == 1 else None


def _page_name(response: HtmlResponse) -> str | None:
    """The title that the article has, whatever title was asked for."""
    for script in response.xpath("//script[contains(., 'wgPageName')]/text()").getall():
        if stated := _PAGE_NAME.search(script):
            with contextlib.suppress(ValueError):
                title = clean_text(json.loads(stated[1]))
                return title.replace(" ", "_") if title else None
    canonical = identify(response.css("link[rel='canonical']::attr(href)").get(""))
    return canonical.id if canonical and canonical.site == BoobpediaSpider.name else None


def _links(response: HtmlResponse, infobox: Selector) -> Iterator[str]:
    """The person's accounts: links with a bold name or a small sign; advertisements are neither."""
    for anchor in infobox.css("a[href]"):
        signs = [_width_px(image.attrib) for image in anchor.css("img")]
        if "sponsored" in anchor.attrib.get("rel", "") or not (anchor.css("b") or any(signs)):
            continue
        if all(px is not None and px <= _ICON_PX for px in signs):
            url = absolute(response, anchor.attrib["href"])
            if url is not None and host_of(url) not in (host_of(response.url), "boobpedia.com"):
                yield url


def _pictures(response: HtmlResponse, images: Sequence[Selector]) -> Iterator[PageImage]:
    """Photographs: the original that a thumbnail was made from, or what is shown where it is the original."""
    for image in images:
        width_px = _width_px(image.attrib)
        if width_px is not None and width_px <= _ICON_PX:
            continue
        shown = absolute(response, _largest(image.attrib))
        if shown is None or "/images/" not in urlsplit(shown).path:
            continue
        original = _THUMB.sub(r"\1", shown)
        if _PICTURE.search(urlsplit(original).path):
            yield PageImage(url=original, fallback=shown if original != shown else None)


def _largest(attributes: Mapping[str, str]) -> str | None:
    """The largest of the sizes that an image is offered in."""
    offered = [part.split() for part in attributes.get("srcset", "").split(", ")]
    scaled = [(float(size[:-1]), url) for url, size in (o for o in offered if len(o) == 2) if _SCALE.fullmatch(size)]
    return max(scaled)[1] if scaled else attributes.get("src")


def _width_px(attributes: Mapping[str, str]) -> int | None:
    """The width at which an image is shown, as it says or as its thumbnail is named."""
    stated = attributes.get("width", "")
    if re.fullmatch(r"\d{1,5}", stated):
        return int(stated)
    named = _THUMB_PX.search(attributes.get("src", ""))
    return int(named[1]) if named else None


def _gallery(response: HtmlResponse, names: Sequence[str]) -> Iterator[PageImage]:
    """The pictures whose caption, or file name where there is none, names the person and nobody beside them."""
    for box in response.css("div.mw-parser-output ul.gallery > li.gallerybox, #bodyContent ul.gallery > li.gallerybox"):
        images = box.css("img")[:1]
        said = clean_text(_text(box.css(".gallerytext"))) or clean_text(images.attrib.get("alt"))
        if said and any(_shows(said, name) for name in names):
            yield from _pictures(response, images)


def _shows(said: str, name: str) -> bool:
    if same_name(said, name):
        return True
    words, wanted = _words(said), _words(name)
    if not is_telling(name) or not _JOINING.isdisjoint(words) or _JOINED.search(said):
        return False
    return any(words[at : at + len(wanted)] == wanted for at in range(len(words)))


def _words(text: str) -> list[str]:
    plain = re.sub(r"['\u2019]s\b", "", _PICTURE.sub("", text))
    return [key for word in re.split(r"[\s_-]+", plain) if (key := name_key(word))]
