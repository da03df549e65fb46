"""Who is surely of age, of dates that may lack a part."""

from __future__ import annotations

from datetime import date

import pytest

from enrich.identity import is_adult, partial_date, youngest_birthday

TODAY = date(2026, 11, 21)


@pytest.mark.parametrize(
    ("birth_date", "adult"),
    [
        (None, True),
        ("", True),
        ("long ago", True),
        ("2007", True),
        ("2008", False),
        ("2008-10", True),
        ("2008-11", False),
        ("2008-11-21", True),
        ("2008-11-22", False),
        ("2008-11-21 00:00:00", True),
        ("2008-11-22T00:00:00Z", False),
        ("2008-13-45", False),
        ("2008-??-??", False),
        ("2008-10-99", True),
        ("2030-01-01", False),
        ("1990", True),
        ("0000-00-00", True),
    ],
)
def test_is_adult_by_the_youngest_reading(birth_date: str | None, adult: bool) -> None:
    assert is_adult(birth_date, TODAY) is adult


def test_somebody_born_on_a_leap_day() -> None:
    assert not is_adult("2008-02-29", date(2026, 2, 28))
    assert is_adult("2008-02-29", date(2026, 3, 1))


@pytest.mark.parametrize(
    ("text", "known", "youngest"),
    [
        ("1985-12-20", "1985-12-20", date(1985, 12, 20)),
        ("1985-2", "1985-02", date(1985, 2, 28)),
        ("1985", "1985", date(1985, 12, 31)),
        ("1985-02-30", "1985-02", date(1985, 2, 28)),
        ("20 December 1985", None, None),
        (None, None, None),
    ],
)
def test_partial_dates(text: str | None, known: str | None, youngest: date | None) -> None:
    assert partial_date(text) == known
    assert youngest_birthday(text) == youngest
