"""Every spider against answers that its parser does not know: no exception, nothing stored, and it is said aloud."""

from __future__ import annotations

import json
import logging
import random
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from scrapy.http import Request
from scrapy.settings import Settings
from scrapy.spiderloader import SpiderLoader

from enrich.items import Image, Lookup, LookupEnded, Performer
from enrich.spiders.bases.gallery_site import Walk
from enrich.spiders.bases.listing import PageListSpider
from enrich.spiders.bases.reference_site import ReferenceSiteSpider, Step
from enrich.spiders.bases.search_site import SearchedSiteSpider

Make = Callable[..., Any]
PAGES = Path(__file__).resolve().parent.parent / "pages"
LOADER = SpiderLoader.from_settings(Settings({"SPIDER_MODULES": ["enrich.spiders"]}))
SPIDERS = sorted(LOADER.list())
SITES = [name for name in SPIDERS if issubclass(LOADER.load(name), ReferenceSiteSpider)]
BOXES = [name for name in SPIDERS if name not in SITES]
HTML, JSON = "text/html; charset=utf-8", "application/json"
LOGIN = (
    '<!DOCTYPE html><html><head><title>Log in</title></head><body><h1>Log in</h1><form action="/login" method="post">'
    '<input name="user"><input type="password"><img src="/logo.jpg"></form></body></html>'
)
CHALLENGE = (
    "<!DOCTYPE html><html><head><title>Just a moment...</title></head><body><h1>Jane Example</h1>"
    '<script src="/cdn-cgi/challenge-platform/h/b/orchestrate/chl_page/v1"></script></body></html>'
)
PLAIN = (
    "<!DOCTYPE html><html><head><title>Jane Example</title><link rel=canonical href=/x></head><body><h2>News</h2>"
    '<p>Jane Example, born March 4, 1985.</p><a class="img" href="/pics/1.jpg"><img src="/pics/1.jpg"></a>'
    "</body></html>"
)
DEPTH = 10_000
DEEP = f"<html><body>{'<div>' * DEPTH}Jane Example{'</div>' * DEPTH}</body></html>"
LINKS = "<html><body>{}</body></html>".format(
    "".join(f'<a class="img" href="/pics/{n}.jpg"><img data-src="/pics/t{n}.jpg"></a>' for n in range(10_000))
)
RECORD = json.dumps({"name": "Jane Example", "images": [{"url": "/pics/1.jpg"}]})
NOISE = random.Random(7).randbytes(2**20)
ANYWHERE: dict[str, tuple[str | bytes, str]] = {
    "empty": (b"", HTML),
    "empty, without a type": (b"", ""),
    "noise": (NOISE, HTML),
    "noise, said to be JSON": (NOISE, JSON),
    "noise, without a type": (NOISE, ""),
    "login": (LOGIN, HTML),
    "challenge": (CHALLENGE, HTML),
    "plain": (PLAIN, HTML),
    "deep": (DEEP, HTML),
    "links": (LINKS, HTML),
    "null bytes": (b"<html>\0<h1>\0\0</h1>\0</html>\0" * 1000, HTML),
    "wrong charset": (PLAIN, "text/html; charset=utf-16"),
    "unknown charset": (PLAIN, "text/html; charset=klingon"),
    "picture": (b"\xff\xd8\xff\xe0" + bytes(1000), "image/jpeg"),
}
ON_SITES = {"JSON": (RECORD, JSON), "JSON, said to be HTML": (RECORD, HTML), "list": ("[" * DEPTH, JSON)}
ON_BOXES = {
    "HTML, said to be JSON": (PLAIN, JSON),
    "other JSON": (RECORD, JSON),
    "text": ('"Jane Example"', JSON),
    "deep JSON": (f'{{"data": {"[" * DEPTH}{"]" * DEPTH}}}', JSON),
    "null bytes in JSON": ('{"data": {"queryPerformers": \0}}', JSON),
    "no list": ('{"data": {"queryPerformers": {"count": 3}}}', JSON),
    "text for a list": ('{"data": "Jane Example", "meta": 7, "links": [1]}', JSON),
    "numbers that are none": ('{"data": {"queryPerformers": {"count": 1e999, "performers": NaN}}}', JSON),
}
LOOKUP = Lookup(performer_id=7, name="Jane Example", aliases=("Jane Sample",))


def cases(*more: dict[str, tuple[str | bytes, str]]) -> dict[str, tuple[str | bytes, str]]:
    return {**ANYWHERE, **{name: case for part in more for name, case in part.items()}}


class Broken(logging.Handler):
    """Keeps what was logged with a traceback."""

    def __init__(self) -> None:
        super().__init__(logging.ERROR)
        self.said: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        if record.exc_info:
            self.said.append(f"{record.getMessage()}: {record.exc_info[1]!r}")


@pytest.fixture(autouse=True)
def no_parser_breaks() -> Iterator[None]:
    """What a parser raises is caught by the walk; it should not raise."""
    handler = Broken()
    logging.getLogger().addHandler(handler)
    yield
    logging.getLogger().removeHandler(handler)
    assert not handler.said


