"""Judges what a crawl left behind, against the world's own truth, fresh embeddings and the index: nothing may be lost,
nothing doubled, nothing on the wrong person."""

from __future__ import annotations

import sqlite3
from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path
from urllib.parse import urlsplit

import numpy as np

from enrich.config import QualityFilters
from enrich.demo.running import RunningWorld
from enrich.demo.truth import ACCEPTED, FACE_LIMITS, Drawing, Mode, Picture
from enrich.faces.engine import load_engine
from enrich.faces.pack import load_pack
from enrich.faces.screen import screen
from enrich.items import DetectedImage, FloatArray, Image, ImageRef, ScreenedImage
from tests.crawl import ledger

CONSISTENT = {
    "integrity": "SELECT * FROM pragma_integrity_check WHERE integrity_check != 'ok'",
    "rows of nobody": "SELECT * FROM pragma_foreign_key_check",
    "faces stored twice": "SELECT image_url FROM faces GROUP BY performer_id, image_url HAVING count(*) > 1",
    "bytes stored twice": "SELECT sha256 FROM face_details GROUP BY sha256 HAVING count(*) > 1",
    "faces without a vector": "SELECT id FROM faces WHERE id NOT IN (SELECT face_id FROM embeddings)",
    "faces without details": "SELECT id FROM faces WHERE id NOT IN (SELECT face_id FROM face_details)",
    "faces without one ledger row": """SELECT id FROM faces
                                       WHERE 1 != (SELECT count(*) FROM images WHERE face_id = faces.id)""",
    "accepted without a face": "SELECT id FROM images WHERE (outcome = 'accepted') != (face_id IS NOT NULL)",
    "another index": "SELECT id FROM faces WHERE facenet_index != id OR arcface_index != id",
    "wrong count": """SELECT id FROM performers
                      WHERE face_count != (SELECT count(*) FROM faces WHERE performer_id = performers.id)""",
    "ids behind the counter": """SELECT max(id) FROM faces
                                 HAVING max(id) > (SELECT value FROM counters WHERE name = 'face_id')""",
}
"""What each of these finds is a fault of the database, whatever was crawled."""


