"""Where strangers' addresses lead a crawl: to public places alone, shown with real sockets that nobody reached."""

from __future__ import annotations

import gzip
import socket
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from http.server import BaseHTTPRequestHandler
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from tests.middlewares.asker import Answer, Asker, Site

NAMES = {
    "inner.example.com": ["10.0.0.5"],
    "loop.example.com": ["127.0.0.1"],
    "six.example.com": ["::1"],
    "mapped.example.com": ["::ffff:127.0.0.1"],
    "metadata.example.com": ["169.254.169.254"],
}
FORMS = [
    "file:///etc/passwd",
    "ftp://127.0.0.1:{port}/x",
    "data:image/png;base64,iVBORw0KGgo=",
    "data:,skipped-1",
    "gopher://127.0.0.1:{port}/x",
    "http://127.0.0.1:{port}/",
    "http://127.0.0.1.:{port}/",
    "http://localhost:{port}/",
    "http://LOCALHOST.:{port}/",
    "http://2130706433:{port}/",
    "http://0x7f000001:{port}/",
    "http://0x7F.0.0.1:{port}/",
    "http://017700000001:{port}/",
    "http://0177.0.0.1:{port}/",
    "http://127.1:{port}/",
    "http://0:{port}/",
    "http://0.0.0.0:{port}/",
    "http://%31%32%37.0.0.1:{port}/",
    "http://\uff11\uff12\uff17.0.0.1:{port}/",
    "http://127\u30020\u30020\u30021:{port}/",
    "http://[::1]:{port}/",
    "http://[::]:{port}/",
    "http://[::ffff:127.0.0.1]:{port}/",
    "http://[::ffff:7f00:1]:{port}/",
    "http://[0:0:0:0:0:ffff:7f00:0001]:{port}/",
    "http://[::127.0.0.1]:{port}/",
    "http://[64:ff9b::7f00:1]:{port}/",
    "http://[2002:7f00:1::]:{port}/",
    "http://user@127.0.0.1:{port}/",
    "http://{own}@127.0.0.1:{port}/",
    "http://127.0.0.1:{port}\\@{own}/",
    "http://127.0.0.1:{port}#@{own}/",
    "http://127.0.0.1:{port}?@{own}/",
    "http://169.254.169.254/latest/meta-data/",
    "http://[fd00:ec2::254]/",
    "http://100.100.100.200/",
    "http://10.0.0.5/",
    "http://192.168.0.1/",
    "http://224.0.0.1/",
    *(f"http://{name}:{{port}}/" for name in NAMES),
    "http://LOOP.example.com.:{port}/",
    "https://loop.example.com:{port}/",
    "http://metadata.google.internal/computeMetadata/v1/",
]


def lead_on(handler: BaseHTTPRequestHandler) -> Answer:
    """Redirects to where ``?to=`` says, by status or in the page; everything else is a page."""
    query = parse_qs(urlsplit(handler.path).query)
    if handler.path == "/robots.txt" or "to" not in query:
        return 200, {"Content-Type": "text/plain"}, b""
    to = query["to"][0]
    if query["how"] == ["refresh"]:
        page = f'<html><head><meta http-equiv="refresh" content="0;url={to}"></head></html>'
        return 200, {"Content-Type": "text/html"}, page.encode()
    return int(query["how"][0]), {"Location": to}, b""


@pytest.fixture
def inner(serving: Callable[..., Any]) -> Iterator[list[Site]]:
    """Servers of this machine on one port each of IPv4 and IPv6, which nobody was told about."""
    with ExitStack() as stack:
        yield [stack.enter_context(serving(lambda _: (200, {"Content-Type": "image/png"}, b"\x89PNG secret")))]


@pytest.fixture
def own(serving: Callable[..., Any]) -> Iterator[Site]:
    with serving(lead_on) as site:
        yield site


def filled(form: str, own: Site, port: int) -> str:
    return form.format(port=port, own=f"127.0.0.1:{own.port}")


