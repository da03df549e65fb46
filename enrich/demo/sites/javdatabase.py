"""A JAVDatabase-shaped site: idols under a slug made of the name in the site's own order, with one portrait each."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace
from urllib.parse import quote

from aiohttp import web
from anyascii import anyascii

from enrich.demo import profiles
from enrich.demo.answers import PictureAnswers
from enrich.demo.cast import Person
from enrich.demo.sites.javdatabase_html import ROOT, idol_html, missing_html
from enrich.demo.sites.page_site import PageSite, html
from enrich.demo.truth import Page, World

NAME = "javdatabase"
INVERTED = {
    "hoshino": "Hoshino Tamara",
    "priya": "Sandermeer Priya",
    "dalia": "Rosenthorne Dalia",
    "noor": "Halvorsenne Noor",
}
"""Person -> the name with the family first, which is the only one the site has an address for."""

PLAN = profiles.Plan(
    site=NAME,
    by_url=(
        "hoshino", "zoe", "orla", "bram", "quill", "wren", "dana", "petra", "priya", "dalia", "xiomara", "juno",
        "vesna", "coralie",
    ),
    by_name=("noor", "tove"),
    by_alias=("saoirse",),
    retitled=INVERTED,
    other_woman={"dana": "mirela"},
    gone=("petra",),
    planted={"wren": ("nobody",), "quill": ("far",), "vesna": ("turned",), "xiomara": ("html",), "juno": ("missing",)},
    only=None,
)  # fmt: skip


def slug(name: str) -> str:
    """What the site's addresses make of a name."""
    plain = re.sub(r"[^a-z0-9\s.-]", "", anyascii(name).lower())
    return re.sub(r"[\s.-]+", "-", plain).strip("-")


def address(kind: profiles.Kind, title: str, number: int) -> str:
    """Where a picture lies; namesakes and covers have addresses that differ from a portrait's by little."""
    match kind:
        case "profile":
            return f"{ROOT}/idolimages/full/{slug(title)}.webp"
        case "related":
            return f"{ROOT}/idolimages/full/{slug(title)}-{number + 2}.webp"
        case "stray":
            return f"{ROOT}/vertical/{slug(title)}.webp"
        case _:
            return f"{ROOT}/covers/full/{kind}/{slug(title)}{number}pl.webp"


def links(people: Mapping[str, Person]) -> Mapping[str, tuple[str, ...]]:
    """Idols as the stash-box links them, some with a page of their works."""
    found = {}
    for at, (key, person) in enumerate(people.items()):
        if key in PLAN.by_url or key.startswith("extra"):
            at_site = slug(PLAN.retitled.get(key, person.name))
            found[key] = (f"https://www.javdatabase.com/idols/{quote(at_site)}/{'?ipage=2' if at % 2 else ''}",)
    return found


def pages(people: Mapping[str, Person], seed: int) -> tuple[Page, ...]:
    """Every idol's page: its one portrait is good, or what is planted there."""
    found = []
    for page in profiles.pages(PLAN, address, people, seed):
        portrait = page.profile[-1] if page.person in PLAN.planted else page.profile[0]
        portrait = replace(portrait, drawing=replace(portrait.drawing, encoding="webp"))
        found.append(replace(page, profile=(portrait,), uploads=(), gallery=()))
    return tuple(found)


class Site(PageSite):
    """The site under ``/javdatabase``."""

    name = NAME

    def __init__(self, world: World, answers: PictureAnswers) -> None:
        super().__init__(world, answers)
        served = {slug(name): page for page in self.pages for name in page.answers_to if page.person not in INVERTED}
        self._served = served | {slug(page.title): page for page in self.pages if page.person in INVERTED}

    def routes(self) -> list[web.RouteDef]:
        """What the server answers to."""
        return [
            web.get(f"{ROOT}/idols/{{slug}}/", self._idol),
            web.get(f"{ROOT}/{{folder:idolimages|covers|vertical}}/{{file:.+}}", self._image),
        ]

    async def _idol(self, request: web.Request) -> web.Response:
        page = self._served.get(request.match_info["slug"])
        if page is None:
            return html(missing_html(), 404)
        return html(idol_html(page, self.people, slug(page.title)))

    async def _image(self, request: web.Request) -> web.StreamResponse:
        path = request.path.replace("/idolimages/thumb/", "/idolimages/full/")
        return await self.send(self.pictures.get(path), None if path == request.path else 150)
