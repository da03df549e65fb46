"""A small site behind a challenge as Cloudflare's looks: what it takes as proof, and what it saw of its visitors."""

from __future__ import annotations

import asyncio
import gzip
import io
import secrets
from collections import Counter
from dataclasses import dataclass, field
from typing import Literal

from aiohttp import web
from PIL import Image

Kind = Literal["solvable", "unsolvable", "denied", "localized", "browser_only", "open"]

PASSES = """<script>setTimeout(function () {{
document.cookie = "cf_clearance={token}; path=/"; location.reload(); }}, 300);</script>"""


@dataclass
class Pass:
    """A clearance: good only with the agent that got it, and a number of times."""

    agent: str
    left: int | None
    used: int = 0


@dataclass
class ChallengeSite:
    """Profiles at ``/babe/NAME`` as Babepedia's, with ``pictures`` each, all behind a challenge of a ``kind``.

    ``uses``: how often a clearance is good. ``browser_only``: it is good only for what a browser itself asks for.
    """

    kind: Kind = "solvable"
    uses: int | None = None
    pictures: int = 3
    packed: bool = False
    says_so: bool = True
    open_pictures: bool = False
    passes: dict[str, Pass] = field(default_factory=dict)
    served: Counter[str] = field(default_factory=Counter)
    challenged: Counter[str] = field(default_factory=Counter)
    agents: Counter[str] = field(default_factory=Counter)
    robots: list[dict[str, str]] = field(default_factory=list)
    expiries: int = 0
    missing: set[str] = field(default_factory=set)
    free: set[str] = field(default_factory=set)
    slow_seconds: dict[str, float] = field(default_factory=dict)

    def application(self) -> web.Application:
        """What the server answers to."""
        app = web.Application()
        app.router.add_get("/robots.txt", self._robots)
        app.router.add_get("/{path:.*}", self._answer)
        return app

    @property
    def solved(self) -> int:
        """How many clearances were used at all."""
        return sum(1 for one in self.passes.values() if one.used)

    async def _robots(self, request: web.Request) -> web.Response:
        self.robots.append(dict(request.headers))
        return self._wall(request)

    async def _answer(self, request: web.Request) -> web.Response:
        path = request.path
        is_picture = path.startswith("/pics/")
        if not (
            self.kind == "open" or path in self.free or (is_picture and self.open_pictures) or self._may_pass(request)
        ):
            self.challenged[path] += 1
            await asyncio.sleep(self.slow_seconds.pop(path, 0))  # the first time
            return self._wall(request)
        self.served[path] += 1
        self.agents[request.headers.getone("User-Agent")] += 1
        assert len(request.headers.getall("User-Agent")) == 1
        if is_picture:
            return web.Response(body=picture(path), content_type="image/jpeg")
        name = path.removeprefix("/babe/").replace("_", " ")
        if path in self.missing or not path.startswith("/babe/"):
            text = "<title>404 Not Found</title><h1>Not Found</h1>"
            return web.Response(status=404, text=text, content_type="text/html")
        shown = "".join(
            f'<a class="img" href="/pics/{path[6:]}-{n}.jpg"><img src="/pics/{path[6:]}-{n}_thumb.jpg"></a>'
            for n in range(self.pictures)
        )
        text = f'<html><head><title>{name}</title></head><body><h1 id="babename">{name}</h1><div id="profbox2">{shown}'
        return web.Response(text=text + "</div></body></html>", content_type="text/html")

    def _may_pass(self, request: web.Request) -> bool:
        worn = self.passes.get(request.cookies.get("cf_clearance", ""))
        if worn is None or worn.agent != request.headers.get("User-Agent"):
            return False
        if self.kind == "browser_only" and "Sec-Fetch-Mode" not in request.headers:
            return False
        if worn.left is not None:
            if worn.left <= 0:
                return False
            worn.left -= 1
            self.expiries += worn.left == 0
        worn.used += 1
        return True

    def _wall(self, request: web.Request) -> web.Response:
        title, script, headers = "Just a moment...", "", {"Server": "cloudflare"}
        if self.kind == "denied":
            title = "Attention Required! | Cloudflare"
        elif self.kind == "localized":
            title = "Nur einen Moment…"
        elif self.kind in ("solvable", "browser_only"):
            token = secrets.token_hex(8)
            self.passes[token] = Pass(request.headers.get("User-Agent", ""), self.uses)
            script = PASSES.format(token=token)
        if self.says_so and self.kind != "denied":
            headers["cf-mitigated"] = "challenge"
        body = f"<html><head><title>{title}</title></head><body>{script}</body></html>".encode()
        if self.packed:
            headers["Content-Encoding"] = "gzip"
            body = gzip.compress(body)
        return web.Response(status=403, body=body, content_type="text/html", headers=headers)


def picture(path: str) -> bytes:
    """A plain picture, another one for each path: nobody is on it."""
    colour = tuple((hash_of(path) >> shift) & 255 for shift in (0, 8, 16))
    made = io.BytesIO()
    Image.new("RGB", (420, 420), colour).save(made, "JPEG")  # type: ignore[arg-type]
    return made.getvalue()


def hash_of(path: str) -> int:
    """The same number for the same path in every process."""
    return int.from_bytes(path.encode(), "big") % 16777213
