"""Every saved answer in tests/pages, replayed through its spider, against the expected JSON beside it.

A case is ``<source>/<case>.html`` or ``.json`` and ``<case>.expected.json``: ``answer`` says what was asked and how it
was answered, ``yields`` what the spider makes of it in order, ``counts`` what it counts, ``closed`` why it stops.
Without ``answer.slug`` it is what a search for the first of ``answer.terms`` gave; ``answer.url`` is where a redirect
led.
``answer.further`` answers the requests that follow: URL -> file in ``<source>/further``, whose yields are put in place.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from scrapy.settings import Settings
from scrapy.spiderloader import SpiderLoader

PAGES = Path(__file__).resolve().parent.parent / "pages"
CASES = sorted(path for path in PAGES.glob("*/*.*") if not path.name.endswith(".expected.json"))
LOADER = SpiderLoader.from_settings(Settings({"SPIDER_MODULES": ["enrich.spiders"]}))


@pytest.mark.parametrize("case", CASES, ids=lambda path: f"{path.parent.name}/{path.name}")
def test_saved_page(case: Path, replayed: Callable[..., tuple[dict[str, Any], dict[str, Any]]]) -> None:
    result, expected = replayed(LOADER.load(case.parent.name), case)
    assert result == expected


def test_every_expectation_has_its_page() -> None:
    answered = {case.with_suffix("") for case in CASES}
    orphans = [
        p for p in PAGES.glob("*/*.expected.json") if p.with_name(p.name.removesuffix(".expected.json")) not in answered
    ]
    assert not orphans
    assert CASES
