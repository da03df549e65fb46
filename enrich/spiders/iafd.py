"""IAFD: the one headshot of a page; pages are told by an id, so without a stored link the site is searched."""

from __future__ import annotations

import html
import re
from collections.abc import Iterable, Iterator, Mapping
from typing import ClassVar
from urllib.parse import parse_qs, quote, unquote, urlsplit

from parsel import Selector
from scrapy.http import HtmlResponse
from scrapy.spidermiddlewares.httperror import HttpError
from twisted.python.failure import Failure

from enrich.identity import clean_text, host_of, identify
from enrich.identity.nationality import read_nationality
from enrich.spiders.bases.gallery_site import Found
from enrich.spiders.bases.html_values import read_marks, read_only_word, read_years, split_list, unique
from enrich.spiders.bases.page import READERS, HtmlSiteSpider, Page, Reader, label_of
from enrich.spiders.bases.profile import PageImage
from enrich.spiders.bases.reference_site import Step
from enrich.spiders.bases.search_site import Result, SearchedSiteSpider
from enrich.spiders.bases.source import request_of, today

_UUID = re.compile(
    r"/(?:person|matchups)\.(?:rme|rvm|asp)/id=([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})", re.IGNORECASE
)
_PERFID = re.compile(r"/person\.(?:rme|rvm|asp)/perfid=([^/]+)((?:/gender=[a-z]+)?)((?:/[^/]+\.html?)?)", re.IGNORECASE)
_GENDERS = {
    "woman": "FEMALE",
    "man": "MALE",
    "trans woman": "TRANSGENDER_FEMALE",
    "trans man": "TRANSGENDER_MALE",
    "f": "FEMALE",
    "m": "MALE",
    "tf": "TRANSGENDER_FEMALE",
    "tm": "TRANSGENDER_MALE",
}
_NOTHING = frozenset({"no data", "none", "unknown", "no director", "no known aliases"})
_LINKS = ("website", "social network", "digital distribution platform", "egafd", "databases", "external sites")
_NO_PHOTO = re.compile(r"/graphics/headshots/?$|/no_?photo[^/]*$|/th_iafd_ad\.gif$", re.IGNORECASE)
_OUTDATED = re.compile(r"invalid or outdated page", re.IGNORECASE)
_NOTE = re.compile(r"\s*\([^)]*\)?")
_WORDS = re.compile(r"[/,\n]")
_EITHER = re.compile(r"\sor\s", re.IGNORECASE)


def _gender(text: str | None) -> str | None:
    return _GENDERS.get((text or "").partition("\n")[0].strip().casefold())


def _country(text: str | None) -> str | None:
    # Not from the birthplace: its last word may be a state, and Georgia is a country too.
    countries = {read_nationality(word) for word in split_list(text)} - {None}
    return countries.pop() if len(countries) == 1 else None


def _hair(text: str | None) -> str | None:
    return read_only_word(text, _WORDS) or ("VARIOUS" if len(unique(_WORDS.split(text or ""))) > 1 else None)


def _career(text: str | None) -> tuple[int | None, int | None]:
    start_year, end_year = read_years(text)
    return start_year, None if end_year == today().year else end_year


