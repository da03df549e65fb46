"""One file a site: what it holds, how its addresses look, and how it answers."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any, Protocol, cast

from enrich.config import default_sources

if TYPE_CHECKING:
    from aiohttp import web

    from enrich.demo.answers import PictureAnswers
    from enrich.demo.sites.generic_site import SiteTable
    from enrich.demo.truth import World

STASH_BOXES = ("stashdb", "theporndb", "pmvstash", "javstash", "fansdb")
"""The sources with an API, in order of priority; all but ThePornDB are stash-boxes."""
REFERENCE_SITES = ("babepedia", "iafd", "freeones", "boobpedia", "javdatabase", "pornpics", "elitebabes")
"""The modules of the reference sites here; the ``SITE`` of each is its table."""


class Site(Protocol):
    """What the server needs of a site."""

    def routes(self) -> list[web.RouteDef]:
        """What the server answers to."""


def reference_sites() -> tuple[SiteTable, ...]:
    """Every reference site of the world, in the order in which it is crawled."""
    return tuple(cast("SiteTable", import_module(f"{__name__}.{name}").SITE) for name in REFERENCE_SITES)


def sites(world: World, answers: PictureAnswers) -> tuple[Site, ...]:
    """Every site of the world."""
    from enrich.demo.sites.generic_site import GenericSite
    from enrich.demo.sites.stash_box import StashBox
    from enrich.demo.sites.theporndb import ThePornDB

    return (
        ThePornDB(world, answers),
        *(StashBox(world, answers, name) for name in STASH_BOXES if name != "theporndb"),
        *(GenericSite(table, world, answers) for table in reference_sites()),
    )


def source_blocks(base_url: str) -> dict[str, Any]:
    """The ``stash_boxes`` and ``reference_sites`` of a sources.yaml that points at the world."""
    return {
        "stash_boxes": {name: _stash_box(name, base_url) for name in STASH_BOXES},
        "reference_sites": {name: _reference_site(name, base_url) for name in REFERENCE_SITES},
    }


def _stash_box(name: str, base_url: str) -> dict[str, Any]:
    block = _as_shipped(name, base_url)
    return {
        **block,
        "url": block["url"] if name == "theporndb" else f"{block['url']}/graphql",
        "priority": default_sources().get(name).priority,
        "api_key_env": f"{name.upper()}_API_KEY",
    }


def _reference_site(name: str, base_url: str) -> dict[str, Any]:
    genders = default_sources().get(name).gender_filter
    return {**_as_shipped(name, base_url), "gender_filter": sorted(genders) if genders else "any"}


def _as_shipped(name: str, base_url: str) -> dict[str, Any]:
    """A source's block: as shipped, but enabled, without a pace and at the demo world."""
    shipped = default_sources().get(name)
    return {
        "enabled": True,
        "url": f"{base_url}/{name}",
        "rate_limit": 0,
        "max_faces": shipped.max_faces,
        "trust_level": shipped.trust_level,
    }
