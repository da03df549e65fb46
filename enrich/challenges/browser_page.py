"""One page in the browser: watched until no challenge stands before it, and told as it is then.

The answer that scrapy-playwright gives has the status and headers of the first navigation, a challenge's, with the body
of the last.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import urlsplit

from scrapy.http import HtmlResponse, Request, Response

from enrich.challenges.detect import wall

_SET = (
    "playwright",
    "playwright_context",
    "playwright_context_kwargs",
    "playwright_page_init_callback",
    "playwright_page_methods",
    "playwright_security_details",
)


class Visit:
    """``cookies``: all of the context's, when the page was there; ``challenged``: whether it met a challenge."""

    def __init__(self, request: Request, patience_seconds: float) -> None:
        self.request = request
        self.patience_seconds = patience_seconds
        self.headers = request.headers.copy()
        self.context: Any = None
        self.cookies: list[dict[str, Any]] = []
        self.challenged = False
        self.changed = asyncio.Event()
        self.last: Any = None

    def meta(self) -> dict[str, Any]:
        """What scrapy-playwright is told."""
        from scrapy_playwright.page import PageMethod

        return {
            "playwright": True,
            "playwright_page_init_callback": self.watch,
            "playwright_page_methods": [PageMethod(self.settle)],
        }

    def take_off(self) -> None:
        """Leave the request as it came: nothing of a page can be kept in a job directory."""
        for name in _SET:
            self.request.meta.pop(name, None)
        self.request.headers.clear()
        self.request.headers.update(self.headers)

    async def watch(self, page: Any, request: Request) -> None:
        """Follow the page's own navigations from the first on."""
        self.context = page.context

        def answered(response: Any) -> None:
            if response.request.is_navigation_request() and response.frame == page.main_frame:
                self.last = response

        page.on("response", answered)
        page.on("domcontentloaded", lambda _: self.changed.set())

    async def settle(self, page: Any) -> None:
        """Wait until the page is no challenge, at most ``patience_seconds``."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(self.patience_seconds):
                while True:
                    self.changed.clear()
                    if not await self._is_challenge(page):
                        break
                    self.challenged = True
                    await self.changed.wait()
        self.cookies = [dict(cookie) for cookie in await page.context.cookies()]

    async def _is_challenge(self, page: Any) -> bool:
        from playwright.async_api import Error

        try:
            content = await page.content()
        except Error:
            return True  # it is on its way to the next page
        if self.last is None:
            return False
        seen = HtmlResponse(page.url, self.last.status, self._told_headers(), content.encode(), encoding="utf-8")
        return wall(seen) == "challenge"

    def told(self, response: Response) -> Response:
        """The response with the status and headers of the last navigation."""
        if self.last is None or "playwright" not in response.flags:
            return response
        return response.replace(status=self.last.status, headers=self._told_headers())

    def _told_headers(self) -> dict[str, str]:
        return {name: value for name, value in self.last.headers.items() if name != "content-encoding"}


def cookie_header(cookies: Sequence[Mapping[str, Any]], url: str) -> str:
    """The Cookie header for a request to ``url`` out of a browser's cookies; empty where none is for it."""
    parts = urlsplit(url)
    host, path = parts.hostname or "", parts.path or "/"
    said = []
    for cookie in cookies:
        domain = str(cookie["domain"])
        for_host = host == domain.lstrip(".") or (domain.startswith(".") and host.endswith(domain))
        under = str(cookie.get("path") or "/")
        for_path = path == under or path.startswith(under.rstrip("/") + "/")
        if for_host and for_path and (parts.scheme == "https" or not cookie.get("secure")):
            said.append(f"{cookie['name']}={cookie['value']}")
    return "; ".join(said)
