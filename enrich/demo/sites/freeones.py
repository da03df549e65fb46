"""A FreeOnes-shaped site: bios, lists of galleries among sponsors' teasers, galleries with locked tiles, a search."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace

from aiohttp import web
from anyascii import anyascii

from enrich.demo import profiles
from enrich.demo.answers import PictureAnswers
from enrich.demo.cast import Person
from enrich.demo.sites.freeones_html import ROOT, bio_html, gallery_html, list_html, missing_html, results_html
from enrich.demo.sites.page_site import PageSite, html
from enrich.demo.truth import Page, World

NAME = "freeones"
HOME = "https://www.freeones.com"

PLAN = profiles.Plan(
    site=NAME,
    by_url=(
        "zoe", "orla", "sarita", "meilan", "hoshino", "nina_dancer", "bram", "ilse", "tess", "dana", "petra", "imogen",
        "coralie", "juno",
    ),
    by_name=("noor", "vesna", "nina_tallinn"),
    by_alias=("saoirse",),
    retitled={"tess": "Theresa Brindlemoor"},
    other_woman={"dana": "mirela"},
    gone=("petra",),
    planted={"meilan": ("small",), "juno": ("small",)},
    portraits=1,
    in_galleries=2,
    namesakes={"nina_tallinn": " 2"},
)  # fmt: skip
AMBIGUOUS = ("Tove Bjerkelunde",)
"""Whom the search finds twice, with nothing to tell the two apart."""


def slug_of(title: str) -> str:
    """The first part of a person's addresses."""
    return re.sub(r"-{2,}", "-", re.sub(r"[^a-z0-9-]", "", anyascii(title).lower().replace(" ", "-"))).strip("-")


def address(kind: profiles.Kind, title: str, number: int) -> str:
    """Where a picture of a page lies: signed; a crop unless in a gallery, a small one if planted."""
    slug = slug_of(title)
    match kind:
        case "profile":
            shape = "0x0:700x700/350x350" if number else "0x0:1400x1400/700x700"
            return f"{ROOT}/photo/signed-{slug}/{shape}/{slug}-{number + 1:03d}.jpg"
        case "upload" | "gallery":
            return f"{ROOT}/photo/signed-{slug}/1440x0/aa/{slug}-{number + 11:03d}.jpg"
        case "related" | "stray":
            return f"{ROOT}/photo/signed-{slug}/1440x0/{kind}/{slug}-{number}.jpg"


def links(people: Mapping[str, Person]) -> Mapping[str, tuple[str, ...]]:
    """Addresses old and new, spelled as stash-boxes have them."""
    extras = tuple(key for key in people if key.startswith("extra"))
    found = {key: f"{HOME}/{slug_of(people[key].name)}/bio" for key in (*PLAN.by_url, *extras)}
    found["zoe"] = f"{HOME}/zoe-lindqvist"
    found["orla"] = f"{HOME}/de/orla-odannagh/profile"
    found["sarita"] = f"{HOME}/html/s_links/bio_Sarita_St_Amory.php"
    found["meilan"] = f"{HOME}/Mei-Lan-Tarrow/photos/a-gallery?x=1"
    found["hoshino"] = "https://www.freeones.xxx/tamara-hoshino/feed"
    return {key: (url,) for key, url in found.items()}


def pages(people: Mapping[str, Person], seed: int) -> tuple[Page, ...]:
    """Every page; a planted picture stands in place of the portrait, as there is only one."""
    return tuple(replace(page, profile=page.profile[-1:]) for page in profiles.pages(PLAN, address, people, seed))


class Site(PageSite):
    """The site under ``/freeones``."""

    name = NAME

    def __init__(self, world: World, answers: PictureAnswers) -> None:
        super().__init__(world, answers)
        self._served = {slug_of(name): page for page in self.pages for name in page.answers_to}
        self._slugs = {id(page): slug_of(_own_name(page, world.people)) for page in self.pages}

    def routes(self) -> list[web.RouteDef]:
        """What the server answers to."""
        return [
            web.get(f"{ROOT}/babes", self._results),
            web.get(f"{ROOT}/photo/{{path:.+}}", self._image),
            web.get(f"{ROOT}/{{slug}}/{{part:bio|photos}}", self._page),
            web.get(f"{ROOT}/{{slug}}/photos/{{gallery}}", self._page),
        ]

    async def _page(self, request: web.Request) -> web.Response:
        page = self._served.get(request.match_info["slug"])
        if page is None:
            return html(missing_html(), 404)
        slug = self._slugs[id(page)]
        if "gallery" in request.match_info:
            text = gallery_html(page, slug)
        elif request.match_info["part"] == "photos":
            text = list_html(page, slug, self.people)
        else:
            text = bio_html(page, slug, self.people[page.person])
        return html(text)

    async def _results(self, request: web.Request) -> web.Response:
        """Whoever has the whole term in the page's name; some twice, the second with a page that is nobody's."""
        term = request.query.get("q", "").casefold().strip()
        found = {
            self._slugs[id(page)]: page.title
            for page in self._served.values()
            if term and term in page.title.casefold()
        }
        twice = {f"{slug_of(name)}-{n}": name for name in AMBIGUOUS for n in (3, 4) if term and term in name.casefold()}
        return html(results_html({**found, **twice}))

    async def _image(self, request: web.Request) -> web.StreamResponse:
        return await self.send(self.pictures.get(request.path))


def _own_name(page: Page, people: Mapping[str, Person]) -> str:
    """The name that a page's addresses are made of: not that of somebody in whose place it is served."""
    return page.title if page.person in PLAN.other_woman.values() else page.answers_to[0]
