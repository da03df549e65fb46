"""Answers as FlareSolverr 3.5.0 does (docs/flaresolverr.md), with a browser that is none: it fetches and reads pages.

It passes a challenge as a browser would: by the cookie that the page's script sets, sent with its own User-Agent.
"""

from __future__ import annotations

import asyncio
import json
import re
import time
import uuid
from dataclasses import dataclass, field
from http.cookies import SimpleCookie
from typing import Any
from urllib.parse import urlsplit

import aiohttp
from aiohttp import web
from yarl import URL

AGENT = "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/156.0.0.0 Safari/537.36"
BLOCKED = (
    "Error: Error solving the challenge. Cloudflare has blocked this request. "
    "Probably your IP is banned for this site, check in your web browser."
)
NEW_TAB = "chrome://new-tab-page-third-party/"


class CommandError(Exception):
    """What a call fails with: the message of a 500."""


@dataclass
class Tab:
    """A browser: its cookies and the page it shows."""

    jar: aiohttp.CookieJar
    url: str = NEW_TAB
    html: str = "<html><head><title>New Tab</title></head><body></body></html>"
    stuck: bool = False
    killed: bool = False

    @property
    def title(self) -> str:
        found = re.search(r"<title>(.*?)</title>", self.html, re.DOTALL)
        return found[1].strip() if found else ""


@dataclass
class StandIn:
    """``calls``: the commands received. ``pause_seconds``: how long a challenge takes to be solved."""

    pause_seconds: float = 0.1
    calls: list[dict[str, Any]] = field(default_factory=list)
    sessions: dict[str, Tab] = field(default_factory=dict)
    at_once: int = 0
    most_at_once: int = 0

    def application(self) -> web.Application:
        """What the server answers to."""
        app = web.Application()
        app.router.add_get("/", self._index)
        app.router.add_get("/health", self._health)
        app.router.add_route("*", "/{path:.*}", self._other)
        return app

    def asked(self, command: str) -> list[dict[str, Any]]:
        """The calls of one command."""
        return [call for call in self.calls if call.get("cmd") == command]

    async def _index(self, _request: web.Request) -> web.Response:
        return web.json_response({"msg": "FlareSolverr is ready!", "version": "3.5.0", "userAgent": AGENT})

    async def _health(self, _request: web.Request) -> web.Response:
        return web.json_response({"status": "ok"})

    async def _other(self, request: web.Request) -> web.Response:
        if request.path != "/v1":
            return web.json_response({"error": f"Not found: {request.path!r}", "status_code": 404}, status=404)
        if request.method != "POST":
            return web.json_response({"error": "Method not allowed.", "status_code": 405}, status=405)
        said: Any = {}
        if request.content_type == "application/json":
            try:
                said = json.loads(await request.read())
                _ = said.get
            except (ValueError, AttributeError) as error:
                return web.json_response({"error": str(error)}, status=500)
        self.calls.append(said)
        self.at_once += 1
        self.most_at_once = max(self.most_at_once, self.at_once)
        began = round(time.time() * 1000)
        try:
            answer, status = {"status": "ok", **await self._command(said)}, 200
        except CommandError as error:
            answer, status = {"status": "error", "message": str(error)}, 500
        finally:
            self.at_once -= 1
        times = {"startTimestamp": began, "endTimestamp": round(time.time() * 1000), "version": "3.5.0"}
        return web.json_response({**answer, **times}, status=status)

    async def _command(self, said: dict[str, Any]) -> dict[str, Any]:
        name = said.get("session")
        match said.get("cmd"):
            case None:
                raise CommandError("Error: Request parameter 'cmd' is mandatory.")
            case "sessions.create":
                name = name or str(uuid.uuid4())
                if name in self.sessions:
                    return {"message": "Session already exists.", "session": name}
                self.sessions[name] = Tab(aiohttp.CookieJar(unsafe=True))
                return {"message": "Session created successfully.", "session": name}
            case "sessions.list":
                return {"message": "", "sessions": list(self.sessions)}
            case "sessions.destroy":
                if self.sessions.pop(str(name), None) is None:
                    raise CommandError("Error: The session doesn't exist.")
                return {"message": "The session has been removed."}
            case "request.get":
                return await self._get(said)
        raise CommandError(f"Error: Request parameter 'cmd' = '{said['cmd']}' is invalid.")

    async def _get(self, said: dict[str, Any]) -> dict[str, Any]:
        if not said.get("url"):
            raise CommandError("Error: Request parameter 'url' is mandatory in 'request.get' command.")
        try:
            seconds = int(said.get("maxTimeout") or 60000) / 1000
        except ValueError as error:
            raise CommandError(f"Error: {error}") from error
        name = said.get("session")
        tab = Tab(aiohttp.CookieJar(unsafe=True)) if name is None else self.sessions.setdefault(
            name, Tab(aiohttp.CookieJar(unsafe=True))
        )  # fmt: skip
        if tab.killed:
            raise CommandError("Error: Error solving the challenge. Message: invalid session id")
        try:
            async with asyncio.timeout(seconds):
                if tab.stuck:
                    await asyncio.Event().wait()
                message = await self._pass(tab, said["url"])
        except TimeoutError:
            tab.stuck = True
            raise CommandError(f"Error: Error solving the challenge. Timeout after {seconds} seconds.") from None
        solution = {
            "url": tab.url,
            "status": 200,
            "cookies": _cookies(tab),
            "userAgent": AGENT,
            "turnstile_token": None,
        }
        if not said.get("returnOnlyCookies"):
            solution |= {"headers": {}, "response": tab.html}
        return {"message": message, "solution": solution}

    async def _pass(self, tab: Tab, url: str) -> str:
        await _open(tab, url)
        await asyncio.sleep(0.01)  # whoever asks for another page now gets this one's caller that page
        if tab.title.startswith(("Access denied", "Attention Required!")):
            raise CommandError(BLOCKED)
        challenged = False
        while tab.title in ("Just a moment...", "DDoS-Guard"):
            challenged = True
            await asyncio.sleep(self.pause_seconds)
            if found := re.search(r'document\.cookie = "(\w+)=(\w+);', tab.html):
                tab.jar.update_cookies(SimpleCookie({found[1]: found[2]}), URL(tab.url))
                await _open(tab, url)
        return "Challenge solved!" if challenged else "Challenge not detected!"


