"""What is made of FlareSolverr's answers: of the stand-in's, and of a real one's with ``make test-flaresolverr``."""

from __future__ import annotations

import asyncio
import json
import socket
from collections.abc import Awaitable, Callable
from typing import Any

import aiohttp
import pytest
from aiohttp import web
from scrapy.exceptions import DownloadConnectionRefusedError, DownloadTimeoutError
from scrapy.http import Request, Response

from enrich.challenges.flaresolverr_client import (
    Proxy,
    Solution,
    Solver,
    SolverDenied,
    SolverElsewhere,
    SolverError,
    SolverUnusable,
    checked_root,
    proxy_for,
)
from enrich.challenges.flaresolverr_sessions import Browsing, response_of
from enrich.errors import ConfigError
from tests.standin.challenge import ChallengeSite
from tests.standin.fixtures import Asked
from tests.standin.serving import serving


async def download(request: Request) -> Response:
    """Fetch as the engine does, with the errors that it has."""
    timeout = aiohttp.ClientTimeout(request.meta["download_timeout"])
    headers = {name.decode(): values[0].decode() for name, values in request.headers.items()}
    try:
        async with (
            aiohttp.ClientSession(timeout=timeout) as client,
            client.request(request.method, request.url, data=request.body, headers=headers) as answer,
        ):
            return Response(request.url, status=answer.status, body=await answer.read())
    except aiohttp.ClientConnectorError as error:
        raise DownloadConnectionRefusedError from error
    except TimeoutError as error:
        raise DownloadTimeoutError from error


def solver_at(url: str, max_seconds: float = 1.5) -> Solver:
    return Solver(url, download, max_seconds=max_seconds, at_once=2)


def get(asked: Asked, url: str) -> Solution:
    return asyncio.run(solver_at(asked.url, asked.max_seconds).get(url))


def plain(text: str, status: int = 200, **headers: str) -> web.Application:
    async def answer(_request: web.Request) -> web.Response:
        return web.Response(text=text, status=status, content_type="text/html", headers=headers)

    app = web.Application()
    app.router.add_get("/{path:.*}", answer)
    return app


# --- answers of FlareSolverr ------------------------------------------------------------------------------------------


def test_solved(flaresolverr: Asked) -> None:
    site = ChallengeSite()
    with serving(site.application()) as url:
        solution = get(flaresolverr, f"{url}/babe/Anna_Example")
        assert solution.url == f"{url}/babe/Anna_Example"
    assert "Anna Example</h1>" in solution.html
    worn = site.passes[solution.cookies["cf_clearance"]]
    assert worn.agent == solution.user_agent
    assert solution.user_agent not in repr(solution) or "cookies" not in repr(solution)
    assert solution.cookies["cf_clearance"] not in repr(solution)


def test_open_page_has_an_agent_all_the_same(flaresolverr: Asked) -> None:
    with serving(plain("<title>Anna</title>")) as url:
        solution = get(flaresolverr, url + "/")
    assert solution.cookies == {}
    assert "Mozilla" in solution.user_agent
    assert solution.expires_at is None


@pytest.mark.parametrize(
    ("app", "kind", "says"),
    [
        (plain("<title>Just a moment...</title>", 403), SolverError, "Timeout after"),
        (plain("<title>Attention Required! | Cloudflare</title>", 403), SolverDenied, "has blocked this request"),
        (plain("<title>Access denied</title>", 403), SolverDenied, "has blocked this request"),
        (plain("<title>Augenblick</title><script>_cf_chl_opt={}</script>", 403), SolverError, "did not get past"),
        (plain("", 403), SolverError, "does not answer"),
    ],
    ids=["unsolvable", "attention", "denied", "localized", "empty"],
)
def test_not_solved(flaresolverr: Asked, app: web.Application, kind: type[SolverError], says: str) -> None:
    with serving(app) as url, pytest.raises(SolverError, match=says) as caught:
        get(flaresolverr, url + "/")
    assert type(caught.value) is kind
    assert "\n" not in str(caught.value)


def test_dead_host_is_no_page(flaresolverr: Asked) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    with pytest.raises(SolverError, match="does not answer"):
        get(flaresolverr, f"http://127.0.0.1:{port}/")


