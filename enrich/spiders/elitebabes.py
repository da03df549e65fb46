"""EliteBabes: few facts, and galleries in tiles that say which models they show; only those of this person alone."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from urllib.parse import unquote, urlsplit

from parsel import Selector
from scrapy.http import HtmlResponse, JsonResponse, TextResponse

from enrich.identity import clean_text, host_of, name_key, same_name
from enrich.items import Performer
from enrich.spiders.bases.gallery_site import Listing
from enrich.spiders.bases.html_values import absolute, hyphenated, read_pixels, says_not_found
from enrich.spiders.bases.page import HtmlSiteSpider, Page
from enrich.spiders.bases.profile import PageImage

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


class ElitebabesSpider(HtmlSiteSpider):
    """Reads www.elitebabes.com."""

    name = "elitebabes"
    path = "/model/{slug}/"
    heading = "ul.list-gallery"
    labels = "ul.list-aside > li > span"
    max_galleries = 10

    def slug(self, name: str) -> str | None:
        """Lower-case words joined by hyphens."""
        return hyphenated(name)

    def is_missing(self, response: HtmlResponse) -> bool:
        """A page whose title says so, and that lists nothing."""
        return says_not_found(response) and self.open(response) is None

    def title(self, page: Page) -> str | None:
        """The name on its card; else what a heading or the title says before the site's own words."""
        if card := clean_text(page.person.css("h2.fn").xpath("string()").get()):
            return card if len(card) <= _LONGEST_NAME else None
        for css in ("h1", "title"):
            text = clean_text(page.person.css(css).xpath("string()").get())
            if text and len(text) <= _LONGEST_NAME and (name := clean_text(_SUFFIX.sub("", text, count=1))):
                return name
        return None

    def own_slug(self, page: Page) -> str | None:
        """The slug that the page states, or else that of its address."""
        return super().own_slug(page) or _model(page.response.url)

    def aliases(self, page: Page) -> Iterator[str]:
        """The other names in the text above the fold."""
        parts = (part for text in page.texts("p.read-more > strong") for part in re.split(r"[,;/]", text))
        name = self.title(page) or ""
        return (part for part in parts if name_key(part) and ":" not in part and not same_name(part, name))

    def pictures(self, page: Page, name: str) -> Iterator[PageImage]:
        """Pictures that carry the person's name, or stand beside it without any; as large as the page has them."""
        for image in page.person.xpath(f"//div/figure/img[not({_AD})]"):
            alt = clean_text(image.attrib.get("alt"))
            beside = image.xpath("../../h2[contains(concat(' ', normalize-space(@class), ' '), ' fn ')]")
            url = _largest(page.response, image)
            if url is not None and (same_name(alt, name) if alt else beside):
                yield PageImage(url=url)

    def galleries(self, page: Page) -> tuple[str, ...]:
        """The galleries in which nobody else is."""
        return self._galleries(page.response, self.own_slug(page))

    def lists(self, page: Page) -> tuple[str, ...]:
        """The further pages of the list, as the page's own script asks for them."""
        script = "\n".join(page.person.css("script::text").getall())
        api, total = _API.search(script), _PAGES.search(script)
        url = page.url(api[2].replace("\\/", "/").replace("&amp;", "&")) if api else None
        if url is None or total is None or host_of(url) != host_of(page.response.url):
            return ()
        return tuple(f"{url}&mpage={number}" for number in range(2, min(int(total[1]), self.max_lists + 1) + 1))

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


def _tiles(response: TextResponse) -> list[Selector]:
    """The tiles of the person's own list; those of a bare part of it, which comes without the list around it."""
    lists = response.css("ul.list-gallery.has-mobile-menu") or response.css("ul.list-gallery")[:1]
    tiles = lists.xpath("./li[figure/a]") if lists else response.xpath("//li[figure/a][not(ancestor::ul)]")
    return [tile for tile in tiles if not tile.xpath(f"./figure[{_AD}]")]


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
