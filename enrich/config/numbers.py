"""Settings that are numbers: Scrapy looks at none before it is used."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from enrich.errors import ConfigError

NUMBERS: Mapping[str, int] = {
    "ALLOWED_FAILED_SHARE": 0,
    "ALLOWED_GONE_SHARE": 0,
    "ALLOWED_UNEXPECTED_SHARE": 0,
    "BROWSER_PAGES_PER_CONTEXT": 1,
    "EMBED_BATCH_SIZE": 1,
    "EMBED_MAX_WAIT_SECONDS": 0,
    "FLARESOLVERR_CONCURRENCY": 1,
    "FLARESOLVERR_COOLDOWN_SECONDS": 0,
    "FLARESOLVERR_MAX_SECONDS": 0,
    "IMAGE_MAX_BYTES": 1,
    "IMAGE_MAX_PIXELS": 1,
    "REFRESH_DAYS": 0,
}
"""Settings of ours that are numbers, with the least that each may be; whole ones but for seconds and shares."""


def check_numbers(settings: Mapping[str, Any]) -> None:
    """Raise ConfigError for a setting that is not the number it should be."""
    for name, least in NUMBERS.items():
        whole = not name.endswith(("_SECONDS", "_SHARE"))
        try:
            fits = (int if whole else float)(settings[name]) >= least
        except (TypeError, ValueError):
            fits = False
        if not fits:
            kind = "whole number" if whole else "number"
            raise ConfigError(f"{name}={settings[name]}: should be a {kind}, {least} or more")
