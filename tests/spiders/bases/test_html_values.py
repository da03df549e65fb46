from __future__ import annotations

import pytest

from enrich.items import BodyMark, Lookup, Mode
from enrich.spiders.bases.html_values import read_date, read_height_cm, read_marks, read_word, read_years
from enrich.spiders.bases.profile import Profile, compare


@pytest.mark.parametrize(
    ("text", "date"),
    [
        ("Friday 20th of December 1985", "1985-12-20"),
        ("Monday 5th of March 2018 (age 23)", "2018-03-05"),
        ("March 4, 1985 (41 years old)", "1985-03-04"),
        ("4 March 1985", "1985-03-04"),
        ("Sept. 3rd 1985", "1985-09-03"),
        ("born 1985-03-04 somewhere", "1985-03-04"),
        ("December 1985", "1985-12"),
        ("1985", "1985"),
        ("31st of February 1985", "1985"),
        ("20th of Smarch 1985", "1985"),
        ("1985-13-01", "1985"),
        ("12345678", None),
        ("No data", None),
        (None, None),
    ],
)
def test_read_date(text: str | None, date: str | None) -> None:
    assert read_date(text) == date


@pytest.mark.parametrize(
    ("text", "height_cm"),
    [
        ("5'6\" (or 167 cm)", 167),
        ("163 cm - 5'4\"", 163),
        ("5 ft 4 in (1.63 m)", 163),
        ("1,7 m", 170),
        ("168cm", 168),
        ("5'6\"", None),
        ("57 kg", None),
        ("", None),
    ],
)
def test_read_height(text: str, height_cm: int | None) -> None:
    assert read_height_cm(text) == height_cm


@pytest.mark.parametrize(
    ("text", "years"),
    [
        ("2021-present", (2021, None)),
        ("2021 \u2013 Present", (2021, None)),
        ("2015-2025 (started around 23 years old; 10 years)", (2015, 2025)),
        ("2005\u20142007", (2005, 2007)),
        ("retired", (None, None)),
        (None, (None, None)),
    ],
)
def test_read_years(text: str | None, years: tuple[int | None, int | None]) -> None:
    assert read_years(text) == years


def test_read_words_and_marks() -> None:
    assert read_word("Middle  Eastern") == "MIDDLE_EASTERN"
    assert read_word("No data") is None
    assert read_word(" ") is None
    assert read_marks("left wrist; neck;; neck") == (BodyMark(location="left wrist"), BodyMark(location="neck"))
    assert read_marks("None") == ()
    assert read_marks("No") == ()


def lookup(name: str, *aliases: str, born: str | None = None) -> Lookup:
    return Lookup(performer_id=1, name=name, aliases=aliases, birth_date=born)


def page(name: str, *aliases: str, born: str | None = None) -> Profile:
    return Profile(name=name, aliases=aliases, birth_date=born)


@pytest.mark.parametrize(
    ("mode", "wanted", "found", "matched"),
    [
        ("url", lookup("Jane Example"), page("JANE EXAMPLE"), "JANE EXAMPLE"),
        ("url", lookup("Jane Example", "J. Ex"), page("Jane Other", "J Ex"), "J Ex"),
        ("url", lookup("Jane", born="1990"), page("Jane", born="1960"), "Jane"),
        ("url", lookup("Janet Doe"), page("Janet Mason", "Janet"), None),
        ("name", lookup("Jane Example"), page("Jane Example"), "Jane Example"),
        ("name", lookup("Jane"), page("Jane"), "Jane"),
        ("name", lookup("Jane Example"), page("Jane Other", "Jane Example"), "Jane Example"),
        ("name", lookup("Jane Example", "Jane Other"), page("Jane Other"), "Jane Other"),
        # an alias of one word, or two aliases that are the same, are not enough ...
        ("name", lookup("Jane Example", "Jane"), page("Jane"), None),
        ("name", lookup("Angel"), page("Jane Other", "Angel"), None),
        ("name", lookup("Jane Example", "Jane Third"), page("Jane Other", "Jane Third"), None),
        # ... unless the years agree
        ("name", lookup("Jane Example", "Jane", born="1990-05-01"), page("Jane", born="1990"), "Jane"),
        ("name", lookup("Angel", born="1990"), page("Jane Other", "Angel", born="1991-01-01"), "Angel"),
        # and years that contradict are somebody else's
        ("name", lookup("Jane Example", born="1990"), page("Jane Example", born="1987-01-01"), None),
        ("name", lookup("波多野結衣"), page("波多野結衣"), "波多野結衣"),
        ("name", lookup("Yui Example", "例子結衣"), page("例子結衣"), "例子結衣"),
    ],
)
def test_whose_page_it_is(mode: Mode, wanted: Lookup, found: Profile, matched: str | None) -> None:
    verdict = compare(wanted, found, mode)
    assert verdict.matched == matched
    assert (verdict.detail is None) == (matched is not None)


def test_names_in_either_order_where_the_site_does_so() -> None:
    assert compare(lookup("Yui Example"), page("Example Yui"), "name").matched is None
    assert compare(lookup("Yui Example"), page("Example Yui"), "name", either_order=True).matched == "Example Yui"
