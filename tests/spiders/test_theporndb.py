"""What ThePornDB is asked, and what its answers lead to."""

from __future__ import annotations

import json
import logging
import pickle
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest
from scrapy.exceptions import CloseSpider, DontCloseSpider
from scrapy.http import Request
from scrapy.utils.request import request_from_dict

from enrich.config import default_sources
from enrich.errors import ConfigError
from enrich.items import Performer
from enrich.spiders.bases.listing import PER_PAGE
from enrich.spiders.bases.theporndb_performer import performer_of
from enrich.spiders.theporndb import ThePornDBSpider, TPDBPage
from tests.spiders.conftest import first
from tests.spiders.theporndb import listed, number

Make = Callable[..., Any]
UUID = "00000000-0000-4000-8000-000000000001"
API = "https://api.theporndb.net/performers"


def answer(spider: ThePornDBSpider, response_to: Make, body: Any, status: int = 200, **query: Any) -> list[Any]:
    asked = TPDBPage(**query)
    said = body if isinstance(body, str | bytes) else json.dumps(body)
    return list(spider.parse_page(response_to(spider.query_request(asked), said, status, "application/json"), asked))


@pytest.mark.parametrize(
    ("arguments", "url"),
    [
        ({}, f"{API}?page=1&per_page=100"),
        ({"limit": "5"}, f"{API}?page=1&per_page=5"),
        ({"limit": "500"}, f"{API}?page=1&per_page=100"),
        ({"performer": UUID}, f"{API}/{UUID}"),
        ({"performer": f"theporndb:{UUID}"}, f"{API}/{UUID}"),
    ],
)
def test_the_first_question(spider_of: Make, arguments: dict[str, str], url: str) -> None:
    (request,) = first(spider_of(ThePornDBSpider, **arguments))
    assert (request.method, request.url) == ("GET", url)
    assert request.headers["Accept"] == b"application/json"
    assert request.dont_filter, "a resumed job directory asks it again"


def test_changes_since_a_day_cannot_be_asked_for(spider_of: Make) -> None:
    with pytest.raises(ConfigError, match="theporndb: since=2025-03-01: the API does not say when"):
        spider_of(ThePornDBSpider, since="2025-03-01")


@pytest.mark.parametrize("given", ["12", "jane-example", "stashdb:" + UUID])
def test_a_performer_that_cannot_be_one(spider_of: Make, given: str) -> None:
    with pytest.raises(ConfigError, match="should be a performer's UUID at theporndb"):
        spider_of(ThePornDBSpider, performer=given)


