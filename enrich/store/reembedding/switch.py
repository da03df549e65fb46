"""The switch to another model pack: all vectors of a database exchanged in one transaction, or none."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from sqlalchemy import Connection, Engine, Select, and_, delete, exists, func, insert, select, update
from sqlalchemy.engine import make_url

from enrich.errors import StoreError
from enrich.store.acceptance.candidates import FOUND, fetch_waiting_anew, renew_unconfirmed
from enrich.store.acceptance.duplicates import pictures_copying
from enrich.store.db.backup import back_up
from enrich.store.db.database import sqlite_path, utc_text, write
from enrich.store.db.model_pack import IndexSpec, bind_model, database_id, index_specs
from enrich.store.db.schema import embeddings, face_details, faces, images, new_embeddings, reembedded
from enrich.store.index.files import index_path, is_of, remove
from enrich.store.ledger.rows import recount
from enrich.store.reembedding.reembed import abandon, progress

FINAL = ("not_found", "image_too_large", "no_face")
"""Losses that are the ledger's last word on a picture; after any other it is fetched and judged anew."""


class NotReady(StoreError):  # noqa: N818  # what it is, not only that it is an error
    """More faces would go than was agreed to; nothing was changed."""


@dataclass(frozen=True, slots=True)
class Switched:
    """What the switch did. ``backup``: the database as it was before; ``None`` where it is no file."""

    faces: int
    dropped: int
    backup: Path | None


def switch(engine: Engine, specs: Sequence[IndexSpec], *, may_drop: int = 0, now: datetime | None = None) -> Switched:
    """Make the database one of the pack of ``specs``: its vectors, where faces were found, its name; ids stay.

    Faces without new vectors go, of which there may be at most ``may_drop``. Raises NotReady, and StoreError where the
    new vectors are not whole or the copy cannot be made; then nothing was changed. The indices are still to be built.
    """
    model = specs[0].model
    with engine.connect() as connection:
        before = index_specs(connection)
        if not before or before[0].model == model:
            raise StoreError(f"the database is of model pack {model} already")
        _require_ready(connection, model, may_drop)
    backup = _back_up(engine, before[0].model)
    at = utc_text(now)
    with write(engine) as tx:
        dropped = _require_ready(tx, model, may_drop)
        fetch_waiting_anew(tx)
        if dropped:
            _drop_rest(tx, model, at)
        _exchange(tx, model)
        renew_unconfirmed(tx)
        bind_model(tx, model, {spec.recogniser: spec.dim for spec in specs})
        _require_whole(tx, specs)
        abandon(tx)
        kept: int = tx.execute(select(func.count()).select_from(faces)).scalar_one()
    return Switched(kept, dropped, backup)


def remove_leftovers(engine: Engine, index_dir: Path, specs: Sequence[IndexSpec]) -> list[Path]:
    """Remove the index files of recognisers that this database has no vectors of any more; return them."""
    with engine.connect() as connection:
        name = database_id(connection)
    known = {index_path(index_dir, spec.recogniser) for spec in specs}
    removed = []
    for path in sorted(index_dir.glob("face_*.voy")):
        if path not in known and is_of(path, name):
            remove(path)
            path.with_suffix(".lock").unlink(missing_ok=True)
            removed.append(path)
    return removed


def _require_ready(connection: Connection, model: str, may_drop: int) -> int:
    """The number of faces that would go. Raises NotReady where it is more than ``may_drop``, or all of them."""
    so_far = progress(connection, model)
    if so_far.left > may_drop:
        raise NotReady(
            f"{so_far.left} of {so_far.faces} faces have no vectors of {model}; {may_drop} were agreed to be dropped"
        )
    if so_far.faces and not so_far.done:
        raise NotReady(f"no face has vectors of {model}")
    return so_far.left


def _back_up(engine: Engine, model: str) -> Path | None:
    path = sqlite_path(make_url(engine.url))
    if path is None:
        return None
    backup = path.with_name(f"{path.name}.{model}.bak")
    try:
        back_up(path, backup)
    except (sqlite3.Error, OSError) as error:
        raise StoreError(f"{backup}: the copy to go back to cannot be made: {error}; nothing was changed") from error
    return backup


