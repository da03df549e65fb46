"""An IAFD-shaped site: pages by id, old addresses that lead to them, a search in tables, one headshot a page."""

from __future__ import annotations

import re
import uuid
from dataclasses import replace

from aiohttp import web
from anyascii import anyascii

from enrich.demo import profiles
from enrich.demo.cast import stash_id
from enrich.demo.sites.generic_site import GenericSite, SiteTable
from enrich.demo.truth import Page

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
_SERVED_FOR = {stranger: asked for asked, stranger in PLAN.other_woman.items()}


def perfid(title: str) -> str:
    """The id of the old addresses: a name without anything but letters and digits."""
    return re.sub(r"[^a-z0-9]", "", anyascii(title).lower())


def page_id(key: str) -> str:
    """The id of a person's page."""
    return stash_id(key, NAME)


def address(kind: profiles.Kind, title: str, number: int) -> str:
    """Where a picture of a page lies."""
    file = f"f_{25 + number}" if kind == "profile" else f"{kind}_{number}"
    return f"/{NAME}/graphics/headshots/{perfid(title)}_{file}.jpg"


def profile(site: GenericSite, request: web.Request) -> web.Response:
    """A page by its id; the name of an old address leads there."""
    form, _, which = request.match_info["which"].partition("=")
    first = which.partition("/")[0]
    if form == "perfid":
        moved = {perfid(name): key for key, page in site.served.items() for name in page.answers_to}
        if first in moved:
            raise web.HTTPMovedPermanently(f"{site.root}/person.rme/id={moved[first]}")
    page = site.served.get(first.lower()) if form == "id" else None
    return site.render(request, "profile", page, id=page_id(page.person)) if page else site.render(request, "missing")


def results(site: GenericSite, request: web.Request) -> web.Response:
    """Whoever has the whole term in one of their names; some twice, the second with a page that is nobody's."""
    term = request.query.get("searchstring", "").casefold().strip()
    rows: list[tuple[str, str, Page | None]] = [
        (key, page.title, page)
        for key, page in site.served.items()
        if term and any(term in name.casefold() for name in (page.title, *page.aliases))
    ]
    for name in AMBIGUOUS:
        if term and term in name.casefold():
            rows += [(str(uuid.uuid5(uuid.NAMESPACE_URL, f"{name}{n}")), name, None) for n in (1, 2)]
    male = [row for row in rows if row[2] and site.people[row[2].person].gender == "MALE"]
    female = [row for row in rows if row not in male]
    return site.render(request, "results", tables={"tblFem": female, "tblMal": male})


SITE = SiteTable(
    plan=PLAN,
    address=address,
    keys=lambda page: (page_id(_SERVED_FOR.get(page.person, page.person)),),
    answers={"/person.rme/{which:.+}": profile, "/results.asp": results},
    images="/graphics/headshots/{file}",
    needs_referer=True,
    link_forms=(HOME + "/person.rme/id={}",),
    linked_as=lambda person: page_id(person.key),
    links_by_hand={
        "zoe": f"{HOME}/person.rme/perfid=zoelindqvist/gender=f/Zoe-Lindqvist.htm",
        "orla": f"{HOME}/person.rme/perfid=orlaodannagh/gender=f/Orla-O&#39;Dannagh.htm",
        "sarita": f"{HOME}/person.rme/id={page_id('sarita').upper()}/awards",
        "hoshino": "http://iafd.com/person.rvm/perfid=TamaraHoshino/Tamara-Hoshino.htm",
    },
    adapted=lambda page, _seed: replace(page, profile=page.profile[-1:]),
)
"""A planted picture stands in place of the headshot, as there is only one."""
