"""ThePornDB walked over HTTP: the token goes to the API alone, and a list that shifts is whole in the end."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
from aiohttp import web

from enrich.items import Image, Performer
from enrich.spiders.theporndb import ThePornDBSpider
from tests.spiders.theporndb import listed, number
from tests.spiders.walking import JPEG, walk


@pytest.fixture
def elsewhere() -> Iterator[tuple[str, list[tuple[str, str | None]]]]:
    """A server on another port that gives a picture for everything, and what it was asked for with which key."""
    asked: list[tuple[str, str | None]] = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append((self.path, self.headers["Authorization"]))
            self.send_response(404 if self.path == "/robots.txt" else 200)
            self.send_header("Content-Type", "image/jpeg")
            self.send_header("Content-Length", str(len(JPEG)))
            self.end_headers()
            self.wfile.write(JPEG)

        def log_message(self, *said: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}", asked
    server.shutdown()
    thread.join()
    server.server_close()


def test_the_token_goes_to_the_api_alone(
    elsewhere: tuple[str, list[tuple[str, str | None]]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("THEPORNDB_API_KEY", "very-secret")
    other, asked_there = elsewhere
    keys: dict[str, str | None] = {}

    async def api(request: web.Request) -> web.Response:
        keys[request.path_qs] = request.headers.get("Authorization")
        if request.path == "/cdn/moved.jpg":
            return web.Response(status=302, headers={"Location": f"{other}/moved-here.jpg"})
        if request.path.startswith("/cdn/"):
            return web.Response(body=JPEG, content_type="image/jpeg")
        if request.query["page"] == "2":
            return web.Response(status=307, headers={"Location": f"{other}/performers?page=2"})
        here = f"http://{request.host}"
        pictures = [f"{here}/cdn/own.jpg", f"{here}/cdn/moved.jpg", f"{other}/theirs.jpg"]
        body = listed(200, 1, last=2)
        body["data"][0]["posters"] = [{"url": url, "order": at} for at, url in enumerate(pictures)]
        return web.json_response(body)

    settings = {"DOWNLOADER_MIDDLEWARES": {"enrich.middlewares.credentials.CredentialsMiddleware": 800}}
    done = walk(ThePornDBSpider, api, "/v1", settings={**settings, "RETRY_TIMES": 0})
    assert len(done.of(Image)) == 3
    assert keys == {
        "/v1/performers?page=1&per_page=100": "Bearer very-secret",
        "/v1/performers?page=2&per_page=100": "Bearer very-secret",
        "/cdn/own.jpg": None,
        "/cdn/moved.jpg": None,
    }
    assert {path for path, _ in asked_there} >= {"/theirs.jpg", "/moved-here.jpg", "/performers?page=2"}
    assert {key for _, key in asked_there} == {None}
    assert "very-secret" not in repr(done.items)


def test_a_list_that_shifts_is_whole_in_the_end() -> None:
    people = [number(at) for at in range(250)]
    shift = [0]

    async def api(request: web.Request) -> web.Response:
        page, size = int(request.query["page"]), 50  # a maximum of its own
        start = (page - 1) * size + (1 if page > 1 and shift[0] < 4 else 0)
        shift[0] += page > 1
        rows = people[start : start + size]
        return web.json_response({
            "data": rows,
            "links": {"next": "more" if page < 5 else None},
            "meta": {"last_page": 5, "per_page": str(size), "total": str(len(people))},
        })  # fmt: skip

    done = walk(ThePornDBSpider, api, "")
    assert len(done.of(Performer)) == 250
    assert done.asked == ["GET /performers"] * 10
    assert not [key for key in done.stats if key.startswith("enrich/degraded")]
