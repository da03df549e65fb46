"""The markup of the PornPics-shaped site: a model's page, a gallery, the list for the page's script, a missing page."""

from __future__ import annotations

import json
from collections.abc import Sequence
from html import escape
from typing import Any

from enrich.demo.galleries import OTHER, Gallery, slug_of
from enrich.demo.truth import Page, Picture

ROOT = "/pornpics"
PAGE_LENGTH = 20
_BLANK = "src='https://static.pornpics.com/style/img/1px.png'"
_SPONSORS = (
    "<li class='thumbwook r2-frame adss-mob'><a class='rel-link' href='https://ads.example/'><img {}></a></li>"
    "<li class='thumbwook big-adss'><a class='rel-link' href='{}/galleries/sponsored-10000000/'><img {}></a></li>"
)


def profile_html(page: Page, listed: Sequence[Gallery], base: str) -> str:
    """One model's page with its first galleries, and the cards of others."""
    title = escape(page.title)
    portrait = f"{base}{page.profile[0].path}"
    data = json.dumps({"@context": "https://schema.org", "@type": "Person", "name": page.title, "image": portrait})
    others = "".join(
        f"<div class='pornstar-card'><a href='{base}{ROOT}/pornstars/{slug_of(OTHER)}/'>"
        f"<img {_BLANK} data-src='{base}{picture.path}'></a></div>"
        for picture in page.related
    )
    tiles = "\n".join(_tile(gallery, base) for gallery in listed)
    return f"""<!DOCTYPE html>
<html lang='en'><head><meta charset='utf-8'><title>{title} Nude Pics &amp; Galleries</title>
<script type="application/ld+json">{data.replace("<", chr(92) + "u003c")}</script></head><body>
<h1>{title} Nude Pics</h1>
<div class="pornstar-card"><img src="{portrait}"></div>
<div class='related-models'><h2>Related pornstars</h2>{others}</div>
<ul id='tiles'>
{_SPONSORS.format(_BLANK, base + ROOT, _BLANK)}
{tiles}
</ul></body></html>
"""


def tiles_json(listed: Sequence[Gallery], base: str) -> list[dict[str, Any]]:
    """What the page's script is told of further galleries."""
    return [
        {"desc": gallery.title, "g_url": _url(gallery, base), "t_url": base + _small(gallery.pictures[0])}
        for gallery in listed
    ]


def gallery_html(gallery: Gallery, base: str) -> str:
    """One gallery: who is in it, its pictures, and a related one."""
    models = " ".join(
        f"<a href='{base}{ROOT}/pornstars/{slug_of(name)}/'><span>{escape(name)}</span></a>" for name in gallery.models
    )
    said = {
        "Channel:": "<a href='/channels/lantern/'>Lantern</a>",
        "Models:": f"<div>{models}</div>",
        "Categories:": "<div><a href='/drawn/'>Drawn</a></div>",
        "Views:": "404",
    }
    facts = "\n".join(
        f"<div class='gallery-info__item'><span class='gallery-info__title'>{label}</span> {value}</div>"
        for label, value in said.items()
    )
    pictures = "\n".join(
        f"<li class='thumbwook'><a class='rel-link' href='{base}{picture.path.replace('/460/', '/1280/', 1)}' "
        f"data-pswp-width='853' data-pswp-height='1280'><img {_BLANK} data-src='{base}{_small(picture)}'></a></li>"
        for picture in gallery.pictures
    )
    return f"""<!DOCTYPE html>
<html lang='en'><head><meta charset='utf-8'><title>{gallery.title}</title></head><body>
<h1>{gallery.title}</h1>
<div class='gallery-info'>
{facts}
</div>
<ul id='tiles'>
{pictures}
{_SPONSORS.format(_BLANK, base + ROOT, _BLANK)}
</ul></body></html>
"""


def missing_html(base: str) -> str:
    """What comes with status 404."""
    return f"<html><head><title>404 Not Found</title></head><body><a href='{base}{ROOT}/'>Home</a></body></html>"


def _tile(gallery: Gallery, base: str) -> str:
    image = f"<img {_BLANK} data-src='{base}{_small(gallery.pictures[0])}' alt='{gallery.title}'>"
    href = _url(gallery, base)
    return f"<li class='thumbwook'><a class='rel-link' href='{href}' title='{gallery.title}'>{image}</a></li>"


def _url(gallery: Gallery, base: str) -> str:
    return f"{base}{ROOT}/galleries/{gallery.slug}/"


def _small(picture: Picture) -> str:
    return picture.path.replace("/1280/", "/460/", 1)
