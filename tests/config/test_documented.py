"""Every setting of ours has a row in docs/configuration.md."""

from __future__ import annotations

import re

from scrapy.settings import default_settings

import enrich.settings
from tests.conftest import REPO


def test_every_setting_of_ours_is_documented() -> None:
    ours = {name for name in dir(enrich.settings) if name.isupper() and not hasattr(default_settings, name)}
    assert {"DATA_DIR", "REFRESH_DAYS"} <= ours
    page = (REPO / "docs" / "configuration.md").read_text("utf-8")
    assert ours - set(re.findall(r"^\| `([A-Z_]+)` \|", page, re.MULTILINE)) == set()