class Judge:
    """Knows the world; embeds each of its pictures once, however often it is asked."""

    def __init__(self, world: RunningWorld, models_dir: Path) -> None:
        self.world = world
        self.pack = load_pack("opencv_zoo", models_dir)
        self._fresh: dict[str, FloatArray | None] = {}

    def faults(self, data_dir: Path, crawled: Mapping[str, Mode]) -> list[str]:
        """What is not as it should be after these sources were crawled to the end, a line each."""
        return [
            *self._inconsistent(data_dir),
            *self._lost(data_dir, crawled),
            *self._misplaced(data_dir),
            *self._counted_otherwise(data_dir, crawled),
            *self._other_vectors(data_dir),
            *self._other_index(data_dir),
        ]

    def _inconsistent(self, data_dir: Path) -> Iterator[str]:
        for what, query in CONSISTENT.items():
            found = [tuple(row) for row in ledger.rows(data_dir, query)]
            if found:
                yield f"{what}: {found[:5]}"

    def _lost(self, data_dir: Path, crawled: Mapping[str, Mode]) -> Iterator[str]:
        world, entered = self.world.world, ledger.images(data_dir)
        seen = [p for p in world.pictures.values() if p.site in crawled and crawled[p.site] in p.modes]
        for picture in seen:
            outcome, reason = entered.get(picture.path, ("absent", None))
            if (outcome, reason) not in [(verdict.outcome, verdict.reason) for verdict in picture.expected]:
                yield f"{picture.path}: {outcome} {reason}"
        strange = entered.keys() - {picture.path for picture in seen}
        if strange:
            yield f"pictures that nobody came across: {sorted(strange)[:5]}"
        stored = Counter(
            world.pictures[path].drawing.original for path, (outcome, _) in entered.items() if outcome == "accepted"
        )
        yield from (f"stored twice: {drawing}" for drawing, times in stored.items() if times > 1)
        good: dict[tuple[str, str], dict[Drawing, list[Picture]]] = {}
        for picture in seen:
            if ACCEPTED in picture.expected and picture.listed_for is not None:
                drawings = good.setdefault((picture.site, picture.listed_for), {})
                drawings.setdefault(picture.drawing.original, []).append(picture)
        for (site, person), drawings in good.items():
            here = sum(entered.get(p.path, ("",))[0] == "accepted" for ps in drawings.values() for p in ps)
            had = sum(stored[drawing] for drawing in drawings)  # elsewhere too: equal bytes count where they came first
            if had < min(len(drawings), FACE_LIMITS[site]) or here > FACE_LIMITS[site]:
                yield f"{person} has {here} faces from {site} and {had} of {len(drawings)} pictures"

    def people(self, data_dir: Path) -> dict[int, str]:
        """Our performer id -> the person that the world's stash-boxes call by their ids."""
        people = {record.source_id: record.person for record in self.world.world.records}
        found = ledger.rows(data_dir, "SELECT performer_id, stashbox_performer_id FROM stashbox_ids")
        return {row[0]: people[row[1]] for row in found}

    def _misplaced(self, data_dir: Path) -> Iterator[str]:
        people, truth = self.people(data_dir), self.world.world
        for row in ledger.rows(data_dir, "SELECT performer_id, image_url FROM faces"):
            shown = truth.pictures[urlsplit(row["image_url"]).path].drawing.people
            if shown != (people[row["performer_id"]],):
                yield f"{row['image_url']} shows {shown} and is {people[row['performer_id']]}'s"
        yield from (f"{name} is {n} performers" for name, n in Counter(people.values()).items() if n > 1)
        yield from (f"{name} is a minor" for name in people.values() if not truth.people[name].adult)

    def _counted_otherwise(self, data_dir: Path, crawled: Mapping[str, Mode]) -> Iterator[str]:
        """The counters are those of one uninterrupted run: every piece of work is in them once."""
        counted = {row["source"]: tuple(row)[1:] for row in ledger.rows(data_dir, PROGRESS)}
        for site, mode in crawled.items():
            (faces,) = ledger.rows(data_dir, "SELECT count(*) FROM faces WHERE source_endpoint = ?", site)[0]
            ended = Counter(row[0] for row in ledger.rows(data_dir, LOOKUPS, site, mode))
            records = [r for r in self.world.world.records if r.site == site and self._is_stored(r.source_id)]
            done = len(records) if mode == "api" else sum(ended.values())
            key = site if mode == "api" else f"{site}:{mode}"
            performers, *others = counted.get(key, (0, 0, 0))
            more = mode == "name" and performers > done  # an alias that another source adds is a new question
            if others != [faces, 0] or (performers != done and not more):
                yield f"{key}: counted {counted.get(key)}, not {(done, faces, 0)}; look-ups {dict(ended)}"
            (of_runs,) = ledger.rows(data_dir, "SELECT sum(faces_added) FROM runs WHERE source = ?", site)[0]
            if of_runs != faces:
                yield f"{key}: its runs count {of_runs} faces, not {faces}"

    def _is_stored(self, source_id: str) -> bool:
        (record,) = [record for record in self.world.world.records if record.source_id == source_id]
        return not record.deleted and record.parent_id is None and self.world.world.people[record.person].adult

    def _other_vectors(self, data_dir: Path) -> Iterator[str]:
        stored = ledger.vectors(data_dir)
        for row in ledger.rows(data_dir, "SELECT id, image_url FROM faces"):
            fresh = self.fresh(urlsplit(row["image_url"]).path)
            if fresh is None or not float(fresh @ stored[row["id"]]) > 0.9999:
                yield f"face {row['id']} is not what {row['image_url']} shows"

    def fresh(self, path: str) -> FloatArray | None:
        """The vector that a picture of the world gives; ``None`` if it gives none."""
        if path not in self._fresh:
            engine = load_engine(self.pack, "cpu")
            ref = ImageRef(source="test", image_url=f"{self.world.base_url}{path}", source_id="x")
            seen = engine.analyse(Image(ref=ref, body=self.world.fetch(path)))
            chosen = (
                screen(seen, QualityFilters(min_detection_confidence="auto"), "high", self.pack)
                if isinstance(seen, DetectedImage)
                else None
            )
            crops = [chosen.face.crop] if isinstance(chosen, ScreenedImage) else []
            self._fresh[path] = engine.embed(crops)[self.pack.primary.name][0] if crops else None
        return self._fresh[path]

    def _other_index(self, data_dir: Path) -> Iterator[str]:
        stored, name = ledger.vectors(data_dir), self.pack.primary.name
        folder = data_dir / "index"
        unfinished = [path.name for path in folder.glob("*.tmp")]
        if unfinished:
            yield f"left behind: {unfinished}"
        if not (folder / f"face_{name}.voy").exists():
            if stored:
                yield f"no index of {len(stored)} faces"
            return
        index = ledger.index(data_dir, name)
        if sorted(index.ids) != sorted(stored):
            yield f"the index has {sorted(set(index.ids) ^ set(stored))[:9]}, or the database, but not both"
        for face in set(index.ids) & set(stored):
            if not np.allclose(index.get_vector(face), stored[face], atol=1e-5):
                yield f"face {face} has another vector in the index"


PROGRESS = "SELECT source, performers_processed, faces_added, errors FROM scrape_progress"
LOOKUPS = "SELECT outcome FROM lookups WHERE source = ? AND mode = ?"


WORK = """SELECT (SELECT count(*) FROM images WHERE source = ?1 AND outcome != 'pending')
                 + (SELECT count(*) FROM lookups WHERE source = ?1)
                 + (SELECT count(*) FROM profiles WHERE source = ?1)"""


def work_done(data_dir: Path, source: str) -> int:
    """Pictures, look-ups and performers of a source that are dealt with; 0 where there is no database yet."""
    try:
        return int(ledger.rows(data_dir, WORK, source)[0][0])
    except sqlite3.OperationalError:  # no file, or not migrated yet
        return 0
