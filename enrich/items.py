"""What travels from a source to the database; the class of an item says how far it has come.

``Image -> DetectedImage -> ScreenedImage -> EmbeddedImage`` is one picture on its way; ``KnownImage``,
``RejectedImage`` and ``FailedImage`` are where a picture's way ends early, and every picture ends in exactly one ledger
row.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

Mode = Literal["api", "url", "name"]
"""How a source is walked: a stash-box by its API, a reference site by stored URL or by name."""

LookupOutcome = Literal["done", "not_found", "wrong_person", "blocked", "failed", "skipped"]
"""How the search for one performer at one source ended."""

Reason = Literal[
    "image_too_small",
    "face_too_small",
    "low_confidence",
    "extreme_angle",
    "multi_face",
    "no_face",
    "not_an_image",
    "image_too_large",
    "duplicate_image",
    "duplicate_face",
    "no_existing_faces",
    "no_match",
    "suspicious_cluster",
    "source_limit",
    "total_limit",
    "not_found",
    "blocked",
    "wrong_person",
    "underage",
    "forgotten",
    "unrecognisable",
]
"""Why an image or a performer was left out: the contract's words, stored in the ledger and counted in the stats."""

GoneReason = Literal["deleted", "not_found"]
"""How a stash-box says that it no longer has a performer."""

Uint8Array = npt.NDArray[np.uint8]
FloatArray = npt.NDArray[np.float32]


def omitted(value: object) -> None:
    """The serializer of a field that no feed holds, such as a picture's bytes; ``enrich.feeds`` looks for it."""


NOT_IN_FEEDS: Mapping[str, Any] = {"serializer": omitted}


@dataclass(frozen=True, slots=True, kw_only=True)
class BodyMark:
    """A tattoo or a piercing: where it is and, where the source says, what it is."""

    location: str
    description: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ImageRef:
    """One picture of one performer at one source: what an image request is for.

    Exactly one of ``performer_id`` (ours; reference sites) and ``source_id`` (the performer's id at the stash-box)
    says whose picture it is. Picklable: it travels with the request through the job directory.
    """

    source: str
    image_url: str
    performer_id: int | None = None
    source_id: str | None = None
    page_url: str | None = None
    gallery: str | None = None
    matched: str | None = None
    width_px: int | None = None
    height_px: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Performer:
    """What one source says about one performer. ``None`` means that the source does not say.

    From a stash-box ``performer_id`` is ``None`` and the performer is created or updated. A reference site names the
    performer it was asked for: then only aliases and links are added, never metadata.
    ``images`` are the pictures found with it; they are entered in the ledger as pending with the performer.
    """

    source: str
    source_id: str
    name: str
    mode: Mode = "api"
    performer_id: int | None = None
    matched: str | None = None
    page_url: str | None = None
    disambiguation: str | None = None
    aliases: tuple[str, ...] = ()
    gender: str | None = None
    birth_date: str | None = None
    death_date: str | None = None
    country: str | None = None
    ethnicity: str | None = None
    height_cm: int | None = None
    eye_color: str | None = None
    hair_color: str | None = None
    career_start_year: int | None = None
    career_end_year: int | None = None
    scene_count: int | None = None
    tattoos: tuple[BodyMark, ...] = ()
    piercings: tuple[BodyMark, ...] = ()
    urls: tuple[str, ...] = ()
    merged_ids: tuple[str, ...] = ()
    updated: str | None = None
    image_url: str | None = None
    images: tuple[ImageRef, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class RefusedPerformer:
    """A performer who must not be stored, and why; what is stored of them already goes."""

    source: str
    source_id: str
    reason: Reason
    mode: Mode = "api"
    performer_id: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class GonePerformer:
    """A performer whom their stash-box no longer has: it says so, or does not find them.

    ``merged_into``: the id of who they are there now, where it says that.
    """

    source: str
    source_id: str
    reason: GoneReason
    merged_into: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class LookupEnded:
    """The search for one performer at one reference site ended without a page to take pictures from."""

    source: str
    mode: Mode
    performer_id: int
    outcome: LookupOutcome
    detail: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Lookup:
    """A performer to look for at a reference site. ``urls``: the stored pages on that site."""

    performer_id: int
    name: str
    aliases: tuple[str, ...] = ()
    gender: str | None = None
    birth_date: str | None = None
    urls: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Image:
    """A downloaded picture: the bytes as the server sent them."""

    ref: ImageRef
    body: bytes = field(repr=False, metadata=NOT_IN_FEEDS)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Face:
    """One detected face.

    ``box_px``: float32 (4,), x1 y1 x2 y2 in pixels, clamped to the image. ``landmarks_px``: float32 (5, 2), left eye,
    right eye, nose, left and right mouth corner as the viewer sees them. ``confidence``: the detector's, 0..1.
    ``visible``: the share of the face that is inside the image, 0..1. ``yaw_deg``, ``pitch_deg`` and
    ``roll_deg``: estimated turn, nod and tilt of the head, negative to the viewer's left, downwards and anticlockwise.
    ``sharpness``, ``exposure``: measured on the crop, 0..1. ``crop``: uint8 (112, 112, 3) RGB, aligned.
    ``crop_hash``: its perceptual hash, 16 hex digits; ``None`` where it was not made.
    """

    box_px: FloatArray
    landmarks_px: FloatArray
    confidence: float
    visible: float
    yaw_deg: float
    pitch_deg: float
    roll_deg: float
    sharpness: float
    exposure: float
    crop: Uint8Array = field(repr=False, metadata=NOT_IN_FEEDS)
    crop_hash: str | None = None

    @property
    def size_px(self) -> float:
        """The shorter side of the box."""
        return float(min(self.box_px[2] - self.box_px[0], self.box_px[3] - self.box_px[1]))


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class DetectedImage:
    """A decoded picture and every face the detector found in it, most confident first; the pixels are gone.

    ``picture_hash``: the picture's perceptual hash, 16 hex digits; ``None`` where it was not made.
    """

    ref: ImageRef
    sha256: str
    width_px: int
    height_px: int
    faces: tuple[Face, ...]
    picture_hash: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ScreenedImage:
    """A picture that passed the quality filters, and the one face in it that is to be stored. ``quality``: 0..1."""

    ref: ImageRef
    sha256: str
    width_px: int
    height_px: int
    face: Face
    quality: float
    picture_hash: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class EmbeddedImage:
    """A face with its vectors: recogniser name -> float32 (dim,), L2 norm 1. ``model``: the pack's fingerprint."""

    ref: ImageRef
    sha256: str
    width_px: int
    height_px: int
    face: Face
    quality: float
    model: str
    vectors: Mapping[str, FloatArray] = field(metadata=NOT_IN_FEEDS)
    picture_hash: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class KnownImage:
    """A picture whose bytes were accepted or forgotten before: nothing is computed, writing it finds out what it is."""

    ref: ImageRef
    sha256: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RejectedImage:
    """A picture left out for good, and why. ``detail``: figures for the ledger (JSON-able), such as the yaw."""

    ref: ImageRef
    reason: Reason
    sha256: str | None = None
    detail: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class FailedImage:
    """A picture that could not be fetched this time; the ledger says when to try again."""

    ref: ImageRef
    error: str
