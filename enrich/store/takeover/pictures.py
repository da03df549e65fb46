"""The faces of an old database, and what is to become of each here: stored, left out, or its picture fetched again."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime

import numpy as np
from sqlalchemy import Connection, select

from enrich.store.db.schema import images
from enrich.store.takeover.arrivals import Arrivals
from enrich.store.takeover.doubt import OldFaces
from enrich.store.takeover.old import OldDatabase
from enrich.store.takeover.people import People
from enrich.store.takeover.rows import UNSAID
from enrich.store.takeover.values import read_address, read_endpoint, read_share, read_time

_COLUMNS = (
    "id", "performer_id", "facenet_index", "arcface_index", "image_url", "source_endpoint", "quality_score",
    "created_at",
)  # fmt: skip
_AT_ONCE = 1000
_HIGHEST = 2**62

Place = tuple[str, int, str]
"""A picture in the ledger: source, our performer, address."""


@dataclass(frozen=True, slots=True)
class OldPicture:
    """A row of the old ``faces``, cleaned. ``person``: position in ``people.persons``, below 0 for nobody there."""

    face_id: int
    person: int
    source: str
    image_url: str | None
    quality: float | None
    written_at: str | None


def read_pictures(old: OldDatabase, people: People) -> tuple[list[OldPicture], OldFaces]:
    """The old faces: what is said of them, and where their vectors should be."""
    pictures = []
    stored: dict[str, list[int]] = {"facenet": [], "arcface": []}
    for number, performer, facenet, arcface, url, source, quality, created_at in old.rows("faces", *_COLUMNS):
        pictures.append(
            OldPicture(
                face_id=number,
                person=people.at.get(performer, -1),
                source=read_endpoint(source) or UNSAID,
                image_url=read_address(url),
                quality=read_share(quality),
                written_at=read_time(created_at),
            )
        )
        for name, value in (("facenet", facenet), ("arcface", arcface)):
            stored[name].append(value if isinstance(value, int) and 0 <= value < _HIGHEST else -1)
    return pictures, OldFaces(
        id=np.array([picture.face_id for picture in pictures], np.int64),
        person=np.array([picture.person for picture in pictures], np.int64),
        stored={name: np.array(values, np.int64) for name, values in stored.items()},
        written=[_moment(picture.written_at) for picture in pictures],
    )


def _moment(text: str | None) -> datetime | None:
    try:
        return datetime.strptime(text, "%Y-%m-%d %H:%M:%S").replace(tzinfo=UTC) if text else None
    except ValueError:  # the 31st of February
        return None


@dataclass(slots=True)
class Plan:
    """What is to become of the pictures, by their position. ``owner``: our id of whose it is, ``None`` for nobody here.

    ``take``: faces to be stored. ``doubled``: faces of the same vector and performer as another that is stored, and
    that one. ``pending``: pictures to be fetched again. ``rows``: those of them that have a row in the ledger.

    ``known``: how many were decided here before. ``repeated``: the same picture of the same performer once more.
    ``waiting``: were to be fetched here already. ``unfit``: why -> the old ids of faces whose vectors are not taken;
    ``lost``: those of them that have no address either. ``nobodys``: faces of which it cannot be told whose they are.
    ``refused``: faces of performers who are not taken, by reason.
    """

    owner: list[int | None] = field(default_factory=list)
    take: list[int] = field(default_factory=list)
    doubled: list[tuple[int, int]] = field(default_factory=list)
    pending: list[int] = field(default_factory=list)
    rows: dict[Place, int] = field(default_factory=dict)
    known: int = 0
    repeated: int = 0
    waiting: int = 0
    unfit: dict[str, list[int]] = field(default_factory=lambda: defaultdict(list))
    lost: list[int] = field(default_factory=list)
    nobodys: list[int] = field(default_factory=list)
    refused: Counter[str] = field(default_factory=Counter)


def plan(
    tx: Connection,
    people: People,
    arrivals: Arrivals,
    pictures: Sequence[OldPicture],
    why: Sequence[str | None],
    prints: Sequence[bytes],
) -> Plan:
    """Decide. ``why``: for each picture why its vectors are not to be taken; ``prints``: equal for equal vectors."""
    made = Plan()
    known = _ledger(tx, arrivals, made)
    for picture in pictures:
        made.owner.append(_owner(picture, people, arrivals, made))
    first: dict[tuple[int, bytes], int] = {}
    # Sound ones first: a picture that was embedded twice counts as had, though one of its vectors be damaged.
    for position in sorted(range(len(pictures)), key=lambda position: why[position] is not None):
        picture, owner, reason = pictures[position], made.owner[position], why[position]
        if owner is None:
            continue
        outcome = None if picture.image_url is None else known.get((picture.source, owner, picture.image_url))
        if outcome == "here":
            made.repeated += 1
        elif outcome in ("accepted", "rejected"):
            made.known += 1
        elif reason is not None:
            made.unfit[reason].append(picture.face_id)
            if picture.image_url is None:
                made.lost.append(picture.face_id)
            elif outcome is not None:
                made.waiting += 1
            else:
                known[picture.source, owner, picture.image_url] = "pending"
                made.pending.append(position)
        elif picture.image_url is None and picture.person not in arrivals.added:
            made.known += 1  # without an address nobody can tell whether it was here before and was taken away
        else:
            if picture.image_url is not None:
                known[picture.source, owner, picture.image_url] = "here"
            same = first.setdefault((owner, prints[position]), position)
            if same == position:
                made.take.append(position)
            else:
                made.doubled.append((position, same))
    return made


def _owner(picture: OldPicture, people: People, arrivals: Arrivals, made: Plan) -> int | None:
    """Our id of whose picture it is; of nobody's, it is noted why."""
    refused = people.persons[picture.person].refused if picture.person >= 0 else None
    if refused is not None:
        made.refused[refused] += 1
        return None
    home = arrivals.homes.get(picture.person)
    found = arrivals.elsewhere.get((picture.person, picture.source), home)
    if found is None:
        made.nobodys.append(picture.face_id)
    return found


def _ledger(tx: Connection, arrivals: Arrivals, made: Plan) -> dict[Place, str]:
    """What became of the pictures of performers who were here before."""
    here = {home for position, home in arrivals.homes.items() if position not in arrivals.added}
    here |= {other for other in arrivals.elsewhere.values() if other is not None}
    outcomes: dict[Place, str] = {}
    columns = select(images.c.id, images.c.outcome, images.c.source, images.c.performer_id, images.c.image_url)
    for start in range(0, len(here), _AT_ONCE):
        chunk = sorted(here)[start : start + _AT_ONCE]
        for number, outcome, *place in tx.execute(columns.where(images.c.performer_id.in_(chunk))):
            source, performer, url = place
            outcomes[source, performer, url] = outcome
            made.rows[source, performer, url] = number
    return outcomes
