"""Asks a FlareSolverr to pass a challenge, and believes no more of its answer than can be checked.

What it answers is described in docs/flaresolverr.md: its ``status`` is always 200, its ``message`` decides nothing, and
a host that does not answer comes back as the browser's own error page.
"""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import SplitResult, unquote, urlsplit
from urllib.request import getproxies, proxy_bypass
from weakref import WeakKeyDictionary

from scrapy.exceptions import (
    CannotResolveHostError,
    DownloadConnectionRefusedError,
    DownloadFailedError,
    DownloadTimeoutError,
    IgnoreRequest,
    ResponseDataLossError,
)
from scrapy.http import Request, Response
from scrapy.http.request import NO_CALLBACK
from scrapy.http.request.json_request import JsonRequest
from w3lib.url import url_query_cleaner

from enrich.challenges.clearance import Clearance, host_key
from enrich.challenges.detect import is_browser_error, is_challenge_page, title_of
from enrich.errors import ConfigError
from enrich.request_meta import FLARESOLVERR_CALL

SLOT = "flaresolverr"
ANSWER_SECONDS = 45.0
"""How much longer than a solve may take its answer may: the browser's start and end, and the queue before it."""
CLEARANCE = "cf_clearance"
_DENIED = "has blocked this request"
_TOKEN = "__cf_chl_tk"  # noqa: S105  # the name of a parameter

Download = Callable[[Request], Awaitable[Response]]
_turns: WeakKeyDictionary[asyncio.AbstractEventLoop, asyncio.Semaphore] = WeakKeyDictionary()


class SolverError(Exception):
    """A page was not had from FlareSolverr; the message says why in one line."""


class SolverUnusable(SolverError):  # noqa: N818  # what it is, not only that it is an error
    """No FlareSolverr answers at the address: nothing is said about the host."""


class SolverDenied(SolverError):  # noqa: N818  # as above
    """The host turns the browser away as well: asking again is of no use."""


class SolverElsewhere(SolverError):  # noqa: N818  # as above
    """What the browser shows is no page of the host, though nothing is wrong with it."""


@dataclass(frozen=True, slots=True)
class Proxy:
    """The proxy through which a host is asked. ``url`` is without user and password."""

    url: str
    username: str | None = None
    password: str | None = field(default=None, repr=False)

    def said(self) -> dict[str, str]:
        """As FlareSolverr takes it."""
        named = {"username": self.username, "password": self.password}
        return {"url": self.url} | {name: value for name, value in named.items() if value}


@dataclass(frozen=True, slots=True)
class Solution:
    """A page of the host as the browser has it. ``url``: where it ended, without the challenge's token."""

    url: str
    html: str = field(repr=False)
    user_agent: str
    cookies: Mapping[str, str] = field(repr=False)
    expires_at: float | None

    def clearance(self, proxy: Proxy | None) -> Clearance:
        """What requests may wear."""
        return Clearance(
            user_agent=self.user_agent,
            cookies=self.cookies,
            proxy=proxy.url if proxy else None,
            solved_at=time.time(),
            expires_at=self.expires_at,
        )


class Solver:
    """One FlareSolverr. ``url``: its address, with or without ``/v1``. At most ``at_once`` calls run in a process."""

    def __init__(self, url: str, download: Download, *, max_seconds: float, at_once: int) -> None:
        self.root = checked_root(url)
        self.max_seconds = max_seconds
        self._download = download
        self._at_once = at_once

    async def get(
        self, url: str, *, wall_title: str = "", proxy: Proxy | None = None, session: str | None = None
    ) -> Solution:
        """A page of a host, past its challenge, whose title is ``wall_title`` where it is known. Raises SolverError."""
        if urlsplit(url).scheme not in ("http", "https"):
            raise SolverError(f"{url}: only web pages are asked for")  # it would hand out local files
        asked: dict[str, Any] = {"url": url, "maxTimeout": round(self.max_seconds * 1000), "disableMedia": True}
        if session is not None:
            asked["session"] = session  # which was made with the proxy
        elif proxy is not None:
            asked["proxy"] = proxy.said()
        return _solution(await self.command("request.get", **asked), url, wall_title)

    async def command(self, name: str, **said: Any) -> dict[str, Any]:
        """The answer to a command. Raises SolverError where it is anything but ok."""
        request = JsonRequest(
            f"{self.root}/v1",
            data={"cmd": name, **said},
            callback=NO_CALLBACK,
            meta={
                FLARESOLVERR_CALL: True,
                "download_slot": SLOT,
                "download_timeout": self.max_seconds + ANSWER_SECONDS,
                "proxy": None,
                "allow_offsite": True,
                "dont_obey_robotstxt": True,
                "dont_retry": True,
                "dont_redirect": True,
                "dont_cache": True,
                "dont_merge_cookies": True,
            },
        )
        async with _turn(self._at_once):
            try:
                response = await self._download(request)
            except (DownloadConnectionRefusedError, CannotResolveHostError, IgnoreRequest) as error:
                raise SolverUnusable(f"no FlareSolverr answers at {self.root} ({type(error).__name__})") from error
            except DownloadTimeoutError as error:
                timeout = self.max_seconds + ANSWER_SECONDS
                raise SolverError(f"FlareSolverr gave no answer within {timeout:.0f} s") from error
            except (DownloadFailedError, ResponseDataLossError) as error:
                raise SolverError(f"FlareSolverr broke off ({type(error).__name__})") from error
        return self._answer(response)

    def _answer(self, response: Response) -> dict[str, Any]:
        try:
            answer = json.loads(response.body)
        except ValueError:
            answer = None
        if not isinstance(answer, dict) or response.status in (404, 405):
            what = "no JSON" if answer is None else "no answer of a FlareSolverr"
            raise SolverUnusable(f"{self.root} answers HTTP {response.status} with {what}: check FLARESOLVERR_URL")
        if response.status == 200 and answer.get("status") == "ok":
            return answer
        said = str(answer.get("message") or answer.get("error") or f"HTTP {response.status}")
        line = said.removeprefix("Error: ").partition("\n")[0].strip()[:200]
        if _DENIED in said:
            raise SolverDenied(f"FlareSolverr says: {line}")
        raise SolverError(f"FlareSolverr says: {line}")

    async def answers(self, seconds: float = 5.0) -> bool:
        """Whether something listens at the address. Its health page is no measure: it waits behind running solves."""
        parts = urlsplit(self.root)
        opening = asyncio.open_connection(parts.hostname, parts.port or (443 if parts.scheme == "https" else 80))
        try:
            _, writer = await asyncio.wait_for(opening, seconds)
        except (OSError, TimeoutError):
            return False
        writer.close()
        return True


