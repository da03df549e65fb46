"""What an old Stash Sense database may hold, to values: ``None`` for invalid values."""

from __future__ import annotations

import math
import re
from functools import lru_cache

from enrich.config.model import GENDERS
from enrich.identity import clean_text, host_of, partial_date

_ENDPOINTS = {
    "stashdb.org": "stashdb",
    "theporndb.net": "theporndb",
    "metadataapi.net": "theporndb",
    "pmvstash.org": "pmvstash",
    "javstash.org": "javstash",
    "fansdb.cc": "fansdb",
}
"""Hosts that were written where Stash Sense's short names belong."""

_UUID = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.IGNORECASE)
_TIME = re.compile(r"(\d{4}-\d\d-\d\d)[ T](\d\d:\d\d:\d\d)(?:\.\d+)?(?:Z|\+00:?00)?")
_METRES = re.compile(r"([12])[.,](\d\d?)\s*m", re.IGNORECASE)
_CENTIMETRES = re.compile(r"(\d{2,3})(?:[.,]\d+)?\s*(?:cm)?", re.IGNORECASE)
_SHORTEST_CM, _TALLEST_CM = 50, 260
_FIRST_YEAR, _LAST_YEAR = 1900, 2100
_NO_ALIASES = frozenset({"no known aliases", "no aliases"})
_TRANS = r"(?:trans(?:gender|sexual)?|ts)"
_GENDER_WORDS = (
    (re.compile(r"female|woman|f"), "FEMALE"),
    (re.compile(r"male|man|m"), "MALE"),
    (re.compile(rf"{_TRANS}(?:female|woman)"), "TRANSGENDER_FEMALE"),
    (re.compile(rf"{_TRANS}(?:male|man)"), "TRANSGENDER_MALE"),
)


@lru_cache(maxsize=1024)
def read_endpoint(value: object) -> str | None:
    """A source by its short name: ``stashdb.org`` and ``https://stashdb.org/graphql`` are ``stashdb``."""
    text = (clean_text(value) or "").casefold().rstrip("/")
    host = (host_of(text if "://" in text else f"https://{text}") or text).removeprefix("api.")
    return _ENDPOINTS.get(host, host if "://" in text else text) or None


def read_stashbox_id(value: object) -> str | None:
    """A performer's id at a stash-box, out of an address too, without what follows it."""
    text = clean_text(value) or ""
    if found := _UUID.search(text):
        return found[0].lower()
    return re.split(r"[?#]", text)[0].rstrip("/").rpartition("/")[2] or None


def read_alias(value: object) -> str | None:
    """An alias; not the words that say that there is none."""
    text = clean_text(value)
    return None if text is None or text.casefold() in _NO_ALIASES else text


def read_gender(value: object) -> str | None:
    """A word of the stash-boxes' for a gender: ``Trans Female`` is ``TRANSGENDER_FEMALE``."""
    text = clean_text(value) or ""
    word = re.sub(r"[\s-]+", "_", text.upper())
    plain = re.sub(r"[\s_-]+", "", text.casefold())
    return word if word in GENDERS else next((g for pattern, g in _GENDER_WORDS if pattern.fullmatch(plain)), None)


def read_word(value: object) -> str | None:
    """A category as the stash-boxes write it: ``Middle Eastern`` is ``MIDDLE_EASTERN``."""
    text = clean_text(value)
    return re.sub(r"[\s-]+", "_", text.upper()) if text else None


def read_country(value: object) -> str | None:
    """A country; codes in capitals, as stash-boxes write them."""
    text = clean_text(value)
    return text.upper() if text and len(text) <= 3 else text


def read_date(value: object) -> str | None:
    """As much of a date as exists; a time may follow."""
    return partial_date(value) if isinstance(value, str) else None


def read_height_cm(value: object) -> int | None:
    """A height in centimetres: ``168``, ``168.0``, ``168cm``, ``1.68 m``."""
    if isinstance(value, str):
        text = value.strip()
        if found := _METRES.fullmatch(text):
            value = int(found[1]) * 100 + int(found[2].ljust(2, "0"))
        else:
            found = _CENTIMETRES.fullmatch(text)
            value = int(found[1]) if found else None
    return read_number(value, _SHORTEST_CM, _TALLEST_CM)


def read_year(value: object) -> int | None:
    """A year of a career."""
    return read_number(value, _FIRST_YEAR, _LAST_YEAR)


def read_number(value: object, least: int, most: int) -> int | None:
    """A whole number within bounds, which may be written as a text."""
    try:
        found = int(value) if isinstance(value, int | float | str) else None
    except (ValueError, OverflowError):
        return None
    return found if found is not None and least <= found <= most else None


def read_share(value: object) -> float | None:
    """A number from 0 to 1."""
    if not isinstance(value, int | float) or not math.isfinite(value) or not 0 <= value <= 1:
        return None
    return float(value)


def read_address(value: object) -> str | None:
    """An http(s) address. Not decoded like a text: ``&copy=`` in a query is no entity."""
    text = value.strip() if isinstance(value, str) else ""
    return text if host_of(text) else None


def read_time(value: object) -> str | None:
    """A time (UTC) as the database keeps it, ``2026-01-31 09:30:00``."""
    found = _TIME.fullmatch(value.strip()) if isinstance(value, str) else None
    return f"{found[1]} {found[2]}" if found else None