async def _open(tab: Tab, url: str) -> None:
    """Have the tab show what is at the address, as Chromium would."""
    if url.startswith("file://"):
        tab.url, tab.html = url, "<html><head></head><body><pre>a file of the solver's machine</pre></body></html>"
        return
    headers = {"User-Agent": AGENT, "Sec-Fetch-Mode": "navigate"}
    try:
        async with (
            aiohttp.ClientSession(cookie_jar=tab.jar, headers=headers) as client,
            client.get(url, max_redirects=20) as answer,
        ):
            body, kind, at = await answer.read(), answer.content_type, str(answer.url)
            if answer.status == 204 or "attachment" in answer.headers.get("Content-Disposition", ""):
                return  # it goes on showing what it showed
            empty_error = answer.status >= 400 and not body
    except aiohttp.ClientConnectorDNSError:
        raise CommandError(
            "Error: Error solving the challenge. Message: unknown error: net::ERR_NAME_NOT_RESOLVED\n#0 0x55"
        ) from None
    except (aiohttp.ClientConnectorSSLError, aiohttp.ClientConnectorCertificateError):
        raise CommandError(
            "Error: Error solving the challenge. Message: unknown error: net::ERR_SSL_PROTOCOL_ERROR\n#0"
        ) from None
    except (aiohttp.ClientConnectorError, aiohttp.ServerDisconnectedError, aiohttp.TooManyRedirects):
        tab.url, tab.html = url, _neterror(url)
        return
    if empty_error:
        tab.url, tab.html = at, _neterror(at)
    elif kind == "text/html":
        tab.url, tab.html = at, body.decode("utf-8", "replace")
    elif kind.startswith(("image/", "video/")):
        tab.url, tab.html = at, f'<html><head><title>a (1x1)</title></head><body><img src="{at}"></body></html>'
    else:
        text = body.decode("utf-8", "replace").replace("&", "&amp;").replace("<", "&lt;")
        tab.url, tab.html = at, f"<html><head></head><body><pre>{text}</pre></body></html>"


def _neterror(url: str) -> str:
    return (
        f'<html dir="ltr"><head><title>{urlsplit(url).hostname}</title></head><body class="neterror" id="t">'
        + "<!-- -->" * 30_000
        + "</body></html>"
    )


def _cookies(tab: Tab) -> list[dict[str, Any]]:
    host = urlsplit(tab.url).hostname
    found = []
    for name, morsel in tab.jar.filter_cookies(URL(tab.url)).items() if tab.url.startswith("http") else ():
        expiry = {"expiry": int(time.time()) + 31_536_000} if name == "cf_clearance" else {}
        flags = {"httpOnly": False, "sameSite": "Lax", "secure": False}
        found.append({"domain": host, **expiry, "name": name, "path": "/", **flags, "value": morsel.value})
    return found
