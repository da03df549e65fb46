"""Whatever happens in whatever order: nothing is on the wrong person, doubled, miscounted, too much or overlooked."""

from __future__ import annotations

import random
from typing import Any

import numpy as np
import pytest

from enrich.items import EmbeddedImage, FailedImage, KnownImage, RejectedImage
from enrich.store.acceptance.decide import Finding, judge_waiting, save_findings
from enrich.store.forgetting.forget import forget_faces
from enrich.store.ledger.rows import Limits
from enrich.store.ledger.runs import start_run
from enrich.store.people.merge import absorb
from tests.store.acceptance.judged import TRUST, Judged, near, terms
from tests.store.acceptance.versions import look

LIMITS = Limits(source=3, total=6)
WHO = {1: 0, 2: 0, 3: 1}
"""Performers, and who they really are: the first two are one."""

STRANGER = 2
PHOTOGRAPHS = 8

NEVER = {
    "a wrong face count": """
        SELECT id FROM performers p WHERE face_count <> (SELECT count(*) FROM faces WHERE performer_id = p.id)""",
    "a face without the one row of its picture": """
        SELECT f.id FROM faces f LEFT JOIN images i ON i.face_id = f.id AND i.performer_id = f.performer_id
            AND i.image_url = f.image_url AND i.source = f.source_endpoint AND i.sha256 IS NOT NULL
        GROUP BY f.id HAVING count(i.id) <> 1""",
    "a picture accepted without a face, or with one and not": """
        SELECT id FROM images WHERE (outcome = 'accepted') <> (face_id IS NOT NULL)""",
    "a face without its vector": "SELECT id FROM faces WHERE id NOT IN (SELECT face_id FROM embeddings)",
    "one that waits without its vector": """
        SELECT image_id FROM candidates WHERE image_id NOT IN (SELECT image_id FROM candidate_vectors)""",
    "one that waits and is decided otherwise": """
        SELECT id FROM images JOIN candidates ON image_id = id WHERE outcome = 'rejected'
            AND reason NOT IN ('no_match', 'no_existing_faces', 'suspicious_cluster')""",
    "one that is unconfirmed by one table alone": """
        SELECT id FROM images LEFT JOIN candidates ON image_id = id WHERE outcome = 'accepted'
            AND (image_id IS NOT NULL) <> (coalesce(detail, '') LIKE '%unconfirmed%')""",
    "the same bytes twice": """
        SELECT sha256 FROM images WHERE outcome = 'accepted' GROUP BY 1 HAVING count(*) > 1""",
    "bytes that were forgotten": """
        SELECT id FROM images WHERE outcome = 'accepted'
            AND sha256 IN (SELECT sha256 FROM images WHERE reason = 'forgotten')""",
}  # fmt: skip
TOO_MANY = """SELECT performer_id FROM faces GROUP BY performer_id, source_endpoint HAVING count(*) > 3
    UNION SELECT performer_id FROM faces GROUP BY performer_id HAVING count(*) > 6"""
MISCOUNTED = """SELECT 1 WHERE (SELECT count(*) FROM faces) <> (SELECT coalesce(sum(faces_added), 0) FROM runs)
    OR (SELECT count(*) FROM faces) <> (SELECT coalesce(sum(faces_added), 0) FROM scrape_progress)"""
OVERLOOKED = """SELECT id FROM images JOIN candidates ON image_id = id WHERE outcome = 'rejected'
    AND coalesce(seen_face, -1) < (SELECT coalesce(max(id), 0) FROM faces WHERE performer_id = images.performer_id)"""
SURE = """SELECT performer_id, vector FROM faces JOIN embeddings ON face_id = faces.id
    WHERE faces.id NOT IN (SELECT face_id FROM images JOIN candidates ON image_id = id WHERE face_id IS NOT NULL)"""


