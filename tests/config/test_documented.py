"""Every setting of ours is in docs/configuration.md."""

from __future__ import annotations

from pathlib import Path

from scrapy.settings import default_settings

import enrich.settings

DOC = Path(__file__).resolve().parents[2] / "docs" / "configuration.md"
SCRAPYS = {"COMMANDS_MODULE"}


def test_every_setting_has_a_row() -> None:
    ours = {name for name in vars(enrich.settings) if name.isupper()} - set(vars(default_settings)) - SCRAPYS
    rows = [line for line in DOC.read_text("utf-8").splitlines() if line.startswith("| `")]
    missing = sorted(name for name in ours if not any(f"`{name}`" in row for row in rows))
    assert "DATA_DIR" in ours
    assert not missing
