"""Pictures of known people: folders of people, perhaps in folders of groups, embedded with one pack."""

from __future__ import annotations

import hashlib
import random
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import numpy as np
import numpy.typing as npt

from enrich.errors import EnrichError
from enrich.faces.decode import decode
from enrich.faces.engine import FaceEngine
from enrich.items import DetectedImage, FloatArray, Image, ImageRef, Uint8Array

MAX_PICTURES: Final = 3000
"""More are not looked at: 4.5 million comparisons are plenty, and all of them are kept at once."""
TILES_PER_FACE: Final = 8
"""A shuffled picture's tiles are an eighth of the face wide, less than an eye. Quarters fall into half faces by chance:
YuNet gives those 0.88, eighths 0.72."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Labelled:
    """A picture's file, the person it is said to show, and the group that the person's folder is in."""

    path: Path
    name: str
    person: str
    group: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Sample:
    """The n pictures with one face, and what was made of them.

    ``people`` (n,): the person's number. ``vectors``: recogniser -> float32 (n, dim), L2 norm 1. ``norms``: recogniser
    -> float32 (n,), the norms that they had before. ``confidences``: of all faces
    that were found alone. ``decoys``: the highest confidence on each picture once its tiles are shuffled, 0 without.
    ``left_out``: name -> why. ``digest``: sha256 over names and sha256s of the n files, sorted by name.
    """

    pictures: tuple[Labelled, ...]
    people: npt.NDArray[np.int64]
    vectors: Mapping[str, FloatArray]
    norms: Mapping[str, FloatArray]
    confidences: FloatArray
    decoys: FloatArray
    left_out: Mapping[str, str]
    digest: str

    def group(self, name: str) -> npt.NDArray[np.int64]:
        """The rows of the pictures of a group."""
        return np.flatnonzero([picture.group == name for picture in self.pictures])

    @property
    def groups(self) -> list[str]:
        """The names of the groups, sorted."""
        return sorted({picture.group for picture in self.pictures if picture.group is not None})


def labelled_pictures(folder: Path) -> list[Labelled]:
    """Return what lies in ``folder``, by name: PERSON/FILE and GROUP/PERSON/FILE, whatever kind of file it is.

    A folder that holds folders is a group. Hidden files, and those outside a person's folder, do not count. Of more
    than MAX_PICTURES pictures some people's are left out, always the same. Raises EnrichError.
    """
    if not folder.is_dir():
        raise EnrichError(f"--images {folder}: no such folder")
    try:
        found = list(_labelled(folder))
    except OSError as error:
        raise EnrichError(f"{error.filename}: cannot be read: {error.strerror}") from error
    if not found:
        raise EnrichError(
            f"--images {folder}: no pictures in it; it should hold a folder for each person, or groups of such folders"
        )
    if len(found) > MAX_PICTURES:
        people = sorted({picture.person for picture in found})
        rank = {person: position for position, person in enumerate(random.Random(0).sample(people, len(people)))}
        found = sorted(found, key=lambda picture: rank[picture.person])[:MAX_PICTURES]
    return sorted(found, key=lambda picture: picture.name)


def embed_labelled(engine: FaceEngine, pictures: Sequence[Labelled]) -> Sample:
    """Return the faces of ``pictures``; those without a face, with several and those seen already are left out.

    A second face counts where it reaches the pack's own confidence. Raises EnrichError for a file that cannot be read.
    """
    with ThreadPoolExecutor(engine.threads, thread_name_prefix="calibrate") as threads:
        try:
            seen = list(threads.map(lambda picture: _see(engine, picture), pictures))
        except BaseException:
            threads.shutdown(wait=False, cancel_futures=True)
            raise
    left_out: dict[str, str] = {}
    by_sha256: dict[str, str] = {}
    kept: list[tuple[Labelled, _Seen]] = []
    for picture, one in zip(pictures, seen, strict=True):
        if one.sha256 in by_sha256:
            left_out[picture.name] = f"the same file as {by_sha256[one.sha256]}"
        elif one.left_out is not None:
            left_out[picture.name] = one.left_out
        else:
            by_sha256[one.sha256] = picture.name
            kept.append((picture, one))
    numbers = {person: number for number, person in enumerate(sorted({picture.person for picture, _ in kept}))}
    listing = "".join(f"{picture.name} {one.sha256}\n" for picture, one in sorted(kept, key=lambda pair: pair[0].name))
    return Sample(
        pictures=tuple(picture for picture, _ in kept),
        people=np.array([numbers[picture.person] for picture, _ in kept], dtype=np.int64),
        vectors={
            spec.name: np.array([one.vectors[spec.name] for _, one in kept], dtype=np.float32).reshape(-1, spec.dim)
            for spec in engine.pack.recognisers
        },
        norms={
            spec.name: np.array([one.norms[spec.name] for _, one in kept], dtype=np.float32)
            for spec in engine.pack.recognisers
        },
        confidences=np.array([one.confidence for _, one in kept], dtype=np.float32),
        decoys=np.array([one.decoy for _, one in kept], dtype=np.float32),
        left_out=left_out,
        digest=hashlib.sha256(listing.encode()).hexdigest(),
    )


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Seen:
    sha256: str
    vectors: Mapping[str, FloatArray] = field(default_factory=dict)
    norms: Mapping[str, float] = field(default_factory=dict)
    confidence: float = 0.0
    decoy: float = 0.0
    left_out: str | None = None


def _labelled(folder: Path) -> Iterator[Labelled]:
    inside = defaultdict(list)
    for path in sorted(folder.iterdir()):
        if path.is_dir() and not path.name.startswith("."):
            inside[path] = [entry for entry in sorted(path.iterdir()) if not entry.name.startswith(".")]
    for path, entries in inside.items():
        people = [entry for entry in entries if entry.is_dir()]
        if people and len(people) < len(entries):
            raise EnrichError(f"{path}: holds folders and files; a group holds folders of people, a person files")
        for person in people:
            for file in sorted(person.iterdir()):
                if file.is_dir():
                    raise EnrichError(f"{file}: too deep; pictures belong in PERSON or GROUP/PERSON")
                if not file.name.startswith("."):
                    yield _picture(folder, file, path.name)
        if not people:
            yield from (_picture(folder, file, None) for file in entries)


def _picture(folder: Path, file: Path, group: str | None) -> Labelled:
    person = str(file.parent.relative_to(folder))
    return Labelled(path=file, name=str(file.relative_to(folder)), person=person, group=group)


def _see(engine: FaceEngine, picture: Labelled) -> _Seen:
    try:
        body = picture.path.read_bytes()
    except OSError as error:
        raise EnrichError(f"{picture.path}: cannot be read: {error.strerror}") from error
    found = engine.analyse(Image(ref=ImageRef(source="calibrate", image_url=picture.name, performer_id=0), body=body))
    sha256 = hashlib.sha256(body).hexdigest()
    if not isinstance(found, DetectedImage):
        return _Seen(sha256=sha256, left_out=found.reason.replace("_", " "))
    certain = sum(face.confidence >= engine.pack.min_detection_confidence for face in found.faces)
    if not found.faces or certain > 1:
        return _Seen(sha256=sha256, left_out=f"{certain} faces" if certain else "no face")
    face = found.faces[0]
    raw = {name: rows[0] for name, rows in engine.embed_raw([face.crop]).items()}
    rgb = _shuffled(decode(body), max(1, int(face.size_px / TILES_PER_FACE)))
    return _Seen(
        sha256=sha256,
        vectors=engine.units(raw),
        norms={name: float(np.linalg.norm(vector)) for name, vector in raw.items()},
        confidence=face.confidence,
        decoy=engine.detect(rgb).best,
    )


def _shuffled(rgb: Uint8Array, tile_px: int) -> Uint8Array:
    """The picture, cut down to whole tiles, with its tiles in another order, always the same."""
    rows, columns = rgb.shape[0] // tile_px, rgb.shape[1] // tile_px
    cut = rgb[: rows * tile_px, : columns * tile_px].reshape(rows, tile_px, columns, tile_px, 3)
    tiles = cut.swapaxes(1, 2).reshape(rows * columns, tile_px, tile_px, 3)
    order = np.random.default_rng(0).permutation(len(tiles))
    shuffled = tiles[order].reshape(rows, columns, tile_px, tile_px, 3).swapaxes(1, 2)
    return np.ascontiguousarray(shuffled.reshape(rows * tile_px, columns * tile_px, 3))
