"""A FreeOnes-shaped site: bios, lists of galleries among sponsors' teasers, galleries with locked tiles, a search."""

from __future__ import annotations

import json
import re
from dataclasses import replace

from aiohttp import web
from anyascii import anyascii

from enrich.demo import profiles
from enrich.demo.sites.generic_site import GenericSite, SiteTable, page_answer
from enrich.demo.truth import Page

ROOT = "/freeones"
HOME = "https://www.freeones.com"
PLAN = profiles.Plan(
    site="freeones",
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


def gallery_data(page: Page) -> dict[str, str | None]:
    """A gallery is described as data on one page and by its tiles alone on the next."""
    media = [{"@type": "ImageObject", "url": picture.path} for picture in page.gallery]
    data = json.dumps({"@type": "ImageGallery", "associatedMedia": media}).replace("/", "\\/")
    return {"data": data if len(SITE.slug(page)) % 2 else None}


def results(site: GenericSite, request: web.Request) -> web.Response:
    """Whoever has the whole term in the page's name; some twice, the second with a page that is nobody's."""
    term = request.query.get("q", "").casefold().strip()
    names = {SITE.slug(page): page.title for page in site.served.values()}
    names |= {f"{slug_of(name)}-{n}": name for name in AMBIGUOUS for n in (3, 4)}
    return site.render(
        request, "results", found={slug: name for slug, name in names.items() if term and term in name.casefold()}
    )


SITE = SiteTable(
    plan=PLAN,
    address=address,
    keys=lambda page: map(slug_of, page.answers_to),
    own_key=slug_of,
    answers={
        "/babes": results,
        "/{slug}/bio": page_answer(),
        "/{slug}/photos": page_answer("photos"),
        "/{slug}/photos/{gallery}": page_answer("gallery_page", more=gallery_data),
    },
    images="/photo/{path:.+}",
    link_forms=(HOME + "/{}/bio",),
    linked_as=lambda person: slug_of(person.name),
    links_by_hand={
        "zoe": f"{HOME}/zoe-lindqvist",
        "orla": f"{HOME}/de/orla-odannagh/profile",
        "sarita": f"{HOME}/html/s_links/bio_Sarita_St_Amory.php",
        "meilan": f"{HOME}/Mei-Lan-Tarrow/photos/a-gallery?x=1",
        "hoshino": "https://www.freeones.xxx/tamara-hoshino/feed",
    },
    adapted=lambda page, _seed: replace(page, profile=page.profile[-1:]),
)
"""A planted picture stands in place of the portrait, as there is only one."""
