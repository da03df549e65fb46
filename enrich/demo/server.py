"""The demo world's web server, on 127.0.0.1 only: all sites under path prefixes, what was asked for, and the truth."""

from __future__ import annotations

import asyncio
import errno
import os
import signal
import stat
import sys
import threading
from collections import Counter
from collections.abc import Awaitable, Callable
from urllib.parse import quote

from aiohttp import web

from enrich.demo.answers import PictureAnswers
from enrich.demo.pictures import Studio
from enrich.demo.sites import sites
from enrich.demo.truth import World
from enrich.errors import EnrichError

HOST = "127.0.0.1"
Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


def application(world: World) -> web.Application:
    """All sites of a world, ``/robots.txt``, and ``/_requests``, ``/_reset`` and ``/_truth`` for those who watch."""
    asked: Counter[str] = Counter()
    answers = PictureAnswers(Studio(world.people))

    @web.middleware
    async def count(request: web.Request, handler: Handler) -> web.StreamResponse:
        if not request.path.startswith("/_"):
            asked[quote(request.path)] += 1
        return await handler(request)

    async def requests(_request: web.Request) -> web.Response:
        return web.json_response(asked)

    async def reset(_request: web.Request) -> web.Response:
        asked.clear()
        return web.Response(status=204)

    async def truth(_request: web.Request) -> web.Response:
        return web.json_response(world.truth())

    async def robots(_request: web.Request) -> web.Response:
        return web.Response(text="User-agent: *\nAllow: /\n")

    async def close(_app: web.Application) -> None:
        answers.close()

    app = web.Application(middlewares=[count])
    app.add_routes(
        [
            web.get("/_requests", requests),
            web.post("/_reset", reset),
            web.get("/_truth", truth),
            web.get("/robots.txt", robots),
        ]
    )
    for site in sites(world, answers):
        app.add_routes(site.routes())
    app.on_cleanup.append(close)
    return app


async def serve(world: World, port: int = 0, *, listening: Callable[[int], None]) -> None:
    """Serve until SIGTERM, SIGINT or the end of a piped stdin; ``listening`` gets the port once it answers.

    Raises EnrichError where the port is taken.
    """
    done = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, done.set)
    runner = web.AppRunner(application(world), access_log=None)
    await runner.setup()
    try:
        site = web.TCPSite(runner, HOST, port, shutdown_timeout=1.0)
        try:
            await site.start()
        except OSError as error:
            if error.errno != errno.EADDRINUSE:
                raise
            raise EnrichError(
                f"port {port} on {HOST} is taken: choose another with --port, or 0 for any free one"
            ) from error
        listening(int(runner.addresses[0][1]))
        _watch_parent(loop, done)
        await done.wait()
    finally:
        await runner.cleanup()


def _watch_parent(loop: asyncio.AbstractEventLoop, done: asyncio.Event) -> None:
    """End when a piped stdin ends, so that a killed parent leaves nothing behind; a terminal or file is not watched."""
    kind = os.fstat(sys.stdin.fileno()).st_mode if sys.stdin else 0
    if not (stat.S_ISFIFO(kind) or stat.S_ISSOCK(kind)):
        return

    def read_to_the_end() -> None:
        while os.read(0, 4096):
            pass
        loop.call_soon_threadsafe(done.set)

    threading.Thread(target=read_to_the_end, name="parent", daemon=True).start()
