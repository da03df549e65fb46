"""Galleries of the sites that have them: a performer's own, those that show somebody else beside them, and others'."""

from __future__ import annotations

import re
from dataclasses import dataclass

from anyascii import anyascii

from enrich.demo.trouble import seed_of
from enrich.demo.truth import Page, Picture

OTHER = "Odile Framboisier"
"""Who else is in the galleries of two, and alone in others': she is in no stash-box."""

PAGE_LENGTH = 20
"""How many galleries these sites list at a time."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Gallery:
    """One photo session. ``models``: the names that the site says; ``number``: its id there, eight digits."""

    number: int
    title: str
    models: tuple[str, ...]
    pictures: tuple[Picture, ...]

    @property
    def slug(self) -> str:
        """Its part of an address."""
        return f"{slug_of(self.title)}-{self.number}"


def slug_of(name: str) -> str:
    """A name as these sites put it into addresses."""
    plain = re.sub(r"[^a-z0-9 -]", "", anyascii(name).lower())
    return re.sub(r"[ -]+", "-", plain).strip("-")


def number_of(site: str, title: str, part: str) -> int:
    """The id of a gallery; ``part`` says which of a page's."""
    return 10_000_000 + seed_of(site, title, part) % 90_000_000


def galleries(page: Page, *, shared: int = 1) -> tuple[Gallery, ...]:
    """What a page lists, in its order; ``shared``: how many galleries of two come before the person's own."""

    def gallery(part: str, title: str, models: tuple[str, ...], pictures: tuple[Picture, ...]) -> Gallery:
        return Gallery(number=number_of(page.site, page.title, part), title=title, models=models, pictures=pictures)

    alone = (page.title,)
    found = [
        gallery("stray" if at == 0 else f"stray{at}", "The two of them", (page.title, OTHER), page.stray)
        for at in range(shared)
    ]
    if page.stranger_upload:
        found.append(gallery("other", "Somebody else", (OTHER,), (page.stranger_upload,)))
    own = (
        ("profile", "Paper boats", page.profile[1:]),
        ("upload", "Kites", page.uploads),
        ("gallery", "Tin roof", page.gallery),
    )
    found += [gallery(part, title, alone, pictures) for part, title, pictures in own if pictures]
    return tuple(found)
