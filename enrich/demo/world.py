"""The demo world: worked out from one seed, so that the server and a test that judges a crawl see the same truth.

Nothing is drawn here; ``pictures`` makes the bytes when they are asked for.
"""

from __future__ import annotations

from dataclasses import replace

from enrich.demo.cast import cast
from enrich.demo.profiles import lookups
from enrich.demo.sites import reference_sites, stash_records, theporndb_records
from enrich.demo.truth import ABSENT, ACCEPTED, Drawing, Lookup, Page, Picture, Record, Verdict, World

__all__ = [
    "ABSENT",
    "ACCEPTED",
    "SEED",
    "Drawing",
    "Lookup",
    "Page",
    "Picture",
    "Record",
    "Verdict",
    "World",
    "build_world",
]

SEED = 2026


def build_world(seed: int = SEED, performers: int = 30) -> World:
    """The world of this seed; performers beyond the hand-written thirty are invented as well."""
    people = {person.key: person for person in cast(performers)}
    tables = reference_sites()
    for table in tables:
        for key, url in table.links(people).items():
            people[key] = replace(people[key], urls=(*people[key].urls, url))
    pages = {table.name: table.pages(people, seed) for table in tables}
    return World(
        seed=seed,
        people=people,
        records=(
            *stash_records.records(people, seed),
            *theporndb_records.records(people, seed),
            *stash_records.further_records(people, seed),
        ),
        pages=tuple(page for found in pages.values() for page in found),
        lookups=tuple(lookup for table in tables for lookup in lookups(table.plan, people, pages[table.name])),
    )
