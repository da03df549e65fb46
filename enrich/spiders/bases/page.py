"""The vocabulary of page sites: a spider names its selectors, and the readers of the fields are written once, here."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, ClassVar, Final
from urllib.parse import urlsplit

from parsel import Selector, SelectorList
from scrapy.http import HtmlResponse

from enrich.identity import clean_text, identify
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

Reader = Callable[[str | None], Any]

READERS: Final[Mapping[str, Reader]] = {
    "birth_date": read_date,
    "death_date": read_date,
    "ethnicity": read_word,
    "height_cm": read_height_cm,
    "eye_color": read_word,
    "hair_color": read_word,
    "career": read_years,
    "tattoos": read_marks,
    "piercings": read_marks,
}
"""Field of a profile -> how the text beside its label is read. ``career`` gives the first and the last year."""

LABELS: Final[Mapping[str, str]] = {
    "born": "birth_date",
    "birthday": "birth_date",
    "dob": "birth_date",
    "died": "death_date",
    "date of death": "death_date",
    "nationality": "country",
    "gender": "gender",
    "ethnicity": "ethnicity",
    "height": "height_cm",
    "eye color": "eye_color",
    "hair": "hair_color",
    "hair color": "hair_color",
    "hair color(s)": "hair_color",
    "hair colors": "hair_color",
    "years active as performer": "career",
    "years active": "career",
    "debut": "career",
    "tattoos": "tattoos",
    "piercings": "piercings",
}
"""Label, in lower case -> field. Of several labels of one field, the first in this order counts."""

PICTURE = re.compile(r"\.(?:jpe?g|png|webp|avif|gif)$", re.IGNORECASE)
"""How the path of a picture ends."""
_FLAG = re.compile(r"\bfi-([a-z]{2})\b")


class Page:
    """A page of one person: its response, and the part of it that is about the person."""

    def __init__(self, response: HtmlResponse, person: SelectorList[Selector], drawings: str | None = None) -> None:
        self.response = response
        self.person = person
        self.drawings = drawings

    def texts(self, css: str) -> tuple[str, ...]:
        """The texts of the elements, each once."""
        return unique(self.person.css(css).xpath("string()").getall())

    def url(self, href: str | None) -> str | None:
        """The http(s) address that a link leads to."""
        return absolute(self.response, href)

    def urls(self, css: str) -> tuple[str, ...]:
        """The addresses that links lead to, each once."""
        return unique(self.url(href) for href in self.person.css(css).xpath("@href").getall())

    def picture(self, href: str | None) -> str | None:
        """The address, if it is a picture's and not one of the site's own drawings."""
        url = self.url(href)
        path = urlsplit(url or "").path
        return url if PICTURE.search(path) and not (self.drawings and self.drawings in path) else None

    def shown(self, element: Selector) -> str | None:
        """The picture in an element: its lazy address before the placeholder that stands in for it."""
        image = element.xpath("descendant-or-self::img").attrib
        return self.picture(image.get("data-src")) or self.picture(image.get("src"))

    def flag(self, css: str) -> str | None:
        """The country of the first flag among the elements, by its class ``fi-xx``."""
        flags = (_FLAG.search(text) for text in self.person.css(css).xpath("@class").getall())
        return next((flag[1].upper() for flag in flags if flag), None)

    def canonical_id(self, css: str, site: str) -> str | None:
        """The id that the page's own statement of its address gives it at ``site``."""
        link = identify(self.response.css(css).get(""))
        return link.id if link is not None and link.site == site else None

    def labelled(self, css: str) -> dict[str, str]:
        """Label -> the text beside it: its ``value``, or else everything that follows it in its element."""
        facts: dict[str, str] = {}
        for label in self.person.css(css):
            beside = label.xpath("./following-sibling::span[contains(@class, 'value')][1]")
            beside = beside or label.xpath("./following-sibling::node()")
            text = clean_text(" ".join("".join(node.xpath("string()").get(node.get()) for node in beside).split()))
            if text:
                facts.setdefault(label_of(label), text)
        return facts


def own_text(node: Selector | SelectorList[Selector]) -> str | None:
    """The first text of an element itself, or all of it where it has none of its own."""
    own = (clean_text(text) for text in node.xpath("./text()").getall())
    return next((text for text in own if text), None) or clean_text(node.xpath("string()").get())