def said_aloud(spider: Any, url: str, caplog: pytest.LogCaptureFixture) -> bool:
    lines = [record.getMessage() for record in caplog.records if record.levelno == logging.WARNING]
    named = [line for line in lines if line.startswith(f"{spider.name}: unexpected page {url}")]
    return (
        len(named) == spider.crawler.stats.get_value("pages/unexpected") == spider.crawler.stats.get_value("pages/read")
    )


# --- profiles, searches, galleries ------------------------------------------------------------------------------------


def questions(spider: ReferenceSiteSpider) -> dict[str, Request]:
    """One request of every kind that the spider makes for a page of its site."""
    step = Step(lookup=LOOKUP, slug="jane-example")
    found = {"profile": Request(spider.page_url("jane-example"), spider.parse_profile, cb_kwargs={"step": step})}
    if isinstance(spider, SearchedSiteSpider):
        step = Step(lookup=LOOKUP, slug="", terms=("Jane Example",))
        found["search"] = Request(spider.search_url("Jane Example"), spider.parse_search, cb_kwargs={"step": step})
    return found


@pytest.mark.parametrize("name", SITES)
def test_a_page_that_is_no_profile(
    name: str, spider_of: Make, response_to: Make, caplog: pytest.LogCaptureFixture
) -> None:
    for kind in questions(spider_of(LOADER.load(name))):
        for case, (body, content_type) in cases(ON_SITES).items():
            spider = spider_of(LOADER.load(name))
            request = questions(spider)[kind]
            caplog.clear()
            found = list(request.callback(response_to(request, body, 200, content_type), **request.cb_kwargs))
            assert [(type(item), getattr(item, "outcome", None)) for item in found] == [(LookupEnded, "failed")], case
            assert said_aloud(spider, request.url, caplog), case


@pytest.mark.parametrize("name", SITES)
def test_a_page_that_is_no_gallery(
    name: str, spider_of: Make, response_to: Make, caplog: pytest.LogCaptureFixture
) -> None:
    performer = Performer(
        source=name, source_id="jane-example", name="Jane Example", mode="url", performer_id=7, matched="Jane Example"
    )
    for callback in ("parse_gallery", "parse_list"):
        for case, (body, content_type) in cases(ON_SITES).items():
            spider = spider_of(LOADER.load(name))
            url = spider.source.url + "/galleries/some-title-12345678/"
            response = response_to(Request(url), body, 200, content_type)
            caplog.clear()
            found = list(getattr(spider, callback)(response, Walk(performer=performer)))
            assert found == [performer], case  # who was found on the page before; without a picture of this one
            assert said_aloud(spider, url, caplog), case


def saved(name: str) -> Iterator[tuple[Path, dict[str, Any]]]:
    for page in sorted((PAGES / name).glob("*.html")):
        yield page, json.loads(page.with_suffix(".expected.json").read_text("utf-8"))["answer"]


def asked(spider: ReferenceSiteSpider, answer: dict[str, Any]) -> Request:
    """The request whose answer was saved."""
    told = {key: tuple(value) if isinstance(value, list) else value for key, value in answer["lookup"].items()}
    more = {key: tuple(answer[key]) for key in ("rest", "terms", "tried") if key in answer}
    step = Step(lookup=Lookup(performer_id=7, **told), slug=answer.get("slug", ""), **more)
    if step.slug:
        return Request(spider.page_url(step.slug), spider.parse_profile, cb_kwargs={"step": step})
    assert isinstance(spider, SearchedSiteSpider)
    return Request(spider.search_url(step.terms[0]), spider.parse_search, cb_kwargs={"step": step})


