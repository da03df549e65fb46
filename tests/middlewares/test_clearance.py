"""What a request wears on its way out, what is left of it on the way back, and what the file keeps."""

from __future__ import annotations

import asyncio
import json
import stat
import time
from pathlib import Path
from typing import Any

import pytest
from scrapy.http import Request, Response

from enrich.challenges.clearance import Clearance, ClearanceStore, host_key, same_site
from enrich.challenges.clearance_renewal import Host, _is_refused
from enrich.config import default_sources
from enrich.middlewares.clearance import ClearanceMiddleware
from enrich.request_meta import GENERATION

HOST = "www.babepedia.com"
PAGE = f"https://{HOST}/babe/Anna"


def clearance(value: str = "v-1", **said: Any) -> Clearance:
    given = {"proxy": None, "solved_at": 1.0, "expires_at": None, **said}
    return Clearance(user_agent="Browser/1", cookies={"cf_clearance": value, "__cf_bm": "b"}, **given)


@pytest.fixture
def middleware(tmp_path: Path) -> ClearanceMiddleware:
    source = default_sources().get("babepedia").model_copy(update={"image_hosts": ("cdn.example.org",)})
    return ClearanceMiddleware(source, ClearanceStore(tmp_path / "clearance" / "babepedia.json", writable=True))


def out(middleware: ClearanceMiddleware, url: str = PAGE, **said: Any) -> Request:
    request = Request(url, **{"headers": {"User-Agent": "enrich/1"}, **said})
    assert asyncio.run(middleware.process_request(request)) is None
    return request


def test_on_and_off_again(middleware: ClearanceMiddleware) -> None:
    middleware.clearances.activate(HOST, clearance(), fresh=True)
    request = out(middleware, headers={"User-Agent": "enrich/1", "Cookie": "age=1", "Referer": PAGE})
    assert request.headers.getlist("User-Agent") == [b"Browser/1"], "one value, and no other"
    assert request.headers.getlist("Cookie") == [b"age=1; cf_clearance=v-1; __cf_bm=b"]
    assert request.meta[GENERATION] == 1
    middleware.process_response(request, Response(PAGE))
    assert dict(request.headers) == {b"User-Agent": [b"enrich/1"], b"Cookie": [b"age=1"], b"Referer": [PAGE.encode()]}
    assert "v-1" not in repr(request.meta)


def test_off_after_an_error_too(middleware: ClearanceMiddleware) -> None:
    middleware.clearances.activate(HOST, clearance(), fresh=True)
    request = out(middleware)
    middleware.process_exception(request, ConnectionResetError())
    assert dict(request.headers) == {b"User-Agent": [b"enrich/1"]}


@pytest.mark.parametrize(
    ("url", "meta"),
    [
        (f"https://{HOST}/robots.txt", {}),
        (f"https://{HOST}/api", {"credential": "ApiKey"}),
        ("https://evil.example/babe/Anna", {}),
        ("https://notbabepedia.com/", {}),
        (f"https://{HOST}:8443/", {}),
        ("data:,skipped", {}),
        ("ftp://www.babepedia.com/a.jpg", {}),
    ],
)
def test_nobody_else_gets_it(middleware: ClearanceMiddleware, url: str, meta: dict[str, Any]) -> None:
    for host in (HOST, "evil.example", "notbabepedia.com"):
        middleware.clearances.activate(host, clearance(), fresh=True)
    request = out(middleware, url, meta=meta)
    assert request.headers["User-Agent"] == b"enrich/1"
    assert "Cookie" not in request.headers
    assert not request.meta.get(GENERATION)


def test_each_host_has_its_own(middleware: ClearanceMiddleware) -> None:
    middleware.clearances.activate("cdn.example.org", clearance("v-2"), fresh=True)
    assert "Cookie" not in out(middleware).headers
    assert b"v-2" in (out(middleware, "https://cdn.example.org/a.jpg").headers["Cookie"] or b"")


def test_kept_for_the_next_run(middleware: ClearanceMiddleware) -> None:
    middleware.clearances.activate(HOST, clearance(), fresh=True)
    store = ClearanceStore(middleware.clearances.store.path, writable=True)
    assert store.take(HOST, None) == clearance()
    assert store.take("cdn.example.org", None) is None
    assert store.take(HOST, "http://proxy.example:3128") is None, "it is bound to the way out"
    assert stat.S_IMODE(store.path.stat().st_mode) == 0o600
    assert stat.S_IMODE(store.path.parent.stat().st_mode) == 0o700
    assert [path.name for path in store.path.parent.iterdir()] == ["babepedia.json"]
    middleware.clearances.activate(HOST, None)
    assert store.take(HOST, None) is None


def test_not_beyond_its_time(middleware: ClearanceMiddleware) -> None:
    middleware.clearances.activate(HOST, clearance(expires_at=time.time() - 1), fresh=True)
    assert middleware.clearances.store.take(HOST, None) is None
    middleware.clearances.activate(HOST, clearance(expires_at=time.time() + 100), fresh=True)
    assert middleware.clearances.store.take(HOST, None) is not None


@pytest.mark.parametrize("text", ["", "[]", "{", json.dumps({HOST: {"cookies": 3}}), json.dumps({HOST: [1]})])
def test_damaged_file_is_none(tmp_path: Path, text: str) -> None:
    store = ClearanceStore(tmp_path / "a.json", writable=True)
    store.path.write_text(text)
    assert store.take(HOST, None) is None
    store.put(HOST, clearance())
    assert store.take(HOST, None) == clearance()


def test_names_of_hosts() -> None:
    assert host_key("HTTPS://WWW.Example.org:443/a") == "www.example.org"
    assert host_key("http://www.example.org:443/a") == "www.example.org:443"
    assert same_site("pics.example.org", "www.example.org")
    assert same_site("example.org", "www.example.org")
    assert not same_site("badexample.org", "www.example.org")


def test_refused_only_when_everything_is_back(middleware: ClearanceMiddleware) -> None:
    async def run(*, good: bool) -> bool:
        middleware.clearances.activate(HOST, clearance(), fresh=True)
        host = Host(HOST, None, middleware.clearances.active(HOST))
        first, second = Request(PAGE), Request(PAGE)
        for request in (first, second):
            await middleware.process_request(request)
        middleware.process_response(first, Response(PAGE, status=403))
        judging = asyncio.create_task(_is_refused(host.active, host.page))
        await asyncio.sleep(0.1)
        assert not judging.done(), "the other may bring a good answer"
        middleware.process_response(second, Response(PAGE))
        if good:
            host.was_good(second, second.meta[GENERATION])
        return await judging

    assert asyncio.run(run(good=False))
    assert not asyncio.run(run(good=True))
