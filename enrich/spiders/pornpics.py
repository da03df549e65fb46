"""PornPics: a name, a headshot, and galleries; of those, the ones that name this person as their only model."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from typing import Any, ClassVar
from urllib.parse import unquote, urlsplit

from parsel import Selector
from scrapy.http import HtmlResponse, TextResponse
from w3lib.url import add_or_replace_parameters, url_query_parameter

from enrich.identity import clean_text, host_of, name_key, same_name
from enrich.items import Performer
from enrich.spiders.bases.gallery_site import Listing
from enrich.spiders.bases.html_values import absolute, hyphenated, linked_data, read_pixels, says_not_found
from enrich.spiders.bases.page import HtmlSiteSpider, Page
from enrich.spiders.bases.profile import PageImage

_WORDS = (
    "free|hot|sexy|nude|naked|porn|sex|xxx|pics?|pictures?|photos?|images?|gallery|galleries|videos?|model|pornstar"
)
_BEFORE = rf"(?:(?:{_WORDS})\s+)*"
_AFTER = rf"(?:[\s,|&\u2013-]+(?:{_WORDS}|and))*"
_LONGEST_HEADING = 200
_OWN_PATH = re.compile(r"/pornstars/([^/]+)/?$", re.IGNORECASE)
_GALLERY = re.compile(r"/galleries/(?:[^/]*-)?(\d+)/?$")
_PICTURE = re.compile(r"\.(?:jpe?g|png|webp|avif)$", re.IGNORECASE)
_SMALL = re.compile(r"/(?:300|460)/")
_SIZE = re.compile(r"(\d+)x(\d+)")
_PAGE_LENGTH = 20
_NO_AD = "not(contains(@class, 'r2-frame') or contains(@class, 'adss'))"
_TILES = f"//ul[@id='tiles']/li[contains(@class, 'thumbwook')][{_NO_AD}]"


class PornpicsSpider(HtmlSiteSpider):
    """Reads www.pornpics.com. That a gallery is of several models, only its own page says."""

    name = "pornpics"
    path = "/pornstars/{slug}/"
    heading = "ul#tiles"
    max_galleries = 25
    list_headers: ClassVar[dict[str, str]] = {
        "Accept": "application/json, text/javascript, */*; q=0.01",
        "X-Requested-With": "XMLHttpRequest",
    }

    def slug(self, name: str) -> str | None:
        """Lower-case words joined by hyphens."""
        return hyphenated(name)

    def is_missing(self, response: HtmlResponse) -> bool:
        """A page whose title says so, and that lists nothing."""
        return says_not_found(response) and self.open(response) is None

    def title(self, page: Page) -> str | None:
        """The name in the heading, or that of the page's data."""
        return _person(page.response)[0]

    def own_slug(self, page: Page) -> str | None:
        """The slug that the page states, or else that of its address."""
        return super().own_slug(page) or _own(page.response.url)

    def pictures(self, page: Page, name: str) -> Iterator[PageImage]:
        """The portrait of the page's data, and those on cards that are named after the person, not the others."""
        found = dict.fromkeys([page.url(_person(page.response)[1])])
        for image in page.person.css(".pornstar-card img"):
            for url in (page.url(image.attrib.get("data-src")), page.url(image.attrib.get("src"))):
                file = unquote(urlsplit(url or "").path).rpartition("/")[2]
                if same_name(file.partition(".")[0], name):
                    found[url] = None
        return (PageImage(url=url) for url in found if url and "/models/" in unquote(urlsplit(url).path))

    def galleries(self, page: Page) -> tuple[str, ...]:
        """The galleries of the first tiles."""
        return _galleries(page.response, page.person.xpath(_TILES).css("a.rel-link::attr(href)").getall())

    def lists(self, page: Page) -> tuple[str, ...]:
        """The next tiles, where these are as many as are given at once."""
        return (_next(page.response.url, _PAGE_LENGTH),) if len(page.person.xpath(_TILES)) >= _PAGE_LENGTH else ()

    def read_list(self, response: TextResponse, performer: Performer) -> Listing | None:
        """Read the answer to the page's own question for more tiles."""
        try:
            tiles = json.loads(response.text)
        except (ValueError, RecursionError):
            return None
        if not isinstance(tiles, list):
            return None
        found = [tile.get("g_url") for tile in tiles if isinstance(tile, dict)]
        offset = url_query_parameter(response.url, "offset") or ""
        more = len(tiles) >= _PAGE_LENGTH and offset.isdecimal()
        return Listing(
            galleries=_galleries(response, [url for url in found if isinstance(url, str)]),
            lists=(_next(response.url, int(offset) + _PAGE_LENGTH),) if more else (),
        )

    def shows_others(self, response: HtmlResponse, performer: Performer) -> bool:
        """Whether the models of a gallery are anybody but this person alone."""
        models = response.xpath(
            "//*[contains(@class, 'gallery-info__item')]"
            "[.//*[contains(@class, 'gallery-info__title')][starts-with(normalize-space(), 'Models')]]//a"
        )
        named = [model for model in models if "href" not in model.attrib or absolute(response, model.attrib["href"])]
        people = {_own(model.attrib.get("href", "")) or clean_text(model.xpath("string()").get()) for model in named}
        hers = len(people) == 1 and all(_is_her(response, model, performer) for model in named)
        return _is_gallery(response) and not hers

    def read_gallery(self, response: HtmlResponse, performer: Performer) -> Sequence[PageImage]:
        """The pictures of a gallery, in full size; what leads to other pages is none of them."""
        if not _is_gallery(response):
            return ()
        number = _GALLERY.search(urlsplit(response.url).path)
        links = response.xpath(f"{_TILES}//a[contains(@class, 'rel-link')]")
        found = (_picture(response, link, number[1] if number else None) for link in links)
        return [image for image in found if image is not None]


