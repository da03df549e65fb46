"""Which individuals play the cast: seeds of faces that recognisers tell apart best, chosen once by measuring.

814 seeds (800 feminine, 14 masculine) were drawn four times each with ordinary shots and embedded with SFace and with
an ArcFace MobileFaceNet. Those stayed whose pictures of one person were all more alike than 0.90 to both; from random
starts the one farthest from all taken so far was added each time, and the closest pair then exchanged as long as that
helped. The 61 best were drawn fourteen times more and chosen among again. Of the 31 that play the cast the least
similar pictures of one person then came to 0.87 and the most similar of two people to 0.64, with either recogniser.
Whoever changes ``chance``, ``relief`` or the painting of faces has to choose anew.
"""

from __future__ import annotations

from collections.abc import Mapping

SEEDS: Mapping[str, int] = {
    "ada": 27,
    "zoe": 79,
    "orla": 97,
    "sarita": 172,
    "meilan": 666,
    "ruby": 174,
    "bell": 215,
    "hoshino": 69,
    "nina_dancer": 230,
    "nina_tallinn": 189,
    "quill": 362,
    "ilse": 271,
    "wren": 263,
    "tess": 426,
    "dana": 503,
    "petra": 335,
    "carmen": 388,
    "lola": 405,
    "vesna": 153,
    "imogen": 428,
    "dalia": 441,
    "xiomara": 465,
    "saoirse": 540,
    "noor": 561,
    "priya": 622,
    "tove": 706,
    "coralie": 712,
    "juno": 782,
    "mirela": 760,
    "odile": 775,
    "bram": 0,
}
"""Person -> seed of the look; all are drawn as women but for the person of gender MALE."""

FURTHER: tuple[int, ...] = (
    431, 717, 270, 649, 779, 229, 550, 696, 636, 577, 241, 669, 690, 300,
    45, 180, 383, 692, 580, 624, 199, 432, 715, 596, 231, 106, 573, 262
)  # fmt: skip
"""Seeds of further women, for worlds with more performers than the hand-written cast; the most distant come first."""

TURNED_SHOTS: Mapping[str, int] = {"meilan": 909, "vesna": 913, "ilse": 908}
"""Person -> seed of a shot in which two detectors still find the head and both see it turned by over 50 degrees."""
