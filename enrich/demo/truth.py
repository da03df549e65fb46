"""The shapes of the demo world: its pictures, records, pages and lookups, each with the way it should end."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, replace
from functools import cached_property
from typing import Any, Literal

from enrich.demo.cast import Person

DrawingKind = Literal["portrait", "two_people", "turned", "far", "landscape", "html", "truncated", "missing", "svg"]
Encoding = Literal["jpeg", "png", "webp", "jpeg_exif_rotated"]
Mode = Literal["api", "url", "name"]

FACE_LIMITS: Mapping[str, int] = {
    "stashdb": 5,
    "theporndb": 5,
    "pmvstash": 3,
    "javstash": 3,
    "fansdb": 3,
    "babepedia": 5,
    "iafd": 3,
    "freeones": 5,
    "boobpedia": 3,
    "javdatabase": 3,
    "pornpics": 5,
    "elitebabes": 5,
}
"""The shipped sources.yaml's faces per performer and source, on which the truth is based."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Drawing:
    """What to draw: two pictures with equal drawings have equal bytes. ``people``: keys of those shown, in order.

    ``saved_px``: scaled down to this longer side: another version of the ``original``, of other bytes.
    """

    kind: DrawingKind
    people: tuple[str, ...]
    seed: int
    width_px: int = 600
    height_px: int = 800
    encoding: Encoding = "jpeg"
    saved_px: int | None = None

    @property
    def original(self) -> Drawing:
        """The same picture in the size that it was drawn in."""
        return replace(self, saved_px=None)


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """How a picture ends in the ledger; ``absent`` means that it has no row because nobody may ask for it."""

    outcome: Literal["accepted", "rejected", "failed", "absent"]
    reason: str | None = None


ACCEPTED = Verdict(outcome="accepted")
ABSENT = Verdict(outcome="absent")


@dataclass(frozen=True, slots=True, kw_only=True)
class Picture:
    """One image address. ``path`` is below the world's root, percent-encoded.

    ``listed_for``: the person whose record or page offers it (``None``: it belongs to somebody's neighbour on a page).
    ``told_*``: the size the server states, if it states one. ``expected``: any of these is right, the usual one first.
    ``may_request``: False where asking for it is already a mistake. ``modes``: the walks that come across it.
    """

    path: str
    site: str
    drawing: Drawing
    listed_for: str | None
    expected: tuple[Verdict, ...]
    told_width_px: int | None = None
    told_height_px: int | None = None
    may_request: bool = True
    modes: tuple[Mode, ...] = ("api",)
    plant: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Lookup:
    """How the search for one person at one reference site should end; ``outcomes``: any of these is right."""

    site: str
    person: str
    mode: Mode
    outcomes: tuple[str, ...]
    page: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """One profile page of a reference site. ``answers_to``: the names in whose place it is served.

    ``profile``, ``uploads`` and ``gallery`` are this person's pictures; ``strangers`` are other people's on the page.
    """

    site: str
    person: str
    title: str
    answers_to: tuple[str, ...]
    aliases: tuple[str, ...] = ()
    profile: tuple[Picture, ...] = ()
    uploads: tuple[Picture, ...] = ()
    gallery: tuple[Picture, ...] = ()
    stranger_upload: Picture | None = None
    related: tuple[Picture, ...] = ()
    stray: tuple[Picture, ...] = ()

    @property
    def own(self) -> tuple[Picture, ...]:
        """The pictures of the page's person."""
        return self.profile + self.uploads + self.gallery

    @property
    def every(self) -> tuple[Picture, ...]:
        """All pictures that the page mentions."""
        other = (self.stranger_upload,) if self.stranger_upload else ()
        return self.own + other + self.related + self.stray


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """One performer at a stash-box. ``name`` is as the server sends it, HTML entities included.

    ``links``: addresses that this record has beside the person's. ``parent_id``: the performer of whom this is only
    what one studio's site says; such a record is nobody's own.
    """

    site: str
    source_id: str
    person: str
    name: str
    pictures: tuple[Picture, ...] = ()
    deleted: bool = False
    merged_into_id: str | None = None
    parent_id: str | None = None
    links: tuple[str, ...] = ()


@dataclass(frozen=True)
class World:
    """Everything there is, and the truth about it."""

    seed: int
    people: Mapping[str, Person]
    records: tuple[Record, ...]
    pages: tuple[Page, ...]
    lookups: tuple[Lookup, ...]

    @cached_property
    def pictures(self) -> Mapping[str, Picture]:
        """Every picture by its path."""
        found = [p for record in self.records for p in record.pictures] + [p for page in self.pages for p in page.every]
        return {picture.path: picture for picture in found}

    def seen(self, modes: Iterable[Mode]) -> tuple[Picture, ...]:
        """The pictures that walks in these modes come across."""
        wanted = set(modes)
        return tuple(p for p in self.pictures.values() if wanted & set(p.modes))

    def faces(self, site: str, mode: Mode) -> dict[str, int]:
        """Person -> faces that one source adds, with the shipped limits, when it is walked in this mode.

        A picture that another source has already given (equal, or another version) counts where it was listed first.
        """
        drawn: dict[str, set[Drawing]] = {}
        before: set[Drawing] = set()
        for picture in self.pictures.values():
            if ACCEPTED not in picture.expected or picture.listed_for is None:
                continue
            if picture.site == site and mode in picture.modes and picture.drawing.original not in before:
                drawn.setdefault(picture.listed_for, set()).add(picture.drawing.original)
            elif picture.site != site:
                before.add(picture.drawing.original)
        return {person: min(len(found), FACE_LIMITS[site]) for person, found in drawn.items()}

    def truth(self) -> dict[str, Any]:
        """The same as plain JSON types: people, pictures, lookups, faces by source and mode, planted trouble."""
        ids: dict[str, dict[str, str]] = {}
        for record in self.records:
            if not record.deleted and record.parent_id is None:
                ids.setdefault(record.person, {})[record.site] = record.source_id
        return {
            "seed": self.seed,
            "people": {key: {**_plain(person), "source_ids": ids.get(key, {})} for key, person in self.people.items()},
            "pictures": [
                {**asdict(picture), "shows": list(picture.drawing.people)} for picture in self.pictures.values()
            ],
            "lookups": [asdict(lookup) for lookup in self.lookups],
            "deleted": [asdict(record) for record in self.records if record.deleted],
            "faces": {
                f"{site}:{mode}": self.faces(site, mode)
                for site, mode in sorted({(p.site, mode) for p in self.pictures.values() for mode in p.modes})
            },
        }


def _plain(person: Person) -> dict[str, Any]:
    plain = asdict(person)
    del plain["look"]
    return {**plain, "adult": person.adult, "eye_color": person.look.eye_colour, "hair_color": person.look.hair_colour}
