"""The pictures on FreeOnes: their addresses are signed, so each is taken as it stands or not at all."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit

from scrapy.http import HtmlResponse

from enrich.identity import host_of
from enrich.spiders.bases.html_values import absolute, linked_data, read_pixels
from enrich.spiders.bases.profile import PageImage

_CUT = re.compile(r"/\d+x\d+:\d+x\d+/")
_BOX = re.compile(r"/([1-9]\d*)x([1-9]\d*)(?=/)")
_SIZE = re.compile(r"([1-9]\d*)x([1-9]\d*)")

Described = tuple[str, int | None, int | None]
"""A picture's address, and its width and height in pixels where they are told."""


def portrait(response: HtmlResponse) -> Iterator[PageImage]:
    """The picture beside the name: a crop, whose size its address tells."""
    url = absolute(response, response.css("div.dashboard-image-container a img::attr(src)").get())
    if url is not None and is_picture(url):
        box = _BOX.search(urlsplit(url).path) if is_crop(url) else None
        width_px, height_px = (int(box[1]), int(box[2])) if box else (None, None)
        yield PageImage(url=url, width_px=width_px, height_px=height_px)


def is_picture(url: str) -> bool:
    """Whether an address is a picture of somebody, and not one of the site's own drawings."""
    path = urlsplit(url).path
    return host_of(url) != "assets.freeones.com" and not path.rpartition("/")[2].startswith("no-image")


def is_crop(url: str) -> bool:
    """Whether the address says that it shows a part of a picture: cut out, or scaled to fill a box."""
    path = urlsplit(url).path
    return bool(_CUT.search(path)) or (bool(_BOX.search(path)) and "/fit-in/" not in path)


def described(response: HtmlResponse) -> Iterator[Described]:
    """The pictures of a gallery as the page describes them to search engines."""
    for entry in linked_data(response):
        if entry.get("@type") == "ImageGallery":
            media = entry.get("associatedMedia")
            yield from map(_medium, filter(_is_medium, media if isinstance(media, list) else [media]))


def _is_medium(value: object) -> bool:
    return isinstance(value, dict) and isinstance(value.get("contentUrl") or value.get("url"), str)


def _medium(value: dict[str, Any]) -> Described:
    return value.get("contentUrl") or value["url"], read_pixels(value.get("width")), read_pixels(value.get("height"))


def tiles(response: HtmlResponse) -> Iterator[Described]:
    """The pictures of a gallery's tiles, without those that are locked: they show a crop."""
    for tile in response.css("figure a[data-type=photo][data-id][data-size][href]"):
        if not tile.xpath("ancestor-or-self::*[contains(@class, 'locked-last-slide')]"):
            size = _SIZE.fullmatch(tile.attrib["data-size"])
            yield tile.attrib["href"], int(size[1]) if size else None, int(size[2]) if size else None
