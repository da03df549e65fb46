"""EliteBabes: few facts, and galleries in tiles that say which models they show; only those of this person alone."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from urllib.parse import unquote, urlsplit

from parsel import Selector
from scrapy.http import HtmlResponse, JsonResponse, TextResponse

from enrich.identity import clean_text, host_of, identify, name_key, same_name
from enrich.items import Performer
from enrich.spiders.bases.gallery_site import Listing
from enrich.spiders.bases.html_values import (
    absolute,
    hyphenated,
    read_date,
    read_height_cm,
    read_pixels,
    read_word,
    says_not_found,
    unique,
)
from enrich.spiders.bases.profile import PageImage, Profile
from enrich.spiders.bases.reference_site import ReferenceSiteSpider

_WORDS = r"nude|naked|photos?|pics|pictures|galler(?:y|ies)|videos?|models?|at|elite ?babes"
_SUFFIX = re.compile(rf"(?:[\s,|&\u2013-]+(?:{_WORDS}))*\s*$", re.IGNORECASE)
_LONGEST_NAME = 100
_MODEL = re.compile(r"/model/([^/]+)/?", re.IGNORECASE)
_GALLERY = re.compile(r"/[^/]+/?")
_NO_GALLERY = frozenset({"model", "models", "model-tag", "tag", "video", "videos", "collection", "collections"})
_FOLDER = re.compile(r"/content/(\d+)/[^/]+\.(?:jpe?g|png|webp|avif)$", re.IGNORECASE)
_API = re.compile(r"""\bapiUrl\s*=\s*(["'])(.+?)\1""")
_PAGES = re.compile(r"""\btotalPages\s*=\s*(?:parseInt\(\s*)?["']?(\d{1,4})""")
_WIDTH = re.compile(r"(\S+)(?:\s+(\d+)w)?\s*$")
_AD = "ancestor-or-self::*[contains(@class, 'multi-desktop') or contains(@class, 'ofx-slider-area')]"


class ElitebabesSpider(ReferenceSiteSpider):
    """Reads www.elitebabes.com."""

    name = "elitebabes"
    path = "/model/{slug}/"
    max_galleries = 10

    def slug(self, name: str) -> str | None:
        """Lower-case words joined by hyphens."""
        return hyphenated(name)

    def is_missing(self, response: HtmlResponse) -> bool:
        """A page whose title says so, and that lists nothing."""
        return says_not_found(response) and not response.css("ul.list-gallery")

    def read(self, response: HtmlResponse) -> Profile | None:
        """Read a model's page: name, facts, portrait, and the galleries in which nobody else is."""
        name = _name(response)
        if name is None or not response.css("ul.list-gallery"):
            return None
        facts = _facts(response)
        canonical = identify(response.css("link[rel='canonical']::attr(href)").get(""))
        slug = canonical.id if canonical is not None and canonical.site == self.name else _model(response.url)
        return Profile(
            name=name,
            slug=slug,
            aliases=tuple(alias for alias in _aliases(response) if not same_name(alias, name)),
            birth_date=read_date(facts.get("born")),
            height_cm=read_height_cm(facts.get("height")),
            hair_color=read_word(facts.get("hair color")),
            images=tuple(_portraits(response, name)),
            galleries=self._galleries(response, slug),
            lists=_lists(response, self.max_lists),
        )

    def read_list(self, response: TextResponse, performer: Performer) -> Listing | None:
        """Read a further page of tiles."""
        if isinstance(response, JsonResponse) or not _tiles(response):
            return None
        return Listing(galleries=self._galleries(response, performer.source_id))

    def shows_others(self, response: HtmlResponse, performer: Performer) -> bool:
        """Whether a gallery, beside the tiles of related ones, names anybody but this person alone."""
        links = response.xpath("//ul[contains(@class, 'list-icon')][not(ancestor::ul)]//a/@href").getall()
        return not _is_alone(links, performer.source_id)

    def read_gallery(self, response: HtmlResponse, performer: Performer) -> Sequence[PageImage]:
        """The pictures of a gallery in full size: those of the folder that most are from, if one is."""
        found = []
        for link in response.css("ul.list-gallery.static > li > a, ul.list-gallery > li > a[data-fancybox]"):
            url = absolute(response, link.attrib.get("href"))
            folder = _FOLDER.search(urlsplit(url or "").path)
            if url is not None and folder is not None:
                found.append((folder[1], url, link))
        counts = Counter(folder for folder, _, _ in found).most_common(2)
        if not counts or (len(counts) > 1 and counts[0][1] == counts[1][1]):
            return ()
        own = counts[0][0]
        return [_image(response, url, link, own) for folder, url, link in found if folder == own]

    def _galleries(self, response: TextResponse, slug: str | None) -> tuple[str, ...]:
        root = urlsplit(self.source.url).path.rstrip("/")
        found: dict[str, None] = {}
        for tile in _tiles(response):
            url = absolute(response, tile.css("figure > a").attrib.get("href"))
            path = urlsplit(url or "").path.removeprefix(root)
            if url is None or host_of(url) != host_of(response.url) or not _GALLERY.fullmatch(path):
                continue  # a video's or a sponsor's
            if path.strip("/").casefold() in _NO_GALLERY:
                continue
            if _is_alone(tile.css("ul.list-icon a::attr(href)").getall(), slug):
                found[url] = None
            else:
                self.crawler.stats.inc_value("pages/galleries_of_others")
        return tuple(found)


def _name(response: HtmlResponse) -> str | None:
    """The name on its card; else what a heading or the title says before the site's own words."""
    card = clean_text(response.css("h2.fn").xpath("string()").get())
    if card is not None:
        return card if len(card) <= _LONGEST_NAME else None
    for text in (response.css("h1").xpath("string()").get(), response.css("title::text").get()):
        cleaned = clean_text(text)
        if cleaned and len(cleaned) <= _LONGEST_NAME and (name := clean_text(_SUFFIX.sub("", cleaned, count=1))):
            return name
    return None


def _aliases(response: HtmlResponse) -> tuple[str, ...]:
    texts = response.css("p.read-more > strong").xpath("string()").getall()
    return unique(part for text in texts for part in re.split(r"[,;/]", text) if name_key(part) and ":" not in part)


def _facts(response: HtmlResponse) -> dict[str, str]:
    """Label -> what stands beside it, as text."""
    facts: dict[str, str] = {}
    for label in response.css("ul.list-aside > li > span"):
        said = label.xpath("string()").get("")
        key = (clean_text(said) or "").rstrip(": ").casefold()
        text = clean_text(label.xpath("string(..)").get("").strip().removeprefix(said.strip()))
        if key and text:
            facts.setdefault(key, text)
    return facts


def _portraits(response: HtmlResponse, name: str) -> Iterator[PageImage]:
    """Pictures that carry the person's name, or stand beside it without any; as large as the page has them."""
    for image in response.xpath(f"//div/figure/img[not({_AD})]"):
        alt = clean_text(image.attrib.get("alt"))
        beside = image.xpath("../../h2[contains(concat(' ', normalize-space(@class), ' '), ' fn ')]")
        url = _largest(response, image)
        if url is not None and (same_name(alt, name) if alt else beside):
            yield PageImage(url=url)


def _tiles(response: TextResponse) -> list[Selector]:
    """The tiles of the person's own list; those of a bare part of it, which comes without the list around it."""
    lists = response.css("ul.list-gallery.has-mobile-menu") or response.css("ul.list-gallery")[:1]
    tiles = lists.xpath("./li[figure/a]") if lists else response.xpath("//li[figure/a][not(ancestor::ul)]")
    return [tile for tile in tiles if not tile.xpath(f"./figure[{_AD}]")]


def _lists(response: HtmlResponse, at_most: int) -> tuple[str, ...]:
    """The further pages of the list, as the page's own script asks for them."""
    script = "\n".join(response.css("script::text").getall())
    api, total = _API.search(script), _PAGES.search(script)
    url = absolute(response, api[2].replace("\\/", "/").replace("&amp;", "&")) if api else None
    if url is None or total is None or host_of(url) != host_of(response.url):
        return ()
    return tuple(f"{url}&mpage={page}" for page in range(2, min(int(total[1]), at_most + 1) + 1))


def _model(url: str) -> str | None:
    found = _MODEL.search(unquote(urlsplit(url).path))
    return found[1].casefold() if found else None


def _is_alone(links: Sequence[str], slug: str | None) -> bool:
    """Whether the models that a gallery names, if it names any, are this one person."""
    models = {model for link in links if (model := _model(link))}
    return not models or models == {(slug or "").casefold()}


def _image(response: HtmlResponse, url: str, link: Selector, folder: str) -> PageImage:
    shown = _largest(response, link.css("img")[0]) if link.css("img") else None
    return PageImage(
        url=url,
        fallback=shown if shown != url and _FOLDER.search(urlsplit(shown or "").path) else None,
        gallery=folder,
        width_px=read_pixels(link.attrib.get("data-width")),
        height_px=read_pixels(link.attrib.get("data-height")),
    )


def _largest(response: TextResponse, image: Selector) -> str | None:
    """The widest of the addresses that a picture has on the page."""
    found: list[tuple[int, str]] = []
    for attribute in ("srcset", "data-srcset"):
        for part in image.attrib.get(attribute, "").split(","):
            said = _WIDTH.match(part.strip())
            url = absolute(response, said[1]) if said else None
            if said and url:
                found.append((int(said[2] or 0), url))
    plain = absolute(response, image.attrib.get("data-src")) or absolute(response, image.attrib.get("src"))
    return max(found, key=lambda one: one[0])[1] if found else plain
