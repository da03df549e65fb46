"""The sites with galleries: their lists go on, and what shows others is on them without anybody being to ask for it."""

from __future__ import annotations

import json
from urllib.request import Request, urlopen

from enrich.demo.galleries import OTHER, PAGE_LENGTH, galleries
from enrich.demo.running import RunningWorld
from enrich.demo.sites import elitebabes, pornpics

SCRIPT = {"X-Requested-With": "XMLHttpRequest", "Referer": "http://127.0.0.1/"}


def get(served: RunningWorld, path: str, **headers: str) -> str:
    with urlopen(Request(served.base_url + path, headers=headers), timeout=30) as answer:
        return str(answer.read().decode())


def test_every_page_has_a_gallery_of_two_that_nobody_may_ask_for(served: RunningWorld) -> None:
    pages = [page for page in served.world.pages if page.site in (pornpics.NAME, elitebabes.NAME)]
    assert len(pages) >= 20
    for page in pages:
        listed = galleries(page)
        shared = [gallery for gallery in listed if OTHER in gallery.models]
        assert (page.title, OTHER) in [gallery.models for gallery in shared]
        assert not any(picture.may_request for gallery in shared for picture in gallery.pictures)
        own = {picture.path for gallery in listed if gallery.models == (page.title,) for picture in gallery.pictures}
        assert own == {picture.path for picture in page.own[1:]}


def test_pornpics_tells_its_script_of_the_galleries_beyond_the_first_twenty(served: RunningWorld) -> None:
    path = "/pornpics/pornstars/lola-quennevelle/"
    body = get(served, path)
    assert body.count("/galleries/the-two-of-them-") == PAGE_LENGTH
    more = json.loads(get(served, path + "?limit=20&offset=20", **SCRIPT))
    assert 2 <= len(more) < PAGE_LENGTH
    assert all(set(tile) == {"desc", "g_url", "t_url"} for tile in more)
    assert json.loads(get(served, path + "?limit=20&offset=40", **SCRIPT)) == []
    assert get(served, path + "?limit=20&offset=20") == body == get(served, path + "?limit=20&offset=0", **SCRIPT)
    gallery = get(served, more[-1]["g_url"].removeprefix(served.base_url))
    assert "Models:" in gallery
    assert "/1280/" in gallery


def test_elitebabes_gives_its_script_further_tiles(served: RunningWorld) -> None:
    body = get(served, "/elitebabes/model/carmen-ostravia/")
    assert body.count('class="list-icon"') == PAGE_LENGTH
    assert "totalPages = parseInt('3')" in body
    api = "/elitebabes/gridapi/?content=model&model=carmen-ostravia&mpage="
    assert get(served, api + "2").count("/the-two-of-them-") > PAGE_LENGTH
    assert "/paper-boats-" in get(served, api + "3")
    assert get(served, api + "4") == ""


def test_names_are_escaped_in_the_markup(served: RunningWorld) -> None:
    body = get(served, "/pornpics/pornstars/ruby-3-marlow/")
    assert "<h1>Ruby &lt;3 Marlow Nude Pics</h1>" in body
    assert "<3" not in body
