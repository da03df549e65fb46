"""Pages through a FlareSolverr's own browser, for hosts that take a clearance from nobody but who solved it.

One browser session a host, and one page at a time in it: a session has no lock of its own, and hands whoever asks at
the same time the same page. Only pages: of a picture it gives a page that shows it, never the bytes.
"""

from __future__ import annotations

import asyncio
import logging
import os
import re
from dataclasses import dataclass, field
from itertools import count

from scrapy.http import HtmlResponse, Request

from enrich.challenges.detect import title_of
from enrich.challenges.flaresolverr_client import Proxy, Solution, Solver, SolverError, SolverUnusable

logger = logging.getLogger(__name__)

FLAG = "flaresolverr"
"""What marks a response as a browser's; its status is what the title says, for FlareSolverr does not tell it."""
_NUMBERED = re.compile(
    r"(?:http\s+)?(?:error\s+)?([45]\d\d)\b\W*(?:page\s+|file\s+|http\s+)?"
    r"(?:error|not found|gone|forbidden|too many|internal|bad gateway|service|gateway|unavailable|$)",
    re.IGNORECASE,
)
_NOT_FOUND = re.compile(r"(?:error\W+)?(?:page|file|profile)?\s*not found\b", re.IGNORECASE)


@dataclass(slots=True)
class _Session:
    name: str | None = None
    asked: str | None = None
    got: str | None = None
    lock: asyncio.Lock = field(default_factory=asyncio.Lock)


class Browsing:
    """Sessions are made when the first page is asked for, thrown away after any error, and ended by ``close``."""

    def __init__(self, solver: Solver, owner: str) -> None:
        self.solver = solver
        self._names = (f"enrich-{owner}-{os.getpid()}-{number}" for number in count(1))
        self._sessions: dict[str, _Session] = {}

    async def page(self, host: str, url: str, proxy: Proxy | None, wall_title: str = "") -> Solution:
        """A page of a host, which is not the challenge called ``wall_title``. Raises SolverError."""
        session = self._sessions.setdefault(host, _Session())
        async with session.lock:
            solution = await self._ask(session, url, proxy, wall_title)
            if url != session.asked and url != solution.url == session.got:
                # Where a page could not be opened, a session shows the one before; a new one has none before.
                await self._end(session)
                solution = await self._ask(session, url, proxy, wall_title)
            session.asked, session.got = url, solution.url
            return solution

    async def close(self) -> None:
        """End every session, with the browser that each of them is."""
        await asyncio.gather(*(self._end(session) for session in self._sessions.values()))

    async def _ask(self, session: _Session, url: str, proxy: Proxy | None, wall_title: str) -> Solution:
        if session.name is None:
            name = next(self._names)
            session.name = name  # before it is made: what is broken off has to be ended as well
            with_proxy = {"proxy": proxy.said()} if proxy else {}
            try:
                await self.solver.command("sessions.create", session=name, **with_proxy)
            except SolverError:
                await self._end(session)
                raise
        try:
            return await self.solver.get(url, session=session.name, wall_title=wall_title)
        except SolverError:
            await self._end(session)  # after one error a session has only more of them
            raise

    async def _end(self, session: _Session) -> None:
        name, session.name, session.asked, session.got = session.name, None, None, None
        if name is None:
            return
        try:
            await self.solver.command("sessions.destroy", session=name)
        except SolverUnusable:
            logger.debug("FlareSolverr is gone, and its session %s with it", name)
        except SolverError as error:
            logger.warning("FlareSolverr's session %s could not be ended: %s", name, error)


def response_of(solution: Solution, request: Request) -> HtmlResponse:
    """The page as an answer to the request."""
    body = solution.html.encode("utf-8", "replace")
    return HtmlResponse(
        solution.url,
        status=status_of(title_of(body)),
        headers={"Content-Type": "text/html; charset=utf-8"},
        body=body,
        encoding="utf-8",
        flags=[FLAG],
        request=request,
    )


def status_of(title: str) -> int:
    """The status that a page's title speaks of; 200 where it speaks of none."""
    if numbered := _NUMBERED.match(title):
        return int(numbered[1])
    return 404 if _NOT_FOUND.match(title) else 200


def can_show(request: Request) -> bool:
    """Whether a request is for a page: what a script would ask for comes back wrapped in one."""
    accepts = b",".join(request.headers.getlist("Accept")).lower()
    return request.method == "GET" and b"json" not in accepts and "X-Requested-With" not in request.headers
