"""What a parser makes of one performer's page, and whose page it turns out to be."""

from __future__ import annotations

import re
from dataclasses import dataclass, fields, replace

from enrich.identity import name_key, names_match, same_name, youngest_birthday
from enrich.items import BodyMark, Lookup, Mode, Performer

_DAMAGE = "\ufffd"
"""What stands for bytes that are no letter in the page's encoding."""
_YEARS_APART = 1
"""Sites differ about birthdays by days, which may be the two sides of a new year."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PageImage:
    """A picture of the page's person. ``fallback``: an address seen on the page, where ``url`` was made from it."""

    url: str
    fallback: str | None = None
    gallery: str | None = None
    width_px: int | None = None
    height_px: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Profile:
    """What a performer's page says; ``None`` and empty where it does not. ``images`` and ``galleries``: best first.

    ``slug``: the page's own id at its site, where it says one. ``galleries``: pages with more pictures of the person;
    ``lists``: pages that continue the list of galleries.
    """

    name: str
    slug: str | None = None
    aliases: tuple[str, ...] = ()
    gender: str | None = None
    birth_date: str | None = None
    death_date: str | None = None
    country: str | None = None
    ethnicity: str | None = None
    height_cm: int | None = None
    eye_color: str | None = None
    hair_color: str | None = None
    career_start_year: int | None = None
    career_end_year: int | None = None
    tattoos: tuple[BodyMark, ...] = ()
    piercings: tuple[BodyMark, ...] = ()
    urls: tuple[str, ...] = ()
    images: tuple[PageImage, ...] = ()
    galleries: tuple[str, ...] = ()
    lists: tuple[str, ...] = ()


_TAKEN_OVER = {field.name for field in fields(Profile)} & {field.name for field in fields(Performer)} - {
    "name",
    "aliases",
    "images",
}
"""The fields that an item has just as the page has them."""


def undamaged(profile: Profile | None) -> Profile | None:
    """The profile without what could not be decoded; ``None`` where that is its name."""
    if profile is None or _DAMAGE in profile.name:
        return None
    kept: dict[str, object] = {}
    for field in fields(profile):
        said = getattr(profile, field.name)
        if isinstance(said, tuple):
            kept[field.name] = tuple(part for part in said if _DAMAGE not in str(part))
        elif isinstance(said, str) and _DAMAGE in said:
            kept[field.name] = None
    return replace(profile, **kept)  # type: ignore[arg-type]  # each field keeps its own type


@dataclass(frozen=True, slots=True)
class Verdict:
    """``matched``: the name on the page that is one of the performer's; ``None`` with ``detail`` for someone else."""

    matched: str | None
    detail: str | None = None


def compare(lookup: Lookup, profile: Profile, mode: Mode, *, either_order: bool = False) -> Verdict:
    """Whether ``profile`` is the performer of ``lookup``.

    A stored link is somebody's word already: any of the performer's names on the page confirms it. A page that was
    guessed from a name has only its names to say so, so a match of mere aliases, or of one common word, counts only
    if the birth years agree, and years that contradict each other always mean someone else.
    """
    wanted, found = [lookup.name, *lookup.aliases], [profile.name, *profile.aliases]
    matched = names_match(wanted, found, either_order=either_order)
    if matched is None:
        return Verdict(None, f"the page is {profile.name}'s")
    if mode == "url":
        return Verdict(matched)
    years = [born.year for date in (lookup.birth_date, profile.birth_date) if (born := youngest_birthday(date))]
    if len(years) == 2:
        if abs(years[0] - years[1]) > _YEARS_APART:
            return Verdict(None, f"{matched} is born in {years[1]} there, in {years[0]} here")
        return Verdict(matched)
    strong_aliases = [name for name in lookup.aliases if is_telling(name)]
    telling = (
        names_match([lookup.name], [profile.name], either_order=either_order)
        or (is_telling(lookup.name) and names_match([lookup.name], profile.aliases, either_order=either_order))
        or names_match(strong_aliases, [profile.name], either_order=either_order)
    )
    return Verdict(telling) if telling else Verdict(None, f"only the alias {matched} is the same")


def is_telling(name: str) -> bool:
    """Whether a name is more than one common word: two words, or three characters of a script other than Latin."""
    key = name_key(name)
    return len(re.findall(r"\w+", name)) > 1 if key.isascii() else len(key) > 2


def performer_of(
    profile: Profile, *, lookup: Lookup, source: str, mode: Mode, slug: str, matched: str, page_url: str
) -> Performer:
    """The item for a page that is ``lookup``'s, without its pictures; a name that is not ours becomes an alias."""
    other_name = () if same_name(profile.name, lookup.name) else (profile.name,)
    return Performer(
        source=source,
        source_id=profile.slug or slug,
        name=profile.name,
        mode=mode,
        performer_id=lookup.performer_id,
        matched=matched,
        page_url=page_url,
        aliases=tuple(alias for alias in (*other_name, *profile.aliases) if alias != lookup.name),
        **{name: getattr(profile, name) for name in _TAKEN_OVER},
    )
