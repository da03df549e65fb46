"""Pictures over HTTP: drawn when first asked for, kept, and sent with the trouble that was planted in them."""

from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor

from aiohttp import web

from enrich.demo.pictures import Studio
from enrich.demo.truth import Drawing, Picture


class PictureAnswers:
    """Answers image requests; each drawing is made once, in a worker thread, however many ask for it at a time."""

    def __init__(self, studio: Studio, threads: int = 2) -> None:
        self._studio = studio
        self._pool = ThreadPoolExecutor(threads, thread_name_prefix="drawing")
        self._made: dict[tuple[Drawing, int | None], asyncio.Future[tuple[bytes, str]]] = {}

    async def answer(self, picture: Picture | None, longest_px: int | None = None) -> web.Response:
        """The picture, or what its plant says instead of it. ``longest_px``: scaled down to this longer side."""
        if picture is None:
            return web.Response(status=404)
        if picture.drawing.kind == "missing":
            return web.Response(status=404, text="no such image")
        wanted = (picture.drawing, longest_px)
        if wanted not in self._made:
            loop = asyncio.get_running_loop()
            self._made[wanted] = loop.run_in_executor(self._pool, self._studio.develop, *wanted)
        body, content_type = await asyncio.shield(self._made[wanted])
        return web.Response(body=body, headers={"Content-Type": content_type, "Cache-Control": "max-age=604800"})

    def close(self) -> None:
        """Stop drawing; what is being drawn is dropped."""
        self._pool.shutdown(wait=False, cancel_futures=True)
