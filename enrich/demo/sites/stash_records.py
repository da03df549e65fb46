"""What the demo's stash-box holds: a record for every listed person, with the trouble planted in its pictures."""

from __future__ import annotations

import html
import uuid
from collections.abc import Mapping
from dataclasses import replace

from enrich.demo.cast import NAMESPACE, Person, stash_id
from enrich.demo.trouble import GOOD, LIMITED, TROUBLE, TWIN, bad_drawing, good_drawing, seed_of
from enrich.demo.truth import Drawing, Encoding, Picture, Record, Verdict

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


def _record(person: Person, neighbour: str, seed: int) -> Record:
    pictures: list[Picture] = []

    def add(drawing: Drawing, expected: tuple[Verdict, ...], plant: str | None = None) -> None:
        trouble = TROUBLE.get(plant or "")
        told = trouble.told if trouble and trouble.told else (drawing.width_px, drawing.height_px)
        image_id = uuid.uuid5(NAMESPACE, f"{NAME}/images/{seed}/{person.key}/{len(pictures)}")
        pictures.append(
            Picture(
                path=f"/{NAME}/images/{image_id}",
                site=NAME,
                drawing=drawing,
                listed_for=person.key,
                expected=expected,
                told_width_px=told[0],
                told_height_px=told[1],
                may_request=(trouble is None or trouble.may_request) and person.adult,
                plant=plant,
            )
        )

    if not person.adult:
        never = (Verdict(outcome="absent"), Verdict(outcome="rejected", reason="underage"))
        add(Drawing(kind="landscape", people=(), seed=seed_of(seed, person.key)), never, "underage")
    elif person.key == "lola":
        for number in range(7):
            add(good_drawing(person.key, seed_of(seed, NAME, person.key, number)), LIMITED)
    else:
        for number in range(3):
            drawing = good_drawing(person.key, seed_of(seed, NAME, person.key, number))
            if number == 1 and person.key in ENCODINGS:
                drawing = replace(drawing, encoding=ENCODINGS[person.key])
            add(drawing, TWIN if person.key == "quill" and number == 2 else GOOD)
        if person.key == "quill":
            add(pictures[-1].drawing, TWIN, "twin")
        if person.key in PLANTED:
            plant = PLANTED[person.key]
            drawing = bad_drawing(TROUBLE[plant], person.key, neighbour, seed_of(seed, NAME, person.key, plant))
            add(drawing, TROUBLE[plant].expected, plant)
    return Record(
        site=NAME,
        source_id=stash_id(person.key),
        person=person.key,
        name=html.escape(person.name, quote=False),
        pictures=tuple(pictures),
    )
