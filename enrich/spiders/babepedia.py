"""Babepedia: a profile's own boxes only; the pages link to many other people's pictures."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any
from urllib.parse import unquote, urlsplit

from parsel import Selector
from scrapy.http import HtmlResponse

from enrich.identity import clean_text, host_of, identify, name_key, same_name
from enrich.spiders.bases.html_values import (
    absolute,
    read_date,
    read_height_cm,
    read_marks,
    read_word,
    read_years,
    unique,
)
from enrich.spiders.bases.profile import PageImage, Profile
from enrich.spiders.bases.reference_site import ReferenceSiteSpider

_ONLYFANS = re.compile(r"(?:^|/)onlyfans/([\w.-]+)/?$")
_PICTURE = re.compile(r"\.(?:jpe?g|png|webp|avif|gif)$", re.IGNORECASE)
_FLAG = re.compile(r"\bfi-([a-z]{2})\b")
_THUMB = re.compile(r"_thumb\d*(?=\.\w+$)")
_AKA = re.compile(r"^\s*aka\b", re.IGNORECASE)
_MISSING = "Babepedia - Search results for"


class BabepediaSpider(ReferenceSiteSpider):
    """Reads www.babepedia.com."""

    name = "babepedia"
    path = "/babe/{slug}"

    def slug(self, name: str) -> str | None:
        """Words joined by underscores; case, dots, apostrophes and accents stay."""
        return "_".join(name.split()) if name_key(name) else None

    def is_missing(self, response: HtmlResponse) -> bool:
        """The site answers an unknown name with a page of search results."""
        title = response.css("title::text").get("").strip()
        return title.startswith(_MISSING) and not _heading(response)

    def read(self, response: HtmlResponse) -> Profile | None:
        """Read a profile of today's layout, or of the one before July 2025."""
        heading = _heading(response)
        name = _own_text(heading[0]) if heading else None
        if name is None:
            return None
        facts = _facts(response)
        start_year, end_year = read_years(facts.get("years active"))
        canonical = identify(response.css("meta[property='og:url']::attr(content)").get(""))
        flags = response.css(".info-item .fi::attr(class), #bioarea .fi::attr(class)").getall()
        country = next((flag[1].upper() for text in flags if (flag := _FLAG.search(text))), None)
        return Profile(
            name=name,
            slug=canonical.id if canonical and canonical.site == self.name else None,
            aliases=tuple(alias for alias in _aliases(response) if alias != name),
            birth_date=read_date(facts.get("born")),
            death_date=read_date(facts.get("died")),
            country=country,
            ethnicity=read_word(facts.get("ethnicity")),
            height_cm=read_height_cm(facts.get("height")),
            eye_color=read_word(facts.get("eye color")),
            hair_color=read_word(facts.get("hair color")),
            career_start_year=start_year,
            career_end_year=end_year,
            tattoos=read_marks(facts.get("tattoos")),
            piercings=read_marks(facts.get("piercings")),
            urls=unique(_links(response)),
            images=(*_portraits(response), *_uploads(response, name), *_gallery_covers(response, name)),
        )


def _heading(response: HtmlResponse) -> Any:
    return response.css("h1#babename, div#bioarea h1")


def _own_text(node: Selector) -> str | None:
    """The first text of an element itself, or all of it where it has none of its own."""
    own = (clean_text(text) for text in node.xpath("./text()").getall())
    return next((text for text in own if text), None) or clean_text(node.xpath("string()").get())


def _aliases(response: HtmlResponse) -> tuple[str, ...]:
    named = response.css("h2#aka span.aliasname::text").getall()
    current = " ".join(response.css("h2#aka").xpath("./text()").getall())
    old = " ".join(response.css("div#bioarea h2").xpath("./text()").getall())
    separated = [*re.split(r"\s+-\s+", current), *re.split(r"\s+/\s+", _AKA.sub("", old))]
    return unique(named or (text.strip(" :-/") for text in separated))


def _facts(response: HtmlResponse) -> dict[str, str]:
    """Label, in lower case and without its colon -> the text beside it."""
    facts: dict[str, str] = {}
    for label in response.css("#personal-info-block .info-item span.label, #bioarea li span.label"):
        key = " ".join(label.xpath("string()").get("").split()).rstrip(": ").casefold()
        beside = label.xpath("./following-sibling::span[contains(@class, 'value')][1]")
        beside = beside or label.xpath("./following-sibling::node()")
        text = clean_text(" ".join("".join(node.xpath("string()").get(node.get()) for node in beside).split()))
        if key and text:
            facts.setdefault(key, text)
    return facts


def _links(response: HtmlResponse) -> Iterator[str]:
    for href in response.css("#socialicons a::attr(href)").getall():
        url = absolute(response, href)
        if url is None:
            continue
        if host_of(url) != host_of(response.url):
            yield url
        elif proxied := _ONLYFANS.search(urlsplit(url).path):
            yield f"https://onlyfans.com/{proxied[1]}"


def _portraits(response: HtmlResponse) -> Iterator[PageImage]:
    """The profile set: the full size is the link's target, or what the thumbnail's name is made of."""
    for anchor in response.css("#profbox2 a.img, #profimg > a:not(.noimg), .prof a"):
        full = absolute(response, anchor.attrib.get("href"))
        thumb = _source(response, anchor)
        if full is not None and _is_picture(full):
            yield PageImage(url=full)
        elif thumb is not None and _THUMB.search(urlsplit(thumb).path):
            yield PageImage(url=_THUMB.sub("", thumb), fallback=thumb)


def _uploads(response: HtmlResponse, name: str) -> Iterator[PageImage]:
    """Visitors' pictures; those of others are among them, and say so in their alt text."""
    for anchor in response.css(".useruploads2 a.img"):
        url = absolute(response, anchor.attrib.get("href"))
        if url is not None and _is_picture(url) and same_name(anchor.css("img::attr(alt)").get(""), name):
            yield PageImage(url=url)


def _gallery_covers(response: HtmlResponse, name: str) -> Iterator[PageImage]:
    """One picture of each of the person's galleries: the full size where it exists, else the thumbnail shown."""
    for block in response.css("div.separate"):
        title = block.css("h2").xpath("string()").get("")
        if name_key(title) != name_key(f"{name} galleries"):
            continue
        for anchor in block.css(".thumbsblock .thumbshot a[href*='/gallery/']"):
            path = absolute(response, anchor.attrib["href"]) or ""
            owner = unquote(path.rpartition("/gallery/")[2].partition("/")[0])
            thumb = _source(response, anchor)
            if thumb is not None and same_name(owner, name):
                full = thumb.replace("/galleries-thumbs/", "/galleries/", 1)
                yield PageImage(url=full, fallback=thumb if full != thumb else None, gallery=urlsplit(path).path)


def _source(response: HtmlResponse, anchor: Selector) -> str | None:
    """The picture in a link: its lazy address before the placeholder that stands in for it."""
    for attribute in ("data-src", "src"):
        url = absolute(response, anchor.css("img").attrib.get(attribute))
        if url is not None and _is_picture(url):
            return url
    return None


def _is_picture(url: str) -> bool:
    path = urlsplit(url).path
    return bool(_PICTURE.search(path)) and "/images/" not in path  # where the site keeps its own drawings
