"""Whom and what a source takes: which genders, and pictures from which hosts."""

from __future__ import annotations

from pathlib import Path

import pytest

from enrich.config import Source, default_sources
from tests.config.conftest import read


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
