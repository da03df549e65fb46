from __future__ import annotations

import pickle
from collections.abc import Callable
from typing import Any

import pytest
from scrapy.crawler import Crawler
from scrapy.exceptions import DownloadCancelledError
from scrapy.http import Request
from scrapy.spidermiddlewares.httperror import HttpError
from scrapy.utils.request import request_from_dict
from twisted.python.failure import Failure

from enrich.config import default_sources
from enrich.errors import ConfigError
from enrich.items import FailedImage, Image, ImageRef, RejectedImage
from enrich.request_errors import AlreadyDecided, RobotsForbidden
from enrich.spiders.babepedia import BabepediaSpider
from enrich.spiders.bases.source import IMAGE_PRIORITY
from enrich.spiders.fansdb import FansDBSpider
from enrich.spiders.javstash import JAVStashSpider
from enrich.spiders.pmvstash import PMVStashSpider
from enrich.spiders.stashdb import StashDBSpider

Make = Callable[..., Any]
JPEG = b"\xff\xd8\xff\xe0 and so on"
REF = ImageRef(
    source="babepedia",
    image_url="https://www.babepedia.com/pics/Jane%20Example.jpg",
    performer_id=3,
    page_url="https://www.babepedia.com/babe/Jane_Example",
)


def failed(request: Request, error: Exception) -> Failure:
    failure = Failure(error)
    failure.request = request
    return failure


def test_the_source_comes_from_the_settings_and_an_argument_may_lower_its_limit(spider_of: Make) -> None:
    spider = spider_of(BabepediaSpider, source={"trust_level": "low"}, max_faces="2", limit="3", _job="abc")
    assert (spider.source.name, spider.source.trust_level, spider.source.max_faces) == ("babepedia", "low", 2)
    assert (spider.mode, spider.limit, spider.dry_run) == ("url", 3, False)


def test_a_source_without_a_block_is_an_error_that_lists_the_known_ones(spider_of: Make) -> None:
    class Elsewhere(BabepediaSpider):
        name = "elsewhere"

    with pytest.raises(ConfigError, match=r"unknown source 'elsewhere'; in the built-in defaults: stashdb, theporndb"):
        Elsewhere.from_crawler(Crawler(Elsewhere, {"ENRICH_SOURCES": default_sources()}))
    with pytest.raises(ConfigError, match="unknown argument 'mod'"):
        spider_of(BabepediaSpider, mod="name")


@pytest.mark.parametrize("rate_limit", [0, 1, 240])
def test_nothing_waits_in_the_slot(spider_of: Make, rate_limit: float) -> None:
    settings = {"CONCURRENT_REQUESTS": 6, "DOWNLOAD_DELAY_JITTER": 0.5, "DOWNLOAD_DELAY": 3}
    spider = spider_of(StashDBSpider, source={"rate_limit": rate_limit}, settings=settings)
    slots = spider.crawler.settings.getdict("DOWNLOAD_SLOTS")
    assert slots == {"stashdb": {"concurrency": 6, "delay": 0.0, "jitter": 0.0}}, "the pace is kept before it"
    assert spider.crawler.settings.getint("CONCURRENT_REQUESTS") == 6


@pytest.mark.parametrize("kind", [StashDBSpider, PMVStashSpider, JAVStashSpider, FansDBSpider])
def test_the_stash_boxes_of_one_schema_ask_their_own_server(spider_of: Make, kind: type[StashDBSpider]) -> None:
    spider = spider_of(kind)
    assert spider.source.name == kind.name
    assert spider.source.url.endswith("/graphql")
    assert kind.name in spider.source.url


def test_an_image_request_is_all_that_a_resumed_crawl_needs(spider_of: Make) -> None:
    spider = spider_of(BabepediaSpider)
    request = spider.image_request(REF, position=3, fallback="https://www.babepedia.com/pics/t.jpg")
    assert request.meta["image"] == REF
    assert request.meta["download_slot"] == "babepedia"
    assert request.headers["Referer"] == b"https://www.babepedia.com/babe/Jane_Example"
    assert not request.dont_filter
    assert request.priority == IMAGE_PRIORITY - 3
    kept = request_from_dict(pickle.loads(pickle.dumps(request.to_dict(spider=spider))), spider=spider)
    assert kept.cb_kwargs == {"ref": REF, "fallback": "https://www.babepedia.com/pics/t.jpg"}
    assert kept.callback == spider.parse_image
    assert kept.errback == spider.failed_image


def test_robots_txt_is_obeyed_unless_the_source_gives_a_reason(spider_of: Make) -> None:
    assert "dont_obey_robotstxt" not in spider_of(BabepediaSpider).image_request(REF).meta
    excused = spider_of(BabepediaSpider, source={"ignore_robots": "the operator agreed"})
    assert excused.image_request(REF).meta["dont_obey_robotstxt"] is True


