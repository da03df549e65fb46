"""What the demo's stash-boxes hold.

The first has a record for every listed person, with the trouble planted in its pictures. The smaller ones have a few
performers each: some of the first one's, linked to it, and one of their own.
"""

from __future__ import annotations

import html
import uuid
from collections.abc import Mapping
from dataclasses import replace

from enrich.demo.cast import NAMESPACE, Person, stash_id
from enrich.demo.trouble import GOOD, LIMITED, TROUBLE, TWIN, bad_drawing, good_drawing, seed_of
from enrich.demo.truth import ABSENT, Drawing, Encoding, Picture, Record, Verdict

NAME = "stashdb"

PLANTED: Mapping[str, str] = {
    "ada": "small",
    "zoe": "small_untold",
    "orla": "nobody",
    "sarita": "two_people",
    "meilan": "turned",
    "ruby": "far",
    "bell": "html",
    "hoshino": "truncated",
    "dalia": "missing",
    "priya": "vector",
    "nina_dancer": "nobody",
    "tove": "two_people",
    "vesna": "turned",
}
ENCODINGS: Mapping[str, Encoding] = {"noor": "jpeg_exif_rotated", "tove": "png", "coralie": "webp"}
"""Whose second picture is not a plain JPEG."""
FURTHER: Mapping[str, tuple[str, str, str]] = {
    "pmvstash": ("coralie", "juno", "anouk"),
    "javstash": ("hoshino", "meilan", "runa"),
    "fansdb": ("imogen", "dalia", "greer"),
}
"""The smaller stash-boxes: two whose record links their page at the first one, and one whom only this one knows."""


def records(people: Mapping[str, Person], seed: int) -> tuple[Record, ...]:
    """What the stash-box holds: every listed person, and one deleted record that was merged into another."""
    listed = [person for person in people.values() if person.listed]
    found = [_record(person, listed[(at + 5) % len(listed)].key, seed) for at, person in enumerate(listed)]
    merged = Record(
        site=NAME,
        source_id=stash_id("carmen_merged"),
        person="carmen",
        name="Carmen Ostra",
        deleted=True,
        merged_into_id=stash_id("carmen"),
    )
    return (*found, merged)


def further_records(people: Mapping[str, Person], seed: int) -> tuple[Record, ...]:
    """Every record of the smaller stash-boxes: two good pictures each."""
    found = []
    for site, (*linked, alone) in FURTHER.items():
        for key in (*linked, alone):
            made = _Pictures(site, people[key], seed)
            for number in range(2):
                made.add(made.good(number))
            links = (f"https://stashdb.org/performers/{stash_id(key)}",) if key != alone else ()
            found.append(made.record(stash_id(key, site), links))
    return tuple(found)


def _record(person: Person, neighbour: str, seed: int) -> Record:
    made = _Pictures(NAME, person, seed)
    if not person.adult:
        never = (ABSENT, Verdict(outcome="rejected", reason="underage"))
        made.add(Drawing(kind="landscape", people=(), seed=seed_of(seed, person.key)), never, "underage")
    elif person.key == "lola":
        for number in range(7):
            made.add(made.good(number), LIMITED)
    else:
        for number in range(3):
            drawing = made.good(number)
            if number == 1 and person.key in ENCODINGS:
                drawing = replace(drawing, encoding=ENCODINGS[person.key])
            made.add(drawing, TWIN if person.key == "quill" and number == 2 else GOOD)
        if person.key == "quill":
            made.add(made.pictures[-1].drawing, TWIN, "twin")
        if person.key in PLANTED:
            plant = PLANTED[person.key]
            drawing = bad_drawing(TROUBLE[plant], person.key, neighbour, seed_of(seed, NAME, person.key, plant))
            made.add(drawing, TROUBLE[plant].expected, plant)
    return made.record(stash_id(person.key))


class _Pictures:
    """Makes the pictures of one record, and the record."""

    def __init__(self, site: str, person: Person, seed: int) -> None:
        self.site = site
        self.person = person
        self.seed = seed
        self.pictures: list[Picture] = []

    def good(self, number: int) -> Drawing:
        return good_drawing(self.person.key, seed_of(self.seed, self.site, self.person.key, number))

    def add(self, drawing: Drawing, expected: tuple[Verdict, ...] = GOOD, plant: str | None = None) -> None:
        trouble = TROUBLE.get(plant or "")
        width, height = trouble.told if trouble and trouble.told else (drawing.width_px, drawing.height_px)
        path = f"{self.site}/images/{self.seed}/{self.person.key}/{len(self.pictures)}"
        self.pictures.append(
            Picture(
                path=f"/{self.site}/images/{uuid.uuid5(NAMESPACE, path)}",
                site=self.site,
                drawing=drawing,
                listed_for=self.person.key,
                expected=expected,
                told_width_px=width,
                told_height_px=height,
                may_request=(trouble is None or trouble.may_request) and self.person.adult,
                plant=plant,
            )
        )

    def record(self, source_id: str, links: tuple[str, ...] = ()) -> Record:
        return Record(
            site=self.site,
            source_id=source_id,
            person=self.person.key,
            name=html.escape(self.person.name, quote=False),
            links=links,
            pictures=tuple(self.pictures),
        )
