"""A Boobpedia-shaped wiki: articles, redirects, a film, thumbnails; a page that does not exist answers with 404."""

from __future__ import annotations

import zlib
from dataclasses import replace
from urllib.parse import quote

from aiohttp import web

from enrich.demo import profiles
from enrich.demo.cast import Person
from enrich.demo.sites.generic_site import GenericSite, SiteTable, page_answer
from enrich.demo.trouble import good_drawing, seed_of
from enrich.demo.truth import Page, Verdict

NAME = "boobpedia"
FILM = "Ruby_Marlow"
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
    return f"/{NAME}/wiki/images/{folder[0]}/{folder}/{quote(name, safe='')}.jpg"


def spelled(title: str) -> str:
    """A title as addresses have it; its case counts, but for the first letter."""
    name = title.replace(" ", "_")
    return name[:1].upper() + name[1:]


def linked_as(person: Person) -> str:
    """By title, or by a name that is redirected."""
    return quote(spelled(PLAN.retitled[person.key] if person.key == "nina_dancer" else person.name))


def adapted(page: Page, seed: int) -> Page:
    """One portrait, and what is planted there as further portraits."""
    gallery = page.gallery
    if page.person == MISLABELLED:
        drawing = good_drawing("odile", seed_of(seed, NAME, MISLABELLED))
        of_nobody_here = (Verdict(outcome="rejected", reason="no_match"),)
        own = replace(page.profile[1], drawing=drawing, expected=of_nobody_here, plant="mislabelled")
        gallery = (*gallery, own)
    return replace(page, profile=(page.profile[0], *page.profile[3:]), gallery=gallery)


def article(site: GenericSite, request: web.Request) -> web.Response:
    """The article of a person, or of the film."""
    if spelled(request.match_info["slug"]) == FILM:
        return site.render(request, "film", asked=FILM)
    return page_answer()(site, request)


SITE = SiteTable(
    plan=PLAN,
    address=address,
    keys=lambda page: map(spelled, page.answers_to),
    asked=spelled,
    own_key=spelled,
    answers={"/boobs/{slug}": article},
    images="/wiki/images/{file:.+}",
    sizes=((r"/wiki/images/thumb/(.+)/240px-[^/]+$", r"/wiki/images/\1", 240),),
    link_forms=("https://www.boobpedia.com/boobs/{}", "http://boobpedia.com/boobs/{}"),
    linked_as=linked_as,
    adapted=adapted,
)
