"""JAVDatabase: an idol's own column and portrait; names in either order, and in Japanese beside them."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator
from typing import Any
from urllib.parse import unquote, urlsplit

from anyascii import anyascii
from parsel import Selector, SelectorList
from scrapy.http import HtmlResponse

from enrich.identity import clean_text, identify, partial_date
from enrich.identity.urls import UNKNOWN_SITE
from enrich.spiders.bases.html_values import absolute, read_height_cm, read_word, read_years, unique
from enrich.spiders.bases.profile import PageImage, Profile
from enrich.spiders.bases.reference_site import ReferenceSiteSpider

_SUFFIX = re.compile(r"\s*[-\u2013\u2014]\s*JAV Profile\s*$", re.IGNORECASE)
_DAY = re.compile(r"(?:19|20)\d\d(?:-\d\d(?:-\d\d)?)?(?!\d)")
_ENDS = frozenset(("b", "strong", "br", "p", "div", "ul", "h2", "h3", "h4"))
_NAMED_AFTER = re.compile(r"(?P<folder>.*/idolimages)/(?:full|thumb)/(?P<slug>[^/]+)(?P<kind>\.(?:webp|jpe?g|png))")
_OWN_PATH = re.compile(r".*/idols/([^/]+)/?")


class JavDatabaseSpider(ReferenceSiteSpider):
    """Reads www.javdatabase.com.

    Neither a country nor a gender: the one would be made of a prefecture, the other of a tag on somebody's videos.
    """

    name = "javdatabase"
    path = "/idols/{slug}/"
    either_order = True
    max_names = 6

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
        return bool(response.css("body.error404, div.page-404")) and not _is_profile(response)

    def read(self, response: HtmlResponse) -> Profile | None:
        """Read an idol's page, whichever of its layouts it has."""
        name = _name(response) if _is_profile(response) else None
        if name is None:
            return None
        column = (response.css("div.entry-content div.col-xxl-7") or response.css("h1.idol-name").xpath("./.."))[:1]
        facts = _facts(column)
        aliases = unique(alias for label in ("jp", "japanese name", "alt") for alias in _listed(facts.get(label)))
        start_year, _ = read_years(facts.get("debut"))
        born = _DAY.match(facts.get("dob", ""))
        hair_colors = list(_listed(facts.get("hair color(s)")))
        slug = _own_slug(response)
        return Profile(
            name=name,
            slug=slug,
            aliases=tuple(alias for alias in aliases if alias != name),
            birth_date=partial_date(born[0]) if born else None,
            height_cm=read_height_cm(facts.get("height")),
            hair_color=read_word(hair_colors[0]) if len(hair_colors) == 1 else None,
            career_start_year=start_year,
            urls=unique(_accounts(response, column)),
            images=tuple(_pictures(response, slug)),
        )


def _is_profile(response: HtmlResponse) -> bool:
    return bool(response.css("h1.idol-name, div.idol-portrait"))


def _name(response: HtmlResponse) -> str | None:
    headings = response.css("h1.idol-name") or response.css("div.entry-content h1")
    headings = headings or response.css("span[property='name'].current")
    return clean_text(_SUFFIX.sub("", headings.xpath("string()").get("")))


def _own_slug(response: HtmlResponse) -> str | None:
    """The slug that the page says it has, or else the one that it answered to."""
    canonical = identify(response.css("link[rel='canonical']::attr(href)").get(""))
    if canonical and canonical.site == JavDatabaseSpider.name:
        return canonical.id
    answered = _OWN_PATH.fullmatch(unquote(urlsplit(response.url).path))
    return answered[1].lower() if answered else None


def _facts(column: SelectorList[Selector]) -> dict[str, str]:
    """Label, in lower case and without its colon -> what follows it on its line, up to the next label."""
    facts: dict[str, str] = {}
    for label in column.css("b, strong"):
        key = " ".join(label.xpath("string()").get("").split()).rstrip(": ").casefold()
        value = clean_text(re.sub(r"^[\s:]+|[\s\u2013-]+$", "", "".join(_following(label.root))))
        if key and value:
            facts.setdefault(key, value)
    return facts


def _following(label: Any) -> Iterator[str]:
    """The texts between an element and the next label or the end of the line; buttons say nothing."""
    yield label.tail or ""
    for node in label.itersiblings():
        if node.tag in _ENDS:
            return
        if isinstance(node.tag, str) and "btn" not in node.get("class", "").split():
            yield "".join(node.itertext())
        yield node.tail or ""


def _listed(text: str | None) -> Iterator[str]:
    parts = re.split(r"[,\u3001\uff0c]|\s-\s", text or "")
    return (value for part in parts if (value := clean_text(part)) and value.strip("? "))


def _accounts(response: HtmlResponse, column: SelectorList[Selector]) -> Iterator[str]:
    """The links with a brand's sign that lead to an account at a known site; sponsors' links do not."""
    for anchor in column.xpath(".//a[@href][i[contains(@class, 'fa-')]]"):
        url = absolute(response, anchor.attrib["href"])
        account = identify(url) if url and "sponsored" not in anchor.attrib.get("rel", "") else None
        if url and account and account.confidence > UNKNOWN_SITE and account.site != JavDatabaseSpider.name:
            yield url


def _pictures(response: HtmlResponse, slug: str | None) -> Iterator[PageImage]:
    """The portrait, which is named after exactly this page: placeholders, covers and other idols are not."""
    portrait = response.css("div.idol-portrait img")[:1].attrib
    stated = response.css("meta[property='og:image'], meta[name='twitter:image']")
    shown = (portrait.get("data-src"), portrait.get("src"), *stated.xpath("@content").getall())
    for source in shown:
        url = absolute(response, source)
        named = _NAMED_AFTER.fullmatch(url.partition("?")[0]) if url else None
        if named and slug and unquote(named["slug"]).lower() == slug:
            full, thumb = (f"{named['folder']}/{size}/{named['slug']}{named['kind']}" for size in ("full", "thumb"))
            yield PageImage(url=full, fallback=thumb)
            return
