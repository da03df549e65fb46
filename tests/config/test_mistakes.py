"""What each mistake in a sources.yaml is answered with."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from enrich.config import load_sources
from enrich.errors import ConfigError
from tests.config.conftest import read

IN_STASHDB = "stash_boxes:\n  stashdb:\n    "
IN_IAFD = "reference_sites:\n  iafd:\n    trust_level: high\n    "
RATE = "a number of requests a minute, 0 or more (0 = no limit)"
GENDER = "female, male, any, or a list of FEMALE, MALE, TRANSGENDER_FEMALE, TRANSGENDER_MALE, INTERSEX, NON_BINARY"
URL = "an http or https address such as https://www.example.org, without a user or key in it"
HOSTS = "a list of host names such as cdn.example.org or *.example.org"
ENV = "the name of the environment variable that holds the key (such as STASHDB_API_KEY), never the key"
KEYS = (
    "enabled, url, rate_limit, max_faces, priority, trust_level, gender_filter, needs_flaresolverr, browser, "
    "api_key_env, image_hosts, quality_filters, ignore_robots"
)


def mistakes(folder: Path, text: str | bytes) -> list[str]:
    with pytest.raises(ConfigError) as caught:
        read(folder, text)
    return str(caught.value).splitlines()


@pytest.mark.parametrize(
    ("text", "answer"),
    [
        # unknown keys
        (
            IN_STASHDB + "rate_limt: 60",
            f"3: stash_boxes.stashdb.rate_limt: unknown key (did you mean 'rate_limit'?); "
            f"known in stash_boxes.stashdb: {KEYS}",
        ),
        (
            "stash_boxes: {stashdb: {}}\nglobals: {}",
            "2: globals: unknown key (did you mean 'global'?); known here: global, stash_boxes, reference_sites",
        ),
        (
            "stash_boxes: {stashdb: {}}\nglobal:\n  quality_filters:\n    min_face: 3",
            "4: global.quality_filters.min_face: unknown key (did you mean 'min_face_size'?); known in "
            "global.quality_filters: min_face_size, min_image_size, min_detection_confidence, max_face_angle, "
            "prefer_single_face",
        ),
        (
            "stash_boxes: {stashdb: {}}\nglobal: {zzz: 3}",
            "2: global.zzz: unknown key; known in global: max_faces_per_performer, default_rate_limit, quality_filters",
        ),
        # wrong types
        (IN_STASHDB + 'rate_limit: "60"', f"3: stash_boxes.stashdb.rate_limit: '60' (text) should be {RATE}"),
        (IN_STASHDB + "rate_limit: true", f"3: stash_boxes.stashdb.rate_limit: true should be {RATE}"),
        (IN_STASHDB + "rate_limit:", f"3: stash_boxes.stashdb.rate_limit: nothing should be {RATE}"),
        (IN_STASHDB + "rate_limit: [1, 2]", f"3: stash_boxes.stashdb.rate_limit: [1, 2] should be {RATE}"),
        (IN_STASHDB + "enabled: 1", "3: stash_boxes.stashdb.enabled: 1 should be true or false"),
        (IN_STASHDB + "enabled: 'yes'", "3: stash_boxes.stashdb.enabled: 'yes' (text) should be true or false"),
        (
            IN_STASHDB + "max_faces: 5.5",
            "3: stash_boxes.stashdb.max_faces: 5.5 should be a whole number of faces for each performer, "
            "0 or more (0 = none)",
        ),
        (
            IN_STASHDB + "quality_filters: 80",
            "3: stash_boxes.stashdb.quality_filters: 80 should be a block of quality filters",
        ),
        (
            "stash_boxes:\n  stashdb: on",
            "2: stash_boxes.stashdb: on should be a block of settings such as {enabled: true}",
        ),
        ("stash_boxes:\n  - stashdb", "1: stash_boxes: [stashdb] should be a block of sources"),
        (
            IN_IAFD + "ignore_robots: true",
            "4: reference_sites.iafd.ignore_robots: true should be the reason, in words, "
            "for not obeying this site's robots.txt",
        ),
        # values
        (IN_STASHDB + "rate_limit: -5", f"3: stash_boxes.stashdb.rate_limit: -5 should be {RATE}"),
        (IN_STASHDB + "rate_limit: .inf", f"3: stash_boxes.stashdb.rate_limit: .inf should be {RATE}"),
        (
            "stash_boxes: {stashdb: {}}\nglobal:\n  default_rate_limit: -1",
            f"3: global.default_rate_limit: -1 should be {RATE}",
        ),
        (
            IN_IAFD + "quality_filters:\n      min_detection_confidence: atuo",
            "5: reference_sites.iafd.quality_filters.min_detection_confidence: 'atuo' (text) should be "
            "a number from 0 to 1, or auto (did you mean 'auto'?)",
        ),
        (
            IN_IAFD + "quality_filters: {max_face_angle: 120}",
            "4: reference_sites.iafd.quality_filters.max_face_angle: 120 should be a number of degrees from 0 to 90",
        ),
        (
            "reference_sites:\n  babepedia:\n    trust_level: hgih",
            "3: reference_sites.babepedia.trust_level: 'hgih' should be one of high, medium, low "
            "(did you mean 'high'?)",
        ),
        (
            IN_STASHDB + "trust_level: HIGH",
            "3: stash_boxes.stashdb.trust_level: 'HIGH' should be one of high, medium, low (did you mean 'high'?)",
        ),
        (
            IN_IAFD + "gender_filter: femal",
            f"4: reference_sites.iafd.gender_filter: 'femal' should be {GENDER} (did you mean 'female'?)",
        ),
        (
            IN_IAFD + "gender_filter: [MALE, TRANS_MALE]",
            f"4: reference_sites.iafd.gender_filter: [MALE, TRANS_MALE] should be {GENDER} "
            "(did you mean 'TRANSGENDER_MALE'?)",
        ),
        (IN_IAFD + "gender_filter: []", f"4: reference_sites.iafd.gender_filter: [] should be {GENDER}"),
        (IN_STASHDB + "url: stashdb.org", f"3: stash_boxes.stashdb.url: 'stashdb.org' should be {URL}"),
        (IN_STASHDB + "url: 'ftp://a.org'", f"3: stash_boxes.stashdb.url: 'ftp://a.org' should be {URL}"),
        (IN_STASHDB + "url: 'https://'", f"3: stash_boxes.stashdb.url: 'https://' should be {URL}"),
        (IN_STASHDB + "url: 'http://a.org:x'", f"3: stash_boxes.stashdb.url: 'http://a.org:x' should be {URL}"),
        (
            IN_IAFD + "image_hosts:\n      - a.org\n      - https://b.org/",
            f"6: reference_sites.iafd.image_hosts.1: 'https://b.org/' should be {HOSTS}",
        ),
        (IN_IAFD + "image_hosts: a.org", f"4: reference_sites.iafd.image_hosts: 'a.org' should be {HOSTS}"),
        (
            IN_IAFD + "priority: 1",
            "4: reference_sites.iafd.priority: only for stash_boxes: a reference site never changes what they say",
        ),
        # sources
        (
            "reference_sites:\n  iafd: {enabled: true}",
            "2: reference_sites.iafd.trust_level: missing; should be one of high, medium, low",
        ),
        (
            "reference_sites:\n  iafd:",
            "2: reference_sites.iafd.trust_level: missing; should be one of high, medium, low",
        ),
        (
            "stash_boxes:\n  stashbd: {enabled: true}",
            "2: stash_boxes.stashbd: unknown source (did you mean 'stashdb'?); known: stashdb, theporndb, pmvstash, "
            "javstash, fansdb; a new one has to state its url and trust_level",
        ),
        (
            "stash_boxes:\n  iafd: {trust_level: high}",
            "2: stash_boxes.iafd: is a reference_site; move it to the other section",
        ),
        (
            "stash_boxes:\n  My-Box: {url: 'https://a.org', trust_level: low}",
            "2: stash_boxes.My-Box: the name of a source should be lower-case letters, digits and _",
        ),
        ("global: {}", "1: names no source; add stash_boxes or reference_sites"),
        # the file
        ("", "1: the file is empty; name its sources, or delete it to use the defaults"),
        ("# nothing yet\n", "1: the file is empty; name its sources, or delete it to use the defaults"),
        ("- stashdb", "1: should begin with a key such as stash_boxes:"),
        (
            "stash_boxes:\n  stashdb: {enabled: true\nreference_sites: {}",
            "3: not YAML: while parsing a flow mapping, expected ',' or '}', but got ':'",
        ),
        (
            "stash_boxes:\n\tstashdb: {}",
            "2: not YAML: while scanning for the next token, found character '\\t' that cannot start any token "
            "(indent with spaces, not tabs)",
        ),
        (
            "stash_boxes: {stashdb: {}}\n---\nglobal: {}",
            "2: not YAML: expected a single document in the stream, but found another document",
        ),
        ("stash_boxes:\n  stashdb: {}\x07", "2: not YAML: special characters are not allowed"),
        (
            "stash_boxes: {stashdb: {}}\n# caf\xe9".encode("latin-1"),
            "2: byte 0xe9 is not UTF-8; save the file as UTF-8",
        ),
        (
            "stash_boxes:\n  stashdb: {}\n  fansdb: {}\n  stashdb: {enabled: true}",
            "4: stash_boxes.stashdb: written twice, on lines 2 and 4; keep one",
        ),
        (
            IN_STASHDB + "max_faces: 1\n    enabled: true\n    max_faces: 2",
            "5: stash_boxes.stashdb.max_faces: written twice, on lines 3 and 5; keep one",
        ),
        ("stash_boxes: &all\n  stashdb: *all", "2: stash_boxes.stashdb: is an alias of the block that it stands in"),
        (
            IN_STASHDB + "url: !!python/name:os.system",
            "3: stash_boxes.stashdb.url: '' is not a plain value: "
            "could not determine a constructor for the tag 'tag:yaml.org,2002:python/name:os.system'",
        ),
    ],
)
def test_one_mistake_is_one_line_with_file_line_key_value_and_what_is_right(
    folder: Path, text: str | bytes, answer: str
) -> None:
    assert mistakes(folder, text) == [f"sources.yaml:{answer}"]


def test_every_mistake_is_reported_at_once_in_the_files_order(folder: Path) -> None:
    found = mistakes(
        folder,
        """\
