"""What is shipped: the defaults are the contract's, and the shipped file says nothing else."""

from __future__ import annotations

import pytest

from enrich.config import QualityFilters, Source, default_sources, load_sources
from tests.config.conftest import REFERENCE_SITES, STASH_BOXES
from tests.conftest import REPO

WOMEN = frozenset({"FEMALE", "TRANSGENDER_FEMALE"})


# The contract's "Defaults shipped": requests a minute, faces, priority, trust, on, gender filter, FlareSolverr.
CONTRACT = {
    "stashdb": (240, 5, 1, "high", True, None, False),
    "theporndb": (240, 5, 2, "high", True, None, False),
    "pmvstash": (300, 3, 3, "high", False, None, False),
    "javstash": (300, 3, 4, "high", False, None, False),
    "fansdb": (240, 3, 5, "high", False, None, False),
    "babepedia": (60, 5, None, "high", False, WOMEN, True),
    "iafd": (120, 3, None, "high", False, None, True),
    "freeones": (30, 5, None, "medium", False, WOMEN, False),
    "boobpedia": (60, 3, None, "medium", False, WOMEN, False),
    "pornpics": (60, 5, None, "low", False, None, False),
    "elitebabes": (60, 5, None, "low", False, WOMEN, False),
    "javdatabase": (60, 3, None, "medium", False, None, False),
}


@pytest.mark.parametrize("name", CONTRACT)
def test_defaults_are_the_contracts(name: str) -> None:
    s = default_sources().get(name)
    found = (s.rate_limit, s.max_faces, s.priority, s.trust_level, s.enabled, s.gender_filter, s.needs_flaresolverr)
    assert found == CONTRACT[name]
    assert s.api_key_env == (f"{name.upper()}_API_KEY" if name in STASH_BOXES else None)
    assert s.quality_filters == QualityFilters(
        min_face_size=80,
        min_image_size=300 if name == "iafd" else 400,
        min_detection_confidence=0.8,
        max_face_angle=45.0,
        prefer_single_face=True,
    )


def test_shipped_file_says_what_the_defaults_say_but_for_the_calibrated_confidence() -> None:
    shipped, defaults = load_sources(REPO / "sources.yaml"), default_sources()
    assert {s.quality_filters.min_detection_confidence for s in shipped.sources.values()} == {"auto"}

    def calibrated(source: Source) -> dict[str, object]:
        return source.model_dump(exclude={"quality_filters": {"min_detection_confidence"}})

    assert {n: calibrated(s) for n, s in shipped.sources.items()} == {
        n: calibrated(s) for n, s in defaults.sources.items()
    }
    assert shipped.max_faces_per_performer == defaults.max_faces_per_performer == 20
    assert [s.name for s in shipped.stash_boxes] == STASH_BOXES
    assert [s.name for s in shipped.reference_sites] == REFERENCE_SITES
