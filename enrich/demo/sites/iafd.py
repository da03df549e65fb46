"""An IAFD-shaped site: pages by id, old addresses that lead to them, a search in tables, one headshot a page."""

from __future__ import annotations

import re
import uuid
from collections.abc import Mapping
from dataclasses import replace

from aiohttp import web
from anyascii import anyascii

from enrich.demo import profiles
from enrich.demo.answers import PictureAnswers
from enrich.demo.cast import Person, stash_id
from enrich.demo.sites.iafd_html import ROOT, gone_html, profile_html, results_html
from enrich.demo.sites.page_site import PageSite, html, require_referer
from enrich.demo.truth import Page, World

NAME = "iafd"
HOME = "https://www.iafd.com"

PLAN = profiles.Plan(
    site=NAME,
    by_url=(
        "zoe", "orla", "sarita", "hoshino", "nina_dancer", "bram", "ilse", "wren", "tess", "dana", "petra", "quill",
        "vesna", "carmen",
    ),
    by_name=("noor", "nina_tallinn"),
    by_alias=("saoirse",),
    retitled={"tess": "Theresa Brindlemoor"},
    other_woman={"dana": "mirela"},
    gone=("petra",),
    planted={"quill": ("nobody",), "vesna": ("missing",), "carmen": ("small_untold",)},
    only=None,
    portraits=1,
    in_galleries=0,
    namesakes={"nina_tallinn": " 2"},
)  # fmt: skip
AMBIGUOUS = ("Tove Bjerkelunde",)
"""Whom the search finds twice, with nothing to tell the two apart."""


def perfid(title: str) -> str:
    """The id of the old addresses: a name without anything but letters and digits."""
    return re.sub(r"[^a-z0-9]", "", anyascii(title).lower())


def page_id(key: str) -> str:
    """The id of a person's page."""
    return stash_id(key, NAME)


def address(kind: profiles.Kind, title: str, number: int) -> str:
    """Where a picture of a page lies."""
    if kind == "profile":
        return f"{ROOT}/graphics/headshots/{perfid(title)}_f_{25 + number}.jpg"
    return f"{ROOT}/graphics/headshots/{perfid(title)}_{kind}_{number}.jpg"


def links(people: Mapping[str, Person]) -> Mapping[str, tuple[str, ...]]:
    """Addresses old and new, spelled as stash-boxes have them."""
    extras = tuple(key for key in people if key.startswith("extra"))
    found = {key: f"{HOME}/person.rme/id={page_id(key)}" for key in (*PLAN.by_url, *extras)}
    found["zoe"] = f"{HOME}/person.rme/perfid=zoelindqvist/gender=f/Zoe-Lindqvist.htm"
    found["orla"] = f"{HOME}/person.rme/perfid=orlaodannagh/gender=f/Orla-O&#39;Dannagh.htm"
    found["sarita"] = f"{HOME}/person.rme/id={page_id('sarita').upper()}/awards"
    found["hoshino"] = "http://iafd.com/person.rvm/perfid=TamaraHoshino/Tamara-Hoshino.htm"
    return {key: (url,) for key, url in found.items()}


def pages(people: Mapping[str, Person], seed: int) -> tuple[Page, ...]:
    """Every page; a planted picture stands in place of the headshot, as there is only one."""
    return tuple(replace(page, profile=page.profile[-1:]) for page in profiles.pages(PLAN, address, people, seed))


class Site(PageSite):
    """The site under ``/iafd``."""

    name = NAME

    def __init__(self, world: World, answers: PictureAnswers) -> None:
        super().__init__(world, answers)
        asked = {world.people[key].name: key for key in PLAN.other_woman}
        self._pages = {page_id(asked.get(page.answers_to[0], page.person)): page for page in self.pages}
        self._moved = {perfid(name): id for id, page in self._pages.items() for name in page.answers_to}

    def routes(self) -> list[web.RouteDef]:
        """What the server answers to."""
        return [
            web.get(f"{ROOT}/person.rme/{{which:.+}}", self._profile),
            web.get(f"{ROOT}/results.asp", self._results),
            web.get(f"{ROOT}/graphics/headshots/{{file}}", self._image),
        ]

    async def _profile(self, request: web.Request) -> web.Response:
        form, _, which = request.match_info["which"].partition("=")
        first = which.partition("/")[0]
        if form == "perfid" and first in self._moved:
            raise web.HTTPMovedPermanently(f"{ROOT}/person.rme/id={self._moved[first]}")
        page = self._pages.get(first.lower()) if form == "id" else None
        return html(gone_html() if page is None else profile_html(page, self.people, page_id(page.person)))

    async def _results(self, request: web.Request) -> web.Response:
        """Whoever has the whole term in one of their names; some twice, the second with a page that is nobody's."""
        term = request.query.get("searchstring", "").casefold().strip()
        rows = [(id, page.title, page) for id, page in self._pages.items() if _has(page, term)]
        twice = [name for name in AMBIGUOUS if term and term in name.casefold()]
        unknown = [(str(uuid.uuid5(uuid.NAMESPACE_URL, f"{name}{n}")), name, None) for name in twice for n in (1, 2)]
        return html(results_html([*rows, *unknown], self.people))

    async def _image(self, request: web.Request) -> web.StreamResponse:
        require_referer(request)
        return await self.send(self.pictures.get(request.path))


def _has(page: Page, term: str) -> bool:
    return bool(term) and any(term in name.casefold() for name in (page.title, *page.aliases))