def test_no_form_of_an_address_leads_inside(ask: Asker, own: Site, inner: list[Site]) -> None:
    urls = [filled(form, own, inner[0].port) for form in FORMS]
    asked = {
        "babepedia": [{"url": url, "kind": "image"} for url in urls],
        "boobpedia": [{"url": url, "kind": "page"} for url in urls],
    }
    blocks = {name: {"url": own.url} for name in asked}
    found = ask.start(blocks, asked, hosts=NAMES, ENRICH_FLARESOLVERR_URL=inner[0].url)
    for source, answers in found.answers.items():
        assert sorted(answers) == sorted(urls)
        assert {url: answer for url, answer in answers.items() if "error" not in answer} == {}
        assert found.stats[source]["reach/refused"] >= len(urls) - 3  # three cannot even be a request
    assert inner[0].connections == []
    assert found.attempts == []
    assert own.paths == []  # not even robots.txt of a place that is refused is asked for


def test_no_redirect_leads_inside(ask: Asker, own: Site, inner: list[Site]) -> None:
    forms = [*(form for form in FORMS if form.startswith("http")), "file:///etc/passwd", "data:,skipped-1"]
    targets = [filled(form, own, inner[0].port).replace("#", "%23").replace("?", "%3F") for form in forms]
    hows = ("301", "302", "307", "refresh")
    urls = [f"{own.url}/{n}?how={how}&to={target}" for n, target in enumerate(targets) for how in hows]
    found = ask({"url": own.url}, [{"url": url, "kind": "page"} for url in urls], hosts=NAMES)
    assert len(found.answers) == len(urls)
    assert inner[0].connections == []
    assert found.attempts == []
    led = [url for url, answer in found.answers.items() if answer.get("kind") == "PlaceRefused"]
    assert len(led) > 20 * len(hows)


def test_a_name_that_changes_its_address_gains_nothing(ask: Asker, own: Site, inner: list[Site]) -> None:
    url = f"http://rebind.example.com:{inner[0].port}/"
    changing = {"rebind.example.com": ["93.184.216.34", "127.0.0.1"]}
    settings = {"DNSCACHE_ENABLED": False, "ROBOTSTXT_OBEY": False, "RETRY_TIMES": 0}
    found = ask({"url": own.url}, [url], hosts=changing, settings=settings)
    assert "lookup" in found.answers[url]["error"].lower()
    assert inner[0].connections == []
    assert found.attempts == []


def test_what_is_connected_to_is_what_was_checked(ask: Asker, own: Site, inner: list[Site]) -> None:
    url = f"http://rebind.example.com:{inner[0].port}/"
    changing = {"rebind.example.com": ["93.184.216.34", "127.0.0.1"]}
    found = ask({"url": own.url}, [url], hosts=changing, settings={"ROBOTSTXT_OBEY": False})
    assert set(found.attempts) == {f"connect 93.184.216.34:{inner[0].port}"}
    assert inner[0].connections == []


def test_what_sources_yaml_names_is_fetched(ask: Asker, own: Site, inner: list[Site]) -> None:
    by_name = {"site.example.com": ["127.0.0.1"], "pictures.example.net": ["127.0.0.1"]}
    named = f"http://site.example.com:{own.port}/a"
    pictures = [f"http://pictures.example.net:{site.port}/b" for site in (own, inner[0])]
    other_port = f"http://site.example.com:{inner[0].port}/c"
    site = {"url": f"http://site.example.com:{own.port}", "image_hosts": ["pictures.example.net"]}
    found = ask(site, [named, *pictures, other_port], hosts=by_name)
    assert [found.answers[url].get("status") for url in (named, *pictures, other_port)] == [200, 200, 200, None]


