"""A Babepedia-shaped site: profile pages, user uploads, galleries, a search that answers a missing page with 200."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from urllib.parse import quote, unquote

from aiohttp import web

from enrich.demo import profiles
from enrich.demo.answers import PictureAnswers
from enrich.demo.cast import Person
from enrich.demo.sites.babepedia_html import ROOT, profile_html, search_html
from enrich.demo.truth import Lookup, Page, World

NAME = "babepedia"


PLAN = profiles.Plan(
    site=NAME,
    by_url=(
        "ada", "zoe", "orla", "sarita", "meilan", "hoshino", "nina_dancer", "bram", "quill", "ilse", "tess", "dana",
        "petra", "carmen", "lola", "vesna", "imogen", "dalia", "xiomara", "priya", "coralie", "juno",
    ),
    by_name=("noor", "tove"),
    by_alias=("saoirse",),
    retitled={"tess": "Theresa Brindlemoor"},
    other_woman={"dana": "mirela"},
    gone=("petra",),
    planted={
        "orla": ("small_untold",),
        "meilan": ("nobody",),
        "quill": ("two_people",),
        "ilse": ("turned",),
        "imogen": ("html",),
        "xiomara": ("missing",),
        "carmen": ("truncated",),
        "juno": ("far",),
    },
)  # fmt: skip


def address(kind: profiles.Kind, title: str, number: int) -> str:
    """Where a picture of a page lies."""
    plain = quote(title.casefold().replace(" ", "-"))
    match kind:
        case "profile":
            return f"{ROOT}/pics/{quote(title)}{number + 1 if number else ''}.jpg"
        case "upload":
            return f"{ROOT}/user-uploads/{plain}-{number}.jpg"
        case "gallery":
            return f"{ROOT}/galleries/lantern-{plain}/{number + 5:02d}.jpg"
        case "related":
            return f"{ROOT}/thumbs/{plain}/{number}.jpg"
        case "stray":
            return f"{ROOT}/pics/{quote('Not ' + title)}.jpg"


def links(people: Mapping[str, Person]) -> Mapping[str, tuple[str, ...]]:
    """None beside those that the cast has: they are spelled in the ways that stash-boxes have them in."""
    return {}


def pages(people: Mapping[str, Person], seed: int) -> tuple[Page, ...]:
    """Every profile page of the site."""
    return profiles.pages(PLAN, address, people, seed)


def lookups(people: Mapping[str, Person], all_pages: tuple[Page, ...]) -> tuple[Lookup, ...]:
    """How the search for every person should end here."""
    return profiles.lookups(PLAN, people, all_pages)


def serve(world: World, answers: PictureAnswers) -> Babepedia:
    """The site, ready to answer."""
    return Babepedia(world, answers)


class Babepedia:
    """The site under ``/babepedia``."""

    def __init__(self, world: World, answers: PictureAnswers) -> None:
        self._answers = answers
        self._world = world
        self._pages = [page for page in world.pages if page.site == NAME]
        self._served = {name: page for page in self._pages for name in page.answers_to}
        self._pictures = {unquote(picture.path): picture for page in self._pages for picture in page.every}

    def routes(self) -> list[web.RouteDef]:
        """What the server answers to."""
        return [
            web.get(f"{ROOT}/babe/{{slug}}", self._profile),
            web.get(f"{ROOT}/ajax-search.php", self._search),
            web.get(f"{ROOT}/{{folder:pics|user-uploads|galleries|galleries-thumbs|thumbs}}/{{file:.+}}", self._image),
        ]

    async def _profile(self, request: web.Request) -> web.Response:
        name = request.match_info["slug"].replace("_", " ")
        page = self._served.get(name)
        text = search_html(name) if page is None else profile_html(page, self._world.people)
        return web.Response(text=text, content_type="text/html")

    async def _search(self, request: web.Request) -> web.Response:
        """Hyphens in a term find nothing, as there; a space finds them."""
        term = request.query.get("term", "").casefold().strip()
        spoken = {page.title: page.title.casefold().replace("-", " ") for page in self._pages}
        titles = sorted(title for title, said in spoken.items() if term and term in said)
        return web.json_response([{"label": title, "value": title} for title in titles])

    async def _image(self, request: web.Request) -> web.StreamResponse:
        """A picture for those who come from a page of the site; others are turned away, as there."""
        if not request.headers.get("Referer"):
            return web.Response(status=403, text="hotlinking is not allowed")
        path = request.path.replace("/galleries-thumbs/", "/galleries/")
        small = path != request.path
        for mark in ("_thumb3", "_thumb"):
            if f"{mark}." in path:
                path, small = path.replace(mark, ""), True
        picture = self._pictures.get(path)
        return (
            web.Response(status=404) if picture is None else await self._answers.answer(picture, 240 if small else None)
        )


def source_block(base_url: str) -> dict[str, Any]:
    """This source's block in a sources.yaml that points at the demo world."""
    return {
        "enabled": True,
        "url": f"{base_url}{ROOT}",
        "rate_limit": 0,
        "max_faces": 5,
        "trust_level": "high",
        "gender_filter": "female",
    }