def test_a_picture(spider_of: Make, response_to: Make) -> None:
    spider = spider_of(BabepediaSpider)
    response = response_to(REF.image_url, JPEG, content_type="image/jpeg")
    assert list(spider.parse_image(response, REF)) == [Image(ref=REF, body=JPEG)]


def test_a_picture_that_its_server_calls_a_page(spider_of: Make, response_to: Make) -> None:
    spider = spider_of(BabepediaSpider)
    assert list(spider.parse_image(response_to(REF.image_url, JPEG), REF)) == [Image(ref=REF, body=JPEG)]


def test_a_page_in_place_of_a_picture(spider_of: Make, response_to: Make) -> None:
    (found,) = spider_of(BabepediaSpider).parse_image(response_to(REF.image_url, "<html>Log in</html>"), REF)
    assert found == RejectedImage(ref=REF, reason="not_an_image", detail={"content_type": "text/html; charset=utf-8"})


def test_nothing_in_place_of_a_picture_is_tried_again(spider_of: Make, response_to: Make) -> None:
    (found,) = spider_of(BabepediaSpider).parse_image(response_to(REF.image_url, b"", content_type="image/jpeg"), REF)
    assert isinstance(found, FailedImage)


@pytest.mark.parametrize("status", [404, 410])
def test_a_picture_that_is_gone(spider_of: Make, response_to: Make, status: int) -> None:
    found = list(spider_of(BabepediaSpider).parse_image(response_to(REF.image_url, "gone", status), REF))
    assert found == [RejectedImage(ref=REF, reason="not_found", detail={"status": status})]


def test_the_picture_shown_is_taken_where_the_one_made_of_it_does_not_exist(spider_of: Make, response_to: Make) -> None:
    shown = "https://www.babepedia.com/galleries-thumbs/x/5.jpg"
    rejected, request = spider_of(BabepediaSpider).parse_image(response_to(REF.image_url, "", 404), REF, shown)
    assert rejected.reason == "not_found"
    assert request.url == request.meta["image"].image_url == shown
    assert "fallback" not in request.cb_kwargs


@pytest.mark.parametrize(
    ("error", "found"),
    [
        (AlreadyDecided(None), []),
        (AlreadyDecided("source_limit"), [RejectedImage(ref=REF, reason="source_limit")]),
        (OSError("connection\nlost"), [FailedImage(ref=REF, error="OSError: connection")]),
        (
            RobotsForbidden("Forbidden by robots.txt"),
            [FailedImage(ref=REF, error="RobotsForbidden: Forbidden by robots.txt")],
        ),
        (DownloadCancelledError("stopped"), [FailedImage(ref=REF, error="DownloadCancelledError: stopped")]),
    ],
)
def test_a_picture_that_was_not_fetched(spider_of: Make, error: Exception, found: list[Any]) -> None:
    spider = spider_of(BabepediaSpider)
    assert list(spider.failed_image(failed(spider.image_request(REF), error))) == found


def test_a_picture_that_the_server_refuses(spider_of: Make, response_to: Make) -> None:
    spider = spider_of(BabepediaSpider)
    request = spider.image_request(REF)
    error = HttpError(response_to(request, "", 503), "not now")
    assert list(spider.failed_image(failed(request, error))) == [FailedImage(ref=REF, error="HTTP 503")]


def test_a_picture_larger_than_downloads_may_be(spider_of: Make) -> None:
    spider = spider_of(BabepediaSpider)
    request = spider.image_request(REF)
    error = DownloadCancelledError(f"Received 9 bytes which is larger than download max size (8) in request {request}.")
    (found,) = spider.failed_image(failed(request, error))
    assert found.reason == "image_too_large"


def test_pictures_elsewhere_are_left_out_and_named_once(spider_of: Make, caplog: pytest.LogCaptureFixture) -> None:
    spider = spider_of(BabepediaSpider, source={"image_hosts": ("*.cdn.example",)})
    assert spider.usable_image("https://www.babepedia.com/pics/x.jpg")
    assert spider.usable_image("https://a.cdn.example/x.jpg")
    for url in ("https://other.example/1.jpg", "https://other.example/2.jpg", "javascript:x", "https://[bad/x.jpg"):
        assert not spider.usable_image(url)
    assert spider.crawler.stats.get_value("images/offsite/other.example") == 2
    assert spider.crawler.stats.get_value("images/offsite/no address") == 2
    assert len([record for record in caplog.records if "image_hosts" in record.message]) == 1


def test_a_size_that_is_told_saves_the_request(spider_of: Make) -> None:
    spider = spider_of(StashDBSpider)
    least_px = spider.source.quality_filters.min_image_size

    def told(width_px: int | None, height_px: int | None) -> bool:
        ref = ImageRef(source="stashdb", image_url="https://stashdb.org/x", width_px=width_px, height_px=height_px)
        return spider.too_small(ref) is None

    assert told(least_px, least_px)
    assert told(None, None)
    assert not told(least_px - 1, 5000)
    assert not told(5000, least_px - 1)
    assert not told(None, least_px - 1)