def test_one_source_is_not_led_where_only_another_may_go(ask: Asker, own: Site, serving: Callable[..., Any]) -> None:
    with serving(lead_on) as others:
        there, by_name = f"{others.url}/x", f"http://others.example.com:{others.port}/y"
        found = ask.start(
            {
                "babepedia": {"url": own.url},
                "boobpedia": {"url": others.url, "image_hosts": ["others.example.com"]},
            },
            {"babepedia": [there, by_name], "boobpedia": [there, by_name]},
            hosts={"others.example.com": ["127.0.0.1"]},
        )
        assert {answer["kind"] for answer in found.answers["babepedia"].values()} == {"PlaceRefused"}
        assert {answer["status"] for answer in found.answers["boobpedia"].values()} == {200}


def test_a_helper_is_for_middlewares_alone(ask: Asker, own: Site, inner: list[Site]) -> None:
    urls = [f"{inner[0].url}/v1", f"{own.url}/?how=307&to={inner[0].url}/v1"]
    found = ask({"url": own.url}, urls, ENRICH_FLARESOLVERR_URL=inner[0].url)
    assert {answer["kind"] for answer in found.answers.values()} == {"PlaceRefused"}
    assert inner[0].connections == []


def test_a_name_that_does_not_exist_is_said_clearly(ask: Asker, own: Site) -> None:
    url = "http://nowhere.example.com/x"
    found = ask({"url": own.url}, [url], settings={"ROBOTSTXT_OBEY": False})
    assert "nowhere.example.com" in found.answers[url]["error"]
    assert "lookup" in found.answers[url]["error"].lower()


# --- size and time ----------------------------------------------------------------------------------------------------


def test_a_body_that_drips_ends_by_the_clock(ask: Asker, serving: Callable[..., Any]) -> None:
    def drip(handler: BaseHTTPRequestHandler) -> Answer | None:
        if handler.path == "/robots.txt":
            return 404, {}, b""
        handler.send_response(200)
        handler.send_header("Content-Length", "100000")
        handler.end_headers()
        handler.connection.settimeout(0.1)
        while True:  # a byte every tenth of a second, so that it is never idle
            handler.wfile.write(b"x")
            try:
                if not handler.connection.recv(1, socket.MSG_PEEK):
                    return None
            except TimeoutError:
                continue

    with serving(drip) as site:
        found = ask({"url": site.url}, [f"{site.url}/x"], settings={"DOWNLOAD_TIMEOUT": 1, "RETRY_TIMES": 0})
    assert "Timeout" in found.answers[f"{site.url}/x"]["kind"]


def test_a_body_that_unpacks_without_end_is_cut_off(ask: Asker, serving: Callable[..., Any]) -> None:
    packed = gzip.compress(bytes(2**26))
    headers = {"Content-Encoding": "gzip", "Content-Type": "image/jpeg"}
    with serving(lambda handler: (404, {}, b"") if handler.path == "/robots.txt" else (200, headers, packed)) as site:
        found = ask({"url": site.url}, [f"{site.url}/x"], settings={"DOWNLOAD_MAXSIZE": 2**20, "RETRY_TIMES": 0})
    assert found.answers[f"{site.url}/x"]["becomes"] == ["RejectedImage", "image_too_large"]


@pytest.mark.parametrize("told", [True, False])
def test_a_body_without_end_is_cut_off(ask: Asker, serving: Callable[..., Any], told: bool) -> None:
    sent = []

    def flood(handler: BaseHTTPRequestHandler) -> Answer | None:
        if handler.path == "/robots.txt":
            return 404, {}, b""
        handler.send_response(200)
        handler.send_header("Content-Length" if told else "Connection", str(10**12) if told else "close")
        handler.end_headers()
        while True:
            sent.append(handler.wfile.write(b"x" * 65536))

    with serving(flood) as site:
        limit = 2**20
        found = ask({"url": site.url}, [f"{site.url}/x"], settings={"DOWNLOAD_MAXSIZE": limit, "RETRY_TIMES": 0})
    assert found.answers[f"{site.url}/x"]["becomes"] == ["RejectedImage", "image_too_large"]
    assert sum(sent) < 32 * limit  # what had gone into buffers before the connection was closed
