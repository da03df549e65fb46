"""FreeOnes: facts from the page ``bio``, pictures from the person's own galleries; their addresses are signed."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import ClassVar
from urllib.parse import unquote, urlsplit

from scrapy.http import HtmlResponse, TextResponse

from enrich.identity import clean_text, host_of, identify
from enrich.items import Performer
from enrich.spiders.bases.freeones_pictures import described, is_crop, is_picture, portrait, tiles
from enrich.spiders.bases.gallery_site import Listing
from enrich.spiders.bases.html_values import absolute, read_date, unique
from enrich.spiders.bases.page import READERS, HtmlSiteSpider, Page, Reader
from enrich.spiders.bases.profile import PageImage
from enrich.spiders.bases.search_site import Result, SearchedSiteSpider

_HOME = "https://www.freeones.com/"
_SECTION = "[data-test=section-personal-information]"
_SUFFIX = re.compile(r"\s+(?:identifies as\b.*|bio)$", re.IGNORECASE | re.DOTALL)
_GENDER = re.compile(r"identifies as\s+(\w+(?:[ -]\w+)?)", re.IGNORECASE)
_GENDERS = {
    "female": "FEMALE",
    "male": "MALE",
    "trans female": "TRANSGENDER_FEMALE",
    "trans woman": "TRANSGENDER_FEMALE",
    "transgender female": "TRANSGENDER_FEMALE",
    "trans male": "TRANSGENDER_MALE",
    "trans man": "TRANSGENDER_MALE",
    "transgender male": "TRANSGENDER_MALE",
    "non-binary": "NON_BINARY",
    "intersex": "INTERSEX",
}
_BORN = re.compile(r"dateOfBirth\]?=([\d-]+)")
_COUNTRY = re.compile(r"\bcountry\]?=([A-Za-z]{2})(?![A-Za-z])")
_DIED = re.compile(r"Passed away on (.+?)(?: at the age|$)", re.DOTALL)


class FreeOnesSpider(HtmlSiteSpider, SearchedSiteSpider):
    """Reads www.freeones.com."""

    name = "freeones"
    path = "/{slug}/bio"
    search_path = "/babes?q={term}&v=teasers&s=relevance&l=96&m%5BcanPreviewFeatures%5D=0"
    readers: ClassVar[Mapping[str, Reader]] = {
        **READERS,
        "gender": lambda text: _GENDERS.get((text or "").casefold()),
        "country": lambda text: text,
    }

    def slug(self, name: str) -> str | None:
        """Lower case with hyphens; what becomes of letters with accents and of other scripts is not known."""
        if not name.isascii():
            return None
        slug = re.sub(r"-{2,}", "-", re.sub(r"[^a-z0-9-]", "", re.sub(r"\s+", "-", name.lower()))).strip("-")
        return self.stored_slug(_HOME + slug)  # words of the site are nobody's

    def is_missing(self, response: HtmlResponse) -> bool:
        """A page that says so in its title or heading, as it does with status 404."""
        said = (clean_text(text.get()) or "" for text in response.css("title, h1").xpath("string()"))
        return any(text.casefold().startswith("page not found") for text in said)

    def open(self, response: HtmlResponse) -> Page | None:
        """A bio, as it is marked up since August 2023: the section of personal information."""
        section = response.css(_SECTION)[:1]
        return Page(response, section) if section else None

    def title(self, page: Page) -> str | None:
        """The name in the heading, else that among the facts."""
        heading = _heading(page)
        return clean_text(_SUFFIX.sub("", heading[0])) if heading else _value(page, "name")

    def own_slug(self, page: Page) -> str | None:
        """The slug that the page states, or else that of its address."""
        stated = page.canonical_id("link[rel=alternate][hreflang='x-default']::attr(href)", self.name)
        return stated or self.stored_slug(_HOME + self._below_root(page.response.url))

    def facts(self, page: Page) -> Mapping[str, str]:
        """The values that are marked up one by one, or stand in a row with their label, and those in links."""
        born = page.person.xpath(".//a[contains(@href, 'dateOfBirth')]/@href").getall()
        dates = (found[1] for href in born if (found := _BORN.search(unquote(href))))
        texts = page.response.xpath("//div/text()[contains(., 'Passed away on')]").getall()
        died = (found[1] for text in texts if (found := _DIED.search(text)))
        places = page.person.css("a[data-test=link_placeOfBirth], a[data-test=link-country]").xpath("@href").getall()
        countries = (found[1].upper() for href in places if (found := _COUNTRY.search(unquote(href))))
        years = unique(page.response.css("div.timeline-horizontal p.m-0").xpath("string()").getall())[:2]
        span = years or (_value(page, "careerStart") or "", _value(page, "careerEnd") or "")
        found_gender = _GENDER.search(" ".join(_heading(page)))
        facts = {
            "gender": found_gender[1] if found_gender else None,
            "born": read_date(next(dates, None)) or _value(page, "dateOfBirth"),
            "died": next(died, None),
            "nationality": next(countries, None),
            "years active": "-".join(span),
            "eye color": _value(page, "eye_color") or _labelled(page, "eye color"),
            **{what.replace("_", " "): _value(page, what) for what in ("ethnicity", "height", "hair_color")},
            **{f"{what}s": _marks(page, what) for what in ("tattoo", "piercing")},
        }
        return {label: text for label, text in facts.items() if text}

    def aliases(self, page: Page) -> tuple[str, ...]:
        """The other names, one by one or in a list with commas."""
        older = (name for text in page.texts("[data-test=p_aliases]") for name in text.split(","))
        return page.texts("[data-test=link_span_aliases]") or unique(older)

    def links(self, page: Page) -> Iterator[str]:
        """The person's accounts; the site has its own, and sponsors theirs."""
        social = page.response.css("div.social-meta a::attr(href)").getall()
        accounts = page.response.css("form[name=subject] a::attr(href)").getall()
        for at, href in enumerate((*social, *accounts)):
            url = page.url(href)
            link = identify(url) if url else None
            if url is None or link is None or link.id == "freeones" or _is_home(link.site, page.response):
                continue
            if at < len(social) or link.site in ("twitter", "instagram"):
                yield url

    def pictures(self, page: Page, name: str) -> Iterator[PageImage]:
        """The picture beside the name."""
        return portrait(page.response)

    def lists(self, page: Page) -> tuple[str, ...]:
        """The list of the person's galleries."""
        slug = self.own_slug(page)
        return (f"{self.source.url.rstrip('/')}/{slug}/photos",) if slug else ()

    def read_results(self, response: HtmlResponse) -> list[Result] | None:
        """The teasers of people in the list of results."""
        if not response.css("div#search-result"):
            return None
        results = []
        for teaser in response.css("div#search-result [data-test=teaser-subject]"):
            link = absolute(response, teaser.css("a.teaser__link::attr(href)").get())
            label = teaser.css("[data-test=subject-name]")[:1]
            name = clean_text(label.attrib.get("title")) or clean_text(label.xpath("string()").get())
            slug = self.stored_slug(_HOME + self._below_root(link)) if link else None
            if slug and name:
                results.append(Result(slug=slug, name=name))
        return results

    def read_list(self, response: TextResponse, performer: Performer) -> Listing | None:
        """The person's own galleries; teasers of sponsors and of other people lead elsewhere."""
        if not isinstance(response, HtmlResponse):
            return None
        teasers = response.css("[data-test=teaser-gallery] a.teaser__link::attr(href)").getall()
        if not teasers and not response.css("link[hreflang='x-default']"):
            return None
        urls = unique(absolute(response, href) for href in teasers)
        return Listing(galleries=tuple(url for url in urls if self._is_own_gallery(url, performer)))

    def read_gallery(self, response: HtmlResponse, performer: Performer) -> list[PageImage]:
        """The pictures that are not locked, as the page describes them to search engines, or in its tiles."""
        if not self._is_own_gallery(response.url, performer):
            return []
        found = list(described(response)) or list(tiles(response))
        gallery = urlsplit(response.url).path
        images = []
        for address, width_px, height_px in found:
            url = absolute(response, address)
            if url is not None and is_picture(url) and not is_crop(url):
                images.append(PageImage(url=url, gallery=gallery, width_px=width_px, height_px=height_px))
        return images

    def _below_root(self, url: str) -> str:
        root = urlsplit(self.source.url).path.rstrip("/") + "/"
        path = urlsplit(url).path
        return path.removeprefix(root) if path.startswith(root) else path.lstrip("/")

    def _is_own_gallery(self, url: str, performer: Performer) -> bool:
        slug, _, rest = self._below_root(url).partition("/photos/")
        here = host_of(url) in (host_of(self.source.url), "freeones.com")
        return here and slug.casefold() == performer.source_id.casefold() and bool(rest.strip("/"))


def _heading(page: Page) -> tuple[str, ...]:
    return unique(page.response.css("h1")[:1].xpath(".//text()").getall())


def _value(page: Page, what: str) -> str | None:
    return next(iter(page.texts(f"[data-test='link_span_{what}']")), None)


def _labelled(page: Page, label: str) -> str | None:
    """The value in a row that has only its label to tell it."""
    for row in page.person.css("li"):
        texts = unique(row.xpath("./span").xpath("string()").getall())
        if len(texts) > 1 and texts[0].casefold().rstrip(": ") == label:
            return texts[1]
    return None


def _marks(page: Page, what: str) -> str | None:
    places = page.texts(f"[data-test='link_span_{what}Locations']")
    return "; ".join(places) or _labelled(page, f"{what} locations")


def _is_home(site: str, response: HtmlResponse) -> bool:
    return site in ("freeones", host_of(response.url)) or site.endswith(("freeones.com", "freeones.xxx"))
