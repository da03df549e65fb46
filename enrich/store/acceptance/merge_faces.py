"""One photograph once, also where two performers turn out to be one: the versions that each of them had are settled."""

from __future__ import annotations

import json
from collections.abc import Collection

from sqlalchemy import Connection

from enrich.faces.near_duplicates import Match
from enrich.store.acceptance.duplicates import as_copy, copies, preferred, waiting_copy
from enrich.store.acceptance.identity_map import IdentityMap
from enrich.store.acceptance.performer_faces import PerformerFaces, StoredFace
from enrich.store.acceptance.ranking import grade
from enrich.store.acceptance.slots import make_sure, take_away
from enrich.store.acceptance.unit_of_work import UnitOfWork
from enrich.store.db.model_pack import index_specs


def settle_versions(tx: Connection, performer: int, newly: Collection[int], at: str) -> None:
    """Of each photograph keep the best face, and let one version wait. ``newly``: faces that are theirs from now on."""
    specs = index_specs(tx)
    if not specs:  # nobody has a face, and nobody waits
        return
    work = UnitOfWork(tx, IdentityMap(tx))
    work.loaded.lock_faces()
    owned = work.loaded.performer_faces(performer, specs[0].model)
    album = work.loaded.all_faces(performer)
    before = [face for face in album.values() if face.face_id not in newly]
    for face in [face for face in album.values() if face.face_id in newly]:
        vectors = owned.vectors(face.face_id)
        if face.hashes is None or vectors is None:
            continue
        for copied in copies(face.hashes, vectors, before, owned.vectors):
            if {face.face_id, copied.face.face_id} <= album.keys():
                _keep_better(work, owned, face, copied.face, copied.how, at)
    _let_one_wait(work, owned)
    work.write()


def _keep_better(
    work: UnitOfWork, owned: PerformerFaces, one: StoredFace, other: StoredFace, how: Match, at: str
) -> None:
    """Take the worse one away, of equals the newer. If either is surely the performer's, so is the one that stays."""
    better, worse = sorted((one, other), key=lambda face: (-grade(face.quality or 0.0), face.face_id))
    unconfirmed = owned.unconfirmed()
    if worse.face_id not in unconfirmed and better.face_id in unconfirmed:
        make_sure(work, owned, unconfirmed[better.face_id])
    said = as_copy(owned.performer, better.face_id, better.source, better.image_url, how)
    take_away(work, owned, worse, how.reason, said, None, at)


def _let_one_wait(work: UnitOfWork, owned: PerformerFaces) -> None:
    """Of versions of a photograph that wait at one source let the best go on waiting: it counts once in a group."""
    waiting = sorted((one for one in owned.candidates if not one.unconfirmed), key=lambda one: preferred(one.image))
    for one in waiting:
        owned.candidates.remove(one)
    for one in waiting:
        found = waiting_copy(owned, one.image)
        if found is None:
            owned.wait(one)
            continue
        of, how = found[0].picture.ref, found[1]
        one.picture.turn_down(how.reason, json.dumps(as_copy(owned.performer, None, of.source, of.image_url, how)))
        work.decide(one.picture)
        work.end_wait(one)
