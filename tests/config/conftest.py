"""What the tests of sources.yaml share: the sources that are shipped, and a file of their own."""

from __future__ import annotations

from pathlib import Path

import pytest

from enrich.config import Sources, load_sources

STASH_BOXES = ["stashdb", "theporndb", "pmvstash", "javstash", "fansdb"]
REFERENCE_SITES = ["babepedia", "iafd", "freeones", "boobpedia", "pornpics", "elitebabes", "javdatabase"]


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The present folder, empty, so that errors say ``sources.yaml`` and not a long path."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


def read(folder: Path, text: str | bytes) -> Sources:
    file = folder / "sources.yaml"
    file.write_bytes(text.encode() if isinstance(text, str) else text)
    return load_sources(file)
