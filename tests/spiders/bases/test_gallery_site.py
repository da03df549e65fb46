from __future__ import annotations

import pickle
from collections.abc import Callable, Sequence
from typing import Any, ClassVar

import pytest
from scrapy.http import HtmlResponse, Request, TextResponse
from scrapy.spidermiddlewares.httperror import HttpError
from scrapy.utils.request import request_from_dict
from twisted.python.failure import Failure

from enrich.items import Lookup, LookupEnded, Performer, Reason
from enrich.request_errors import RobotsForbidden
from enrich.spiders.bases.gallery_site import Listing
from enrich.spiders.bases.profile import PageImage, Profile
from enrich.spiders.bases.reference_site import ReferenceSiteSpider, Step

Make = Callable[..., Any]
ROOT = "https://www.elitebabes.com"
PAGE = f"{ROOT}/model/mara-quillfeather/"
CDN = "https://cdn.elitebabes.com"
MARA = Lookup(performer_id=3, name="Mara Quillfeather")


class GalleriesSpider(ReferenceSiteSpider):
    """Links of class g are galleries, n further pages of their list, p pictures."""

    name = "elitebabes"
    path = "/model/{slug}/"
    list_headers: ClassVar[dict[str, str]] = {"X-Asked": "list"}

    def read(self, response: HtmlResponse) -> Profile | None:
        portrait = PageImage(url=f"{CDN}/portrait.jpg")
        return Profile(
            name="Mara Quillfeather", images=(portrait,), galleries=links(response, "g"), lists=links(response, "n")
        )

    def read_gallery(self, response: HtmlResponse, performer: Performer) -> Sequence[PageImage]:
        if "crash" in response.text:
            raise RuntimeError("a bug")
        return [PageImage(url=url, gallery=response.url) for url in links(response, "p")]

    def shows_others(self, response: HtmlResponse, performer: Performer) -> bool:
        return "others" in response.text

    def read_list(self, response: TextResponse, performer: Performer) -> Listing | None:
        if "crash" in response.text:
            raise RuntimeError("a bug")
        found = links(response, "g")
        return Listing(galleries=found, lists=links(response, "n")) if found else None


def links(response: TextResponse, which: str) -> tuple[str, ...]:
    return tuple(response.urljoin(href) for href in response.css(f"a.{which}::attr(href)").getall())


def page(**found: Sequence[str]) -> str:
    return "".join(f'<a class="{kind}" href="{href}"></a>' for kind, hrefs in found.items() for href in hrefs)


def pictures(gallery: str, number: int) -> str:
    return page(p=[f"{CDN}/{gallery}/{at}.jpg" for at in range(number)])


@pytest.fixture
def walk(response_to: Make) -> Callable[..., tuple[list[str], list[Any]]]:
    """Answer everything a profile leads to; what was asked for, and what was handed over."""

    def run(spider: ReferenceSiteSpider, profile: str, answers: dict[str, Any]) -> tuple[list[str], list[Any]]:
        request = spider._page_request(Step(lookup=MARA, slug="mara-quillfeather"))
        asked, given = [], []
        waiting = list(spider.parse_profile(response_to(request, profile), **request.cb_kwargs))
        while waiting:
            value = waiting.pop(0)
            if not isinstance(value, Request) or "image" in value.meta:
                given.append(value)
                continue
            path = value.url.removeprefix(ROOT)
            asked.append(path)
            answer = answers.get(path, "")
            if isinstance(answer, Exception):
                failure = Failure(answer)
                failure.request = value
                waiting += value.errback(failure)
            else:
                waiting += value.callback(response_to(value, answer), **value.cb_kwargs)
        return asked, given

    return run


def images(given: list[Any]) -> list[str]:
    (performer,) = [value for value in given if isinstance(value, Performer)]
    found = [ref.image_url.removeprefix(CDN) for ref in performer.images]
    assert found == [value.url.removeprefix(CDN) for value in given if isinstance(value, Request)]
    return found


