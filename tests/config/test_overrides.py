"""What a command line may change of the sources."""

from __future__ import annotations

import pytest

from enrich.config import default_sources
from enrich.errors import ConfigError
from tests.config.conftest import REFERENCE_SITES, STASH_BOXES


def test_overrides_change_limits_and_what_is_on() -> None:
    sources = default_sources()
    changed = sources.override(max_faces={"iafd": 1, "stashdb": 0}, max_faces_total=9, disable=["theporndb"])
    assert (changed.get("iafd").max_faces, changed.get("stashdb").max_faces, changed.get("fansdb").max_faces) == (
        1,
        0,
        3,
    )
    assert changed.max_faces_per_performer == 9
    assert [s.name for s in changed.sources.values() if s.enabled] == ["stashdb"]
    assert sources == default_sources(), "the sources that were overridden stay as they were"
    assert sources.override() == sources


@pytest.mark.parametrize(
    ("only", "disabled", "on"),
    [
        (["iafd", "fansdb"], [], ["fansdb", "iafd"]),
        (["all"], [], STASH_BOXES + REFERENCE_SITES),
        (["all"], ["stashdb", "iafd"], [n for n in STASH_BOXES + REFERENCE_SITES if n not in ("stashdb", "iafd")]),
        ([], [], []),
    ],
)
def test_enable_only(only: list[str], disabled: list[str], on: list[str]) -> None:
    changed = default_sources().override(enable_only=only, disable=disabled)
    assert [s.name for s in changed.sources.values() if s.enabled] == on


def test_bad_overrides_are_all_named() -> None:
    known = f"in the built-in defaults: {', '.join(STASH_BOXES + REFERENCE_SITES)}"
    with pytest.raises(ConfigError) as caught:
        default_sources().override(
            max_faces={"babpedia": 3, "iafd": -1}, max_faces_total=-2, disable=["x"], enable_only=["al", "iafd"]
        )
    assert str(caught.value).splitlines() == [
        f"--disable-source: unknown source 'x'; {known}",
        "--max-faces-total -2: should be 0 or more",
        "--source-max-faces iafd=-1: should be 0 or more",
        f"--source-max-faces: unknown source 'babpedia'; {known} (did you mean 'babepedia'?)",
        f"--sources: unknown source 'al'; {known}",
    ]