def label_of(node: Selector) -> str:
    """An element's text as a label: in lower case, without its colon."""
    return " ".join(node.xpath("string()").get("").split()).rstrip(": ").casefold()


def read_facts(facts: Mapping[str, str], readers: Mapping[str, Reader]) -> dict[str, Any]:
    """The fields of a profile, from the texts beside their labels."""
    found: dict[str, Any] = {}
    for label, field in LABELS.items():
        if field in readers and facts.get(label) and field not in found:
            found[field] = readers[field](facts[label])
    found["career_start_year"], found["career_end_year"] = found.pop("career", (None, None))
    return found


class HtmlSiteSpider(ReferenceSiteSpider):
    """A reference site as a declaration: CSS selectors as attributes, and methods where a selector is not enough.

    ``person``: the element that is about the person; all selectors but ``address`` look inside the first one only.
    ``heading``: the name in it, without which a page is no profile. ``labels``: the labels of the facts. ``address``:
    where the page states its own address. ``drawings``: in the paths of pictures that are the site's decoration.
    ``missing_title``: how the title of a page begins that is nobody's.
    """

    person: ClassVar[str] = "html"
    heading: ClassVar[str] = "h1"
    labels: ClassVar[str | None] = None
    address: ClassVar[str] = "link[rel='canonical']::attr(href)"
    flags: ClassVar[str | None] = None
    also_known_as: ClassVar[str | None] = None
    accounts: ClassVar[str | None] = None
    portraits: ClassVar[str | None] = None
    drawings: ClassVar[str | None] = None
    missing_title: ClassVar[str | None] = None
    readers: ClassVar[Mapping[str, Reader]] = READERS

    def is_missing(self, response: HtmlResponse) -> bool:
        """Whether the title says that the page is nobody's, and no heading contradicts it."""
        title = response.css("title::text").get("").strip()
        return bool(self.missing_title) and title.startswith(self.missing_title or "") and self.open(response) is None

    def read(self, response: HtmlResponse) -> Profile | None:
        """Read the parts of the page, each with its own method or selector."""
        page = self.open(response)
        name = self.title(page) if page is not None else None
        if page is None or name is None:
            return None
        return Profile(
            name=name,
            slug=self.own_slug(page),
            aliases=tuple(alias for alias in unique(self.aliases(page)) if alias != name),
            urls=unique(self.links(page)),
            images=tuple(self.pictures(page, name)),
            galleries=tuple(self.galleries(page)),
            lists=tuple(self.lists(page)),
            **{"country": page.flag(self.flags) if self.flags else None} | read_facts(self.facts(page), self.readers),
        )

    def open(self, response: HtmlResponse) -> Page | None:
        """The page, if it has what makes it a profile."""
        person = response.css(self.person)[:1]
        return Page(response, person, self.drawings) if person.css(self.heading) else None

    def title(self, page: Page) -> str | None:
        """The person's name."""
        return own_text(page.person.css(self.heading)[:1])

    def own_slug(self, page: Page) -> str | None:
        """The slug that the page states for itself."""
        return page.canonical_id(self.address, self.name)

    def facts(self, page: Page) -> Mapping[str, str]:
        """Label, in lower case -> the text beside it."""
        return page.labelled(self.labels) if self.labels else {}

    def aliases(self, page: Page) -> Iterable[str]:
        """Other names of the person."""
        return page.texts(self.also_known_as) if self.also_known_as else ()

    def links(self, page: Page) -> Iterable[str]:
        """The person's accounts elsewhere."""
        return page.urls(self.accounts) if self.accounts else ()

    def pictures(self, page: Page, name: str) -> Iterator[PageImage]:
        """The person's pictures, best first: what a link leads to, or the picture that is shown."""
        for element in page.person.css(self.portraits) if self.portraits else ():
            href = element.attrib.get("href")
            if url := page.picture(href) if href else page.shown(element):
                yield PageImage(url=url)

    def galleries(self, page: Page) -> Iterable[str]:
        """Pages with more pictures of the person."""
        return ()

    def lists(self, page: Page) -> Iterable[str]:
        """Further pages of the list of galleries."""
        return ()
