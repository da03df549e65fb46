"""ThePornDB's performer, JSON to item. PHP wrote it: ``[]`` for an empty object, numbers as texts, nulls anywhere."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import quote, urlsplit, urlunsplit

from enrich.identity import clean_text
from enrich.items import BodyMark, Performer
from enrich.spiders.bases.html_values import read_height_cm, read_marks, read_word, unique
from enrich.spiders.bases.json_values import TALLEST_CM, ListedImage, address, day, number, year
from enrich.spiders.bases.listing import UUID

_SHORTEST_CM = 50
_COUNTRY = re.compile(r"([A-Za-z]{2})(?:-[A-Za-z0-9]{1,3})?")
_PLACEHOLDER = re.compile(r"male\.png$", re.IGNORECASE)
_TRANS = r"(?:trans(?:gender|sexual)?|ts)"
_GENDERS = tuple(
    (re.compile(pattern), gender)
    for pattern, gender in (
        (r"female|woman|f", "FEMALE"),
        (r"male|man|m", "MALE"),
        (rf"{_TRANS}(?:female|woman)|mtf", "TRANSGENDER_FEMALE"),
        (rf"{_TRANS}(?:male|man)|ftm", "TRANSGENDER_MALE"),
        (r"intersex", "INTERSEX"),
        (r"nonbinary", "NON_BINARY"),
    )
)
"""The site's words without spaces and hyphens, in lower case, and the stash-boxes'."""


def performer_of(source: str, api_url: str, data: Mapping[str, Any]) -> Performer | None:
    """The performer without its pictures; ``None`` where the UUID or the name is missing.

    The links hold the performer's page at the site too: other stash-boxes know them by it.
    """
    source_id = (clean_text(data.get("id")) or "").lower()
    name = clean_text(data.get("name")) or clean_text(data.get("full_name"))
    if not UUID.fullmatch(source_id) or name is None:
        return None
    more = _object(data.get("extra")) | {key: value for key, value in _object(data.get("extras")).items() if value}
    page_url = _page_url(api_url, clean_text(data.get("slug")))
    return Performer(
        source=source,
        source_id=source_id,
        name=name,
        page_url=page_url,
        disambiguation=clean_text(data.get("disambiguation")),
        aliases=tuple(alias for alias in _names(data.get("aliases")) if alias != name),
        gender=_gender(more.get("gender")),
        birth_date=day(more.get("birthday")) or _day_of(more.get("birthday_timestamp")),
        death_date=day(more.get("deathday")),
        country=_country(more.get("birthplace_code")),
        ethnicity=_word(more.get("ethnicity")),
        height_cm=_height_cm(more.get("height")),
        eye_color=_word(more.get("eye_colour")),
        hair_color=_word(more.get("hair_colour")),
        career_start_year=year(more.get("career_start_year")),
        career_end_year=year(more.get("career_end_year")),
        tattoos=_marks(more.get("tattoos")),
        piercings=_marks(more.get("piercings")),
        urls=tuple(dict.fromkeys((*_links(more.get("links")), *([page_url] if page_url else [])))),
    )


def images_of(data: Mapping[str, Any]) -> Iterator[ListedImage]:
    """Face, posters in their order, picture; each address once, and none of those that stand in for a missing one."""
    seen = set()
    for given in (data.get("face"), *_posters(data.get("posters")), data.get("image")):
        url = address(given)
        if url is None or url in seen or _PLACEHOLDER.search(urlsplit(url).path):
            continue
        seen.add(url)
        yield ListedImage(url, vector=urlsplit(url).path.lower().endswith(".svg"))


def is_site_specific(data: Mapping[str, Any]) -> bool:
    """Whether the record is what one studio's site says of a performer who has a record of their own, its parent."""
    parent = data.get("is_parent")
    return bool(data.get("parent")) or parent is False or str(parent).casefold() in ("0", "false")


def _object(value: object) -> dict[str, Any]:
    return dict(value) if isinstance(value, dict) else {}


def listed(value: object) -> list[Any]:
    """A list, which PHP writes as an object where its numbering has gaps."""
    return list(value.values()) if isinstance(value, dict) else value if isinstance(value, list) else []


def _names(value: object) -> tuple[str, ...]:
    parts = value.split(",") if isinstance(value, str) else listed(value)
    return unique(part for part in parts if isinstance(part, str))


def _posters(value: object) -> list[object]:
    """The addresses, those without a place in the order last."""
    posters = [poster for poster in listed(value) if isinstance(poster, dict)]
    places = [number(poster.get("order"), 0, 10**6) for poster in posters]
    ordered = sorted(zip(places, posters, strict=True), key=lambda both: (both[0] is None, both[0] or 0))
    return [poster.get("url") for _, poster in ordered]


def _links(value: object) -> Iterator[str]:
    """The addresses in an object by site or in a list, each a text or a list of texts."""
    if isinstance(value, str):
        url = address(value)
        if url is not None:
            yield url
    else:
        for entry in listed(value):
            yield from (_links(entry) if isinstance(entry, str) else (u for e in listed(entry) if (u := address(e))))


def _page_url(api_url: str, slug: str | None) -> str | None:
    """The page for people, on the same host without ``api.``."""
    if slug is None:
        return None
    parts = urlsplit(api_url)
    host = parts.netloc.removeprefix("api.")
    return urlunsplit((parts.scheme, host, f"{parts.path.rstrip('/')}/performers/{quote(slug, safe='')}", "", ""))


def _day_of(seconds: object) -> str | None:
    """The day (UTC) of a timestamp; 0 stands for none."""
    since = number(seconds, -(10**10), 10**10)
    try:
        return (datetime(1970, 1, 1) + timedelta(seconds=since)).date().isoformat() if since else None
    except OverflowError:
        return None


def _gender(value: object) -> str | None:
    word = re.sub(r"[\s_-]+", "", (clean_text(value) or "").casefold())
    return next((gender for pattern, gender in _GENDERS if pattern.fullmatch(word)), None)


def _country(value: object) -> str | None:
    found = _COUNTRY.fullmatch(clean_text(value) or "")
    return found[1].upper() if found else None


def _word(value: object) -> str | None:
    return read_word(value) if isinstance(value, str) else None


def _height_cm(value: object) -> int | None:
    said = read_height_cm(value) if isinstance(value, str) else None
    return number(said if said is not None else value, _SHORTEST_CM, TALLEST_CM)


def _marks(value: object) -> tuple[BodyMark, ...]:
    said = [value] if isinstance(value, str) else listed(value)
    return tuple(dict.fromkeys(mark for text in said if isinstance(text, str) for mark in read_marks(text)))
