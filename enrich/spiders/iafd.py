"""IAFD: the one headshot of a page; pages are told by an id, so without a stored link the site is searched."""

from __future__ import annotations

import html
import re
from collections.abc import Iterable, Iterator
from urllib.parse import parse_qs, quote, unquote, urlsplit

from parsel import Selector
from scrapy.http import HtmlResponse
from scrapy.spidermiddlewares.httperror import HttpError
from twisted.python.failure import Failure

from enrich.identity import clean_text, host_of, identify
from enrich.identity.nationality import read_nationality
from enrich.spiders.bases.gallery_site import Found
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
_EITHER = re.compile(r"\sor\s", re.IGNORECASE)


class IafdSpider(SearchedSiteSpider):
    """Reads www.iafd.com. A slug is an id (a UUID), or what follows ``perfid=`` in an old address."""

    name = "iafd"
    path = "/person.rme/{slug}"
    search_path = "/results.asp?searchtype=comprehensive&searchstring={term}"

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

    def read(self, response: HtmlResponse) -> Profile | None:
        """Read a profile: headings, each with the values that stand between it and the next."""
        name = clean_text(response.css("h1").xpath("string()").get())
        facts = _facts(response)
        if name is None or not facts or not response.css("div#headshot"):
            return None
        said = {label: _texts(values) for label, values in facts.items()}
        hair = next((value for label, value in said.items() if label.startswith("hair color")), ())
        active = said.get("years active as performer") or said.get("years active") or (None,)
        start_year, end_year = read_years(active[0])
        return Profile(
            name=name,
            slug=_own_slug(response),
            aliases=tuple(alias for alias in _aliases(_also_known_as(facts)) if alias != name),
            gender=_gender(response, said.get("gender", ())),
            birth_date=read_date(" ".join(said.get("birthday", ()))),
            death_date=read_date(" ".join(said.get("date of death", ()))),
            country=_country(said.get("nationality", ())),
            ethnicity=_only_word(said.get("ethnicity", ())),
            height_cm=read_height_cm(" ".join(said.get("height", ()))),
            eye_color=_only_word(said.get("eye color", ())),
            hair_color=_only_word(hair, several="VARIOUS"),
            career_start_year=start_year,
            career_end_year=None if end_year == today().year else end_year,
            tattoos=read_marks("; ".join(said.get("tattoos", ()))),
            piercings=read_marks("; ".join(said.get("piercings", ()))),
            urls=unique(_links(response, facts)),
            images=tuple(_headshot(response)),
        )

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


def _own_slug(response: HtmlResponse) -> str | None:
    canonical = response.css("link[rel=canonical]::attr(href)").getall()
    tabs = response.css("[data-src*='matchups']::attr(data-src)").getall()
    addresses = (*canonical[:1], *tabs[:1], response.url)
    slugs = (slug for address in addresses if (slug := _slug_in(address)))
    return next((slug.partition("/")[0] for slug in slugs), None)


def _facts(response: HtmlResponse) -> dict[str, list[Selector]]:
    """Label, in lower case -> everything between its heading and the next."""
    facts: dict[str, list[Selector]] = {}
    for heading in response.css("p.bioheading"):
        label = " ".join(heading.xpath("string()").get("").split()).rstrip(": ").casefold()
        values = []
        for node in heading.root.itersiblings():
            if "bioheading" in (node.get("class") or ""):
                break
            if isinstance(node.tag, str):
                values.append(Selector(root=node))
        facts.setdefault(label, values)
    return facts


def _texts(values: Iterable[Selector]) -> tuple[str, ...]:
    boxes = (value for value in values if "biodata" in value.attrib.get("class", ""))
    texts = unique(box.xpath("string()").get() for box in boxes)
    return tuple(text for text in texts if text.casefold() not in _NOTHING)


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


def _also_known_as(facts: dict[str, list[Selector]]) -> Iterator[str]:
    for value in facts.get("performer aka") or facts.get("aka") or ():
        if "biodata" in value.attrib.get("class", ""):
            yield from _lines(value)


def _aliases(lines: Iterable[str]) -> tuple[str, ...]:
    """Names without the studio that they were used for; of a line with two names it is not known which one it is."""
    names = unique(_NOTE.sub("", line) for line in lines if not _EITHER.search(line))
    return tuple(name for name in names if name.casefold() not in _NOTHING)


def _gender(response: HtmlResponse, said: tuple[str, ...]) -> str | None:
    hidden = response.css("form#correct input[name=Gender]::attr(value)").get("")
    return _GENDERS.get((said[0] if said else hidden).strip().casefold())


def _country(nationalities: tuple[str, ...]) -> str | None:
    # Not from the birthplace: its last word may be a state, and Georgia is a country too.
    countries = {read_nationality(word) for text in nationalities for word in text.split(",")} - {None}
    return countries.pop() if len(countries) == 1 else None


def _only_word(texts: tuple[str, ...], several: str | None = None) -> str | None:
    words = unique(word for text in texts for word in re.split(r"[/,]", text))
    return read_word(words[0]) if len(words) == 1 else several if words else None


def _links(response: HtmlResponse, facts: dict[str, list[Selector]]) -> Iterator[str]:
    """The links below the headings for them; they stand loose, without a box of their own."""
    for label, values in facts.items():
        if label.startswith(_LINKS):
            for value in values:
                for href in value.xpath("descendant-or-self::a/@href").getall():
                    url = absolute(response, href)
                    if url is not None and host_of(url) not in ("iafd.com", host_of(response.url)):
                        yield url


def _headshot(response: HtmlResponse) -> Iterator[PageImage]:
    for image in response.css("div#headshot")[:1].css("img")[:1]:
        url = absolute(response, image.attrib.get("data-src") or image.attrib.get("src"))
        if url is not None and not _NO_PHOTO.search(urlsplit(url).path):
            yield PageImage(url=url)


def _result(row: Selector) -> Result | None:
    link = row.xpath("./td[a[img]]/following-sibling::td[1]/a")[:1]
    slug, name = _slug_in(link.attrib.get("href", "")), clean_text(link.xpath("string()").get())
    if slug is None or name is None:
        return None
    also = (name for cell in row.css("td.text-left")[:1] for line in _lines(cell) for name in line.split(","))
    start_year, _ = read_years(row.css("td.text-center").xpath("string()").get())
    return Result(slug=slug, name=name, aliases=_aliases(also), start_year=start_year)
