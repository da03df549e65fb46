"""Whether two pictures are versions of one photograph, saved, scaled or cut otherwise: by hashes and by the faces."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final, Literal, TypeVar

from enrich.items import FloatArray

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Match:
    """How much two faces are versions of one photograph: bits in which their hashes differ, cosine similarity."""

    reason: Literal["duplicate_image", "duplicate_face"]
    picture_bits: int
    crop_bits: int
    similarity: float


VERSIONS: Final = (
    Match("duplicate_image", picture_bits=4, crop_bits=64, similarity=0.9),  # saved or scaled otherwise
    Match("duplicate_face", picture_bits=10, crop_bits=6, similarity=0.985),  # a little cut off, or added
    Match("duplicate_face", picture_bits=64, crop_bits=4, similarity=0.995),  # more of it, if the crop is the same
)
"""What two versions of one photograph reach: so many bits at most, and at least so similar by every recogniser.

Measured, with what it finds and what it does not, in docs/face-measurements.md.
"""


_ANY_BITS: Final = 64
_MOST_PICTURE_BITS: Final = max(one.picture_bits for one in VERSIONS if one.picture_bits < _ANY_BITS)
_MOST_CROP_BITS: Final = max(one.crop_bits for one in VERSIONS if one.crop_bits < _ANY_BITS)


class Hashes:
    """What a picture and the aligned crop of its face look like: their hashes."""

    __slots__ = ("crop", "picture")

    def __init__(self, picture_hash: str, crop_hash: str) -> None:
        self.picture = int(picture_hash, 16)
        self.crop = int(crop_hash, 16)

    def near(self, others: Iterable[tuple[Hashes | None, T]]) -> list[tuple[Hashes, T]]:
        """Those that may be versions of the same photograph; a quick look, which few pass that are none."""
        picture, crop = self.picture, self.crop
        return [
            (look, other)
            for look, other in others
            if look is not None
            and (
                (picture ^ look.picture).bit_count() <= _MOST_PICTURE_BITS
                or (crop ^ look.crop).bit_count() <= _MOST_CROP_BITS
            )
        ]

    def match(self, other: Hashes, similarity: float) -> Match | None:
        """How the two are versions of one photograph, if they are, by the similarity of their faces."""
        picture, crop = (self.picture ^ other.picture).bit_count(), (self.crop ^ other.crop).bit_count()
        for one in VERSIONS:
            if picture <= one.picture_bits and crop <= one.crop_bits and similarity >= one.similarity:
                return Match(one.reason, picture, crop, similarity)
        return None


def hashes_of(picture_hash: str | None, crop_hash: str | None) -> Hashes | None:
    """The look of a face by its hashes; ``None`` where there are none: it was stored before they were made."""
    return None if picture_hash is None or crop_hash is None else Hashes(picture_hash, crop_hash)


def similarity(one: Mapping[str, FloatArray], other: Mapping[str, FloatArray]) -> float:
    """Return the cosine similarity of two faces, unit vectors (dim,) by recogniser: of several the lowest."""
    return min(float(vector @ other[name]) if name in other else -1.0 for name, vector in one.items())
