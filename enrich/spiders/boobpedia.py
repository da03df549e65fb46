"""Boobpedia: the infobox of a wiki article about one person, and what galleries say is a picture of that person.

The article itself is read, not the wiki's API: one request answers a title and resolves its redirects, where the API's
address is disputed and wikis commonly close it to robots.
"""

from __future__ import annotations

import contextlib
import json
import re
import unicodedata
from collections.abc import Iterator, Mapping
from typing import ClassVar
from urllib.parse import urlsplit

from parsel import Selector, SelectorList
from scrapy.http import HtmlResponse

from enrich.identity import clean_text, host_of, name_key, same_name
from enrich.identity.nationality import read_nationality
from enrich.spiders.bases.html_values import read_only_word, split_list
from enrich.spiders.bases.page import PICTURE, READERS, HtmlSiteSpider, Page, Reader
from enrich.spiders.bases.profile import PageImage, is_telling

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
_PAGE_NAME = re.compile(r'"wgPageName"\s*:\s*("(?:[^"\\]|\\.)*")')
_SCALE = re.compile(r"\d+(?:\.\d+)?x")
_JOINING = frozenset(("and", "with", "feat", "featuring", "vs"))
_JOINED = re.compile(r"[&+/]|,\s*[^\W\d]")


class BoobpediaSpider(HtmlSiteSpider):
    """Reads www.boobpedia.com."""

    name = "boobpedia"
    path = "/boobs/{slug}"
    readers: ClassVar[Mapping[str, Reader]] = {
        **READERS,
        "country": lambda text: read_nationality(next(split_list(text), None)),
        **dict.fromkeys(("ethnicity", "eye_color", "hair_color"), read_only_word),
    }

    def slug(self, name: str) -> str | None:
        """A wiki title: words joined by underscores, the first letter upper case; some characters are not allowed."""
        if not name_key(name) or _NOT_IN_A_TITLE.search(name):
            return None
        title = unicodedata.normalize("NFC", "_".join(name.split()))
        return title[0].upper() + title[1:]

    def is_missing(self, response: HtmlResponse) -> bool:
        """Nobody's article: none at all, or one about a film."""
        tables = _infoboxes(response)
        if not tables:
            return _NO_ARTICLE in _text(response.css("#mw-content-text, #bodyContent")[:1])
        labels = {label for table in tables for label in _rows(table)}
        return labels.isdisjoint(_ABOUT_A_PERSON) and not labels.isdisjoint(_ABOUT_A_WORK)

    def open(self, response: HtmlResponse) -> Page | None:
        """The infobox of an article with one person's; with two it is nobody's in particular.

        That the title asked for was redirected here is no sign that it names this person: it may be a film or a duo.
        """
        people = [table for table in _infoboxes(response) if not _ABOUT_A_PERSON.isdisjoint(_rows(table))]
        return Page(response, SelectorList(people)) if len(people) == 1 else None

    def title(self, page: Page) -> str | None:
        """The article's title without a remark in parentheses."""
        title = clean_text(page.response.css("h1#firstHeading").xpath("string()").get())
        return clean_text(_REMARK.sub("", title or "")) or title

    def own_slug(self, page: Page) -> str | None:
        """The title that the article has, whatever title was asked for."""
        for script in page.response.xpath("//script[contains(., 'wgPageName')]/text()").getall():
            if stated := _PAGE_NAME.search(script):
                with contextlib.suppress(ValueError):
                    title = clean_text(json.loads(stated[1]))
                    return title.replace(" ", "_") if title else None
        return super().own_slug(page)

    def facts(self, page: Page) -> Mapping[str, str]:
        """The rows of the infobox."""
        return _rows(page.person[0])

    def aliases(self, page: Page) -> Iterator[str]:
        """The names without what is remarked on them."""
        names = split_list(_REMARK.sub("", self.facts(page).get("also known as", "")))
        return (name for name in names if name_key(name))

    def links(self, page: Page) -> Iterator[str]:
        """The person's accounts: links with a bold name or a small sign; advertisements are neither."""
        for anchor in page.person.css("a[href]"):
            signs = [_width_px(image.attrib) for image in anchor.css("img")]
            if "sponsored" in anchor.attrib.get("rel", "") or not (anchor.css("b") or any(signs)):
                continue
            url = page.url(anchor.attrib["href"])
            is_account = all(px is not None and px <= _ICON_PX for px in signs)
            if url and is_account and host_of(url) not in (host_of(page.response.url), "boobpedia.com"):
                yield url

    def pictures(self, page: Page, name: str) -> Iterator[PageImage]:
        """The infobox's, then those of galleries whose caption, or file name without one, names only the person."""
        yield from _photographs(page, page.person.css("a.mw-file-description img, a.image img"))
        names = [name, *(alias for alias in self.aliases(page) if is_telling(alias))]
        gallery = "ul.gallery > li.gallerybox"
        for box in page.response.css(f"div.mw-parser-output {gallery}, #bodyContent {gallery}"):
            images = box.css("img")[:1]
            caption = clean_text(_text(box.css(".gallerytext"))) or clean_text(images.attrib.get("alt"))
            if caption and any(_shows(caption, name) for name in names):
                yield from _photographs(page, images)


def _infoboxes(response: HtmlResponse) -> SelectorList[Selector]:
    direct = response.css("div.mw-parser-output > table.infobox")
    return direct or response.css("div.mw-parser-output table.infobox, #bodyContent table.infobox")


def _rows(infobox: Selector) -> dict[str, str]:
    """Label, in lower case -> its text without references, one line for each of it."""
    rows: dict[str, str] = {}
    for line in infobox.xpath("./tr | ./tbody/tr"):
        cells = line.xpath("./td | ./th")
        if len(cells) == 2:
            label = " ".join(_text(cells[0]).split()).rstrip(": ").casefold()
            rows.setdefault(label, _REFERENCE.sub("", _text(cells[1])))
    return rows


def _text(cell: Selector | SelectorList[Selector]) -> str:
    """What a cell says: its lines as lines, without references and styles."""
    parts = cell.xpath(".//text()[not(ancestor::sup or ancestor::style or ancestor::script)] | .//br").getall()
    text = "".join("\n" if part.startswith("<br") else part for part in parts)
    return re.sub(r"\s+,", ",", re.sub(r"[^\S\n]+", " ", text))


def _photographs(page: Page, images: SelectorList[Selector]) -> Iterator[PageImage]:
    """The originals that thumbnails were made from, or what is shown where it is the original."""
    for image in images:
        width_px = _width_px(image.attrib)
        shown = page.url(_largest(image.attrib))
        if (width_px is None or width_px > _ICON_PX) and shown and "/images/" in urlsplit(shown).path:
            original = _THUMB.sub(r"\1", shown)
            if page.picture(original):
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


def _shows(text: str, name: str) -> bool:
    if same_name(text, name):
        return True
    words, wanted = _words(text), _words(name)
    if not is_telling(name) or not _JOINING.isdisjoint(words) or _JOINED.search(text):
        return False
    return any(words[at : at + len(wanted)] == wanted for at in range(len(words)))


def _words(text: str) -> list[str]:
    plain = re.sub(r"['\u2019]s\b", "", PICTURE.sub("", text))
    return [key for word in re.split(r"[\s_-]+", plain) if (key := name_key(word))]
