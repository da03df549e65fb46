from __future__ import annotations

from datetime import date

import pytest

from enrich.errors import ConfigError
from enrich.items import Mode
from enrich.spiders.bases.arguments import Arguments, read_arguments

SITE: tuple[Mode, ...] = ("url", "name")


def test_what_may_be_given() -> None:
    given = {"limit": "5", "dry_run": "yes", "since": "2025-03-01", "performer": " 12 ", "max_faces": "0", "_job": "j"}
    assert read_arguments("stashdb", ("api",), given) == Arguments(
        mode="api", limit=5, dry_run=True, since=date(2025, 3, 1), performer="12", max_faces=0
    )
    assert read_arguments("babepedia", SITE, {"mode": "name", "limit": None}) == Arguments(mode="name")
    assert read_arguments("babepedia", SITE, {}).mode == "url"
    assert [read_arguments("babepedia", SITE, given).pages for given in ({}, {"pages": "0"})] == [True, False]


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"limt": "5"}, "babepedia: unknown argument 'limt' (did you mean 'limit'?)"),
        ({"limit": "0"}, "babepedia: limit=0: should be a whole number of performers, 1 or more"),
        ({"limit": "many"}, "limit=many"),
        ({"limit": "-3"}, "limit=-3"),
        ({"max_faces": "1.5"}, "max_faces=1.5"),
        ({"mode": "nam"}, "should be one of url, name (did you mean 'name'?)"),
        ({"mode": "api"}, "should be one of url, name"),
        ({"dry_run": "perhaps"}, "dry_run=perhaps: should be 1 or 0"),
        ({"pages": "3"}, "pages=3: should be 1 or 0"),
        ({"since": "2025-03-01"}, "only stash-boxes say when a performer was changed"),
        ({"performer": ""}, "should be a performer's id"),
    ],
)
def test_what_may_not(given: dict[str, str], said: str) -> None:
    with pytest.raises(ConfigError) as raised:
        read_arguments("babepedia", SITE, given)
    assert said in str(raised.value)
    assert "\n" not in str(raised.value)


def test_a_date_that_is_none() -> None:
    with pytest.raises(ConfigError, match=r"since=01\.03\.2025: should be a date as YYYY-MM-DD"):
        read_arguments("stashdb", ("api",), {"since": "01.03.2025"})


def test_every_mistake_is_named() -> None:
    with pytest.raises(ConfigError) as raised:
        read_arguments("babepedia", SITE, {"limit": "x", "colour": "red"})
    assert len(str(raised.value).splitlines()) == 2
