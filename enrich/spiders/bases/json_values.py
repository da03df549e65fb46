"""What the JSON of an API may hold, to values: ``None`` and empty for invalid values."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urljoin

from enrich.identity import clean_text, host_of, partial_date

TALLEST_CM = 260
_FIRST_YEAR, _LAST_YEAR = 1900, 2100


@dataclass(frozen=True, slots=True)
class ListedImage:
    """A picture as the server describes it; sizes it does not know are ``None``. ``vector``: an SVG drawing."""

    url: str
    width_px: int | None = None
    height_px: int | None = None
    vector: bool = False


def objects(value: object) -> list[Mapping[str, Any]]:
    """The objects in a list."""
    return [entry for entry in value if isinstance(entry, dict)] if isinstance(value, list) else []


def texts(value: object) -> list[str]:
    """The texts in a list that say something, each once."""
    found = [clean_text(entry) for entry in value] if isinstance(value, list) else []
    return list(dict.fromkeys(text for text in found if text))


def number(value: object, least: int, most: int) -> int | None:
    """A whole number within bounds, which may be written as a text."""
    try:
        found = int(value) if isinstance(value, int | float | str) and not isinstance(value, bool) else None
    except (ValueError, OverflowError):
        return None
    return found if found is not None and least <= found <= most else None


def year(value: object) -> int | None:
    """A year of a career."""
    return number(value, _FIRST_YEAR, _LAST_YEAR)


def day(value: object) -> str | None:
    """As much of a date as there is; a time may follow."""
    return partial_date(value) if isinstance(value, str) else None


def address(value: object, base: str = "") -> str | None:
    """An http(s) address, completed from ``base``. Not decoded like a text: ``&copy=`` in a query is no entity."""
    try:
        url = urljoin(base, value.strip()) if isinstance(value, str) and value.strip() else ""
    except ValueError:  # brackets that are no address
        return None
    return url if host_of(url) else None
