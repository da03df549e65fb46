"""Faces at chosen distances from each other, and terms to judge them on."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from enrich.faces.agreement import Distances
from enrich.items import FloatArray, ImageRef
from enrich.store.acceptance.decide import Finding, Sweep, judge_waiting, save_findings
from enrich.store.acceptance.policy import Policy, SourcePolicy
from enrich.store.ledger.rows import Decision, Limits, enter_pending

RULE = {"sface": Distances(match={1: 0.34, 2: 0.36, 4: 0.38}, far=0.45)}
TRUST: Mapping[str, Any] = {
    "stashdb": "high", "babepedia": "high", "freeones": "medium", "boobpedia": "medium", "pornpics": "low",
    "elitebabes": "low",
}  # fmt: skip
DIM = 16
ACCEPTED = ("accepted", None)


def terms(limits: Limits | None = None, **trust: Any) -> Policy:
    """Policy with the shipped trust levels, or others."""
    levels = {**TRUST, **trust}
    return Policy(
        model="pack-1",
        rule=RULE,
        sources={name: SourcePolicy(level, limits or Limits()) for name, level in levels.items()},
    )


def near(person: int, distance: float = 0.0, *, aside: int = 0) -> FloatArray:
    """A face at this cosine distance from the person's own; ``aside``: in which direction.

    Two people are 1 apart. Two faces of one person at distances d and e in different directions are 1 - (1-d)(1-e).
    """
    vector = np.zeros(DIM, np.float32)
    cosine = 1.0 - distance
    vector[person] = cosine
    vector[8 + aside % 8] += np.sqrt(max(1.0 - cosine**2, 0.0))
    return vector / np.linalg.norm(vector)


class Judged:
    """Writes faces of one performer, on terms, each in a transaction of its own."""

    def __init__(self, store: Any, on: Policy | None = None, performer: int = 1) -> None:
        self.store = store
        self.terms = on or terms()
        self.performer = performer
        self.run: Any = None

    def finding(self, source: str, name: str, vector: FloatArray, **said: Any) -> Finding:
        body = said.pop("body", None)
        limits = said.pop("limits", self.terms.sources[source].limits)
        image = self.store.image(
            f"https://{source}.example/{name}.jpg", body=body or f"{source} {name}", vectors={"sface": vector},
            source=source, performer_id=self.performer, **said,
        )  # fmt: skip
        return Finding(image=image, limits=limits, policy=self.terms, run=self.run)

    def face(self, source: str, name: str, vector: FloatArray, **said: Any) -> Decision:
        (decision,) = self.store.do(save_findings, [self.finding(source, name, vector, **said)])
        assert isinstance(decision, Decision), decision
        return decision

    def pending(self, source: str, *names: str, galleries: int = 1) -> None:
        """Enter pictures that are pending, from so many galleries in turn."""
        refs = [
            ImageRef(
                source=source, image_url=f"https://{source}.example/{name}.jpg", performer_id=self.performer,
                gallery=f"g{number % galleries}",
            )
            for number, name in enumerate(names)
        ]  # fmt: skip
        self.store.do(enter_pending, refs, self.performer, "url", "2026-01-31 12:00:00")

    def sweep(self, source: str = "stashdb", **options: Any) -> Sweep:
        swept: Sweep = self.store.do(judge_waiting, self.terms, source, **options)
        return swept

    def ledger(self) -> dict[str, tuple[str, str | None]]:
        """Picture -> outcome and reason."""
        rows = self.store.rows("SELECT image_url, outcome, reason FROM images ORDER BY id")
        return {url.rpartition("/")[2].removesuffix(".jpg"): (outcome, reason) for url, outcome, reason in rows}

    def waiting(self) -> set[str]:
        """The pictures that have candidates."""
        rows = self.store.rows("SELECT image_url FROM images JOIN candidates ON image_id = images.id")
        return {url.rpartition("/")[2].removesuffix(".jpg") for (url,) in rows}
