"""A PornPics-shaped site: a model's page lists twenty galleries, the page's own script asks for those that follow."""

from __future__ import annotations

from collections.abc import Mapping

from aiohttp import web

from enrich.demo import profiles
from enrich.demo.answers import PictureAnswers
from enrich.demo.cast import Person
from enrich.demo.galleries import Gallery, galleries, number_of, slug_of
from enrich.demo.sites.page_site import PageSite, html
from enrich.demo.sites.pornpics_html import PAGE_LENGTH, ROOT, gallery_html, missing_html, profile_html, tiles_json
from enrich.demo.truth import Page, World

NAME = "pornpics"

PLAN = profiles.Plan(
    site=NAME,
    by_url=(
        "zoe", "hoshino", "bram", "quill", "wren", "dana", "petra", "lola", "vesna", "xiomara", "priya", "juno",
    ),
    by_name=("ruby", "noor"),
    by_alias=("saoirse",),
    retitled={},
    other_woman={"dana": "mirela"},
    gone=("petra",),
    planted={"quill": ("nobody",), "vesna": ("far",), "xiomara": ("missing",), "priya": ("truncated",)},
    only=None,
    portraits=2,
    extras=False,
)  # fmt: skip
SHARED = {"Lola Quennevelle": PAGE_LENGTH + 1}
"""Whose own galleries come after more than one page of galleries of two."""
_FORMS = (
    "https://www.pornpics.com/pornstars/{}/",
    "https://www.pornpics.com/de/pornstars/{}/",
    "http://pornpics.com/pornstars/{}",
)


def links(people: Mapping[str, Person]) -> Mapping[str, tuple[str, ...]]:
    """The stored pages, in the ways that stash-boxes have them in."""
    return {key: (_FORMS[at % len(_FORMS)].format(slug_of(people[key].name)),) for at, key in enumerate(PLAN.by_url)}


def address(kind: profiles.Kind, title: str, number: int) -> str:
    """Where a picture of a page lies; of one session there is no large size."""
    name = slug_of(title).replace("-", "_")
    if kind == "profile" and number == 0:
        return f"{ROOT}/models/{name[0]}/{name}.jpg"
    if kind == "related":
        return f"{ROOT}/models/z/beside_{name}_{number}.jpg"
    gallery = number_of(NAME, title, "other" if kind == "upload" and number else kind)
    size = 460 if kind == "gallery" else 1280
    return f"{ROOT}/{size}/7/{str(gallery)[:3]}/{gallery}/{gallery}_{number:03d}_ab12.jpg"


def pages(people: Mapping[str, Person], seed: int) -> tuple[Page, ...]:
    """Every model's page."""
    return profiles.pages(PLAN, address, people, seed)


class Site(PageSite):
    """The site under ``/pornpics``."""

    name = NAME

    def __init__(self, world: World, answers: PictureAnswers) -> None:
        super().__init__(world, answers)
        self._served = {slug_of(name): page for page in self.pages for name in page.answers_to}
        self._listed = {page.title: galleries(page, shared=SHARED.get(page.title, 1)) for page in self.pages}
        self._galleries: dict[str, Gallery] = {
            gallery.slug: gallery for listed in self._listed.values() for gallery in listed
        }

    def routes(self) -> list[web.RouteDef]:
        """What the server answers to."""
        return [
            web.get(f"{ROOT}/pornstars/{{slug}}/", self._profile),
            web.get(f"{ROOT}/galleries/{{slug}}/", self._gallery),
            web.get(f"{ROOT}/{{folder:models|460|1280}}/{{file:.+}}", self._image),
        ]

    async def _profile(self, request: web.Request) -> web.Response:
        """A page; to its own script, from the second page on, a list."""
        page = self._served.get(request.match_info["slug"])
        base = f"{request.scheme}://{request.host}"
        if page is None:
            return html(missing_html(base), 404)
        listed = self._listed[page.title]
        offset = int(request.query.get("offset", "0"))
        asked_by_script = request.headers.get("X-Requested-With") == "XMLHttpRequest" and request.headers.get("Referer")
        if offset and asked_by_script:
            return web.json_response(tiles_json(listed[offset : offset + PAGE_LENGTH], base))
        return html(profile_html(page, listed[:PAGE_LENGTH], base))

    async def _gallery(self, request: web.Request) -> web.Response:
        gallery = self._galleries.get(request.match_info["slug"])
        base = f"{request.scheme}://{request.host}"
        if gallery is None:
            return html(missing_html(base), 404)
        return html(gallery_html(gallery, base))

    async def _image(self, request: web.Request) -> web.StreamResponse:
        """A picture; its small size as well, wherever it lies."""
        if request.path in self.pictures:
            return await self.send(self.pictures[request.path])
        return await self.send(self.pictures.get(request.path.replace("/460/", "/1280/", 1)), 240)