def _done(model: str) -> Select[tuple[int]]:
    return select(reembedded.c.face_id).where(reembedded.c.model == model, reembedded.c.outcome == "done")


def _drop_rest(tx: Connection, model: str, at: str) -> None:
    """Take out the faces without new vectors; the ledger says why, or has their pictures fetched anew."""
    gone = faces.c.id.not_in(_done(model))
    of_picture = select(reembedded.c.reason).where(
        reembedded.c.face_id == images.c.face_id, reembedded.c.model == model, reembedded.c.outcome == "lost"
    )
    rows = tx.execute(
        select(images, of_picture.scalar_subquery().label("why"))
        .join(faces, faces.c.id == images.c.face_id)
        .where(gone)
    ).all()
    for row in rows:
        final = row.why in FINAL
        tx.execute(
            update(images)
            .where(images.c.id == row.id)
            .values(
                outcome="rejected" if final else "pending",
                reason=row.why if final else None,
                detail={"face": row.face_id, "dropped_for": model},
                attempts=images.c.attempts if final else 0,
                sha256=images.c.sha256 if final else None,
                error=None,
                next_try_at=None,
                decided_at=at if final else None,
            )
        )
        # What was left out for being the same picture at another address may take its place.
        copies = pictures_copying(tx, row.performer_id, row.face_id, row.source, row.image_url)
        same_bytes = and_(images.c.sha256 == row.sha256, images.c.reason == "duplicate_image")
        for of_it in (same_bytes, images.c.id.in_(copies)):  # not `or`, for which no index serves
            tx.execute(
                update(images)
                .where(of_it)
                .values(outcome="pending", reason=None, detail=None, attempts=0, decided_at=None)
            )
    owners = list(tx.execute(select(faces.c.performer_id).where(gone).distinct()).scalars())
    tx.execute(delete(faces).where(gone))  # vectors and details go with them
    recount(tx, owners, at)


def _exchange(tx: Connection, model: str) -> None:
    """Put the new vectors, boxes, landmarks and scores in the place of the old ones."""
    new = new_embeddings.c
    tx.execute(delete(embeddings))
    tx.execute(
        insert(embeddings).from_select(
            ["face_id", "recogniser", "model", "vector"],
            select(new.face_id, new.recogniser, new.model, new.vector).where(new.model == model),
        )
    )
    found = {name: reembedded.c[name] for name in FOUND}
    tx.execute(
        update(face_details)
        .where(face_details.c.face_id == reembedded.c.face_id, reembedded.c.model == model)
        .values(found)
    )
    unknown = ~exists().where(face_details.c.face_id == reembedded.c.face_id)
    tx.execute(
        insert(face_details).from_select(
            ["face_id", *found],
            select(reembedded.c.face_id, *found.values()).where(reembedded.c.model == model, unknown),
        )
    )
    tx.execute(
        update(faces)
        .where(faces.c.id == reembedded.c.face_id, reembedded.c.model == model)
        .values(quality_score=reembedded.c.quality_score)
    )


def _require_whole(tx: Connection, specs: Sequence[IndexSpec]) -> None:
    """Raise StoreError unless every face has one vector of every recogniser, each of the right length."""
    for spec in specs:
        mine = (embeddings.c.recogniser == spec.recogniser, embeddings.c.face_id == faces.c.id)
        whole = exists().where(
            *mine, func.length(embeddings.c.vector) == 4 * spec.dim, embeddings.c.model == spec.model
        )
        damaged = tx.execute(select(faces.c.id).where(~whole).limit(1)).scalar()
        if damaged is not None:
            raise StoreError(
                f"face {damaged}: its new {spec.recogniser} vector is missing or damaged; nothing was changed"
            )
    names = [spec.recogniser for spec in specs]
    if tx.execute(select(embeddings.c.face_id).where(embeddings.c.recogniser.not_in(names)).limit(1)).first():
        raise StoreError("there are new vectors of a recogniser that the pack has not; nothing was changed")
