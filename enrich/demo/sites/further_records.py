"""The smaller stash-boxes: a few performers each, some of them the first one's, linked to it, and one of their own."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from dataclasses import dataclass

from enrich.demo.cast import NAMESPACE, Person, stash_id
from enrich.demo.trouble import GOOD, good_drawing, seed_of
from enrich.demo.truth import Picture, Record


@dataclass(frozen=True, slots=True, kw_only=True)
class Box:
    """A stash-box: whose record links their page at the first one, and whom only it knows."""

    linked: tuple[str, ...]
    alone: str
    priority: int
    max_faces: int = 3


BOXES: Mapping[str, Box] = {
    "pmvstash": Box(linked=("coralie", "juno"), alone="anouk", priority=3),
    "javstash": Box(linked=("hoshino", "meilan"), alone="runa", priority=4),
    "fansdb": Box(linked=("imogen", "dalia"), alone="greer", priority=5),
}
PICTURES = 2
"""Of every performer, all of them good."""


def records(people: Mapping[str, Person], seed: int) -> tuple[Record, ...]:
    """Every record of every box."""
    return tuple(
        _record(name, people[key], seed, linked=key in box.linked)
        for name, box in BOXES.items()
        for key in (*box.linked, box.alone)
    )


def _record(site: str, person: Person, seed: int, *, linked: bool) -> Record:
    drawings = [good_drawing(person.key, seed_of(seed, site, person.key, number)) for number in range(PICTURES)]
    return Record(
        site=site,
        source_id=stash_id(person.key, site),
        person=person.key,
        name=person.name,
        links=(f"https://stashdb.org/performers/{stash_id(person.key)}",) if linked else (),
        pictures=tuple(
            Picture(
                path=f"/{site}/images/{uuid.uuid5(NAMESPACE, f'{site}/images/{seed}/{person.key}/{number}')}",
                site=site,
                drawing=drawing,
                listed_for=person.key,
                expected=GOOD,
                told_width_px=drawing.width_px,
                told_height_px=drawing.height_px,
            )
            for number, drawing in enumerate(drawings)
        ),
    )
