"""JAVDatabase: an idol's own column and portrait; names in either order, and in Japanese beside them."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator, Mapping
from typing import Any, ClassVar
from urllib.parse import unquote, urlsplit

from anyascii import anyascii
from parsel import Selector, SelectorList
from scrapy.http import HtmlResponse

from enrich.identity import clean_text, identify, partial_date
from enrich.identity.urls import UNKNOWN_SITE
from enrich.spiders.bases.html_values import read_height_cm, read_only_word, read_years, split_list
from enrich.spiders.bases.page import HtmlSiteSpider, Page, Reader, label_of
from enrich.spiders.bases.profile import PageImage

_SUFFIX = re.compile(r"\s*[-\u2013\u2014]\s*JAV Profile\s*$", re.IGNORECASE)
_DAY = re.compile(r"(?:19|20)\d\d(?:-\d\d(?:-\d\d)?)?(?!\d)")
_COMMAS = re.compile(r"[,\u3001\uff0c]|\s-\s")
_HEADINGS = ("h1.idol-name", "div.entry-content h1", "span[property='name'].current")
_ENDS = frozenset(("b", "strong", "br", "p", "div", "ul", "h2", "h3", "h4"))
_NAMED_AFTER = re.compile(r"(?P<folder>.*/idolimages)/(?:full|thumb)/(?P<slug>[^/]+)(?P<kind>\.(?:webp|jpe?g|png))")
_OWN_PATH = re.compile(r".*/idols/([^/]+)/?")


class JavDatabaseSpider(HtmlSiteSpider):
    """Reads www.javdatabase.com.

    Neither a country nor a gender: the one would be made of a prefecture, the other of a tag on somebody's videos.
    """

    name = "javdatabase"
    path = "/idols/{slug}/"
    either_order = True
    max_names = 6
    heading = "h1.idol-name, div.idol-portrait"
    readers: ClassVar[Mapping[str, Reader]] = {
        "birth_date": lambda text: partial_date(born[0]) if (born := _DAY.match(text or "")) else None,
        "height_cm": read_height_cm,
        "hair_color": lambda text: read_only_word(text, _COMMAS),
        "career": lambda text: (read_years(text)[0], None),
    }

    def slug(self, name: str) -> str | None:
        """Lower-case words of Latin letters and digits, joined by hyphens; ``None`` for a name in another script."""
        plain = ""
        for character in unicodedata.normalize("NFKC", name):
            kind = unicodedata.category(character)
            if character.isascii():
                plain += character
            elif unicodedata.name(character, "").startswith("LATIN "):
                plain += anyascii(character)
            elif kind[0] in "LN":
                return None
            elif kind in ("Pd", "Zs"):
                plain += " "
        dropped = re.sub(r"[^a-z0-9\s._-]", "", plain.lower())
        return re.sub(r"[\s._-]+", "-", dropped).strip("-") or None

    def is_missing(self, response: HtmlResponse) -> bool:
        """WordPress's page for an address that does not exist."""
        return bool(response.css("body.error404, div.page-404")) and self.open(response) is None

    def title(self, page: Page) -> str | None:
        """The name in a heading, else in the trail of links, without the site's own words after it."""
        headings = (page.person.css(css) for css in _HEADINGS)
        heading = next((found for found in headings if found), page.person.css("h1.idol-name"))
        return clean_text(_SUFFIX.sub("", heading.xpath("string()").get("")))

    def own_slug(self, page: Page) -> str | None:
        """The slug that the page states, or else the one that it was found at."""
        answered = _OWN_PATH.fullmatch(unquote(urlsplit(page.response.url).path))
        return super().own_slug(page) or (answered[1].lower() if answered else None)

    def facts(self, page: Page) -> dict[str, str]:
        """What follows a label on its line, up to the next label."""
        facts: dict[str, str] = {}
        for label in _column(page).css("b, strong"):
            value = clean_text(re.sub(r"^[\s:]+|[\s\u2013-]+$", "", "".join(_following(label.root))))
            if value:
                facts.setdefault(label_of(label), value)
        return facts

    def aliases(self, page: Page) -> Iterator[str]:
        """The names in Japanese, and others."""
        facts = self.facts(page)
        return (alias for label in ("jp", "japanese name", "alt") for alias in split_list(facts.get(label), _COMMAS))

    def links(self, page: Page) -> Iterator[str]:
        """The links with a brand's sign that lead to an account at a known site; sponsors' links do not."""
        for anchor in _column(page).xpath(".//a[@href][i[contains(@class, 'fa-')]]"):
            url = page.url(anchor.attrib["href"])
            account = identify(url) if url and "sponsored" not in anchor.attrib.get("rel", "") else None
            if url and account and account.confidence > UNKNOWN_SITE and account.site != self.name:
                yield url

    def pictures(self, page: Page, name: str) -> Iterator[PageImage]:
        """The portrait, which is named after exactly this page: placeholders, covers and other idols are not."""
        portrait = page.person.css("div.idol-portrait img")[:1].attrib
        stated = page.person.css("meta[property='og:image'], meta[name='twitter:image']").xpath("@content").getall()
        slug = self.own_slug(page)
        for source in (portrait.get("data-src"), portrait.get("src"), *stated):
            named = _NAMED_AFTER.fullmatch((page.url(source) or "").partition("?")[0])
            if named and slug and unquote(named["slug"]).lower() == slug:
                full, thumb = (f"{named['folder']}/{size}/{named['slug']}{named['kind']}" for size in ("full", "thumb"))
                yield PageImage(url=full, fallback=thumb)
                return


def _column(page: Page) -> SelectorList[Selector]:
    return (page.person.css("div.entry-content div.col-xxl-7") or page.person.css("h1.idol-name").xpath("./.."))[:1]


def _following(label: Any) -> Iterator[str]:
    """The texts between an element and the next label or the end of the line; buttons say nothing."""
    yield label.tail or ""
    for node in label.itersiblings():
        if node.tag in _ENDS:
            return
        if isinstance(node.tag, str) and "btn" not in node.get("class", "").split():
            yield "".join(node.itertext())
        yield node.tail or ""