def test_a_performer_is_handed_over_once_with_the_pictures_of_all_galleries(spider_of: Make, walk: Make) -> None:
    spider = spider_of(GalleriesSpider)
    answers = {"/a/": pictures("a", 2), "/b/": pictures("b", 1)}
    asked, given = walk(spider, page(g=["/a/", "/b/", "/a/"]), answers)
    assert asked == ["/a/", "/b/"]
    assert images(given) == ["/portrait.jpg", "/a/0.jpg", "/a/1.jpg", "/b/0.jpg"]
    assert given[-1].meta["image"].gallery == f"{ROOT}/b/"
    assert given[-1].meta["image"].page_url == PAGE


def test_no_more_galleries_than_pictures_are_needed_and_no_gallery_gives_them_all(spider_of: Make, walk: Make) -> None:
    spider = spider_of(GalleriesSpider, source={"max_faces": 2})
    galleries = [f"/g{n}/" for n in range(9)]
    asked, given = walk(spider, page(g=galleries, n=["/more"]), {path: pictures(path[1:3], 30) for path in galleries})
    assert asked == ["/g0/", "/g1/", "/g2/"]  # 1 + 2 + 2 is not yet 3 * 2
    assert images(given) == ["/portrait.jpg", *(f"/g{n}/{at}.jpg" for n in range(3) for at in range(2))]


def test_a_performer_costs_so_many_pages_and_no_more(spider_of: Make, walk: Make) -> None:
    spider = spider_of(GalleriesSpider)
    asked, given = walk(spider, page(g=[f"/g{n}/" for n in range(99)]), {f"/g{n}/": "others" for n in range(99)})
    assert len(asked) == spider.max_galleries
    assert images(given) == ["/portrait.jpg"]
    answers = {f"/list{n}": page(g=["/a/"], n=[f"/list{n + 1}"]) for n in range(99)} | {"/a/": "others"}
    asked, _ = walk(spider, page(n=["/list0"]), answers)
    assert len(asked) == 1 + spider.max_lists


def test_galleries_of_others_are_counted_and_leave_nothing(spider_of: Make, walk: Make) -> None:
    spider = spider_of(GalleriesSpider)
    _, given = walk(spider, page(g=["/a/", "/b/"]), {"/a/": "others " + pictures("a", 3), "/b/": pictures("b", 1)})
    assert images(given) == ["/portrait.jpg", "/b/0.jpg"]
    assert spider.crawler.stats.get_value("pages/galleries_of_others") == 1
    assert not spider.crawler.stats.get_value("pages/unexpected")


def test_further_pages_of_the_list_are_asked_for_when_the_galleries_are_used_up(spider_of: Make, walk: Make) -> None:
    spider = spider_of(GalleriesSpider)
    answers = {
        "/a/": pictures("a", 1),
        "/list2": page(g=["/a/", "/b/"], n=["/list3"]),
        "/b/": pictures("b", 1),
        "/list3": page(g=["/c/"]),
        "/c/": pictures("c", 1),
    }
    asked, given = walk(spider, page(g=["/a/"], n=["/list2"]), answers)
    assert asked == ["/a/", "/list2", "/b/", "/list3", "/c/"]
    assert images(given) == ["/portrait.jpg", "/a/0.jpg", "/b/0.jpg", "/c/0.jpg"]


def test_how_further_pages_are_asked_for(spider_of: Make, response_to: Make) -> None:
    spider = spider_of(GalleriesSpider)
    request = spider._page_request(Step(lookup=MARA, slug="mara-quillfeather"))
    (gallery,) = spider.parse_profile(response_to(request, page(g=["/a/"], n=["/l"])), **request.cb_kwargs)
    (listing,) = spider.parse_gallery(response_to(gallery, pictures("a", 1)), **gallery.cb_kwargs)
    assert gallery.headers["Referer"] == listing.headers["Referer"] == PAGE.encode()
    assert (gallery.headers.get("X-Asked"), listing.headers.get("X-Asked")) == (None, b"list")
    assert gallery.dont_filter  # it may be another performer's gallery as well
    kept = request_from_dict(pickle.loads(pickle.dumps(listing.to_dict(spider=spider))), spider=spider)
    assert (kept.cb_kwargs, kept.callback, kept.errback) == (listing.cb_kwargs, listing.callback, listing.errback)


