"""What can be told before any computing: who is under age, and what is no picture at all."""

from __future__ import annotations

from datetime import UTC, datetime

from enrich.faces.decode import sniff
from enrich.identity import is_adult
from enrich.items import Image, Performer, RefusedPerformer, RejectedImage
from enrich.pipelines.stage import Stage


class AdultStage(Stage[Performer]):
    """Refuses everyone who may be under 18 by the youngest reading of the birth date."""

    takes = Performer

    async def process(self, item: Performer) -> Performer | RefusedPerformer:
        if is_adult(item.birth_date, datetime.now(UTC).date()):
            return item
        return RefusedPerformer(
            source=item.source,
            source_id=item.source_id,
            performer_id=item.performer_id,
            mode=item.mode,
            reason="underage",
        )


class SniffStage(Stage[Image]):
    """Turns down bodies that are no picture by their first bytes: pages, empty answers, vector drawings."""

    takes = Image

    async def process(self, item: Image) -> Image | RejectedImage:
        if sniff(item.body):
            return item
        return RejectedImage(ref=item.ref, reason="not_an_image", detail={"bytes": len(item.body)})
