"""The environment's ``http_proxy`` and ``no_proxy``, with a real proxy on loopback; and no look-up by cookies."""

from __future__ import annotations

import http.client
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler
from typing import Any
from urllib.parse import urlsplit

import pytest

from tests.middlewares.asker import Answer, Asker, Site


@pytest.fixture
def site(serving: Callable[..., Any]) -> Iterator[Site]:
    cookie = {"Set-Cookie": "a=b; Domain=example.com; Path=/", "Content-Type": "text/plain"}
    with serving(lambda handler: (200, cookie, handler.path.encode())) as running:
        yield running


@pytest.fixture
def proxy(serving: Callable[..., Any], site: Site) -> Iterator[Site]:
    """Fetches every address from the one site, whatever its host: names mean what the proxy says they mean."""

    def fetch(handler: BaseHTTPRequestHandler) -> Answer:
        parts = urlsplit(handler.path)
        there = http.client.HTTPConnection("127.0.0.1", site.port, timeout=10)
        there.request("GET", parts.path, headers={"Host": parts.netloc})
        answer = there.getresponse()
        body = answer.read()
        there.close()
        return answer.status, {"Content-Type": "text/plain", "Via": "1.1 tests"}, body

    with serving(fetch) as running:
        yield running


def test_the_environments_proxy_is_used_and_looks_names_up(ask: Asker, site: Site, proxy: Site) -> None:
    url = "http://pictures.example.com/a.jpg"
    found = ask({"url": "http://www.example.com"}, [url], http_proxy=proxy.url)
    assert found.answers[url]["status"] == 200
    assert proxy.paths == ["http://pictures.example.com/robots.txt", url]
    assert [headers["host"] for _, headers in site.asked] == ["pictures.example.com"] * 2
    assert found.attempts == []


def test_no_proxy_is_honoured(ask: Asker, site: Site, proxy: Site) -> None:
    direct, through = f"http://www.example.com:{site.port}/a", "http://cdn.example.org/b"
    found = ask(
        {"url": f"http://www.example.com:{site.port}"},
        [direct, through],
        hosts={"www.example.com": ["127.0.0.1"]},
        http_proxy=proxy.url,
        no_proxy=".example.com",
    )
    assert [found.answers[url]["status"] for url in (direct, through)] == [200, 200]
    assert proxy.paths == ["http://cdn.example.org/robots.txt", through]


def test_a_proxy_may_be_a_name(ask: Asker, proxy: Site) -> None:
    url = "http://www.example.com/a"
    by_name = f"http://someone:secret@proxy.example.net:{proxy.port}/"
    found = ask(
        {"url": "http://www.example.com"}, [url], hosts={"proxy.example.net": ["127.0.0.1"]}, http_proxy=by_name
    )
    assert found.answers[url]["status"] == 200
    assert all(headers["proxy-authorization"].startswith("Basic ") for _, headers in proxy.asked)


def test_this_machine_is_never_asked_through_a_proxy(ask: Asker, site: Site, proxy: Site) -> None:
    found = ask({"url": site.url}, [f"{site.url}/a"], http_proxy=proxy.url)
    assert found.answers[f"{site.url}/a"]["status"] == 200
    assert proxy.asked == []


def test_what_the_text_says_is_refused_before_a_proxy_too(ask: Asker, site: Site, proxy: Site) -> None:
    urls = [
        *(f"http://127.0.0.1:{proxy.port}/", "http://169.254.169.254/", "http://10.0.0.5/", "http://2130706433/"),
        *(f"http://localhost:{proxy.port}/", "http://router/", "http://metadata.google.internal/", "http://[::1]/"),
    ]
    found = ask({"url": "http://www.example.com"}, urls, http_proxy=proxy.url)
    assert {answer["kind"] for answer in found.answers.values()} == {"PlaceRefused"}
    assert len(found.answers) == len(urls)
    assert proxy.connections == []
    assert site.connections == []


def test_a_proxy_that_is_down_fails_the_request(ask: Asker) -> None:
    url = "http://www.example.com/a"
    found = ask({"url": "http://www.example.com"}, [url], http_proxy="http://127.0.0.1:9", settings={"RETRY_TIMES": 0})
    assert "refused" in found.answers[url]["error"].lower()


@pytest.mark.parametrize("enabled", [False, True])
def test_a_cookie_causes_no_look_up_outside(ask: Asker, site: Site, enabled: bool) -> None:
    urls = [f"http://www.example.com:{site.port}/{n}" for n in range(3)]
    found = ask(
        {"url": f"http://www.example.com:{site.port}"},
        urls,
        hosts={"www.example.com": ["127.0.0.1"]},
        settings={"COOKIES_ENABLED": enabled, "CONCURRENT_REQUESTS": 1},
    )
    assert {answer["status"] for answer in found.answers.values()} == {200}
    assert found.attempts == []
    sent = [headers.get("cookie") for _, headers in site.asked]
    assert (sent[-1] == "a=b") == enabled


def test_nothing_listens_in_a_crawl(ask: Asker, site: Site) -> None:
    found = ask({"url": site.url}, [f"{site.url}/a"])
    assert "emote control" not in found.log
    assert "Telnet" not in found.log