def test_another_host_is_no_page_of_this_one(flaresolverr: Asked) -> None:
    with (
        serving(plain("<title>Elsewhere</title>")) as other,
        serving(plain("", 302, Location=other)) as url,
        pytest.raises(SolverElsewhere, match="another host"),
    ):
        get(flaresolverr, url + "/")


def test_attachment_is_no_page(flaresolverr: Asked) -> None:
    attached = plain("x", 200, **{"Content-Disposition": "attachment"})
    with serving(attached) as url, pytest.raises(SolverElsewhere, match="no page"):
        get(flaresolverr, url + "/")


@pytest.mark.parametrize("url", ["file:///etc/hostname", "ftp://127.0.0.1/a", "chrome://version", "data:text/html,a"])
def test_only_web_pages_are_asked_for(flaresolverr: Asked, url: str) -> None:
    with pytest.raises(SolverError, match="only web pages"):
        get(flaresolverr, url)
    assert flaresolverr.stand_in is None or not flaresolverr.stand_in.calls


@pytest.mark.parametrize("suffix", ["", "/", "/v1", "/v1/"])
def test_address_with_and_without_v1(flaresolverr: Asked, suffix: str) -> None:
    root = flaresolverr.url.rstrip("/").removesuffix("/v1")
    assert checked_root(root + suffix) == root
    assert asyncio.run(solver_at(root + suffix).command("sessions.list"))["status"] == "ok"


def test_no_more_than_two_at_once(flaresolverr: Asked) -> None:
    async def run(urls: list[str]) -> list[Solution]:
        solvers = [solver_at(flaresolverr.url, flaresolverr.max_seconds) for _ in urls]  # as of several crawls
        return await asyncio.gather(*(solver.get(url) for solver, url in zip(solvers, urls, strict=True)))

    with serving(ChallengeSite().application()) as url:
        assert len(asyncio.run(run([f"{url}/babe/Anna_{n}" for n in range(5)]))) == 5
    assert flaresolverr.stand_in is None or flaresolverr.stand_in.most_at_once == 2


def test_wrong_commands_are_errors(flaresolverr: Asked) -> None:
    with pytest.raises(SolverError, match="doesn't exist"):
        asyncio.run(solver_at(flaresolverr.url).command("sessions.destroy", session="enrich-nobody"))


@pytest.mark.parametrize("url", ["", "flaresolverr:8191", "ftp://a/", "http://", "http://user:secret@127.0.0.1:8191"])
def test_what_is_no_address(url: str) -> None:
    with pytest.raises(ConfigError, match="FLARESOLVERR_URL") as caught:
        checked_root(url)
    assert "secret" not in str(caught.value)


# --- answers of something else ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("status", "body", "kind", "says"),
    [
        (500, '{"error": "Expecting value"}', SolverError, "Expecting value"),
        (500, '{"status": "error", "message": "Error: a\\n#0 stack"}', SolverError, "says: a$"),
        (500, "{}", SolverError, "HTTP 500"),
        (404, '{"error": "Not found: \'/v1\'", "status_code": 404}', SolverUnusable, "check FLARESOLVERR_URL"),
        (405, '{"error": "Method not allowed."}', SolverUnusable, "check FLARESOLVERR_URL"),
        (200, "<html>a web server</html>", SolverUnusable, "no JSON"),
        (200, "[]", SolverUnusable, "check FLARESOLVERR_URL"),
        (200, '{"status": "ok"}', SolverError, "without a solution"),
        (200, '{"status": "ok", "solution": {}}', SolverElsewhere, "no page"),
        (200, '{"status": "ok", "solution": {"url": "http://HOST/", "cookies": 3}}', SolverError, "User-Agent"),
    ],
)
def test_errors(status: int, body: str, kind: type[SolverError], says: str) -> None:
    async def answer(_request: web.Request) -> web.Response:
        return web.Response(status=status, text=body.replace("HOST", "127.0.0.1:1"))

    app = web.Application()
    app.router.add_post("/v1", answer)
    with serving(app) as url, pytest.raises(SolverError, match=says) as caught:
        asyncio.run(solver_at(url).get("http://127.0.0.1:1/"))
    assert type(caught.value) is kind


def test_nobody_there() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        solver = solver_at(f"http://127.0.0.1:{taken.getsockname()[1]}")
    assert not asyncio.run(solver.answers())
    with pytest.raises(SolverUnusable, match="no FlareSolverr answers"):
        asyncio.run(solver.get("http://127.0.0.1:1/"))


