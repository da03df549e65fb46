"""One photograph once, also where two performers turn out to be one: the versions that each of them had are settled."""

from __future__ import annotations

import json
from collections.abc import Collection

from sqlalchemy import Connection

from enrich.faces.near_duplicates import Likeness
from enrich.store.acceptance.album import Kept
from enrich.store.acceptance.batch import Batch
from enrich.store.acceptance.company import Company
from enrich.store.acceptance.copies import as_copy, copies, preferred, waiting_copy
from enrich.store.acceptance.keeping import grade
from enrich.store.acceptance.known import Known
from enrich.store.acceptance.place import take_away
from enrich.store.acceptance.settling import make_sure
from enrich.store.db.model_pack import index_specs


def settle_versions(tx: Connection, performer: int, newly: Collection[int], at: str) -> None:
    """Of each photograph keep the best face, and let one version wait. ``newly``: faces that are theirs from now on."""
    specs = index_specs(tx)
    if not specs:  # nobody has a face, and nobody waits
        return
    batch = Batch(tx, Known(tx))
    batch.known.lock_faces()
    company = batch.known.company(performer, specs[0].model)
    album = batch.known.album(performer)
    before = [face for face in album.values() if face.face_id not in newly]
    for face in [face for face in album.values() if face.face_id in newly]:
        vectors = company.vectors(face.face_id)
        if face.look is None or vectors is None:
            continue
        for copied in copies(face.look, vectors, before, company.vectors):
            if {face.face_id, copied.face.face_id} <= album.keys():
                _keep_better(batch, company, face, copied.face, copied.how, at)
    _let_one_wait(batch, company)
    batch.write()


def _keep_better(batch: Batch, company: Company, one: Kept, other: Kept, how: Likeness, at: str) -> None:
    """Take the worse one away, of equals the newer. If either is surely the performer's, so is the one that stays."""
    better, worse = sorted((one, other), key=lambda face: (-grade(face.quality or 0.0), face.face_id))
    unconfirmed = company.unconfirmed()
    if worse.face_id not in unconfirmed and better.face_id in unconfirmed:
        make_sure(batch, company, unconfirmed[better.face_id])
    said = as_copy(company.performer, better.face_id, better.source, better.image_url, how)
    take_away(batch, company, worse, how.reason, said, None, at)


def _let_one_wait(batch: Batch, company: Company) -> None:
    """Of versions of a photograph that wait at one source let the best go on waiting: it counts once in a group."""
    waiting = sorted((one for one in company.waiting if not one.unconfirmed), key=lambda one: preferred(one.image))
    for one in waiting:
        company.waiting.remove(one)
    for one in waiting:
        found = waiting_copy(company, one.image)
        if found is None:
            company.wait(one)
            continue
        of, how = found[0].picture.ref, found[1]
        one.picture.turn_down(how.reason, json.dumps(as_copy(company.performer, None, of.source, of.image_url, how)))
        batch.decide(one.picture)
        batch.end_wait(one)
