"""What a good sources.yaml gives, and which file that is."""

from __future__ import annotations

import copy
import os
import pickle
from pathlib import Path

import pytest

from enrich.config import QualityFilters, configured_sources, default_sources, find_sources_file
from enrich.errors import ConfigError
from tests.config.conftest import read


def test_gaps_are_filled_from_the_global_block_and_the_shipped_sources(folder: Path) -> None:
    sources = read(
        folder,
        """
        global: {max_faces_per_performer: 7, quality_filters: {min_face_size: 60, max_face_angle: 30}}
        stash_boxes:
          stashdb: {url: "http://127.0.0.1:8000/graphql/", quality_filters: {min_face_size: 50}}
          fansdb:
        reference_sites:
          babepedia: {trust_level: low, rate_limit: 0, gender_filter: [FEMALE], ignore_robots: "they said so"}
        """,
    )
    stashdb, fansdb, babepedia = (sources.get(name) for name in ("stashdb", "fansdb", "babepedia"))
    assert sources.max_faces_per_performer == 7
    assert (stashdb.url, stashdb.enabled, stashdb.rate_limit) == ("http://127.0.0.1:8000/graphql", True, 240)
    assert stashdb.quality_filters == QualityFilters(min_face_size=50, max_face_angle=30.0)
    assert fansdb.quality_filters == QualityFilters(min_face_size=60, max_face_angle=30.0)
    assert (babepedia.trust_level, babepedia.rate_limit, babepedia.max_faces) == ("low", 0, 5)
    assert babepedia.ignore_robots == "they said so"
    assert (babepedia.enabled, babepedia.needs_flaresolverr) == (False, True)


def test_default_rate_limit_is_for_every_source_without_its_own(folder: Path) -> None:
    sources = read(
        folder,
        """
        global: {default_rate_limit: 12}
        stash_boxes: {stashdb: {}, fansdb: {rate_limit: 3.5}}
        """,
    )
    assert [s.rate_limit for s in sources.stash_boxes] == [12, 3.5]


def test_a_new_source_states_its_url_and_trust(folder: Path) -> None:
    sources = read(
        folder,
        """
        stash_boxes:
          otherbox: {url: "https://box.example.org/graphql", trust_level: medium}
          fansdb: {}
        reference_sites:
          newsite: {url: "https://site.example.org", trust_level: low, image_hosts: [CDN.example.org, "*.pix.example"]}
        """,
    )
    other, new = sources.get("otherbox"), sources.get("newsite")
    assert (other.kind, new.kind) == ("stash_box", "reference_site")
    assert (other.enabled, other.rate_limit, other.priority, other.api_key_env) == (False, 60, None, None)
    assert new.image_hosts == ("cdn.example.org", "*.pix.example")
    assert [box.name for box in sources.stash_boxes] == ["fansdb", "otherbox"], "one without a priority comes last"


def test_stash_boxes_come_by_priority(folder: Path) -> None:
    sources = read(folder, "stash_boxes: {stashdb: {priority: 9}, pmvstash: {}, javstash: {priority: 1}}")
    assert [box.name for box in sources.stash_boxes] == ["javstash", "pmvstash", "stashdb"]


def test_yaml_as_people_write_it(folder: Path) -> None:
    sources = read(
        folder,
        b"\xef\xbb\xbf"  # the mark that Windows editors put before UTF-8
        b"""
        stash_boxes:
          stashdb: &box {enabled: yes, rate_limit: 60, quality_filters: &strict {min_face_size: 120}}
          fansdb: {<<: *box, rate_limit: 30}
        reference_sites:
          iafd: {trust_level: high, quality_filters: *strict}
        """,
    )
    assert [(box.enabled, box.rate_limit) for box in sources.stash_boxes] == [(True, 60), (True, 30)]
    assert {s.quality_filters.min_face_size for s in sources.sources.values()} == {120}


def test_sources_can_be_copied_and_sent_to_another_process(folder: Path) -> None:
    sources = read(folder, "stash_boxes: {stashdb: {}}").override(max_faces_total=3)
    assert copy.deepcopy(sources) == sources, "Scrapy copies the settings that it is given"
    assert pickle.loads(pickle.dumps(sources)) == sources
    assert copy.deepcopy(default_sources()) == default_sources()


def test_an_unknown_source_lists_the_files_own(folder: Path) -> None:
    sources = read(folder, "stash_boxes: {stashdb: {}, fansdb: {}}")
    with pytest.raises(ConfigError, match=r"^unknown source 'stash'; in sources.yaml: stashdb, fansdb \(did you mean"):
        sources.get("stash")
    with pytest.raises(ConfigError, match=r"^unknown source 'iafd'; in sources.yaml: stashdb, fansdb$"):
        sources.get("iafd")


def test_the_setting_wins_over_the_project(folder: Path) -> None:
    (folder / "scrapy.cfg").touch()
    (folder / "sources.yaml").write_text("stash_boxes: {stashdb: {}}")
    (folder / "other.yaml").write_text("stash_boxes: {fansdb: {}}")
    (folder / "below").mkdir()
    assert list(configured_sources("other.yaml").sources) == ["fansdb"]
    assert list(configured_sources(None).sources) == ["stashdb"]
    os.chdir(folder / "below")
    assert find_sources_file(None) == folder / "sources.yaml", "scrapy.cfg is looked for in the folders above too"


def test_a_setting_that_names_no_file_is_an_error_not_another_file(folder: Path) -> None:
    with pytest.raises(ConfigError, match=r"^gone.yaml: no such file"):
        configured_sources("gone.yaml")
