"""A JAVDatabase-shaped site: idols under a slug made of the name in the site's own order, with one portrait each."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable
from dataclasses import replace
from typing import Any
from urllib.parse import quote

from anyascii import anyascii

from enrich.demo import profiles
from enrich.demo.sites.generic_site import SiteTable, page_answer
from enrich.demo.truth import Page

ROOT = "/javdatabase"
INVERTED = {
    "hoshino": "Hoshino Tamara",
    "priya": "Sandermeer Priya",
    "dalia": "Rosenthorne Dalia",
    "noor": "Halvorsenne Noor",
}
"""Person -> the name with the family first, which is the only one the site has an address for."""

PLAN = profiles.Plan(
    site="javdatabase",
    by_url=(
        "hoshino", "zoe", "orla", "bram", "quill", "wren", "dana", "petra", "priya", "dalia", "xiomara", "juno",
        "vesna", "coralie",
    ),
    by_name=("noor", "tove"),
    by_alias=("saoirse",),
    retitled=INVERTED,
    other_woman={"dana": "mirela"},
    gone=("petra",),
    planted={"wren": ("nobody",), "quill": ("far",), "vesna": ("turned",), "xiomara": ("html",), "juno": ("missing",)},
    only=None,
)  # fmt: skip


def slug(name: str) -> str:
    """What the site's addresses make of a name."""
    plain = re.sub(r"[^a-z0-9\s.-]", "", anyascii(name).lower())
    return re.sub(r"[\s.-]+", "-", plain).strip("-")


def keys(page: Page) -> Iterable[str]:
    """The slugs that a page answers to."""
    return map(slug, (page.title,) if page.person in INVERTED else page.answers_to)


def address(kind: profiles.Kind, title: str, number: int) -> str:
    """Where a picture lies; namesakes and covers have addresses that differ from a portrait's by little."""
    match kind:
        case "profile":
            return f"{ROOT}/idolimages/full/{slug(title)}.webp"
        case "related":
            return f"{ROOT}/idolimages/full/{slug(title)}-{number + 2}.webp"
        case "stray":
            return f"{ROOT}/vertical/{slug(title)}.webp"
        case _:
            return f"{ROOT}/covers/full/{kind}/{slug(title)}{number}pl.webp"


def adapted(page: Page, _seed: int) -> Page:
    """The one portrait is good, or what is planted there."""
    portrait = page.profile[-1] if page.person in PLAN.planted else page.profile[0]
    portrait = replace(portrait, drawing=replace(portrait.drawing, encoding="webp"))
    return replace(page, profile=(portrait,), uploads=(), gallery=())


def names_and_layout(page: Page) -> dict[str, Any]:
    """Japanese names and the others, without the page's own in the other order; and which of two layouts it has."""
    own = set(page.title.casefold().split())
    names = [alias for alias in page.aliases if set(alias.casefold().split()) != own]
    japanese = [name for name in names if "CJK" in unicodedata.name(name[0])]
    other = [name for name in names if name not in japanese]
    return {"japanese": japanese, "other": other, "lazy": len(page.title) % 2 == 0}


SITE = SiteTable(
    plan=PLAN,
    address=address,
    keys=keys,
    own_key=slug,
    answers={"/idols/{slug}/": page_answer(more=names_and_layout)},
    images="/{folder:idolimages|covers|vertical}/{file:.+}",
    sizes=((r"/idolimages/thumb/", "/idolimages/full/", 150),),
    link_forms=("https://www.javdatabase.com/idols/{}/", "https://www.javdatabase.com/idols/{}/?ipage=2"),
    linked_as=lambda person: quote(slug(PLAN.retitled.get(person.key, person.name))),
    adapted=adapted,
)
