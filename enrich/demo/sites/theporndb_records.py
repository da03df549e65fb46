"""What the demo's ThePornDB holds: some of the stash-box's performers, two whom only it knows, one record of a site."""

from __future__ import annotations

import html
import uuid
from collections.abc import Mapping

from enrich.demo.cast import NAMESPACE, UNDERAGE, Person, stash_id
from enrich.demo.trouble import GOOD, TROUBLE, TWIN, bad_drawing, good_drawing, seed_of
from enrich.demo.truth import ABSENT, Drawing, Picture, Record, Verdict

NAME = "theporndb"
CDN = f"/{NAME}-cdn"

LINKED = ("ada", "zoe", "hoshino", "nina_tallinn", "bram", "ilse", "tess", "carmen", "noor")
"""Whose record names their page at the stash-box."""
SHARED = ("wren",)
"""Whose record shares another link with the stash-box's."""
ALONE = ("sunniva", "maren")
"""Whom only this site knows."""
PLANTED: Mapping[str, str] = {"zoe": "nobody", "carmen": "missing", "noor": "html"}
FACELESS = "tess"
"""Who has only the picture that stands in for a missing one."""
TWINS = "bram"
"""One of whose posters is listed under two addresses."""
SITE_SPECIFIC = "ada"
"""Who has a second record, which is one studio's."""


def records(people: Mapping[str, Person], seed: int) -> tuple[Record, ...]:
    """Every record in the site's own order."""
    kept = [_record(people[key], seed) for key in (*LINKED, *SHARED, *ALONE)]
    return (*kept, _site_specific(people[SITE_SPECIFIC], seed), _under_age(people[UNDERAGE], seed))


def _record(person: Person, seed: int) -> Record:
    make = _Pictures(person, seed)
    if person.key == FACELESS:
        make.never("default/female.png", "placeholder")
    else:
        for kind in ("faces", "posters", "posters") if person.key in ALONE else ("faces", "posters"):
            make.add(kind, make.good())
        if person.key == TWINS:
            again = make.good()
            make.add("posters", again, TWIN)
            make.add("posters", again, TWIN, "twin")
        if person.key in PLANTED:
            plant = PLANTED[person.key]
            drawing = bad_drawing(TROUBLE[plant], person.key, person.key, seed_of(seed, NAME, person.key, plant))
            make.add("posters", drawing, TROUBLE[plant].expected, plant)
    return make.record(stash_id(person.key, NAME))


def _site_specific(person: Person, seed: int) -> Record:
    make = _Pictures(person, seed)
    make.never("faces/site-specific.jpg", "site_specific")
    return make.record(stash_id(f"{person.key}_site", NAME), parent_id=stash_id(person.key, NAME))


def _under_age(person: Person, seed: int) -> Record:
    make = _Pictures(person, seed)
    make.never("faces/kit.jpg", "underage", (ABSENT, Verdict(outcome="rejected", reason="underage")))
    return make.record(stash_id(person.key, NAME))


class _Pictures:
    """Makes the pictures of one record, and the record. No address tells the size."""

    def __init__(self, person: Person, seed: int) -> None:
        self.person = person
        self.seed = seed
        self.pictures: list[Picture] = []

    def good(self) -> Drawing:
        """The next good portrait."""
        return good_drawing(self.person.key, seed_of(self.seed, NAME, self.person.key, len(self.pictures)))

    def add(self, kind: str, drawing: Drawing, expected: tuple[Verdict, ...] = GOOD, plant: str | None = None) -> None:
        """A picture of the record's person."""
        name = uuid.uuid5(NAMESPACE, f"{NAME}/{self.seed}/{self.person.key}/{len(self.pictures)}")
        self.pictures.append(
            Picture(
                path=f"{CDN}/{kind}/{name}.jpg",
                site=NAME,
                drawing=drawing,
                listed_for=self.person.key,
                expected=expected,
                plant=plant,
            )
        )

    def never(self, path: str, plant: str, expected: tuple[Verdict, ...] = (ABSENT,)) -> None:
        """A picture of nobody that nobody may ask for."""
        self.pictures.append(
            Picture(
                path=f"{CDN}/{path}",
                site=NAME,
                drawing=Drawing(kind="landscape", people=(), seed=seed_of(self.seed, NAME, path)),
                listed_for=self.person.key,
                expected=expected,
                may_request=False,
                plant=plant,
            )
        )

    def record(self, source_id: str, parent_id: str | None = None) -> Record:
        """What has been made; ``parent_id``: of the record of which this is one site's."""
        return Record(
            site=NAME,
            source_id=source_id,
            person=self.person.key,
            name=html.escape(self.person.name, quote=False),
            pictures=tuple(self.pictures),
            parent_id=parent_id,
        )