def test_a_page_of_the_list_survives_a_job_directory_and_holds_no_token(
    spider_of: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("THEPORNDB_API_KEY", "very-secret")
    spider = spider_of(ThePornDBSpider)
    request = spider.query_request(TPDBPage(page=4, sweep=2))
    assert request.meta["credential"] == "Bearer"
    assert "Authorization" not in request.headers
    pickled = pickle.dumps(request.to_dict(spider=spider))
    assert b"very-secret" not in pickled
    kept = request_from_dict(pickle.loads(pickled), spider=spider)
    assert (kept.url, kept.cb_kwargs, kept.callback) == (
        request.url,
        {"query": TPDBPage(page=4, sweep=2)},
        spider.parse_page,
    )


def test_all_pages_are_asked_for_at_once(spider_of: Make, response_to: Make) -> None:
    spider = spider_of(ThePornDBSpider)
    found = answer(spider, response_to, listed(1001, *range(PER_PAGE)))
    assert [item.url for item in found if isinstance(item, Request)] == [
        f"{API}?page={page}&per_page=100" for page in range(2, 12)
    ]


def test_a_page_whose_like_was_listed_before_ends_a_list_without_end(spider_of: Make, response_to: Make) -> None:
    spider = spider_of(ThePornDBSpider)
    endless = {"data": [number(1)], "links": {"next": f"{API}?page=2"}, "meta": {}}
    (performer, following) = answer(spider, response_to, endless)
    assert isinstance(performer, Performer)
    assert following.url == f"{API}?page=2&per_page=100"
    assert answer(spider, response_to, endless, page=2) == []


def test_what_the_first_sweep_did_not_list_a_second_looks_for(spider_of: Make, response_to: Make) -> None:
    asked: list[Request] = []
    spider = spider_of(ThePornDBSpider)
    spider.crawler.engine = SimpleNamespace(crawl=asked.append)
    answer(spider, response_to, listed(150, *range(99)))
    answer(spider, response_to, listed(150, *range(98, 148), page=2), page=2)
    with pytest.raises(DontCloseSpider):
        spider.reconcile()
    (again,) = asked
    assert again.url == f"{API}?page=1&per_page=100"
    found = answer(spider, response_to, listed(150, *range(100)), sweep=2)
    (second,) = [item for item in found if isinstance(item, Request)]
    assert second.dont_filter, "its address was asked for before"
    answer(spider, response_to, listed(150, 148, page=2), page=2, sweep=2)
    spider.reconcile()
    assert spider.crawler.stats.get_value("enrich/degraded/count").startswith("1 of 150 performers")


def test_a_refused_token_is_one_line(spider_of: Make, response_to: Make, caplog: pytest.LogCaptureFixture) -> None:
    spider = spider_of(ThePornDBSpider)
    for page in (1, 2):
        with pytest.raises(CloseSpider) as stop:
            answer(spider, response_to, {"message": "Unauthenticated."}, 401, page=page)
        assert stop.value.reason == "credentials_refused"
    (line,) = [record for record in caplog.records if record.levelno == logging.ERROR]
    assert "THEPORNDB_API_KEY" in line.getMessage()


JUNK: dict[str, bytes] = {
    "empty": b"",
    "truncated": b'{"data": [{"id": "000',
    "noise": bytes(range(256)) * 4096,
    "null bytes": b"\0" * 100,
    "nested": b"[" * 100_000,
    "number": b"7",
    "list": b"[]",
    "null": b"null",
    "no data": b"{}",
    "data is a text": b'{"data": "performers", "meta": [], "links": 5}',
    "html": b"<html><head><title>Just a moment...</title></head></html>",
    "page of nothing": b'{"data": [null, 5, "x", [], {}, {"id": [], "name": {}}], "meta": {"total": "many"}}',
}


@pytest.mark.parametrize("status", [200, 400, 403, 404, 422])
@pytest.mark.parametrize("body", JUNK.values(), ids=JUNK)
@pytest.mark.parametrize("performer", [None, UUID])
def test_no_answer_breaks_the_walk(
    spider_of: Make, response_to: Make, drain: Make, body: bytes, status: int, performer: str | None
) -> None:
    spider = spider_of(ThePornDBSpider, **({"performer": performer} if performer else {}))
    query = TPDBPage(page=2, performer=performer)
    response = response_to(spider.query_request(query), body, status, "application/json")
    found, closed = drain(spider.parse_page(response, query))
    assert not [item for item in found if not isinstance(item, Request)]
    assert closed in (None, "credentials_refused" if status == 403 else None)
    counts = spider.crawler.stats.get_stats()
    assert {"pages/unexpected", "pages/failed", "performers/unreadable", "enrich/degraded/performer",
            "enrich/degraded/credentials"} & set(counts)  # fmt: skip


@pytest.mark.parametrize(
    ("word", "gender"),
    [
        ("Female", "FEMALE"),
        ("male", "MALE"),
        ("Trans Female", "TRANSGENDER_FEMALE"),
        ("TRANS FEMALE", "TRANSGENDER_FEMALE"),
        ("Transgender Female", "TRANSGENDER_FEMALE"),
        ("transsexual woman", "TRANSGENDER_FEMALE"),
        ("Trans Male", "TRANSGENDER_MALE"),
        ("Non-Binary", "NON_BINARY"),
        ("non_binary", "NON_BINARY"),
        ("Intersex", "INTERSEX"),
        ("Trans", None),
        ("Couple", None),
        ("", None),
        (None, None),
        (["Female"], None),
    ],
)
def test_words_for_genders(word: object, gender: str | None) -> None:
    performer = performer_of("theporndb", "https://api.theporndb.net", number(1, extras={"gender": word}))
    assert performer is not None
    assert performer.gender == gender


@pytest.mark.parametrize(
    ("slug", "page_url"),
    [
        ("jane-example", "https://theporndb.net/performers/jane-example"),
        ("jane/exämple", "https://theporndb.net/performers/jane%2Fex%C3%A4mple"),
        (None, None),
    ],
)
def test_the_page_for_people_is_among_the_links(slug: str | None, page_url: str | None) -> None:
    performer = performer_of("theporndb", "https://api.theporndb.net", number(1, slug=slug))
    assert performer is not None
    assert performer.page_url == page_url
    assert performer.urls == ((page_url,) if page_url else ())


@pytest.mark.parametrize(
    ("url", "taken"),
    [
        ("https://cdn.theporndb.net/a.jpg", True),
        ("https://theporndb.net/a.jpg", True),
        ("https://cdn.metadataapi.net/a.jpg", True),
        ("https://theporndb.net.example/a.jpg", False),
        ("https://nottheporndb.net/a.jpg", False),
    ],
)
def test_hosts_of_the_pictures(url: str, taken: bool) -> None:
    assert default_sources().get("theporndb").takes_images_from(url) is taken