def _person(response: HtmlResponse) -> tuple[str | None, str | None]:
    """Whose page it is, and the portrait that the page's data give of that very person."""
    heading = clean_text(response.css("h1, .model-h1").xpath("string()").get())
    told = [(name, person.get("image")) for person in _persons(response) if (name := clean_text(person.get("name")))]
    if heading is None:
        fitting = told if len({name_key(name) for name, _ in told}) == 1 else []
        name = fitting[0][0] if fitting else None
    elif len(heading) > _LONGEST_HEADING:
        return None, None
    else:
        fitting = [(name, image) for name, image in told if _heads(heading, name)]
        name = fitting[0][0] if fitting else _plain(heading)
    return name, next((image for _, image in fitting if isinstance(image, str)), None)


def _heads(heading: str, name: str) -> bool:
    """Whether a heading is a name and nothing but the site's words around it."""
    return bool(re.fullmatch(_BEFORE + re.escape(name) + _AFTER, heading, re.IGNORECASE))


def _plain(heading: str) -> str | None:
    """A heading without the site's words around the name in it."""
    return clean_text(re.sub(f"^{_BEFORE}|{_AFTER}$", "", heading, flags=re.IGNORECASE))


def _persons(response: HtmlResponse) -> Iterator[dict[str, Any]]:
    for entry in linked_data(response):
        for person in (entry, entry.get("mainEntity")):
            if isinstance(person, dict) and person.get("@type") in ("Person", ["Person"]):
                yield person


def _galleries(response: TextResponse, hrefs: Sequence[str]) -> tuple[str, ...]:
    """The galleries among links; not those of other sites."""
    urls = (absolute(response, href) for href in hrefs)
    here = host_of(response.url)
    return tuple(dict.fromkeys(u for u in urls if u and host_of(u) == here and _GALLERY.search(urlsplit(u).path)))


def _next(url: str, offset: int) -> str:
    return add_or_replace_parameters(url, {"limit": str(_PAGE_LENGTH), "offset": str(offset)})


def _own(url: str) -> str | None:
    found = _OWN_PATH.search(unquote(urlsplit(url).path))
    return found[1].casefold() if found else None


def _is_gallery(response: HtmlResponse) -> bool:
    return bool(response.css(".gallery-info__title"))


def _is_her(response: HtmlResponse, model: Selector, performer: Performer) -> bool:
    """Whether a gallery's model is the performer: by the page that is linked, or by name where none is."""
    slug = _own(model.attrib.get("href", ""))
    if slug is not None:
        return slug == performer.source_id.casefold()
    text = model.xpath("string()").get("")
    return any(same_name(text, name) for name in (performer.name, performer.matched or "", *performer.aliases))


def _picture(response: HtmlResponse, link: Selector, gallery: str | None) -> PageImage | None:
    full = absolute(response, link.attrib.get("href"))
    image = link.css("img")
    thumb = absolute(response, image.attrib.get("data-src")) or absolute(response, image.attrib.get("src"))
    if thumb is not None and not _SMALL.search(urlsplit(thumb).path):
        thumb = None
    if full is None and thumb is not None:
        full = _SMALL.sub("/1280/", thumb, count=1)
    if full is None or not _PICTURE.search(urlsplit(full).path):
        return None
    width, height = link.attrib.get("data-pswp-width", ""), link.attrib.get("data-pswp-height", "")
    if old := _SIZE.fullmatch(link.attrib.get("data-size", "")):
        width, height = old.groups()
    return PageImage(
        url=full,
        fallback=thumb if thumb != full else None,
        gallery=gallery,
        width_px=read_pixels(width),
        height_px=read_pixels(height),
    )
