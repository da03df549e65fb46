"""An EliteBabes-shaped site: facts, tiles that say their models, further tiles by an address in the page's script."""

from __future__ import annotations

from aiohttp import web

from enrich.demo import profiles
from enrich.demo.galleries import PAGE_LENGTH, number_of, slug_of
from enrich.demo.sites.generic_site import GenericSite, SiteTable, gallery_answer, page_answer

NAME = "elitebabes"
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


def address(kind: profiles.Kind, title: str, number: int) -> str:
    """Where a picture of a page lies."""
    slug = slug_of(title)
    if kind == "profile" and number == 0:
        return f"/{NAME}/content/models/{slug}_800.jpg"
    if kind == "related":
        return f"/{NAME}/content/lists/beside-{slug}-{number}.jpg"
    gallery = number_of(NAME, title, "other" if kind == "upload" and number else kind)
    return f"/{NAME}/content/{gallery}/0001-{number + 1:02d}.jpg"


def further_tiles(site: GenericSite, request: web.Request) -> web.Response:
    """What the page's script is given."""
    page = site.served.get(request.query.get("model", ""))
    if page is None:
        return site.render(request, "missing", status=404)
    last = int(request.query.get("mpage", "1")) * PAGE_LENGTH
    return site.render(request, "tiles", page, galleries=site.listed[page.title][last - PAGE_LENGTH : last])


SITE = SiteTable(
    plan=PLAN,
    address=address,
    keys=lambda page: map(slug_of, page.answers_to),
    own_key=slug_of,
    answers={"/model/{slug}/": page_answer(), "/gridapi/": further_tiles, "/{slug}/": gallery_answer},
    images="/content/{file:.+}",
    sizes=((r"_(?:masonry_400|masonry_1200|w400|w800)\.jpg$", ".jpg", 240),),
    needs_referer=True,
    link_forms=(
        "https://www.elitebabes.com/model/{}/",
        "https://www.elitebabes.com/model/{}/sort/latest/",
        "http://elitebabes.com/model/{}/mpage/2/",
    ),
    linked_as=lambda person: slug_of(person.name),
    shared={"Carmen Ostravia": 2 * PAGE_LENGTH + 1},
)
"""One model's own galleries come after more than two pages of galleries of two."""
