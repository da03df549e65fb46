"""A stash-box's performer, JSON to item: entities decoded, empty and impossible values left out, nothing guessed."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import UTC, date, datetime
from typing import Any
from urllib.parse import urljoin

from enrich.identity import clean_text
from enrich.items import BodyMark, Performer
from enrich.spiders.bases.json_values import TALLEST_CM, ListedImage, address, day, number, objects, texts, year

_FUZZY_PARTS = {"YEAR": 4, "MONTH": 7}


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
        aliases=tuple(alias for alias in texts(data.get("aliases")) if alias != name),
        gender=_word(data.get("gender")),
        birth_date=day(data.get("birth_date")) or _fuzzy_date(data.get("birthdate")),
        death_date=day(data.get("death_date")),
        country=_word(data.get("country")),
        ethnicity=_word(data.get("ethnicity")),
        height_cm=number(data.get("height"), 1, TALLEST_CM),
        eye_color=_word(data.get("eye_color")),
        hair_color=_word(data.get("hair_color")),
        career_start_year=year(data.get("career_start_year")),
        career_end_year=year(data.get("career_end_year")),
        scene_count=number(data.get("scene_count"), 0, 10**7),
        tattoos=_marks(data.get("tattoos")),
        piercings=_marks(data.get("piercings")),
        urls=tuple(dict.fromkeys(url for entry in objects(data.get("urls")) if (url := address(entry.get("url"))))),
        merged_ids=tuple(merged.lower() for merged in texts(data.get("merged_ids"))),
        updated=clean_text(data.get("updated")),
    )


def images_of(api_url: str, data: Mapping[str, Any]) -> Iterator[ListedImage]:
    """The pictures in the server's order, each address once."""
    seen = set()
    for entry in objects(data.get("images")):
        url = address(entry.get("url"), api_url)
        if url is None or url in seen:
            continue
        seen.add(url)
        yield ListedImage(
            url,
            number(entry.get("width"), 1, 10**6),
            number(entry.get("height"), 1, 10**6),
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


def _word(value: object) -> str | None:
    text = clean_text(value)
    return text.upper() if text else None


def _fuzzy_date(value: object) -> str | None:
    """``birthdate`` of older instances: a date padded with 01, and how much of it is known."""
    if not isinstance(value, dict):
        return None
    known = day(value.get("date"))
    return known[: _FUZZY_PARTS.get(str(value.get("accuracy")).upper(), 10)] if known else None


def _marks(value: object) -> tuple[BodyMark, ...]:
    marks = (
        BodyMark(location=location, description=clean_text(entry.get("description")))
        for entry in objects(value)
        if (location := clean_text(entry.get("location")))
    )
    return tuple(dict.fromkeys(marks))
