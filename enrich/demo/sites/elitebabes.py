"""An EliteBabes-shaped site: facts, tiles that say their models, further tiles by an address in the page's script."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from aiohttp import web

from enrich.demo import profiles
from enrich.demo.answers import PictureAnswers
from enrich.demo.cast import Person
from enrich.demo.galleries import Gallery, galleries, number_of, slug_of
from enrich.demo.sites.elitebabes_html import ROOT, gallery_html, missing_html, profile_html, tiles_html
from enrich.demo.sites.page_site import PageSite, html, require_referer
from enrich.demo.truth import Page, World

NAME = "elitebabes"
PAGE_LENGTH = 20

PLAN = profiles.Plan(
    site=NAME,
    by_url=(
        "orla", "sarita", "meilan", "ilse", "bram", "tess", "dana", "petra", "carmen", "imogen", "dalia", "coralie",
    ),
    by_name=("bell", "tove"),
    retitled={"tess": "Theresa Brindlemoor"},
    other_woman={"dana": "mirela"},
    gone=("petra",),
    planted={"orla": ("nobody",), "ilse": ("turned",), "imogen": ("html",), "dalia": ("small_untold",)},
    portraits=2,
    extras=False,
)  # fmt: skip
SHARED = {"Carmen Ostravia": 2 * PAGE_LENGTH + 1}
"""Whose own galleries come after more than two pages of galleries of two."""
_FORMS = (
    "https://www.elitebabes.com/model/{}/",
    "https://www.elitebabes.com/model/{}/sort/latest/",
    "http://elitebabes.com/model/{}/mpage/2/",
)


def links(people: Mapping[str, Person]) -> Mapping[str, tuple[str, ...]]:
    """The stored pages, in the ways that stash-boxes have them in."""
    return {key: (_FORMS[at % len(_FORMS)].format(slug_of(people[key].name)),) for at, key in enumerate(PLAN.by_url)}


def address(kind: profiles.Kind, title: str, number: int) -> str:
    """Where a picture of a page lies."""
    slug = slug_of(title)
    if kind == "profile" and number == 0:
        return f"{ROOT}/content/models/{slug}_800.jpg"
    if kind == "related":
        return f"{ROOT}/content/lists/beside-{slug}-{number}.jpg"
    gallery = number_of(NAME, title, "other" if kind == "upload" and number else kind)
    return f"{ROOT}/content/{gallery}/0001-{number + 1:02d}.jpg"


def pages(people: Mapping[str, Person], seed: int) -> tuple[Page, ...]:
    """Every model's page."""
    return profiles.pages(PLAN, address, people, seed)


class Site(PageSite):
    """The site under ``/elitebabes``."""

    name = NAME

    def __init__(self, world: World, answers: PictureAnswers) -> None:
        super().__init__(world, answers)
        self._served = {slug_of(name): page for page in self.pages for name in page.answers_to}
        self._listed = {page.title: galleries(page, shared=SHARED.get(page.title, 1)) for page in self.pages}
        self._galleries = {gallery.slug: (gallery, page) for page in self.pages for gallery in self._listed[page.title]}

    def routes(self) -> list[web.RouteDef]:
        """What the server answers to."""
        return [
            web.get(f"{ROOT}/model/{{slug}}/", self._profile),
            web.get(f"{ROOT}/gridapi/", self._more),
            web.get(f"{ROOT}/content/{{file:.+}}", self._image),
            web.get(f"{ROOT}/{{slug}}/", self._gallery),
        ]

    async def _profile(self, request: web.Request) -> web.Response:
        page = self._served.get(request.match_info["slug"])
        if page is None:
            return _missing(request)
        listed = self._listed[page.title]
        text = profile_html(
            page, self.people[page.person], _part(listed, 1), -(-len(listed) // PAGE_LENGTH), _base(request)
        )
        return html(text)

    async def _more(self, request: web.Request) -> web.Response:
        page = self._served.get(request.query.get("model", ""))
        if page is None:
            return _missing(request)
        listed = _part(self._listed[page.title], int(request.query.get("mpage", "1")))
        return html(tiles_html(listed, _base(request)))

    async def _gallery(self, request: web.Request) -> web.Response:
        found = self._galleries.get(request.match_info["slug"])
        if found is None:
            return _missing(request)
        return html(gallery_html(*found, _base(request)))

    async def _image(self, request: web.Request) -> web.StreamResponse:
        """A picture for those who come from a page of the site; tiles and previews are small."""
        require_referer(request)
        if request.path in self.pictures:
            return await self.send(self.pictures[request.path])
        name = request.path.removesuffix(".jpg")
        marks = ("_masonry_400", "_masonry_1200", "_w400", "_w800")
        large = next(
            (self.pictures.get(name.removesuffix(mark) + ".jpg") for mark in marks if name.endswith(mark)), None
        )
        return await self.send(large, 240)


def _part(listed: Sequence[Gallery], number: int) -> Sequence[Gallery]:
    return listed[(number - 1) * PAGE_LENGTH : number * PAGE_LENGTH]


def _base(request: web.Request) -> str:
    return f"{request.scheme}://{request.host}"


def _missing(request: web.Request) -> web.Response:
    return html(missing_html(_base(request)), 404)
