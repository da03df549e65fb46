"""A Boobpedia-shaped wiki: articles, redirects, a film, thumbnails; a page that does not exist answers with 404."""

from __future__ import annotations

import zlib
from collections.abc import Mapping
from dataclasses import replace
from urllib.parse import quote, unquote

from aiohttp import web

from enrich.demo import profiles
from enrich.demo.answers import PictureAnswers
from enrich.demo.cast import Person
from enrich.demo.sites.boobpedia_html import ROOT, article_html, film_html, missing_html, thumb
from enrich.demo.sites.page_site import PageSite, html
from enrich.demo.trouble import good_drawing, seed_of
from enrich.demo.truth import Page, Verdict, World

NAME = "boobpedia"
FILM = "Ruby Marlow"
"""A film by the name that somebody goes by."""
MISLABELLED = "lola"
"""In whose gallery the wiki has somebody else under her name."""

PLAN = profiles.Plan(
    site=NAME,
    by_url=(
        "zoe", "orla", "sarita", "meilan", "nina_dancer", "bram", "ilse", "tess", "dana", "petra", "carmen", "lola",
        "vesna", "imogen", "coralie", "juno",
    ),
    by_name=("noor", "tove"),
    by_alias=("bell",),
    retitled={"tess": "Theresa Brindlemoor", "nina_dancer": "Nina Valecroft (dancer)"},
    other_woman={"dana": "mirela"},
    gone=("petra",),
    planted={"sarita": ("far",), "carmen": ("missing",), "coralie": ("nobody",), "meilan": ("small_untold",)},
)  # fmt: skip


def address(kind: profiles.Kind, title: str, number: int) -> str:
    """Where the original of a picture lies: below two folders made of its name, as in MediaWiki."""
    file = {"profile": title, "upload": f"{title} photo", "gallery": f"{title} in 2019"}.get(kind, f"{kind} {title}")
    name = f"{file} {number}".replace(" ", "_")
    folder = f"{zlib.crc32(name.encode()) & 0xFF:02x}"
    return f"{ROOT}/wiki/images/{folder[0]}/{folder}/{quote(name, safe='')}.jpg"


def links(people: Mapping[str, Person]) -> Mapping[str, tuple[str, ...]]:
    """Articles as the stash-box links them: by title, or by a name that is redirected."""
    found = {}
    for at, (key, person) in enumerate(people.items()):
        if key in PLAN.by_url or key.startswith("extra"):
            title = PLAN.retitled[key] if key == "nina_dancer" else person.name
            host = ("https://www.boobpedia.com", "http://boobpedia.com")[at % 2]
            found[key] = (f"{host}/boobs/{quote(title.replace(' ', '_'))}",)
    return found


def pages(people: Mapping[str, Person], seed: int) -> tuple[Page, ...]:
    """Every article about a person: one portrait, and what is planted there as further portraits."""
    return tuple(_with_fewer(page, seed) for page in profiles.pages(PLAN, address, people, seed))


def _with_fewer(page: Page, seed: int) -> Page:
    gallery = page.gallery
    if page.person == MISLABELLED:
        drawing = good_drawing("odile", seed_of(seed, NAME, MISLABELLED))
        of_nobody_here = (Verdict(outcome="rejected", reason="no_match"),)
        own = replace(page.profile[1], drawing=drawing, expected=of_nobody_here, plant="mislabelled")
        gallery = (*gallery, own)
    return replace(page, profile=(page.profile[0], *page.profile[3:]), gallery=gallery)


class Site(PageSite):
    """The site under ``/boobpedia``."""

    name = NAME

    def __init__(self, world: World, answers: PictureAnswers) -> None:
        super().__init__(world, answers)
        self._served = {name.replace(" ", "_"): page for page in self.pages for name in page.answers_to}
        self._thumbs = {unquote(thumb(picture, 240)): picture for picture in self.pictures.values()}

    def routes(self) -> list[web.RouteDef]:
        """What the server answers to."""
        return [
            web.get(f"{ROOT}/boobs/{{title}}", self._article),
            web.get(f"{ROOT}/wiki/images/{{file:.+}}", self._image),
        ]

    async def _article(self, request: web.Request) -> web.Response:
        """An article; the case of a title counts, but for its first letter."""
        asked = request.match_info["title"].replace(" ", "_")
        asked = asked[:1].upper() + asked[1:]
        page = self._served.get(asked)
        if page is not None:
            return html(article_html(page, self.people, asked))
        if asked == FILM.replace(" ", "_"):
            return html(film_html(FILM))
        return html(missing_html(asked), 404)

    async def _image(self, request: web.Request) -> web.StreamResponse:
        if request.path in self.pictures:
            return await self.send(self.pictures[request.path])
        return await self.send(self._thumbs.get(request.path), 240)
