"""Whether a birth date as the sources write it leaves room for doubt that a person is of age."""

from __future__ import annotations

import calendar
import re
from datetime import date

ADULT_AGE_YEARS = 18

_PARTIAL_DATE = re.compile(r"\s*(\d{4})(?:-(\d{1,2})(?:-(\d{1,2}))?)?(?:[T\s].*)?\s*", re.DOTALL)
_LEADING_YEAR = re.compile(r"\s*(\d{4})(?!\d)")


def partial_date(text: str | None) -> str | None:
    """As much as exists of a date: ``YYYY``, ``YYYY-MM`` or ``YYYY-MM-DD``.

    A time may follow. A month or day that does not exist (``2007-13-01``, ``2007-02-30``, ``2007-??-??``) widens the
    date to the part that does. ``None`` where nothing in front can be read as a year.
    """
    found = _PARTIAL_DATE.fullmatch(text or "") or _LEADING_YEAR.match(text or "")
    if found is None:
        return None
    year, month, day = (int(part) if part else 0 for part in (*found.groups(), None, None)[:3])
    if year < 1:
        return None
    if not 1 <= month <= 12:
        return f"{year:04d}"
    if not 1 <= day <= calendar.monthrange(year, month)[1]:
        return f"{year:04d}-{month:02d}"
    return f"{year:04d}-{month:02d}-{day:02d}"


def youngest_birthday(birth_date: str | None) -> date | None:
    """The latest day that a date as ``partial_date`` reads it can mean; ``None`` where that is ``None``."""
    known = partial_date(birth_date)
    if known is None:
        return None
    year = int(known[:4])
    month = int(known[5:7] or 12)
    return date(year, month, int(known[8:] or calendar.monthrange(year, month)[1]))


def is_adult(birth_date: str | None, today: date) -> bool:
    """Whether a person born on ``birth_date`` is 18 on ``today``, by the youngest reading of a partial date.

    A date that is not known (``None``) or that cannot be read at all says nothing about the age: ``True``.
    """
    born = youngest_birthday(birth_date)
    if born is None:
        return True
    return (born.year + ADULT_AGE_YEARS, born.month, born.day) <= (today.year, today.month, today.day)
