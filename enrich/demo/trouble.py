"""The trouble a real crawl meets, planted picture by picture, each with the way it should end."""

from __future__ import annotations

import zlib
from collections.abc import Mapping
from dataclasses import dataclass

from enrich.demo.identities import TURNED_SHOTS
from enrich.demo.truth import ACCEPTED, Drawing, DrawingKind, Verdict

SIZES: tuple[tuple[int, int], ...] = ((600, 800), (560, 840), (640, 800), (520, 700), (600, 900))
"""Width and height of the good pictures, in pixels."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Plant:
    """One kind of trouble. ``told``: the size that the server states where that is not the truth."""

    kind: DrawingKind
    expected: tuple[Verdict, ...]
    size: tuple[int, int] = (600, 800)
    told: tuple[int, int] | None = None
    may_request: bool = True


def _rejected(reason: str) -> tuple[Verdict, ...]:
    return (Verdict(outcome="rejected", reason=reason),)


TROUBLE: Mapping[str, Plant] = {
    "small": Plant(kind="portrait", expected=_rejected("image_too_small"), size=(300, 380), may_request=False),
    "small_untold": Plant(kind="portrait", expected=_rejected("image_too_small"), size=(300, 380), told=(900, 1140)),
    "nobody": Plant(kind="landscape", expected=_rejected("no_face")),
    "two_people": Plant(kind="two_people", expected=_rejected("multi_face"), size=(900, 700)),
    "turned": Plant(kind="turned", expected=_rejected("extreme_angle")),
    "far": Plant(kind="far", expected=_rejected("face_too_small"), size=(900, 700)),
    "html": Plant(kind="html", expected=_rejected("not_an_image")),
    "truncated": Plant(kind="truncated", expected=_rejected("not_an_image")),
    "missing": Plant(
        kind="missing", expected=(Verdict(outcome="rejected", reason="not_found"), Verdict(outcome="failed"))
    ),
    "vector": Plant(
        kind="svg",
        expected=(*_rejected("image_too_small"), *_rejected("not_an_image"), Verdict(outcome="absent")),
        told=(-1, -1),
        may_request=False,
    ),
}


def seed_of(*parts: object) -> int:
    """A number that depends on all the parts and on nothing else."""
    return zlib.crc32(":".join(str(part) for part in parts).encode())


def good_drawing(person: str, seed: int) -> Drawing:
    """A good portrait of one person; its size depends on the seed."""
    width, height = SIZES[seed % len(SIZES)]
    return Drawing(kind="portrait", people=(person,), seed=seed, width_px=width, height_px=height)


def bad_drawing(plant: Plant, person: str, neighbour: str, seed: int) -> Drawing:
    """A planted picture listed for a person; ``neighbour`` joins in where two are shown."""
    shown: Mapping[str, tuple[str, ...]] = {
        "landscape": (),
        "html": (),
        "missing": (),
        "svg": (),
        "two_people": (person, neighbour),
    }
    people = shown.get(plant.kind, (person,))
    if plant.kind == "turned":
        seed = TURNED_SHOTS[person]
    return Drawing(kind=plant.kind, people=people, seed=seed, width_px=plant.size[0], height_px=plant.size[1])


GOOD = (ACCEPTED,)
LIMITED = (ACCEPTED, Verdict(outcome="rejected", reason="source_limit"), Verdict(outcome="absent"))
"""One of more good pictures than the source's limit: some are stored, the others cost nothing or are turned down."""
TWIN = (ACCEPTED, Verdict(outcome="rejected", reason="duplicate_image"))
"""One of two addresses with the same bytes: the first is stored, the second is a duplicate."""