class Chance:
    """Does something to the database, as chance will have it."""

    def __init__(self, store: Any, seed: int) -> None:
        self.store = store
        self.random = random.Random(seed)
        self.judged = {performer: Judged(store, terms(LIMITS), performer) for performer in WHO}
        for performer in WHO:
            store.save(f"p{performer}", f"Name{performer} Example")
        self.runs = {source: store.do(start_run, source=source, mode="url") for source in TRUST}
        self.sources = [source for source, trust in TRUST.items() if trust != "high"]
        self.merged = self.forgot = False

    def finding(self) -> Finding:
        """A photograph of the performer; of a source that is not quite believed, sometimes of somebody else."""
        chance = self.random
        performer, source = chance.choice(list(self.judged)), chance.choice(self.sources)
        wrong = TRUST[source] != "high" and chance.random() < 0.3
        person, photograph = STRANGER if wrong else WHO[performer], chance.randrange(PHOTOGRAPHS)
        bits, quality = chance.randrange(4), chance.choice((0.3, 0.45, 0.6, 0.75, 0.9))
        vector = near(person, 0.02 + 0.02 * photograph, aside=photograph)
        vector[:PHOTOGRAPHS] += 0.002 * chance.random()
        self.judged[performer].run = self.runs[source]
        return self.judged[performer].finding(
            source, f"{person} {photograph} {chance.randrange(3)}", vector / np.linalg.norm(vector), quality=quality,
            look=look(100 * person + photograph, bits), gallery=f"g{chance.randrange(3)}",
            body=f"{person} {photograph} {quality} {bits} {chance.randrange(2)}",
        )  # fmt: skip

    def step(self) -> None:
        chance, store = self.random, self.store
        match chance.choices(("save", "other", "pending", "sweep", "forget"), (62, 10, 10, 12, 6))[0]:
            case "save":
                store.do(save_findings, [self.finding() for _ in range(chance.choice((1, 1, 3, 40)))])
            case "other":
                given = self.finding()
                ref = given.image.ref
                assert isinstance(given.image, EmbeddedImage)
                known = KnownImage(ref=ref, sha256=given.image.sha256)
                failed, rejected = FailedImage(ref=ref, error="HTTP 503"), RejectedImage(ref=ref, reason="no_face")
                image = chance.choice((known, failed, rejected))
                store.do(save_findings, [Finding(image=image, limits=LIMITS, policy=given.policy, run=given.run)])
            case "pending":
                performer = chance.choice(list(self.judged))
                names = (f"{WHO[performer]} {chance.randrange(PHOTOGRAPHS)} {number}" for number in range(3))
                self.judged[performer].pending(chance.choice(list(TRUST)), *names)
            case "sweep":
                self.sweep()
            case "forget":
                faces = [face for (face,) in store.rows("SELECT id FROM faces ORDER BY id")]
                if faces:
                    store.do(forget_faces, [chance.choice(faces)])
                    self.forgot = True

    def merge(self) -> None:
        del self.judged[2]
        self.store.do(absorb, 1, 2, "2026-01-31 12:00:00")
        self.merged = True

    def sweep(self) -> int:
        """What the end of a crawl of each source does; how much changed."""
        done = [self.store.do(judge_waiting, terms(LIMITS), source, run=run) for source, run in self.runs.items()]
        return sum(swept.taken + swept.taken_away for swept in done)

    def check(self) -> None:
        for what, sql in NEVER.items():
            assert self.store.rows(sql) == [], what
        assert self.merged or self.store.rows(TOO_MANY) == []
        assert self.forgot or self.store.rows(MISCOUNTED) == []
        shown = [(performer, np.frombuffer(vector, "<f4")) for performer, vector in self.store.rows(SURE)]
        assert all(int(vector[:3].argmax()) == WHO[performer] for performer, vector in shown), "a wrong person"
        photographs = [(performer, int(vector[8:].argmax())) for performer, vector in shown]
        assert len(set(photographs)) == len(photographs), "a photograph twice"


@pytest.mark.parametrize("seed", range(6))
def test_whatever_happens_in_whatever_order(store: Any, seed: int) -> None:
    """At first there are only sources that are not quite believed, so that some faces stand unconfirmed."""
    chance = Chance(store, seed)
    for number in range(36):
        if number == 8 + seed % 2 * 12:
            chance.sources = list(TRUST)
        if number == 16:
            chance.merge()
        chance.step()
        chance.check()
    chance.sweep()
    chance.check()
    assert chance.sweep() == 0
    assert store.rows(OVERLOOKED) == []