@pytest.mark.parametrize("name", SITES)
def test_a_page_that_breaks_off(
    name: str, spider_of: Make, response_to: Make, caplog: pytest.LogCaptureFixture
) -> None:
    spiders: dict[str, Any] = {}
    for page, answer in saved(name):
        body = page.read_bytes()
        assert b"<html" in body, f"{page}: a page as it comes from a site, from beginning to end"
        if answer.get("status", 200) != 200:
            continue
        mode = answer.get("arguments", {}).get("mode", "url")
        spider = spiders.setdefault(mode, spider_of(LOADER.load(name), mode=mode))
        request = asked(spider, answer)
        for cut in [5, *range(100, len(body) - len(b"</html>"), max(100, len(body) // 25))]:
            unexpected = spider.crawler.stats.get_value("pages/unexpected", 0)
            caplog.clear()
            found = list(request.callback(response_to(request, body[:cut], 200, HTML), **request.cb_kwargs))
            assert [(type(item), item.outcome) for item in found] == [(LookupEnded, "failed")], (page.name, cut)
            assert spider.crawler.stats.get_value("pages/unexpected") == unexpected + 1
            assert f"{name}: unexpected page {request.url}" in caplog.text


def harmless(body: bytes) -> dict[str, bytes]:
    """The page with much around what matters on it, which changes nothing of what it says."""
    begin, inside, end = body.partition(b"<body")
    tag, _, rest = end.partition(b">")
    inside += tag + b">"
    return {
        "links": begin + inside + rest.replace(b"</body>", LINKS[12:-14].encode() + b"</body>"),
        "null bytes": body.replace(b">", b">\0"),
        "deep at the end": begin + inside + rest.replace(b"</body>", DEEP[12:-14].encode() + b"</body>"),
    }


@pytest.mark.parametrize("name", SITES)
def test_a_page_with_too_much_on_it(name: str, spider_of: Make, response_to: Make, shown: Make) -> None:
    (page, answer), *_ = [(page, answer) for page, answer in saved(name) if page.stem == "full"]
    body = page.read_bytes()

    def read(body: bytes) -> list[Any]:
        spider = spider_of(LOADER.load(name), **answer.get("arguments", {}))
        request = asked(spider, answer)
        url = answer.get("url", request.url)
        return [shown(item) for item in request.callback(response_to(url, body, 200, HTML), **request.cb_kwargs)]

    whole = read(body)
    assert len(whole) > 1 or whole[0].get("item") == "Performer" or "request" in whole[0]
    for case, changed in harmless(body).items():
        assert read(changed) == whole, case
    ended = read(body.replace(b"<body", b"<body>" + b"<div>" * DEPTH + b"<div", 1))
    assert ended == whole or [item["item"] for item in ended] == ["LookupEnded"], "deep from the beginning"


@pytest.mark.parametrize("name", SITES)
def test_a_page_in_another_encoding_than_its_server_says(
    name: str, spider_of: Make, response_to: Make, shown: Make
) -> None:
    """Bytes that are UTF-8 are read as such; of bytes that fit no encoding named, nothing is kept that they are in."""
    for page, answer in saved(name):
        body = page.read_bytes()
        if answer.get("status", 200) != 200 or body.isascii():
            continue

        def read(body: bytes, content_type: str, answer: dict[str, Any] = answer) -> list[Any]:
            spider = spider_of(LOADER.load(name), **answer.get("arguments", {}))
            request = asked(spider, answer)
            url = answer.get("url", request.url)
            return [
                shown(item) for item in request.callback(response_to(url, body, 200, content_type), **request.cb_kwargs)
            ]

        for charset in ("iso-8859-1", "windows-1252", "utf-16", "shift_jis", "klingon"):
            assert read(body, f"text/html; charset={charset}") == read(body, HTML), (page.name, charset)
        damaged = json.dumps(read(body.decode().encode("latin-1", "replace"), HTML), ensure_ascii=False)
        assert "\ufffd" not in damaged, page.name


# --- APIs -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", BOXES)
def test_an_answer_that_is_no_list(
    name: str, spider_of: Make, response_to: Make, drain: Make, caplog: pytest.LogCaptureFixture
) -> None:
    bodies = cases(ON_BOXES)
    folder = PAGES / ("theporndb" if name == "theporndb" else "stashdb")  # the other boxes run the same software
    for saved_answer in folder.glob("*.json"):
        if not saved_answer.name.endswith(".expected.json") and saved_answer.stat().st_size > 200:
            body = saved_answer.read_bytes().rstrip()
            bodies |= {f"{saved_answer.name} to {n}": (body[: n * len(body) // 10], JSON) for n in range(1, 10)}
    for case, (body, content_type) in bodies.items():
        spider = spider_of(LOADER.load(name), settings={"RETRY_TIMES": 1})
        assert isinstance(spider, PageListSpider)
        request = spider.query_request(type(spider.second_sweep())())
        for _ in range(2):  # asked, and asked again
            caplog.clear()
            found, closed = drain(request.callback(response_to(request, body, 200, content_type), **request.cb_kwargs))
            assert not [item for item in found if isinstance(item, Performer | Image)], case
            assert any(line.startswith(f"{name}: unexpected page {request.url}") for line in caplog.messages), case
            if closed:
                break
            (request,) = found
        assert closed == "source_failed", case
        assert spider.crawler.stats.get_value("enrich/degraded/pages"), case
        stats = spider.crawler.stats
        assert stats.get_value("pages/unexpected") == stats.get_value("pages/read"), case


@pytest.mark.parametrize("name", BOXES)
def test_a_list_with_entries_that_are_nobody(name: str, spider_of: Make, response_to: Make, drain: Make) -> None:
    entries: list[Any] = [None, 7, "Jane Example", [], {}, {"name": "Jane Example"}, {"id": "\0", "name": "\0"}]
    entries += [{"id": [1], "name": {}}, {"id": "x", "name": ["Jane"]}]
    spider = spider_of(LOADER.load(name))
    request = spider.query_request(type(spider.second_sweep())())
    listed = {"data": entries, "meta": {"total": len(entries), "per_page": 100, "last_page": 1}, "links": {}}
    if request.method == "POST":
        listed = {"data": {"queryPerformers": {"count": len(entries), "performers": entries}}}
    found, closed = drain(request.callback(response_to(request, json.dumps(listed), 200, JSON), **request.cb_kwargs))
    assert (found, closed) == ([], None)
    assert spider.crawler.stats.get_value("performers/unreadable") == len(entries) - 1
