"""A Babepedia-shaped site: profile pages, user uploads, galleries, a search that answers a missing page with 200."""

from __future__ import annotations

from urllib.parse import quote

from aiohttp import web

from enrich.demo import profiles
from enrich.demo.sites.generic_site import GenericSite, SiteTable, page_answer

ROOT = "/babepedia"
PLAN = profiles.Plan(
    site="babepedia",
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


def spelled(name: str) -> str:
    """A name as addresses have it."""
    return name.replace(" ", "_")


def search(site: GenericSite, request: web.Request) -> web.Response:
    """Hyphens in a term find nothing, as there; a space finds them."""
    term = request.query.get("term", "").casefold().strip()
    titles = (page.title for page in site.pages)
    found = sorted({title for title in titles if term and term in title.casefold().replace("-", " ")})
    return web.json_response([{"label": title, "value": title} for title in found])


SITE = SiteTable(
    plan=PLAN,
    address=address,
    keys=lambda page: map(spelled, page.answers_to),
    asked=spelled,
    own_key=lambda name: quote(spelled(name)),
    answers={"/babe/{slug}": page_answer(missing_status=200), "/ajax-search.php": search},
    images="/{folder:pics|user-uploads|galleries|galleries-thumbs|thumbs}/{file:.+}",
    sizes=((r"/galleries-thumbs/", "/galleries/", 240), (r"_thumb3?(?=\.)", "", 240)),
    needs_referer=True,
)
"""The stash-box's links are the cast's own: they are spelled in the ways that stash-boxes have them in."""
