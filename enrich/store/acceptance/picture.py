"""A picture's row in the ledger, as one transaction knows and changes it."""

from __future__ import annotations

from dataclasses import dataclass

from enrich.items import ImageRef, Mode, Reason
from enrich.store.db.schema import images
from enrich.store.ledger.rows import LIMIT_REASONS, Outcome

PICTURE = (
    images.c.id, images.c.mode, images.c.sha256, images.c.outcome, images.c.reason, images.c.attempts,
    images.c.face_id, images.c.width_px, images.c.height_px,
)  # fmt: skip
"""The columns that make a ``Picture``, in the order of its fields."""


@dataclass(slots=True)
class Picture:
    """A picture's row in the ledger: as it is, then as it shall be.

    ``id``: ``None`` where there is no row yet; ``created_at``: of such a one.
    """

    ref: ImageRef
    performer: int
    id: int | None = None
    mode: Mode | None = None
    sha256: str | None = None
    outcome: Outcome = "pending"
    reason: Reason | None = None
    attempts: int = 0
    face_id: int | None = None
    width_px: int | None = None
    height_px: int | None = None
    next_try_at: str | None = None
    error: str | None = None
    detail: str | None = None
    decided_at: str | None = None
    created_at: str | None = None

    @property
    def is_settled(self) -> bool:
        """Whether the last word is spoken: accepted, or rejected for good."""
        return self.outcome == "accepted" or (self.outcome == "rejected" and self.reason not in LIMIT_REASONS)

    def turn_down(self, reason: Reason, detail: str | None = None) -> None:
        """It is rejected. ``detail``: JSON."""
        self.outcome, self.reason, self.detail = "rejected", reason, detail
