"""The twelve sources as they are shipped: the one table that sources.yaml repeats and its gaps are filled from."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from enrich.config.model import QualityFilters, Source, Sources

MAX_FACES_PER_PERFORMER = 20
DEFAULT_RATE_LIMIT = 60.0
"""Requests a minute of a source that nothing else is said of."""

_FEMALE = frozenset({"FEMALE", "TRANSGENDER_FEMALE"})

_TABLE = (
    Source(
        name="stashdb",
        kind="stash_box",
        enabled=True,
        url="https://stashdb.org/graphql",
        rate_limit=240,
        max_faces=5,
        priority=1,
        trust_level="high",
        api_key_env="STASHDB_API_KEY",
        image_hosts=("*.stashdb.org",),
    ),
    Source(
        name="theporndb",
        kind="stash_box",
        enabled=True,
        url="https://api.theporndb.net",
        rate_limit=240,
        max_faces=5,
        priority=2,
        trust_level="high",
        api_key_env="THEPORNDB_API_KEY",
        image_hosts=("theporndb.net", "*.theporndb.net", "*.metadataapi.net"),  # the last is its old name
    ),
    Source(
        name="pmvstash",
        kind="stash_box",
        url="https://pmvstash.org/graphql",
        rate_limit=300,
        max_faces=3,
        priority=3,
        trust_level="high",
        api_key_env="PMVSTASH_API_KEY",
        image_hosts=("*.pmvstash.org",),
    ),
    Source(
        name="javstash",
        kind="stash_box",
        url="https://javstash.org/graphql",
        rate_limit=300,
        max_faces=3,
        priority=4,
        trust_level="high",
        api_key_env="JAVSTASH_API_KEY",
        image_hosts=("*.javstash.org",),
    ),
    Source(
        name="fansdb",
        kind="stash_box",
        url="https://fansdb.cc/graphql",
        rate_limit=240,
        max_faces=3,
        priority=5,
        trust_level="high",
        api_key_env="FANSDB_API_KEY",
        image_hosts=("*.fansdb.cc",),
    ),
    Source(
        name="babepedia",
        kind="reference_site",
        url="https://www.babepedia.com",
        rate_limit=60,
        max_faces=5,
        trust_level="high",
        gender_filter=_FEMALE,
        needs_flaresolverr=True,
    ),
    Source(
        name="iafd",
        kind="reference_site",
        url="https://www.iafd.com",
        rate_limit=120,
        max_faces=3,
        trust_level="high",
        needs_flaresolverr=True,
        quality_filters=QualityFilters(min_image_size=300),  # its only pictures are headshots of some 340x400
    ),
    Source(
        name="freeones",
        kind="reference_site",
        url="https://www.freeones.com",
        rate_limit=30,
        max_faces=5,
        trust_level="medium",
        gender_filter=_FEMALE,
        image_hosts=("*.freeones.com",),
    ),
    Source(
        name="boobpedia",
        kind="reference_site",
        url="https://www.boobpedia.com",
        rate_limit=60,
        max_faces=3,
        trust_level="medium",
        gender_filter=_FEMALE,
    ),
    Source(
        name="pornpics",
        kind="reference_site",
        url="https://www.pornpics.com",
        rate_limit=60,
        max_faces=5,
        trust_level="low",
        image_hosts=("cdni.pornpics.com",),
    ),
    Source(
        name="elitebabes",
        kind="reference_site",
        url="https://www.elitebabes.com",
        rate_limit=60,
        max_faces=5,
        trust_level="low",
        gender_filter=_FEMALE,
        image_hosts=("cdn.elitebabes.com",),
    ),
    Source(
        name="javdatabase",
        kind="reference_site",
        url="https://www.javdatabase.com",
        rate_limit=60,
        max_faces=3,
        trust_level="medium",
    ),
)

SHIPPED: Mapping[str, Source] = MappingProxyType({source.name: source for source in _TABLE})


def default_sources() -> Sources:
    """Return the sources of a run that has no sources.yaml."""
    return Sources("the built-in defaults", MAX_FACES_PER_PERFORMER, dict(SHIPPED))
