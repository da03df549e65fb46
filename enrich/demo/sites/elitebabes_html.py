"""The markup of the EliteBabes-shaped site: a model's page, tiles, a gallery, a missing page."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from html import escape

from enrich.demo.cast import Person
from enrich.demo.galleries import Gallery, slug_of
from enrich.demo.truth import Page, Picture

ROOT = "/elitebabes"


def profile_html(page: Page, person: Person, listed: Sequence[Gallery], pages: int, base: str) -> str:
    """One model's page with its first tiles; ``pages``: how many pages of tiles there are."""
    title = escape(page.title)
    slug = slug_of(page.title)
    first, second = page.related
    facts = "".join(f"<li><span>{label}</span> {escape(value)}</li>" for label, value in _facts(person))
    names = f'<p class="read-more"><strong>{escape(", ".join(page.aliases))}</strong></p>' if page.aliases else ""
    api = f"{base}{ROOT}/gridapi/?content=model&model={slug}".replace("/", "\\/")
    script = f"var apiUrl = '{api}', totalPages = parseInt('{pages}');" if pages > 1 else "var totalPages = 1;"
    return f"""<!DOCTYPE html>
<html lang="en"><head><meta charset="utf-8"><title>{title} Nude Photos - Elite Babes</title>
<link rel="canonical" href="https://www.elitebabes.com/model/{slug}/"></head><body>
<div class="module-model">
<figure><img src="{base}{page.profile[0].path}" alt="{title}"></figure>
<h2 class="fn">{title}</h2>
<ul class="list-aside hidden">{facts}</ul>
{names}
<p class="read-more-wrap">{title} was drawn by a computer and does not exist.</p>
</div>
<div class="ofx-slider-area"><h2>Onlyfan Models</h2>
<div><figure><img src="{base}{first.path}" alt="{title}"></figure></div></div>
<div class="related"><figure><img src="{base}{second.path}" alt="Somebody Else"></figure></div>
<ul class="list-gallery has-mobile-menu">
<li><figure class="multi-desktop"><a href="{base}{ROOT}/sponsored-1/"><img src="{base}{first.path}"></a></figure></li>
<li><figure><a href="https://video.example/1"><img src="{base}{first.path}"></a><div class="img-overlay"><p>
<a href="{base}{ROOT}/a-video-2/">A video</a></p></div></figure></li>
{tiles_html(listed, base)}
</ul>
<script>{script}</script></body></html>
"""


def tiles_html(listed: Sequence[Gallery], base: str) -> str:
    """Tiles, as they stand in the page and as its script is given them."""
    return "\n".join(_tile(gallery, base) for gallery in listed)


def gallery_html(gallery: Gallery, page: Page, base: str) -> str:
    """One gallery, with a picture of a related one in the same kind of list."""
    url = f"{base}{ROOT}/{gallery.slug}/"
    pictures = "\n".join(_preview(picture, base) for picture in gallery.pictures)
    own = f'<ul class="list-gallery static css" data-title="{gallery.title}" data-url="{url}">\n{pictures}\n</ul>'
    related = "" if len(gallery.pictures) < 2 else _preview(page.stray[0], base)
    beside = f'<h2>Related</h2><ul class="list-gallery static css">{related}</ul>'
    return f"""<!DOCTYPE html>
<html lang="en"><head><meta charset="utf-8"><title>{gallery.title} - Elite Babes</title></head><body>
<h1>{gallery.title}</h1>
{own}
{beside}
</body></html>
"""


def missing_html(base: str) -> str:
    """What comes with status 404."""
    return f'<html><head><title>404 - Page Not Found</title></head><body><a href="{base}{ROOT}/">Home</a></body></html>'


def _tile(gallery: Gallery, base: str) -> str:
    url = f"{base}{ROOT}/{gallery.slug}/"
    cover = base + gallery.pictures[0].path.removesuffix(".jpg") + "_masonry"
    models = "".join(
        f'<li><a href="{base}{ROOT}/model/{slug_of(name)}/"><i class="icon-woman"></i></a></li>'
        for name in gallery.models
    )
    image = f'<img alt="{gallery.title}" srcset="{cover}_1200.jpg 1200w, {cover}_400.jpg 400w" src="{cover}_400.jpg">'
    return (
        f'<li><figure><a href="{url}" title="{gallery.title}">{image}</a><div class="img-overlay"><p><a href="{url}">'
        f'{gallery.title}</a></p><ul class="list-icon">{models}</ul></div></figure></li>'
    )


def _preview(picture: Picture, base: str) -> str:
    stem = base + picture.path.removesuffix(".jpg")
    image = f'<img src="{stem}_w400.jpg" srcset="{stem}_w800.jpg 800w, {stem}_w400.jpg 400w" loading="lazy">'
    return f'<li><a href="{stem}.jpg" data-width="800" data-height="1200">{image}</a></li>'


def _facts(person: Person) -> list[tuple[str, str]]:
    facts = []
    if person.birth_date:
        born = person.birth_date
        day = date.fromisoformat(born) if len(born) == 10 else None
        facts.append(("Born:", f"{day:%B} {day.day}, {day.year}" if day else born[:4]))
    if person.height_cm:
        facts.append(("Height:", f"{person.height_cm} cm"))
    facts.append(("Hair Color:", person.look.hair_colour.capitalize()))
    return facts