def _solution(answer: Mapping[str, Any], asked: str, wall_title: str) -> Solution:
    """The page, if it is one of the host that was asked. Raises SolverError."""
    found = answer.get("solution")
    if not isinstance(found, dict):
        raise SolverError("FlareSolverr answers without a solution")
    url, html, agent = (str(found.get(name) or "") for name in ("url", "response", "userAgent"))
    if urlsplit(url).scheme not in ("http", "https"):
        raise SolverElsewhere(f"FlareSolverr has no page for {asked}")
    if host_key(url) != host_key(asked):
        raise SolverElsewhere(f"{asked} led FlareSolverr to another host, {host_key(url)}")
    body = html.encode("utf-8", "replace")
    if is_browser_error(body):
        raise SolverError(f"{host_key(asked)} does not answer FlareSolverr's browser")
    listed = found.get("cookies")
    cookies = [cookie for cookie in listed if isinstance(cookie, dict)] if isinstance(listed, list) else []
    cleared = any(cookie.get("name") == CLEARANCE for cookie in cookies)
    # In languages that FlareSolverr does not know it takes the challenge for the page.
    if is_challenge_page(body) or (wall_title and not cleared and title_of(body) == wall_title):
        raise SolverError(f"FlareSolverr did not get past the challenge of {host_key(asked)}")
    if not agent:
        raise SolverError("FlareSolverr does not say which User-Agent it has")
    ends = [
        cookie[key]
        for cookie in cookies
        for key in ("expiry", "expires")  # its documentation says the second, its answers the first
        if cookie.get("name") == CLEARANCE and isinstance(cookie.get(key), int | float) and cookie[key] > 0
    ]
    return Solution(
        url=url_query_cleaner(url, [_TOKEN], remove=True, unique=False, keep_fragments=True) if _TOKEN in url else url,
        html=html,
        user_agent=agent,
        cookies={str(cookie["name"]): str(cookie.get("value", "")) for cookie in cookies if cookie.get("name")},
        expires_at=min(ends, default=None),
    )


def checked_root(url: str) -> str:
    """The address of a FlareSolverr without ``/v1``. Raises ConfigError."""
    parts: SplitResult = urlsplit(url.strip())
    if parts.scheme not in ("http", "https") or not parts.hostname or parts.username or parts.password:
        raise ConfigError("FLARESOLVERR_URL should be an address such as http://127.0.0.1:8191, without a user in it")
    return f"{parts.scheme}://{parts.netloc}{parts.path.rstrip('/').removesuffix('/v1').rstrip('/')}"


def proxy_for(url: str) -> Proxy | None:
    """The proxy that the environment sets for an address: FlareSolverr has to leave by the same one."""
    parts = urlsplit(url)
    given = getproxies().get(parts.scheme)
    if not given or (parts.hostname and proxy_bypass(parts.hostname)):
        return None
    proxy = urlsplit(given if "://" in given else f"http://{given}")
    bare = f"{proxy.scheme}://{proxy.netloc.rpartition('@')[2]}"
    return Proxy(bare, unquote(proxy.username or "") or None, unquote(proxy.password or "") or None)


def _turn(at_once: int) -> asyncio.Semaphore:
    """The turns of a process's one event loop, shared by all crawls in it."""
    return _turns.setdefault(asyncio.get_running_loop(), asyncio.Semaphore(at_once))
