"""A database worth exporting: performers with three faces each, and two vectors a face."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from sqlalchemy import text

from enrich.faces.pack import load_pack
from enrich.items import FloatArray
from enrich.store.release.export import Release as Written
from enrich.store.release.export import RewrittenExport, export, rewrite_exports
from tests.store.conftest import NOON, PRIORITIES, Store, unit

DIM = 512
PEOPLE, PICTURES = 40, 3
RECOGNISERS = ("facenet", "arcface")
MODEL = load_pack("stash_sense", Path(), complete=False).fingerprint


def uuid_of(number: int) -> str:
    return f"00000000-0000-4000-8000-{number:012d}"


def name_of(number: int) -> str:
    return f"Invented Person {number:02d}"


def url_of(number: int, picture: int) -> str:
    return f"https://img.example/{number}/{picture}.jpg"


def vectors_of(number: int, picture: int) -> dict[str, FloatArray]:
    """A person's vectors in one picture: nearer to those of their other pictures than to anybody else's."""
    found = {}
    for place, recogniser in enumerate(RECOGNISERS, 1):
        vector = unit(1000 * place + number, DIM) + 0.4 * unit(100_000 * place + 10 * number + picture, DIM)
        found[recogniser] = (vector / np.linalg.norm(vector)).astype(np.float32)
    return found


class World(Store):
    """A store with short ways to say who is in it, and to export it."""

    def fill(self) -> None:
        for number in range(PEOPLE):
            self.person(number)
            for picture in range(PICTURES):
                self.picture(number, picture)

    def person(self, number: int, **said: Any) -> int:
        said = {"country": "NZ", "aliases": (f"Alias {number}",), "image_url": url_of(number, 0)} | said
        return self.save(uuid_of(number), name_of(number), **said).performer_id

    def picture(self, number: int, picture: int, **said: Any) -> None:
        said = {"source_id": uuid_of(number), "vectors": vectors_of(number, picture), "model": MODEL} | said
        assert self.face(url_of(number, picture), **said).outcome == "accepted"

    def face_id(self, number: int, picture: int) -> int:
        found: int = self.one("SELECT id FROM faces WHERE image_url = :url", url=url_of(number, picture))
        return found

    def sql(self, statement: str, **values: Any) -> None:
        self.do(lambda tx: tx.execute(text(statement), values))

    def export(self, folder: Path, **said: Any) -> Written:
        return export(self.engine, folder, **{"priorities": PRIORITIES, "now": NOON, **said})

    def rewrite(self) -> list[RewrittenExport]:
        return rewrite_exports(self.engine, PRIORITIES, now=NOON)
