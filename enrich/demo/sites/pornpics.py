"""A PornPics-shaped site: a model's page lists twenty galleries, the page's own script asks for those that follow."""

from __future__ import annotations

import json

from aiohttp import web

from enrich.demo import profiles
from enrich.demo.galleries import PAGE_LENGTH, number_of, slug_of
from enrich.demo.sites.generic_site import GenericSite, SiteTable, gallery_answer

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


def address(kind: profiles.Kind, title: str, number: int) -> str:
    """Where a picture of a page lies; of one session there is no large size."""
    name = slug_of(title).replace("-", "_")
    if kind == "profile" and number == 0:
        return f"/{NAME}/models/{name[0]}/{name}.jpg"
    if kind == "related":
        return f"/{NAME}/models/z/beside_{name}_{number}.jpg"
    gallery = number_of(NAME, title, "other" if kind == "upload" and number else kind)
    size = 460 if kind == "gallery" else 1280
    return f"/{NAME}/{size}/7/{str(gallery)[:3]}/{gallery}/{gallery}_{number:03d}_ab12.jpg"


def profile(site: GenericSite, request: web.Request) -> web.Response:
    """A page; to its own script, from the second page on, a list."""
    page = site.served.get(request.match_info["slug"])
    if page is None:
        return site.render(request, "missing", status=404)
    base = f"{request.scheme}://{request.host}"
    offset = int(request.query.get("offset", "0"))
    if offset and request.headers.get("X-Requested-With") == "XMLHttpRequest" and request.headers.get("Referer"):
        further = [
            {
                "desc": gallery.title,
                "g_url": f"{base}{site.root}/galleries/{gallery.slug}/",
                "t_url": base + gallery.pictures[0].path.replace("/1280/", "/460/", 1),
            }
            for gallery in site.listed[page.title][offset : offset + PAGE_LENGTH]
        ]
        return web.json_response(further)
    portrait = base + page.profile[0].path
    data = json.dumps({"@context": "https://schema.org", "@type": "Person", "name": page.title, "image": portrait})
    return site.render(request, "profile", page, portrait=portrait, data=data.replace("<", "\\u003c"))


SITE = SiteTable(
    plan=PLAN,
    address=address,
    keys=lambda page: map(slug_of, page.answers_to),
    own_key=slug_of,
    answers={"/pornstars/{slug}/": profile, "/galleries/{slug}/": gallery_answer},
    images="/{folder:models|460|1280}/{file:.+}",
    sizes=((r"/460/", "/1280/", 240),),
    link_forms=(
        "https://www.pornpics.com/pornstars/{}/",
        "https://www.pornpics.com/de/pornstars/{}/",
        "http://pornpics.com/pornstars/{}",
    ),
    linked_as=lambda person: slug_of(person.name),
    shared={"Lola Quennevelle": PAGE_LENGTH + 1},
)
"""One model's own galleries come after more than one page of galleries of two."""