class IafdSpider(HtmlSiteSpider, SearchedSiteSpider):
    """Reads www.iafd.com. A slug is an id (a UUID), or what follows ``perfid=`` in an old address."""

    name = "iafd"
    path = "/person.rme/{slug}"
    search_path = "/results.asp?searchtype=comprehensive&searchstring={term}"
    heading = "div#headshot"
    readers: ClassVar[Mapping[str, Reader]] = {
        **READERS,
        "gender": _gender,
        "country": _country,
        "ethnicity": lambda text: read_only_word(text, _WORDS),
        "eye_color": lambda text: read_only_word(text, _WORDS),
        "hair_color": _hair,
        "career": _career,
        "tattoos": lambda text: read_marks((text or "").replace("\n", "; ")),
        "piercings": lambda text: read_marks((text or "").replace("\n", "; ")),
    }

    def stored_slug(self, url: str) -> str | None:
        """The id, or the whole of an old address, which the site itself leads on to the new one."""
        link = identify(html.unescape(url))
        return _slug_in(html.unescape(url)) if link is not None and link.site == self.name else None

    def page_url(self, slug: str) -> str:
        """The address of a profile, in the form that its id belongs to."""
        form = "id" if _UUID.fullmatch(f"/person.rme/id={slug}") else "perfid"
        return self.source.url.rstrip("/") + self.path.format(slug=f"{form}={quote(slug, safe='/=')}")

    def is_missing(self, response: HtmlResponse) -> bool:
        """The site answers an id it does not know, or no longer knows, with a page of its own."""
        if response.css("title::text").get("").strip().startswith("404 - IAFD.com"):
            return True
        known = response.css("div#headshot, p.bioheading")  # where visitors' comments may say anything
        return not known and bool(_OUTDATED.search(response.xpath("string(//body)").get("")))

    def failed_page(self, failure: Failure) -> Iterator[Found]:
        """Whatever the status, a page that says that there is no such performer means just that."""
        error = failure.value
        step: Step = request_of(failure).cb_kwargs["step"]
        answer = error.response if isinstance(error, HttpError) and step.slug else None
        if isinstance(answer, HtmlResponse) and self.is_missing(answer):
            self.read_page()
            yield from self._next(step, "not_found", f"the site says so, with HTTP {answer.status}")
        else:
            yield from super().failed_page(failure)

    def title(self, page: Page) -> str | None:
        """The name above the headings of the facts."""
        name = clean_text(page.person.css("h1").xpath("string()").get())
        return name if page.person.css("p.bioheading") else None

    def own_slug(self, page: Page) -> str | None:
        """The id in the addresses that the page states, or in its own."""
        canonical = page.person.css("link[rel=canonical]::attr(href)").getall()
        tabs = page.person.css("[data-src*='matchups']::attr(data-src)").getall()
        addresses = (*canonical[:1], *tabs[:1], page.response.url)
        slugs = (slug for address in addresses if (slug := _slug_in(address)))
        return next((slug.partition("/")[0] for slug in slugs), None)

    def facts(self, page: Page) -> Mapping[str, str]:
        """Headings, each with the lines that stand between it and the next."""
        facts: dict[str, str] = {}
        for label, values in _sections(page).items():
            boxes = (value for value in values if "biodata" in value.attrib.get("class", ""))
            texts = unique(box.xpath("string()").get() for box in boxes)
            if known := [text for text in texts if text.casefold() not in _NOTHING]:
                facts.setdefault("hair color" if label.startswith("hair color") else label, "\n".join(known))
        return {"gender": page.person.css("form#correct input[name=Gender]::attr(value)").get(""), **facts}

    def aliases(self, page: Page) -> tuple[str, ...]:
        """The names that are listed with the studios that they were used for."""
        sections = _sections(page)
        boxes = sections.get("performer aka") or sections.get("aka") or ()
        return _aliases(line for box in boxes if "biodata" in box.attrib.get("class", "") for line in _lines(box))

    def links(self, page: Page) -> Iterator[str]:
        """The links below the headings for them; they stand loose, without a box of their own."""
        for label, values in _sections(page).items():
            for value in values if label.startswith(_LINKS) else ():
                for href in value.xpath("descendant-or-self::a/@href").getall():
                    url = page.url(href)
                    if url is not None and host_of(url) not in ("iafd.com", host_of(page.response.url)):
                        yield url

    def pictures(self, page: Page, name: str) -> Iterator[PageImage]:
        """The headshot."""
        for image in page.person.css("div#headshot")[:1].css("img")[:1]:
            url = page.url(image.attrib.get("data-src") or image.attrib.get("src"))
            if url is not None and not _NO_PHOTO.search(urlsplit(url).path):
                yield PageImage(url=url)

    def read_results(self, response: HtmlResponse) -> list[Result] | None:
        """The tables of people; a page without any is one of the site's own with nobody on it, or not known."""
        tables = response.css("table#tblFem, table#tblMal")
        title = response.css("title::text").get("").strip()
        ours = "iafd" in title.casefold() and not title.startswith("404")
        if not tables and not ours and not response.css("#titleresult, #tblReviews"):
            return None
        return [result for row in tables.xpath(".//tr[td]") if (result := _result(row))]


def _slug_in(url: str) -> str | None:
    """The id in an address of a page, or in that of one of its tabs, on any host."""
    try:
        parts = urlsplit(url)
    except ValueError:
        return None
    query = {key.casefold(): values[0] for key, values in parse_qs(parts.query).items()}
    said = "".join(f"/{key}={query[key]}" for key in ("id", "perfid", "gender") if key in query)
    path = unquote(parts.path).rstrip("/") + said
    if found := _UUID.search(path):
        return found[1].lower()
    found = _PERFID.search(path)
    return found[1].lower() + found[2].lower() + found[3] if found else None


def _sections(page: Page) -> dict[str, list[Selector]]:
    """Label, in lower case -> everything between its heading and the next."""
    sections: dict[str, list[Selector]] = {}
    for heading in page.person.css("p.bioheading"):
        values = []
        for node in heading.root.itersiblings():
            if "bioheading" in (node.get("class") or ""):
                break
            if isinstance(node.tag, str):
                values.append(Selector(root=node))
        sections.setdefault(label_of(heading), values)
    return sections


def _lines(box: Selector) -> Iterator[str]:
    """The lines of an element, as ``<br>`` breaks them."""
    line = ""
    for part in box.xpath(".//text() | .//br"):
        if isinstance(part.root, str):
            line += part.root
        else:
            yield line
            line = ""
    yield line


def _aliases(lines: Iterable[str]) -> tuple[str, ...]:
    """Names without the studio that they were used for; of a line with two names it is not known which one it is."""
    names = unique(_NOTE.sub("", line) for line in lines if not _EITHER.search(line))
    return tuple(name for name in names if name.casefold() not in _NOTHING)


def _result(row: Selector) -> Result | None:
    link = row.xpath("./td[a[img]]/following-sibling::td[1]/a")[:1]
    slug, name = _slug_in(link.attrib.get("href", "")), clean_text(link.xpath("string()").get())
    if slug is None or name is None:
        return None
    also = (name for cell in row.css("td.text-left")[:1] for line in _lines(cell) for name in line.split(","))
    start_year, _ = read_years(row.css("td.text-center").xpath("string()").get())
    return Result(slug=slug, name=name, aliases=_aliases(also), start_year=start_year)