def answered(solution: dict[str, Any]) -> Solution:
    async def canned(request: Request) -> Response:
        return Response(request.url, body=json.dumps({"status": "ok", "solution": solution}).encode())

    return asyncio.run(Solver("http://127.0.0.1:1", canned, max_seconds=1, at_once=1).get("https://www.example.org/a"))


def test_missing_keys_and_either_expiry() -> None:
    least = {"url": "https://www.example.org/a?b=1&__cf_chl_tk=x.y", "userAgent": "UA", "response": "<p>"}
    assert answered(least).url == "https://www.example.org/a?b=1"
    for key in ("expiry", "expires"):
        cookies = [{"name": "cf_clearance", "value": "v", key: 99}, {"name": "a", "value": "b", key: 1}, {}, None]
        solution = answered({**least, "cookies": cookies})
        assert solution.expires_at == 99
        assert solution.cookies == {"cf_clearance": "v", "a": "b"}


# --- sessions ---------------------------------------------------------------------------------------------------------


def in_sessions(asked: Asked, use: Callable[[Browsing], Awaitable[Any]]) -> Any:
    async def run() -> Any:
        browsing = Browsing(solver_at(asked.url, asked.max_seconds), "test")
        try:
            return await use(browsing)
        finally:
            await browsing.close()

    return asyncio.run(run())


def test_each_gets_the_page_it_asked_for(flaresolverr: Asked) -> None:
    site = ChallengeSite()
    with serving(site.application()) as url:
        pages = [f"{url}/babe/Anna_{n}" for n in range(6)]
        found = in_sessions(flaresolverr, lambda b: asyncio.gather(*(b.page("host", page, None) for page in pages)))
    assert [solution.url for solution in found] == pages
    assert all(f">Anna {n}</h1>" in solution.html for n, solution in enumerate(found))
    if (stand_in := flaresolverr.stand_in) is not None:
        assert len(stand_in.asked("sessions.create")) == 1
        assert not stand_in.sessions, "nothing is left behind"


def test_page_that_cannot_be_opened_is_not_the_one_before(flaresolverr: Asked) -> None:
    async def answer(request: web.Request) -> web.Response:
        return web.Response(status=204) if request.path == "/b" else web.Response(text="<p>a", content_type="text/html")

    app = web.Application()
    app.router.add_get("/{path:.*}", answer)

    async def ask(browsing: Browsing) -> None:
        assert (await browsing.page("host", f"{url}/a", None)).url == f"{url}/a"
        with pytest.raises(SolverElsewhere, match="no page"):
            await browsing.page("host", f"{url}/b", None)
        assert (await browsing.page("host", f"{url}/a", None)).url == f"{url}/a"

    with serving(app) as url:
        in_sessions(flaresolverr, ask)


def test_session_is_thrown_away_after_an_error(flaresolverr: Asked) -> None:
    site = ChallengeSite()

    async def ask(browsing: Browsing) -> None:
        site.kind = "unsolvable"
        with pytest.raises(SolverError, match="Timeout"):
            await browsing.page("host", f"{url}/babe/Anna", None)
        site.kind = "solvable"
        assert "Anna</h1>" in (await browsing.page("host", f"{url}/babe/Anna", None)).html

    with serving(site.application()) as url:
        in_sessions(flaresolverr, ask)


def test_page_as_an_answer() -> None:
    solution = Solution("https://www.example.org/b", "<title>404 Not Found</title>é", "UA", {}, None)
    response = response_of(solution, Request("https://www.example.org/a"))
    assert (response.status, response.url, response.flags) == (404, "https://www.example.org/b", ["flaresolverr"])
    assert response.text.endswith("é")


# --- the way out ------------------------------------------------------------------------------------------------------


def test_proxy_of_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("https_proxy", "http://me:se%40cret@proxy.example:3128")
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    proxy = proxy_for("https://www.example.org/")
    assert proxy == Proxy("http://proxy.example:3128", "me", "se@cret")
    assert proxy.said() == {"url": "http://proxy.example:3128", "username": "me", "password": "se@cret"}
    assert "se@cret" not in repr(proxy)
    assert proxy_for("https://127.0.0.1/") is None
    assert proxy_for("ftp://www.example.org/") is None
