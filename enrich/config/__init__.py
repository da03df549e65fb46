"""What sources.yaml may say, and the sources a run has: every mistake is named by file, line, key and value."""

from enrich.config.loading import configured_sources, find_sources_file, load_sources
from enrich.config.model import GENDERS, Kind, QualityFilters, Source, Sources, TrustLevel, near_match
from enrich.config.numbers import check_numbers
from enrich.config.shipped import default_sources

__all__ = [
    "GENDERS",
    "Kind",
    "QualityFilters",
    "Source",
    "Sources",
    "TrustLevel",
    "check_numbers",
    "configured_sources",
    "default_sources",
    "find_sources_file",
    "load_sources",
    "near_match",
]
