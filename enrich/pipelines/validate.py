"""What can be told before any computing: who is under age, and what is no picture at all."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Self

from scrapy.crawler import Crawler

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
    """Turns down files that are too large, and those that are no picture by their first bytes, such as pages."""

    takes = Image

    def __init__(self, max_bytes: int) -> None:
        self.max_bytes = max_bytes

    @classmethod
    def from_crawler(cls, crawler: Crawler) -> Self:
        return cls(crawler.settings.getint("IMAGE_MAX_BYTES"))

    async def process(self, item: Image) -> Image | RejectedImage:
        if len(item.body) > self.max_bytes:
            return RejectedImage(ref=item.ref, reason="image_too_large", detail={"bytes": len(item.body)})
        if sniff(item.body):
            return item
        return RejectedImage(ref=item.ref, reason="not_an_image", detail={"bytes": len(item.body)})
