"""A stash-box's performer, JSON to item: entities decoded, empty and impossible values left out, nothing guessed."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Any
from urllib.parse import urljoin

from enrich.identity import clean_text, host_of, partial_date
from enrich.items import BodyMark, Performer

_FUZZY_PARTS = {"YEAR": 4, "MONTH": 7}
_TALLEST_CM = 260
_FIRST_YEAR, _LAST_YEAR = 1900, 2100


@dataclass(frozen=True, slots=True)
class BoxImage:
    """A picture as the server describes it; sizes it does not know are ``None``. ``vector``: an SVG drawing."""

    url: str
    width_px: int | None
    height_px: int | None
    vector: bool


def performer_of(source: str, api_url: str, data: Mapping[str, Any]) -> Performer | None:
    """The performer without its pictures; ``None`` where id or name are missing."""
    source_id, name = clean_text(data.get("id")), clean_text(data.get("name"))
    if source_id is None or name is None:
        return None
    return Performer(
        source=source,
        source_id=source_id.lower(),
        name=name,
        page_url=urljoin(api_url, f"performers/{source_id.lower()}"),
        disambiguation=clean_text(data.get("disambiguation")),
        aliases=tuple(alias for alias in _texts(data.get("aliases")) if alias != name),
        gender=_word(data.get("gender")),
        birth_date=_date(data.get("birth_date")) or _fuzzy_date(data.get("birthdate")),
        death_date=_date(data.get("death_date")),
        country=_word(data.get("country")),
        ethnicity=_word(data.get("ethnicity")),
        height_cm=_number(data.get("height"), 1, _TALLEST_CM),
        eye_color=_word(data.get("eye_color")),
        hair_color=_word(data.get("hair_color")),
        career_start_year=_number(data.get("career_start_year"), _FIRST_YEAR, _LAST_YEAR),
        career_end_year=_number(data.get("career_end_year"), _FIRST_YEAR, _LAST_YEAR),
        scene_count=_number(data.get("scene_count"), 0, 10**7),
        tattoos=_marks(data.get("tattoos")),
        piercings=_marks(data.get("piercings")),
        urls=tuple(_unique(url for entry in _objects(data.get("urls")) if (url := _address(entry.get("url"))))),
        merged_ids=tuple(merged.lower() for merged in _texts(data.get("merged_ids"))),
        updated=clean_text(data.get("updated")),
    )


def images_of(api_url: str, data: Mapping[str, Any]) -> Iterator[BoxImage]:
    """The pictures in the server's order, each address once."""
    seen = set()
    for entry in _objects(data.get("images")):
        given = entry.get("url")
        url = _address(_joined(api_url, given)) if isinstance(given, str) and given.strip() else None
        if url is None or url in seen:
            continue
        seen.add(url)
        yield BoxImage(
            url,
            _number(entry.get("width"), 1, 10**6),
            _number(entry.get("height"), 1, 10**6),
            vector=entry.get("width") == -1 or url.lower().endswith(".svg"),
        )


def updated_on(data: Mapping[str, Any]) -> date | None:
    """The day (UTC) of the last change; ``None`` where it is not said."""
    value = data.get("updated")
    try:
        moment = datetime.fromisoformat(value) if isinstance(value, str) else None
    except (ValueError, OverflowError):
        return None
    if moment is None:
        return None
    return (moment.astimezone(UTC) if moment.tzinfo else moment).date()


def _objects(value: object) -> list[Mapping[str, Any]]:
    return [entry for entry in value if isinstance(entry, dict)] if isinstance(value, list) else []


def _texts(value: object) -> list[str]:
    return _unique(text for entry in value if (text := clean_text(entry))) if isinstance(value, list) else []


def _unique(texts: Iterator[str]) -> list[str]:
    return list(dict.fromkeys(texts))


def _word(value: object) -> str | None:
    text = clean_text(value)
    return text.upper() if text else None


def _number(value: object, least: int, most: int) -> int | None:
    try:
        number = int(value) if isinstance(value, int | float | str) else None
    except (ValueError, OverflowError):
        return None
    return number if number is not None and least <= number <= most else None


def _address(value: object) -> str | None:
    # Not decoded like a text: "&copy=" in a query is no entity.
    url = value.strip() if isinstance(value, str) else ""
    return url if host_of(url) else None


def _joined(base: str, url: str) -> str:
    try:
        return urljoin(base, url.strip())
    except ValueError:  # brackets that are no address
        return ""


def _date(value: object) -> str | None:
    return partial_date(value) if isinstance(value, str) else None


def _fuzzy_date(value: object) -> str | None:
    """``birthdate`` of older instances: a date padded with 01, and how much of it is known."""
    if not isinstance(value, dict):
        return None
    known = _date(value.get("date"))
    return known[: _FUZZY_PARTS.get(str(value.get("accuracy")).upper(), 10)] if known else None


def _marks(value: object) -> tuple[BodyMark, ...]:
    marks = (
        BodyMark(location=location, description=clean_text(entry.get("description")))
        for entry in _objects(value)
        if (location := clean_text(entry.get("location")))
    )
    return tuple(dict.fromkeys(marks))
