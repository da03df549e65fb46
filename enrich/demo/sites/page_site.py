"""What the reference sites of the demo world share: their pages, their pictures by address, and how both are sent."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import ClassVar
from urllib.parse import unquote

from aiohttp import web

from enrich.demo.answers import PictureAnswers
from enrich.demo.truth import Picture, World


class PageSite(ABC):
    """A reference site of a world. ``pictures``: by the path that they are asked for at, decoded."""

    name: ClassVar[str]

    def __init__(self, world: World, answers: PictureAnswers) -> None:
        self.people = world.people
        self.pages = [page for page in world.pages if page.site == self.name]
        self.pictures = {unquote(picture.path): picture for page in self.pages for picture in page.every}
        self._answers = answers

    @abstractmethod
    def routes(self) -> list[web.RouteDef]:
        """What the server answers to."""

    async def send(self, picture: Picture | None, longest_px: int | None = None) -> web.Response:
        """The picture, scaled down to this longer side, or 404 where there is none."""
        return web.Response(status=404) if picture is None else await self._answers.answer(picture, longest_px)


def html(text: str, status: int = 200) -> web.Response:
    """A page."""
    return web.Response(text=text, content_type="text/html", status=status)


def require_referer(request: web.Request) -> None:
    """Raise HTTPForbidden for those who do not come from a page."""
    if not request.headers.get("Referer"):
        raise web.HTTPForbidden(text="hotlinking is not allowed")