@pytest.mark.parametrize(
    ("answer", "counts"),
    [
        ("<p>nothing</p>", {"pages/unexpected": 1}),
        ("crash", {"pages/unexpected": 1}),
        (OSError("lost"), {"pages/failed": 1}),
        (HttpError(HtmlResponse(ROOT, status=404), "gone"), {"pages/failed": 1}),
        (RobotsForbidden("Forbidden by robots.txt"), {"pages/failed": 1}),
    ],
)
def test_a_page_without_use_costs_itself_and_not_the_walk(
    spider_of: Make, walk: Make, answer: Any, counts: dict[str, int]
) -> None:
    spider = spider_of(GalleriesSpider)
    _, given = walk(spider, page(g=["/a/", "/b/"]), {"/a/": answer, "/b/": pictures("b", 1)})
    assert images(given) == ["/portrait.jpg", "/b/0.jpg"]
    spider = spider_of(GalleriesSpider)
    _, given = walk(spider, page(g=["/b/"], n=["/a/"]), {"/a/": answer, "/b/": pictures("b", 1)})
    assert images(given) == ["/portrait.jpg", "/b/0.jpg"]
    stats = spider.crawler.stats.get_stats()
    assert {name: stats[name] for name in ("pages/unexpected", "pages/failed") if name in stats} == counts


@pytest.mark.parametrize("status", [401, 403, 429, 451])
def test_a_walk_that_is_turned_away_is_made_again_later(spider_of: Make, walk: Make, status: int) -> None:
    spider = spider_of(GalleriesSpider)
    blocked = HttpError(HtmlResponse(ROOT, status=status), "no")
    asked, given = walk(spider, page(g=["/a/", "/b/", "/c/"]), {"/a/": pictures("a", 1), "/b/": blocked})
    assert asked == ["/a/", "/b/"]
    assert given == [
        LookupEnded(source="elitebabes", mode="url", performer_id=3, outcome="blocked", detail=f"HTTP {status}")
    ]


@pytest.mark.parametrize("reason", ["source_limit", "total_limit"])
def test_without_room_for_a_face_no_gallery_is_asked_for(
    spider_of: Make, library_of: Make, walk: Make, monkeypatch: pytest.MonkeyPatch, reason: Reason
) -> None:
    library = library_of()
    monkeypatch.setattr(library, "no_room", lambda ref: reason if ref.performer_id == 3 else None)
    asked, given = walk(spider_of(GalleriesSpider, library=library), page(g=["/a/"], n=["/l"]), {})
    assert asked == []
    assert images(given) == ["/portrait.jpg"]
    assert walk(spider_of(GalleriesSpider, source={"max_faces": 0}), page(g=["/a/"]), {})[0] == []


def test_pictures_elsewhere_do_not_count(spider_of: Make, walk: Make) -> None:
    spider = spider_of(GalleriesSpider, source={"max_faces": 1})
    offsite = page(p=["https://ads.example/1.jpg"]) + pictures("a", 2)
    _, given = walk(spider, page(g=["/a/"]), {"/a/": offsite})
    assert images(given) == ["/portrait.jpg", "/a/0.jpg"]


def test_pictures_that_are_said_to_be_small_are_turned_down_unseen(spider_of: Make, response_to: Make) -> None:
    """Before the performer, with whom the search is over: a crawl killed in between would not tell of them again."""

    class Small(GalleriesSpider):
        def read(self, response: HtmlResponse) -> Profile | None:
            return Profile(name=MARA.name, images=(PageImage(url=f"{CDN}/1.jpg", width_px=100, height_px=900),))

    spider = spider_of(Small)
    request = spider._page_request(Step(lookup=MARA, slug="x"))
    small, performer = spider.parse_profile(response_to(request, "<p>"), **request.cb_kwargs)
    assert performer.images == ()
    assert (small.reason, small.ref.image_url) == ("image_too_small", f"{CDN}/1.jpg")
