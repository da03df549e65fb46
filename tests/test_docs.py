"""The documentation holds together: its links, files and commands exist, and its prose is wrapped."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

REPO = Path(__file__).resolve().parent.parent
PAGES = [*sorted(REPO.glob("*.md")), *sorted((REPO / "docs").glob("*.md"))]
IDS = [page.name for page in PAGES]
WIDTH = 120
OF_SCRAPY = {"list", "shell"}
NOT_WRAPPED_YET = set[str]()
INVENTS_FILES = {"add-a-source.md"}

_FENCE = re.compile(r"^```.*?^```$", re.MULTILINE | re.DOTALL)
_LINK = re.compile(r"\]\(([^)\s]+)\)")
_COMMAND = re.compile(r"\bscrapy +([a-z][a-z-]*)\b(?!\.)")
_FILE = re.compile(r"(?:enrich|tests|docs|bench|tools)/[a-z0-9_/.]+\.(?:py|yaml|md|json)")
_CODE = re.compile(r"`([^`\n]+)`")


def without_code(text: str) -> str:
    return _FENCE.sub("", text)


def code_of(text: str) -> Iterator[str]:
    yield from _FENCE.findall(text)
    yield from _CODE.findall(without_code(text))


def anchors(page: Path) -> set[str]:
    """The anchors that GitHub gives to the headings of a page."""
    titles = re.findall(r"^#+ (.*)$", without_code(page.read_text("utf-8")), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in titles}


@pytest.mark.parametrize("page", PAGES, ids=IDS)
def test_relative_links_and_anchors_lead_somewhere(page: Path) -> None:
    for link in _LINK.findall(without_code(page.read_text("utf-8"))):
        if "://" in link:
            continue
        path, _, anchor = link.partition("#")
        target = (page.parent / path).resolve() if path else page
        assert target.exists(), link
        if anchor:
            assert anchor in anchors(target), link


@pytest.mark.parametrize("page", [page for page in PAGES if page.name not in INVENTS_FILES], ids=lambda page: page.name)
def test_files_exist(page: Path) -> None:
    for code in code_of(page.read_text("utf-8")):
        if _FILE.fullmatch(code):
            assert (REPO / code).is_file(), code


@pytest.mark.parametrize("page", PAGES, ids=IDS)
def test_commands_exist(page: Path) -> None:
    known = OF_SCRAPY | {file.stem for file in (REPO / "enrich" / "commands").glob("*.py")}
    for code in code_of(page.read_text("utf-8")):
        assert set(_COMMAND.findall(code)) <= known, code


@pytest.mark.parametrize(
    "page", [page for page in PAGES if page.name not in NOT_WRAPPED_YET], ids=lambda page: page.name
)
def test_prose_is_wrapped(page: Path) -> None:
    prose = without_code(page.read_text("utf-8")).splitlines()
    assert [line for line in prose if len(line) > WIDTH and not line.startswith("|")] == []


def test_every_page_is_linked_from_the_readme_or_the_architecture() -> None:
    linked = set()
    for page in (REPO / "README.md", REPO / "docs" / "architecture.md"):
        linked |= {(page.parent / link.partition("#")[0]).resolve() for link in _LINK.findall(page.read_text("utf-8"))}
    assert set((REPO / "docs").glob("*.md")) <= linked