global: {max_faces_per_performer: many}
stash_boxes:
  stashdb: {rate_limit: -1, prioriti: 1}
  fansbd: {}
reference_sites:
  babepedia: {enabled: 1}
  babepedia: {trust_level: none}
""",
    )
    assert [line.split(": ")[:2] for line in found] == [
        ["sources.yaml:1", "global.max_faces_per_performer"],
        ["sources.yaml:3", "stash_boxes.stashdb.prioriti"],
        ["sources.yaml:3", "stash_boxes.stashdb.rate_limit"],
        ["sources.yaml:4", "stash_boxes.fansbd"],
        ["sources.yaml:7", "reference_sites.babepedia"],
        ["sources.yaml:7", "reference_sites.babepedia.trust_level"],
    ]


@pytest.mark.parametrize(
    ("line", "answer"),
    [
        (
            "api_key_env: eyJhbGci.s3cr3t.k-y",
            f"sources.yaml:3: stash_boxes.stashdb.api_key_env: this value should be {ENV}",
        ),
        ("url: 'https://me:s3cr3t@a.org'", f"sources.yaml:3: stash_boxes.stashdb.url: this value should be {URL}"),
    ],
)
def test_a_secret_written_into_the_file_is_not_repeated(folder: Path, line: str, answer: str) -> None:
    assert mistakes(folder, IN_STASHDB + line) == [answer]


def test_a_source_of_both_kinds(folder: Path) -> None:
    block = "{url: 'https://a.org', trust_level: low}"
    assert mistakes(folder, f"stash_boxes:\n  mine: {block}\nreference_sites:\n  mine: {block}") == [
        "sources.yaml:2: stash_boxes.mine: stands in reference_sites too; a source is of one kind",
        "sources.yaml:4: reference_sites.mine: stands in stash_boxes too; a source is of one kind",
    ]


def test_a_file_that_is_not_there_and_one_that_is_a_folder(folder: Path) -> None:
    with pytest.raises(ConfigError, match=r"^none.yaml: no such file; correct SOURCES_FILE, or leave it out"):
        load_sources(folder / "none.yaml")
    (folder / "conf").mkdir()
    with pytest.raises(ConfigError, match=r"^conf: is a folder; name the file in it, such as conf/sources.yaml$"):
        load_sources(folder / "conf")


@pytest.mark.skipif(os.geteuid() == 0, reason="root reads every file")
def test_a_file_that_may_not_be_read(folder: Path) -> None:
    (folder / "sources.yaml").touch(mode=0)
    with pytest.raises(ConfigError, match=r"^sources.yaml: cannot be read: Permission denied$"):
        load_sources(folder / "sources.yaml")
