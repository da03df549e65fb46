"""An IAFD-shaped site: pages by id, old addresses that lead to them, a search in tables, one headshot a page."""

from __future__ import annotations

import re
import uuid
from collections.abc import Mapping
from dataclasses import replace
from typing import Any
from urllib.parse import unquote

from aiohttp import web
from anyascii import anyascii

from enrich.demo import profiles
from enrich.demo.answers import PictureAnswers
from enrich.demo.cast import Person, stash_id
from enrich.demo.sites.iafd_html import ROOT, gone_html, profile_html, results_html
from enrich.demo.truth import Lookup, Page, World

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


def lookups(people: Mapping[str, Person], all_pages: tuple[Page, ...]) -> tuple[Lookup, ...]:
    """How the search for every person should end here."""
    return profiles.lookups(PLAN, people, all_pages)


def source_block(base_url: str) -> dict[str, Any]:
    """This source's block in a sources.yaml that points at the demo world."""
    return {
        "enabled": True,
        "url": f"{base_url}{ROOT}",
        "rate_limit": 0,
        "max_faces": 3,
        "trust_level": "high",
    }


def serve(world: World, answers: PictureAnswers) -> Iafd:
    """The site, ready to answer."""
    return Iafd(world, answers)


class Iafd:
    """The site under ``/iafd``."""

    def __init__(self, world: World, answers: PictureAnswers) -> None:
        self._answers = answers
        self._people = world.people
        pages = [page for page in world.pages if page.site == NAME]
        asked = {world.people[key].name: key for key in PLAN.other_woman}
        self._pages = {page_id(asked.get(page.answers_to[0], page.person)): page for page in pages}
        self._moved = {perfid(name): id for id, page in self._pages.items() for name in page.answers_to}
        self._pictures = {unquote(picture.path): picture for page in pages for picture in page.every}

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
        text = gone_html() if page is None else profile_html(page, self._people, page_id(page.person))
        return web.Response(text=text, content_type="text/html")

    async def _results(self, request: web.Request) -> web.Response:
        """Whoever has the whole term in one of their names; some twice, the second with a page that is nobody's."""
        term = request.query.get("searchstring", "").casefold().strip()
        rows = [(id, page.title, page) for id, page in self._pages.items() if _has(page, term)]
        twice = [name for name in AMBIGUOUS if term and term in name.casefold()]
        unknown = [(str(uuid.uuid5(uuid.NAMESPACE_URL, f"{name}{n}")), name, None) for name in twice for n in (1, 2)]
        return web.Response(text=results_html([*rows, *unknown], self._people), content_type="text/html")

    async def _image(self, request: web.Request) -> web.StreamResponse:
        picture = self._pictures.get(unquote(request.path))
        if not request.headers.get("Referer"):
            return web.Response(status=403, text="hotlinking is not allowed")
        return web.Response(status=404) if picture is None else await self._answers.answer(picture)


def _has(page: Page, term: str) -> bool:
    return bool(term) and any(term in name.casefold() for name in (page.title, *page.aliases))
