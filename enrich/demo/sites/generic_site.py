"""A reference site of the demo world: a table says what it holds and how it answers, a template has its markup."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date
from importlib import resources
from typing import Any
from urllib.parse import unquote

from aiohttp import web
from mako.template import Template

from enrich.demo import profiles
from enrich.demo.answers import PictureAnswers
from enrich.demo.cast import Person
from enrich.demo.galleries import galleries
from enrich.demo.truth import Page, Picture, World

Answer = Callable[["GenericSite", web.Request], web.Response]


@dataclass(frozen=True, slots=True, kw_only=True)
class SiteTable:
    """What tells one site from another; paths are given below the site's root, ``/<name>``."""

    plan: profiles.Plan
    address: profiles.Address
    keys: Callable[[Page], Iterable[str]]
    """The spellings of a page's name in the addresses that it answers to."""
    asked: Callable[[str], str] = str
    """A spelling that was asked for to the one in ``keys``."""
    own_key: Callable[[str], str] = str
    """A page's name to the spelling that its own links have."""
    answers: Mapping[str, Answer]
    """Path to what is served there."""
    images: str
    """Path of the pictures."""
    sizes: tuple[tuple[str, str, int], ...] = ()
    """Small sizes of pictures: pattern in the path, what stands there in the original's, and the longer side."""
    needs_referer: bool = False
    """Whether pictures are only for those who come from a page."""
    link_forms: tuple[str, ...] = ()
    """Addresses at the real site as stash-boxes have them, used in turn."""
    linked_as: Callable[[Person], str] = lambda person: person.name
    """What is filled into them."""
    links_by_hand: Mapping[str, str] = field(default_factory=dict)
    """Person to an address with a spelling of its own."""
    adapted: Callable[[Page, int], Page] = lambda page, _seed: page
    """A page as the plan has it, and the seed, to the site's own."""
    shared: Mapping[str, int] = field(default_factory=dict)
    """Page title to the number of its galleries of two, where it is not 1."""

    @property
    def name(self) -> str:
        return self.plan.site

    def slug(self, page: Page) -> str:
        """The spelling of a page's name in its own links."""
        return self.own_key(page.title + self.plan.namesakes.get(page.person, ""))

    def links(self, people: Mapping[str, Person]) -> Mapping[str, str]:
        """The pages here that the stash-box links, by person, as addresses of the real site."""
        order = tuple(people) if self.plan.extras else self.plan.by_url
        found = {
            key: self.link_forms[at % len(self.link_forms)].format(self.linked_as(people[key]))
            for at, key in enumerate(order)
            if self.link_forms and (key in self.plan.by_url or key.startswith("extra"))
        }
        return {**found, **self.links_by_hand}

    def pages(self, people: Mapping[str, Person], seed: int) -> tuple[Page, ...]:
        """Every profile page."""
        return tuple(self.adapted(page, seed) for page in profiles.pages(self.plan, self.address, people, seed))


class GenericSite:
    """A reference site of a world, as a table has it."""

    def __init__(self, table: SiteTable, world: World, answers: PictureAnswers) -> None:
        self.table = table
        self.root = f"/{table.name}"
        self.people = world.people
        self.pages = [page for page in world.pages if page.site == table.name]
        self.served = {key: page for page in self.pages for key in table.keys(page)}
        self.listed = {page.title: galleries(page, shared=table.shared.get(page.title, 1)) for page in self.pages}
        self.galleries = {gallery.slug: (gallery, page) for page in self.pages for gallery in self.listed[page.title]}
        self._pictures = {unquote(picture.path): picture for page in self.pages for picture in page.every}
        self._answers = answers
        self._template = _template(table.name)

    def routes(self) -> list[web.RouteDef]:
        """What the server answers to."""
        found = [web.get(self.root + self.table.images, self._image)]
        for path, answer in self.table.answers.items():

            async def handle(request: web.Request, answer: Answer = answer) -> web.StreamResponse:
                return answer(self, request)

            found.append(web.get(self.root + path, handle))
        return found

    def render(
        self, request: web.Request, part: str, page: Page | None = None, *, status: int = 200, **more: Any
    ) -> web.Response:
        """One part of the template; it finds the page, its person and its galleries, and whatever else is given."""
        of_page: dict[str, Any] = {}
        if page:
            of_page = {
                "person": self.people[page.person],
                "slug": self.table.slug(page),
                "listed": self.listed[page.title],
            }
        text = self._template.get_def(part).render(
            root=self.root,
            base=f"{request.scheme}://{request.host}",
            page=page,
            people=self.people,
            shown=lambda picture: self.people[picture.drawing.people[0]],
            spell=self.table.own_key,
            full_date=full_date,
            feet_and_inches=feet_and_inches,
            **{**of_page, **more},
        )
        return web.Response(text=text, content_type="text/html", status=status)

    async def _image(self, request: web.Request) -> web.Response:
        if self.table.needs_referer and not request.headers.get("Referer"):
            raise web.HTTPForbidden(text="hotlinking is not allowed")
        return await self._answers.answer(*self._picture(request.path))

    def _picture(self, path: str) -> tuple[Picture | None, int | None]:
        if path in self._pictures:
            return self._pictures[path], None
        for pattern, original, longest_px in self.table.sizes:
            large = re.sub(pattern, original, path, count=1)
            if large in self._pictures:
                return self._pictures[large], longest_px
        return None, None


def page_answer(
    part: str = "profile", *, missing_status: int = 404, more: Callable[[Page], Mapping[str, Any]] = lambda _page: {}
) -> Answer:
    """The answer to ``{slug}``: a part of the template for the page asked for, or the part ``missing``.

    ``more``: what the template needs to know of the page beside what it is always given.
    """

    def answer(site: GenericSite, request: web.Request) -> web.Response:
        asked = site.table.asked(request.match_info["slug"])
        page = site.served.get(asked)
        if page is None:
            return site.render(request, "missing", status=missing_status, asked=asked)
        return site.render(request, part, page, asked=asked, **more(page))

    return answer


def gallery_answer(site: GenericSite, request: web.Request) -> web.Response:
    """The answer to the ``{slug}`` of a gallery."""
    gallery, page = site.galleries.get(request.match_info["slug"], (None, None))
    if gallery is None:
        return site.render(request, "missing", status=404)
    return site.render(request, "gallery_page", page, gallery=gallery)


def full_date(text: str | None) -> date | None:
    """The day, where more is known than a year or a month."""
    return date.fromisoformat(text) if text and len(text) == 10 else None


def feet_and_inches(height_cm: int) -> tuple[int, int]:
    """A height in the units that American sites have."""
    return divmod(round(height_cm / 2.54), 12)


def _template(name: str) -> Template:
    text = (resources.files(__package__) / "templates" / f"{name}.html").read_text("utf-8")
    filters = {"imports": ["from html import escape"], "default_filters": ["str", "escape"]}
    return Template(text, strict_undefined=True, **filters)  # noqa: S702 - everything is escaped by default
