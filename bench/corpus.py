"""The pictures that are measured on: a few hundred portraits, every one with bytes of its own."""

from __future__ import annotations

import io
import os
from pathlib import Path

from PIL import Image

ASSETS = Path(os.environ.get("ENRICH_TEST_ASSETS", Path(__file__).resolve().parent.parent.parent / "shared"))
PEOPLE = ASSETS / "faces"
TESTPACK = ASSETS / "models" / "insightface_testpack"


def portraits(copies: int) -> list[list[bytes]]:
    """JPEG files by performer, five each: generated portraits from beside the project, else drawn ones.

    The copies of a picture differ in their bytes, not in what they show.
    """
    people = [[path.read_bytes() for path in sorted(folder.glob("*.jpg"))] for folder in sorted(PEOPLE.glob("person*"))]
    if not people:
        people = _drawn()
    return [[marked(body, copy) for body in bodies] for copy in range(copies) for bodies in people]


def marked(body: bytes, copy: int) -> bytes:
    """The JPEG with a comment, which makes other bytes of it and no other picture."""
    comment = b"copy %d" % copy
    return body[:2] + b"\xff\xfe" + (len(comment) + 2).to_bytes(2, "big") + comment + body[2:]


def _drawn() -> list[list[bytes]]:
    from enrich.demo.chance import shot_from_seed
    from enrich.demo.portrait import draw
    from enrich.demo.world import build_world

    bodies = []
    for number, person in enumerate(list(build_world().people.values())[:22]):
        files = []
        for shot in range(5):
            file = io.BytesIO()
            pixels = draw(person.look, shot_from_seed(10 * number + shot, width_px=600, height_px=800))
            Image.fromarray(pixels).save(file, "JPEG", quality=90)
            files.append(file.getvalue())
        bodies.append(files)
    return bodies
