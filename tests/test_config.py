"""sources.yaml: what a good one gives, and what each mistake in a bad one is answered with."""

from __future__ import annotations

import copy
import os
import pickle
from pathlib import Path

import pytest

from enrich.config import (
    QualityFilters,
    Source,
    Sources,
    configured_sources,
    default_sources,
    find_sources_file,
    load_sources,
)
from enrich.errors import ConfigError

REPO = Path(__file__).resolve().parent.parent

STASH_BOXES = ["stashdb", "theporndb", "pmvstash", "javstash", "fansdb"]
REFERENCE_SITES = ["babepedia", "iafd", "freeones", "boobpedia", "pornpics", "elitebabes", "javdatabase"]
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


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The present folder, empty, so that errors say ``sources.yaml`` and not a long path."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


def read(folder: Path, text: str | bytes) -> Sources:
    file = folder / "sources.yaml"
    file.write_bytes(text.encode() if isinstance(text, str) else text)
    return load_sources(file)


def mistakes(folder: Path, text: str | bytes) -> list[str]:
    with pytest.raises(ConfigError) as caught:
        read(folder, text)
    return str(caught.value).splitlines()


# What is shipped


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


# What a good file gives


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


@pytest.mark.parametrize(
    ("said", "passes", "fails"),
    [
        ("female", ["FEMALE", "TRANSGENDER_FEMALE", "female"], ["MALE", "TRANSGENDER_MALE", "INTERSEX", "NON_BINARY"]),
        ("male", ["MALE", "TRANSGENDER_MALE"], ["FEMALE", "TRANSGENDER_FEMALE", "NON_BINARY"]),
        ("[FEMALE, NON_BINARY]", ["FEMALE", "NON_BINARY"], ["TRANSGENDER_FEMALE", "MALE"]),
        ("any", ["FEMALE", "MALE", "INTERSEX"], []),
        ("null", ["FEMALE", "MALE", "INTERSEX"], []),
    ],
)
def test_gender_filter(folder: Path, said: str, passes: list[str], fails: list[str]) -> None:
    site = read(folder, f"reference_sites: {{babepedia: {{trust_level: high, gender_filter: {said}}}}}").get(
        "babepedia"
    )
    assert [word for word in (*passes, *fails) if site.wants_gender(word)] == passes
    assert site.wants_gender(None)
    assert site.wants_gender("somebody's own word"), "a gender that is no known word is unknown, and passes"


def test_a_file_without_a_gender_filter_filters_nobody(folder: Path) -> None:
    assert read(folder, "reference_sites: {babepedia: {trust_level: high}}").get("babepedia").wants_gender("MALE")


@pytest.mark.parametrize(
    ("url", "taken"),
    [
        ("http://127.0.0.1:8000/a.jpg", True),
        ("https://cdn.example.org/a.jpg", True),
        ("https://other.example.org/a.jpg", False),
        ("https://a.b.pix.example/a.jpg", True),
        ("https://pix.example/a.jpg", False),
        ("https://evilpix.example/a.jpg", False),
    ],
)
def test_images_come_from_the_sources_host_and_image_hosts(url: str, taken: bool) -> None:
    source = Source(
        name="somebox",
        kind="stash_box",
        url="http://127.0.0.1:9000/graphql",
        trust_level="high",
        image_hosts=("cdn.example.org", "*.pix.example"),
    )
    assert source.takes_images_from(url) is taken


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


# What a bad file is answered with

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


# What a command line may change


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


def test_sources_can_be_copied_and_sent_to_another_process(folder: Path) -> None:
    sources = read(folder, "stash_boxes: {stashdb: {}}").override(max_faces_total=3)
    assert copy.deepcopy(sources) == sources, "Scrapy copies the settings that it is given"
    assert pickle.loads(pickle.dumps(sources)) == sources
    assert copy.deepcopy(default_sources()) == default_sources()


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
    known = f"the built-in defaults has {', '.join(CONTRACT)}"
    with pytest.raises(ConfigError) as caught:
        default_sources().override(
            max_faces={"babpedia": 3, "iafd": -1}, max_faces_total=-2, disable=["x"], enable_only=["al", "iafd"]
        )
    assert str(caught.value).splitlines() == [
        f"disable: unknown source 'x'; {known}",
        f"enable_only: unknown source 'al'; {known}",
        "max_faces: iafd=-1 should be 0 or more",
        f"max_faces: unknown source 'babpedia'; {known} (did you mean 'babepedia'?)",
        "max_faces_total: -2 should be 0 or more",
    ]


def test_an_unknown_source_lists_the_files_own(folder: Path) -> None:
    sources = read(folder, "stash_boxes: {stashdb: {}, fansdb: {}}")
    with pytest.raises(ConfigError, match=r"^unknown source 'stash'; sources.yaml has stashdb, fansdb \(did you mean"):
        sources.get("stash")
    with pytest.raises(ConfigError, match=r"^unknown source 'iafd'; sources.yaml has stashdb, fansdb$"):
        sources.get("iafd")


# Which file


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


@pytest.mark.parametrize(
    ("url", "image", "taken"),
    [
        ("https://www.example.co.uk", "https://cdn.example.co.uk/x.jpg", True),
        ("https://www.example.co.uk", "https://example.co.uk/x.jpg", True),
        ("https://www.example.co.uk", "https://other.co.uk/x.jpg", False),
        ("https://a.github.io", "https://b.github.io/x.jpg", False),
        ("http://127.0.0.1:8000", "http://127.0.0.1:9000/x.jpg", True),
        ("http://127.0.0.1:8000", "http://127.0.0.2/x.jpg", False),
        ("http://localhost:8000", "http://other/x.jpg", False),
    ],
)
def test_pictures_come_from_the_sources_own_domain(url: str, image: str, taken: bool) -> None:
    source = default_sources().get("babepedia").model_copy(update={"url": url, "image_hosts": ()})
    assert source.takes_images_from(image) == taken
