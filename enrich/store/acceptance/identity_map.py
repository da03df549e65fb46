"""What one transaction has read about many pictures and their performers: each thing once, since nobody else writes."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import chain
from typing import TypeVar

from sqlalchemy import Connection, and_, bindparam, column, func, or_, select, values

from enrich.identity import identify
from enrich.items import EmbeddedImage, FailedImage, ImageRef, KnownImage, RejectedImage
from enrich.store.acceptance.performer_faces import (
    Candidate,
    FaceVectors,
    PerformerFaces,
    StoredFace,
    as_stored,
    pictures_with_faces,
    read_candidates,
    read_faces,
    read_vectors,
)
from enrich.store.acceptance.picture import PICTURE, Picture
from enrich.store.db.model_pack import require_model
from enrich.store.db.prepared import Prepared
from enrich.store.db.schema import OPEN_IMAGE, counters, external_urls, images
from enrich.store.ledger.rows import OrphanImage, faces_of, require_owner

T = TypeVar("T")

AT_ONCE = 32
"""Pictures that one statement looks up: a statement for each costs three times as much."""


Key = tuple[str, int, str]
Holder = tuple[int, int | None, str, str, str | None]
"""Performer, face, source and address of a picture that was accepted; or, as the reason says, forgotten."""

_KEY = (images.c.source, images.c.performer_id, images.c.image_url)
_HOLDER = (images.c.performer_id, images.c.face_id, images.c.source, images.c.image_url, images.c.reason)
HELD = or_(images.c.outcome == "accepted", images.c.reason == "forgotten")
"""True of pictures that no other of the same bytes may stand beside."""
_SHA256S = [f"sha256_{n}" for n in range(AT_ONCE)]
_ASKED = (
    values(*(column(key.name, key.type) for key in _KEY), name="asked")
    .data([tuple(bindparam(f"{key.name}_{n}", type_=key.type) for key in _KEY) for n in range(AT_ONCE)])
    .cte()
)

_PICTURE = Prepared(select(*PICTURE).where(*(key == bindparam(key.name) for key in _KEY)), *(key.name for key in _KEY))
_PICTURES = Prepared(
    select(*_KEY, *PICTURE).join_from(_ASKED, images, and_(*(key == _ASKED.c[key.name] for key in _KEY))),
    *(f"{key.name}_{n}" for n in range(AT_ONCE) for key in _KEY),
)
_ACCEPTED = Prepared(
    select(*_HOLDER).where(images.c.sha256 == bindparam("sha256"), HELD).order_by(images.c.id).limit(1),
    "sha256",
)
_ALL_ACCEPTED = Prepared(
    select(images.c.sha256, *_HOLDER)
    .where(images.c.sha256.in_([bindparam(name) for name in _SHA256S]), HELD)
    .order_by(images.c.id.desc()),
    *_SHA256S,
)
_PAGE = Prepared(
    select(external_urls.c.performer_id).where(
        external_urls.c.site == bindparam("site"), external_urls.c.normalized_id == bindparam("number")
    ),
    "site", "number",
)  # fmt: skip
_PENDING = Prepared(
    select(func.count()).where(
        images.c.source == bindparam("source"),
        images.c.performer_id == bindparam("performer"),
        images.c.outcome == "pending",
        OPEN_IMAGE,
    ),
    "source", "performer",
)  # fmt: skip
_LAST_FACE = Prepared(select(counters.c.value).where(counters.c.name == "face_id").with_for_update())


class IdentityMap:
    """Reads of one transaction. What it changes itself, it has to change in what it was given here."""

    def __init__(self, tx: Connection) -> None:
        self.tx = tx
        self._owners: dict[tuple[str | int, str | None], int] = {}
        self._pages: dict[tuple[str, str], int | None] = {}
        self._model: tuple[str, dict[str, int]] | None = None
        self._pictures: dict[Key, Picture] = {}
        self._faces_of: dict[int, dict[str, int]] = {}
        self._last_face: int | None = None
        self._accepted: dict[str, Holder | None] = {}
        self._owned: dict[int, PerformerFaces] = {}
        self._waiting: dict[tuple[int, str], list[Candidate]] = {}
        self._added: dict[int, dict[int, EmbeddedImage]] = {}
        self._removed: set[int] = set()
        self._all_faces: dict[int, dict[int, StoredFace]] = {}
        self._with_faces: set[int] = set()
        self._pending: dict[tuple[str, int], int] = {}

    def look_up(self, found_out: Iterable[EmbeddedImage | KnownImage | RejectedImage | FailedImage]) -> None:
        """Read, many at once, what will be asked for; what is not read here is read when it is asked for."""
        refs: dict[Key, ImageRef] = {}
        sha256s: dict[str, None] = {}
        for image in found_out:
            ref = image.ref
            try:
                refs[ref.source, self.owner(ref), ref.image_url] = ref
            except OrphanImage:
                continue
            if isinstance(image, (EmbeddedImage, KnownImage)):
                sha256s[image.sha256] = None
        for keys in _whole_chunks(list(refs)):
            rows = {row[:3]: row[3:] for row in _PICTURES.on(self.tx).all(*chain.from_iterable(keys))}
            for key in keys:
                self._pictures[key] = Picture(refs[key], key[1], *rows.get(key, ()))
        for chunk in _whole_chunks(list(sha256s)):
            self._accepted.update(dict.fromkeys(chunk))
            for sha256, *holder in _ALL_ACCEPTED.on(self.tx).all(*chunk):
                self._accepted[sha256] = tuple(holder)

    def lock_faces(self) -> None:
        """Let no other process add faces until the transaction is over: what is read of them stays true.

        SQLite has one writer anyway; elsewhere all who add faces take this lock first.
        """
        if self._last_face is None:
            (self._last_face,) = _LAST_FACE.on(self.tx).first()

    def new_face(self, image: EmbeddedImage, performer: int) -> int:
        """The id of a face that is going to be written; it counts from now on."""
        self.lock_faces()
        assert self._last_face is not None
        self._last_face += 1
        ref, of_source = image.ref, self.faces_of(performer)
        of_source[ref.source] = of_source.get(ref.source, 0) + 1
        self._accepted[image.sha256] = (performer, self._last_face, ref.source, ref.image_url, None)
        self._added.setdefault(performer, {})[self._last_face] = image
        if performer in self._owned:
            self._owned[performer].join(self._last_face, FaceVectors(ref.source, image.vectors))
        if performer in self._all_faces:
            self._all_faces[performer][self._last_face] = as_stored(image, self._last_face)
        return self._last_face

    def no_face(self, performer: int, face_id: int, source: str, sha256: str | None) -> None:
        """A face that is going to be taken away; it counts no more."""
        self.faces_of(performer)[source] -= 1
        if sha256 is not None:
            self._accepted[sha256] = None  # what the row says is not true any more
        self._removed.add(face_id)
        self._added.get(performer, {}).pop(face_id, None)
        if performer in self._owned:
            self._owned[performer].leave(face_id)
        if performer in self._all_faces:
            self._all_faces[performer].pop(face_id, None)

    def all_faces(self, performer: int) -> Mapping[int, StoredFace]:
        """The faces that a performer has, as pictures of them."""
        found = self._all_faces.get(performer)
        if found is None:
            added = {face: as_stored(image, face) for face, image in self._added.get(performer, {}).items()}
            stored = read_faces(self.tx, performer)
            found = self._all_faces[performer] = {
                face: one for face, one in (stored | added).items() if face not in self._removed
            }
        return found

    def pictures_of_faces(self, performer: int) -> dict[int, Picture]:
        """The ledger's rows of the pictures that a performer's faces are of, by face, as far as there are any."""
        if performer not in self._with_faces:
            self._with_faces.add(performer)
            for one in pictures_with_faces(self.tx, performer):
                self._met(performer, one)
        return {
            one.face_id: one
            for one in self._pictures.values()
            if one.performer == performer and one.face_id is not None
        }  # fmt: skip

    def candidates(self, performer: int, model: str) -> list[Candidate]:
        """What waits of a performer, with vectors of this model; always the same list and objects."""
        found = self._waiting.get((performer, model))
        if found is None:
            found = self._waiting[performer, model] = read_candidates(self.tx, performer, model)
            for one in found:
                one.picture = self._met(performer, one.picture)
        return found

    def _met(self, performer: int, read: Picture) -> Picture:
        """The one object of a picture that was read with its detail, and when it was decided."""
        there = self._pictures.setdefault((read.ref.source, performer, read.ref.image_url), read)
        if there.decided_at is None:  # read without what nobody else asks for
            there.detail, there.decided_at = read.detail, read.decided_at
        return there

    def performer_faces(self, performer: int, model: str) -> PerformerFaces:
        """The faces that a performer has and those that wait, with vectors of this model."""
        found = self._owned.get(performer)
        if found is None:
            added = self._added.get(performer, {}).items()
            stored = read_vectors(self.tx, performer)
            stored |= {face: FaceVectors(image.ref.source, image.vectors) for face, image in added}
            stored = {face: one for face, one in stored.items() if face not in self._removed}
            found = self._owned[performer] = PerformerFaces(performer, stored, self.candidates(performer, model))
        return found

    def pending(self, source: str, performer: int) -> int:
        """How many pictures of a performer at a source are pending; first asked before any of them is."""
        key = (source, performer)
        if key not in self._pending:
            (self._pending[key],) = _PENDING.on(self.tx).first(source, performer)
        return self._pending[key]

    def had(self, picture: Picture) -> None:
        """A picture that was pending is decided."""
        key = (picture.ref.source, picture.performer)
        if key in self._pending:
            self._pending[key] -= 1

    def owner(self, ref: ImageRef) -> int:
        """Our id of the performer whose picture it is. Raises OrphanImage."""
        key = (ref.source, ref.source_id) if ref.performer_id is None else (ref.performer_id, None)
        found = self._owners.get(key)
        if found is None:
            found = self._owners[key] = require_owner(self.tx, ref)
        return found

    def picture(self, ref: ImageRef, performer: int) -> Picture:
        """The ledger's row of a performer's picture, a new one if it has none; always the same object."""
        key = (ref.source, performer, ref.image_url)
        found = self._pictures.get(key)
        if found is None:
            row = _PICTURE.on(self.tx).first(*key)
            found = self._pictures[key] = Picture(ref, performer, *(row or ()))
        if found.id is None and not found.attempts:  # nothing is written of it yet: what comes first describes it
            found.ref, found.width_px, found.height_px = ref, ref.width_px, ref.height_px
        return found

    def row_of(self, picture: Picture) -> int:
        """The number of a picture's row, once it is written."""
        if picture.id is None:
            ref = picture.ref
            picture.id = _PICTURE.on(self.tx).first(ref.source, picture.performer, ref.image_url)[0]
        return picture.id

    def accepted(self, sha256: str) -> Holder | None:
        """The picture of these bytes that was accepted, or forgotten."""
        if sha256 not in self._accepted:
            self._accepted[sha256] = _ACCEPTED.on(self.tx).first(sha256)
        return self._accepted[sha256]

    def faces_of(self, performer: int) -> dict[str, int]:
        """How many faces a performer has of each source."""
        found = self._faces_of.get(performer)
        if found is None:
            found = self._faces_of[performer] = faces_of(self.tx, performer)
        return found

    def page_owner(self, ref: ImageRef) -> int | None:
        """Whose page a reference site's picture was found on, if links say that."""
        page = ref.page_url
        if not page or ref.performer_id is None:
            return None
        if (ref.source, page) not in self._pages:
            identity = identify(page)
            ours = identity is not None and identity.site == ref.source
            row = _PAGE.on(self.tx).first(*identity.key) if identity is not None and ours else None
            self._pages[ref.source, page] = row[0] if row else None
        return self._pages[ref.source, page]

    def require_model(self, image: EmbeddedImage) -> None:
        """Bind a new database to the image's model pack. Raises StoreError if it is bound to another."""
        dims = {name: len(vector) for name, vector in image.vectors.items()}
        if self._model != (image.model, dims):
            require_model(self.tx, image.model, dims)
            self._model = (image.model, dims)


def _whole_chunks(wanted: Sequence[T]) -> Iterator[Sequence[T]]:
    return (wanted[start : start + AT_ONCE] for start in range(0, len(wanted) - AT_ONCE + 1, AT_ONCE))
