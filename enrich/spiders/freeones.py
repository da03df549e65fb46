"""FreeOnes: facts from the page ``bio``, pictures from the person's own galleries; their addresses are signed."""

from __future__ import annotations

import re
from collections.abc import Iterator
from urllib.parse import unquote, urlsplit

from parsel import Selector, SelectorList
from scrapy.http import HtmlResponse, TextResponse

from enrich.identity import clean_text, host_of, identify
from enrich.items import BodyMark, Performer
from enrich.spiders.bases.gallery_site import Listing
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
from enrich.spiders.bases.search_site import Result, SearchedSiteSpider
from enrich.spiders.freeones_pictures import described, is_crop, is_picture, portrait, tiles

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


class FreeOnesSpider(SearchedSiteSpider):
    """Reads www.freeones.com."""

    name = "freeones"
    path = "/{slug}/bio"
    search_path = "/babes?q={term}&v=teasers&s=relevance&l=96&m%5BcanPreviewFeatures%5D=0"

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

    def read(self, response: HtmlResponse) -> Profile | None:
        """Read a bio, as it is marked up since August 2023."""
        section = response.css(_SECTION)[:1]
        heading = unique(response.css("h1")[:1].xpath(".//text()").getall())
        name = clean_text(_SUFFIX.sub("", heading[0])) if heading else _said(section, "name")
        if not section or name is None:
            return None
        slug = _canonical_slug(response) or self.stored_slug(_HOME + self._below_root(response.url))
        start_year, end_year = _career(response, section)
        born = section.xpath(".//a[contains(@href, 'dateOfBirth')]/@href").getall()
        dates = (found[1] for href in born if (found := _BORN.search(unquote(href))))
        died = (_DIED.search(text) for text in response.xpath("//div/text()[contains(., 'Passed away on')]").getall())
        places = section.css("a[data-test=link_placeOfBirth], a[data-test=link-country]").xpath("@href").getall()
        countries = (found[1].upper() for href in places if (found := _COUNTRY.search(unquote(href))))
        return Profile(
            name=name,
            slug=slug,
            aliases=tuple(alias for alias in _aliases(section) if alias != name),
            gender=_gender(heading),
            birth_date=read_date(next(dates, None)) or read_date(_said(section, "dateOfBirth")),
            death_date=next((read_date(found[1]) for found in died if found), None),
            country=next(countries, None),
            ethnicity=read_word(_said(section, "ethnicity")),
            height_cm=read_height_cm(_said(section, "height")),
            eye_color=read_word(_said(section, "eye_color") or _labelled(section, "eye color")),
            hair_color=read_word(_said(section, "hair_color")),
            career_start_year=start_year,
            career_end_year=end_year,
            tattoos=_marks(section, "tattoo"),
            piercings=_marks(section, "piercing"),
            urls=unique(_links(response)),
            images=tuple(portrait(response)),
            lists=(f"{self.source.url.rstrip('/')}/{slug}/photos",) if slug else (),
        )

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


def _canonical_slug(response: HtmlResponse) -> str | None:
    link = identify(response.css("link[rel=alternate][hreflang='x-default']::attr(href)").get(""))
    return link.id if link and link.site == FreeOnesSpider.name else None


def _gender(heading: tuple[str, ...]) -> str | None:
    found = _GENDER.search(" ".join(heading))
    return _GENDERS.get(found[1].casefold()) if found else None


def _texts(section: SelectorList[Selector], what: str) -> tuple[str, ...]:
    return unique(section.css(f"[data-test='{what}']").xpath("string()").getall())


def _said(section: SelectorList[Selector], what: str) -> str | None:
    return next(iter(_texts(section, f"link_span_{what}")), None)


def _labelled(section: SelectorList[Selector], label: str) -> str | None:
    """The value in a row that has only its label to tell it."""
    for row in section.css("li"):
        said = unique(row.xpath("./span").xpath("string()").getall())
        if len(said) > 1 and said[0].casefold().rstrip(": ") == label:
            return said[1]
    return None


def _aliases(section: SelectorList[Selector]) -> tuple[str, ...]:
    older = (name for text in _texts(section, "p_aliases") for name in text.split(","))
    return _texts(section, "link_span_aliases") or unique(older)


def _marks(section: SelectorList[Selector], what: str) -> tuple[BodyMark, ...]:
    told = _texts(section, f"link_span_{what}Locations") or (_labelled(section, f"{what} locations") or "",)
    return read_marks("; ".join(told))


def _career(response: HtmlResponse, section: SelectorList[Selector]) -> tuple[int | None, int | None]:
    years = unique(response.css("div.timeline-horizontal p.m-0").xpath("string()").getall())
    return read_years("-".join(years[:2] or (_said(section, "careerStart") or "", _said(section, "careerEnd") or "")))


def _links(response: HtmlResponse) -> Iterator[str]:
    """The person's accounts; the site has its own, and sponsors theirs."""
    social = response.css("div.social-meta a::attr(href)").getall()
    accounts = response.css("form[name=subject] a::attr(href)").getall()
    for at, href in enumerate((*social, *accounts)):
        url = absolute(response, href)
        link = identify(url) if url else None
        if url is None or link is None or link.id == "freeones" or _is_home(link.site, response):
            continue
        if at < len(social) or link.site in ("twitter", "instagram"):
            yield url


def _is_home(site: str, response: HtmlResponse) -> bool:
    return site in ("freeones", host_of(response.url)) or site.endswith(("freeones.com", "freeones.xxx"))
