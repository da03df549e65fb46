"""Pictures of a source of low trust, gathered and judged as a group."""

from __future__ import annotations

from typing import Any

from tests.store.acceptance.judged import Judged, near

NO_MATCH = ("rejected", "no_match")


def gather(judged: Judged, people: dict[str, int], galleries: int = 2, source: str = "pornpics") -> list[Any]:
    """Pictures of a source of low trust, entered first and then had, each with a face of that person."""
    judged.pending(source, *people, galleries=galleries)
    return [
        judged.face(source, name, near(person, 0.1, aside=number))
        for number, (name, person) in enumerate(people.items())
    ]
