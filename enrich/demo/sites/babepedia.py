"""A Babepedia-shaped site: profile pages, user uploads, galleries, a search that answers a missing page with 200."""

from __future__ import annotations

from collections.abc import Mapping
from urllib.parse import quote

from aiohttp import web

from enrich.demo import profiles
from enrich.demo.answers import PictureAnswers
from enrich.demo.cast import Person
from enrich.demo.sites.babepedia_html import ROOT, profile_html, search_html
from enrich.demo.sites.page_site import PageSite, html, require_referer
from enrich.demo.truth import Page, World

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


class Site(PageSite):
    """The site under ``/babepedia``."""

    name = NAME

    def __init__(self, world: World, answers: PictureAnswers) -> None:
        super().__init__(world, answers)
        self._served = {name: page for page in self.pages for name in page.answers_to}

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
        return html(search_html(name) if page is None else profile_html(page, self.people))

    async def _search(self, request: web.Request) -> web.Response:
        """Hyphens in a term find nothing, as there; a space finds them."""
        term = request.query.get("term", "").casefold().strip()
        spoken = {page.title: page.title.casefold().replace("-", " ") for page in self.pages}
        titles = sorted(title for title, said in spoken.items() if term and term in said)
        return web.json_response([{"label": title, "value": title} for title in titles])

    async def _image(self, request: web.Request) -> web.StreamResponse:
        """A picture for those who come from a page of the site; others are turned away, as there."""
        require_referer(request)
        path = request.path.replace("/galleries-thumbs/", "/galleries/")
        small = path != request.path
        for mark in ("_thumb3", "_thumb"):
            if f"{mark}." in path:
                path, small = path.replace(mark, ""), True
        return await self.send(self.pictures.get(path), 240 if small else None)
