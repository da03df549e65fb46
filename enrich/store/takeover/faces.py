"""Writes what is to become of the faces of an old database: faces with their vectors, and rows of the ledger."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
from sqlalchemy import Connection, bindparam, func, insert, select, update

from enrich.config.shipped import SHIPPED
from enrich.store.db.model_pack import require_model
from enrich.store.db.schema import counters, embeddings, faces, images, performers
from enrich.store.takeover.pictures import OldPicture, Plan
from enrich.store.takeover.rows import Row
from enrich.store.takeover.vectors import DIM, Numbers, OldIndex

_AT_ONCE = 1000
"""Faces written together: 4 MB of vectors."""

_REFERENCE_SITES = frozenset(name for name, source in SHIPPED.items() if source.kind == "reference_site")
_DECIDED = ("outcome", "reason", "attempts", "detail", "face_id", "decided_at")
_DECIDE = (
    update(images)
    .where(images.c.id == bindparam("number"))
    .values({name: bindparam(f"to_{name}", type_=images.c[name].type) for name in _DECIDED})
    .values(next_try_at=None, error=None)
)


def write_faces(
    tx: Connection,
    plan: Plan,
    pictures: Sequence[OldPicture],
    why: Sequence[str | None],
    indices: Mapping[str, OldIndex],
    stored: Mapping[str, Numbers],
    model: str,
    at: str,
) -> None:
    """Carry out the plan. Raises StoreError where the database is bound to another model pack than ``model``."""
    if plan.take:
        require_model(tx, model, dict.fromkeys(indices, DIM))
    first = _reserve(tx, len(plan.take))
    numbers = {position: first + place for place, position in enumerate(plan.take)}
    for start in range(0, len(plan.take), _AT_ONCE):
        chunk = plan.take[start : start + _AT_ONCE]
        tx.execute(insert(faces), [_face(pictures[one], plan.owner[one], numbers[one], at) for one in chunk])
        for name, index in indices.items():
            vectors = np.ascontiguousarray(index.vectors(stored[name][chunk]), "<f4")
            rows = [
                {"face_id": numbers[one], "recogniser": name, "model": model, "vector": vector.tobytes()}
                for one, vector in zip(chunk, vectors, strict=True)
            ]
            tx.execute(insert(embeddings), rows)
    ledger = _Ledger(plan, pictures, at)
    accepted = ({"outcome": "accepted", "face_id": number} for number in numbers.values())
    ledger.enter(plan.take, accepted)
    doubled = ({"outcome": "rejected", "reason": "duplicate_face", "detail": {"of_face": numbers[same]}}
               for _, same in plan.doubled)  # fmt: skip
    ledger.enter([one for one, _ in plan.doubled], doubled)
    ledger.enter(plan.pending, ({"outcome": "pending", "detail": {"import": why[one]}} for one in plan.pending))
    ledger.write(tx)


def count_faces(tx: Connection) -> None:
    """Make every performer's face count true."""
    true: Any = select(func.count()).where(faces.c.performer_id == performers.c.id).scalar_subquery()
    tx.execute(update(performers).where(performers.c.face_count.is_distinct_from(true)).values(face_count=true))


def _reserve(tx: Connection, count: int) -> int:
    """The first of so many new face ids: never one that was given out before."""
    if not count:
        return 0
    series = update(counters).where(counters.c.name == "face_id").values(value=counters.c.value + count)
    last: int = tx.execute(series.returning(counters.c.value)).scalar_one()
    return last - count + 1


def _face(picture: OldPicture, performer: int | None, number: int, at: str) -> Row:
    return {
        "id": number,
        "performer_id": performer,
        "facenet_index": number,
        "arcface_index": number,
        "image_url": picture.image_url,
        "source_endpoint": picture.source,
        "quality_score": picture.quality,
        "created_at": picture.written_at or at,
    }


class _Ledger:
    """Rows of the ledger to be written, over those that are there."""

    def __init__(self, plan: Plan, pictures: Sequence[OldPicture], at: str) -> None:
        self.plan = plan
        self.pictures = pictures
        self.at = at
        self.new: list[Row] = []
        self.there: list[Row] = []

    def enter(self, positions: Iterable[int], verdicts: Iterable[Row]) -> None:
        """Enter what became of pictures; of those without an address there is nothing to be entered."""
        for position, verdict in zip(positions, verdicts, strict=True):
            picture, owner = self.pictures[position], self.plan.owner[position]
            if picture.image_url is None or owner is None:
                continue
            written_at = picture.written_at or self.at
            is_open = verdict["outcome"] == "pending"
            decided: Row = {"reason": None, "detail": None, "face_id": None, **verdict}
            decided |= {"attempts": 0 if is_open else 1, "decided_at": None if is_open else written_at}
            number = self.plan.rows.get((picture.source, owner, picture.image_url))
            if number is not None:
                self.there.append({"number": number, **{f"to_{name}": decided[name] for name in _DECIDED}})
                continue
            self.new.append(
                {
                    "source": picture.source,
                    "performer_id": owner,
                    "image_url": picture.image_url,
                    "mode": None if picture.source in _REFERENCE_SITES else "api",
                    "created_at": written_at,
                    **decided,
                }
            )

    def write(self, tx: Connection) -> None:
        """Write them all."""
        for start in range(0, len(self.new), _AT_ONCE):
            tx.execute(insert(images), self.new[start : start + _AT_ONCE])
        if self.there:
            tx.execute(_DECIDE, self.there)
