"""Babepedia: a profile's own boxes only; the pages link to many other people's pictures."""

from __future__ import annotations

import re
from collections.abc import Iterator
from urllib.parse import unquote, urlsplit

from enrich.identity import host_of, name_key, same_name
from enrich.spiders.bases.html_values import unique
from enrich.spiders.bases.page import HtmlSiteSpider, Page
from enrich.spiders.bases.profile import PageImage

_ONLYFANS = re.compile(r"(?:^|/)onlyfans/([\w.-]+)/?$")
_THUMB = re.compile(r"_thumb\d*(?=\.\w+$)")
_AKA = re.compile(r"^\s*aka\b", re.IGNORECASE)


class BabepediaSpider(HtmlSiteSpider):
    """Reads www.babepedia.com, in today's layout and in the one before July 2025."""

    name = "babepedia"
    path = "/babe/{slug}"
    missing_title = "Babepedia - Search results for"
    heading = "h1#babename, div#bioarea h1"
    labels = "#personal-info-block .info-item span.label, #bioarea li span.label"
    address = "meta[property='og:url']::attr(content)"
    flags = ".info-item .fi, #bioarea .fi"
    drawings = "/images/"

    def slug(self, name: str) -> str | None:
        """Words joined by underscores; case, dots, apostrophes and accents stay."""
        return "_".join(name.split()) if name_key(name) else None

    def aliases(self, page: Page) -> tuple[str, ...]:
        """The names under the heading: marked up one by one, or a text with separators."""
        current = " ".join(page.person.css("h2#aka").xpath("./text()").getall())
        old = " ".join(page.person.css("div#bioarea h2").xpath("./text()").getall())
        separated = [*re.split(r"\s+-\s+", current), *re.split(r"\s+/\s+", _AKA.sub("", old))]
        return page.texts("h2#aka span.aliasname") or unique(text.strip(" :-/") for text in separated)

    def links(self, page: Page) -> Iterator[str]:
        """The accounts; those at OnlyFans are led to by way of the site."""
        for url in page.urls("#socialicons a"):
            if host_of(url) != host_of(page.response.url):
                yield url
            elif proxied := _ONLYFANS.search(urlsplit(url).path):
                yield f"https://onlyfans.com/{proxied[1]}"

    def pictures(self, page: Page, name: str) -> Iterator[PageImage]:
        """The profile set, visitors' pictures with the person's name, and one picture of each of their galleries."""
        for anchor in page.person.css("#profbox2 a.img, #profimg > a:not(.noimg), .prof a"):
            thumb = page.shown(anchor)
            if full := page.picture(anchor.attrib.get("href")):
                yield PageImage(url=full)
            elif thumb is not None and _THUMB.search(urlsplit(thumb).path):
                yield PageImage(url=_THUMB.sub("", thumb), fallback=thumb)
        for anchor in page.person.css(".useruploads2 a.img"):
            url = page.picture(anchor.attrib.get("href"))
            if url is not None and same_name(anchor.css("img::attr(alt)").get(""), name):
                yield PageImage(url=url)
        for block in page.person.css("div.separate"):
            if name_key(block.css("h2").xpath("string()").get("")) == name_key(f"{name} galleries"):
                for anchor in block.css(".thumbsblock .thumbshot a[href*='/gallery/']"):
                    path = page.url(anchor.attrib["href"]) or ""
                    owner = unquote(path.rpartition("/gallery/")[2].partition("/")[0])
                    thumb = page.shown(anchor)
                    if thumb is not None and same_name(owner, name):
                        full = thumb.replace("/galleries-thumbs/", "/galleries/", 1)
                        fallback = thumb if full != thumb else None
                        yield PageImage(url=full, fallback=fallback, gallery=urlsplit(path).path)
