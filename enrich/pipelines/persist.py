"""Hands everything to the process's one writer: performers, look-ups, and what became of every picture."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import Future
from typing import NoReturn, Self, TypeVar

from scrapy.crawler import Crawler
from scrapy.exceptions import DropItem
from sqlalchemy import Connection

from enrich.errors import DatabaseTrouble
from enrich.items import (
    EmbeddedImage,
    FailedImage,
    GonePerformer,
    KnownImage,
    LookupEnded,
    Performer,
    RefusedPerformer,
    RejectedImage,
)
from enrich.runtime.context import REPLACED, TAKEN_AWAY, TAKEN_LATER, CrawlContext, context_of
from enrich.store.acceptance.decide import Finding, save_findings
from enrich.store.db.linger import Gathering
from enrich.store.forgetting.forgotten import ForgottenPerformer
from enrich.store.forgetting.gone import enter_gone
from enrich.store.ledger.rows import Decision, OrphanImage
from enrich.store.people.save import end_lookup, remove_performer, save_performer

T = TypeVar("T")
Found = EmbeddedImage | KnownImage | RejectedImage | FailedImage

_FACES = {
    "waits": "enrich/faces/waiting",
    "suspicious": "enrich/faces/suspicious",
    "also_taken": TAKEN_LATER,
    "taken_away": TAKEN_AWAY,
    "replaced": REPLACED,
}
"""What is counted of a decision beside its outcome."""


GATHER_SECONDS = 0.1
"""How long a picture waits for others, to be written in one transaction with them. Nothing else waits for it: a picture
that is being written holds neither a connection nor a thread."""


class PersistStage:
    """Writes each item in the order in which items arrive; done with one only when it is on the disk."""

    def __init__(self, crawler: Crawler) -> None:
        self.crawler = crawler
        self.stats = crawler.stats
        self.gathering = Gathering(GATHER_SECONDS)

    @classmethod
    def from_crawler(cls, crawler: Crawler) -> Self:
        return cls(crawler)

    @property
    def context(self) -> CrawlContext:
        """The crawl's context as it is now, with the run once that is entered."""
        context = context_of(self.crawler)
        assert context is not None
        return context

    async def process_item(self, item: object) -> object:
        """Write the item. Raises DropItem for what was turned down, once its ledger row is written."""
        run = self.context.run
        match item:
            case Performer():
                try:
                    saved = await self._write(lambda tx: save_performer(tx, item, self.context.priorities, run=run))
                except ForgottenPerformer:
                    await self._refuse(
                        RefusedPerformer(
                            source=item.source,
                            source_id=item.source_id,
                            performer_id=item.performer_id,
                            mode=item.mode,
                            reason="forgotten",
                        )
                    )
                self._count("enrich/performers")
                if saved.created:
                    self._count("enrich/performers/created")
                if saved.conflicts:
                    self._count("enrich/urls/owned_by_another", len(saved.conflicts))
                if item.performer_id is not None:
                    self._count("enrich/lookups/done")
                return item
            case LookupEnded():
                await self._write(lambda tx: end_lookup(tx, item, run=run))
                self._count(f"enrich/lookups/{item.outcome}")
                if item.outcome == "wrong_person":
                    self._count("enrich/rejected/wrong_person")
                return item
            case RefusedPerformer():
                await self._refuse(item)
            case GonePerformer():
                found = await self._write(lambda tx: enter_gone(tx, item, self.context.priorities))
                if found in ("gone", "merged"):
                    self._count(f"enrich/performers/{found}")
                return item
            case EmbeddedImage() | KnownImage() | RejectedImage() | FailedImage():
                return self._decided(item, await self._image(item))
        raise TypeError(f"nothing knows where to write a {type(item).__name__}")

    async def _refuse(self, item: RefusedPerformer) -> NoReturn:
        await self._write(lambda tx: remove_performer(tx, item, run=self.context.run))
        self._count(f"enrich/rejected/{item.reason}")
        who = "a performer" if item.reason == "forgotten" else f"{item.source} {item.source_id}"
        raise DropItem(f"{who}: {item.reason}")

    async def _write(self, fn: Callable[[Connection], T]) -> T:
        await self.gathering.end()
        return await self._written(self.context.writer.submit(fn))

    async def _written(self, future: Future[T]) -> T:
        """Wait for it. Raises DropItem, once the crawl was told to end, where nothing can be written any more."""
        try:
            return await asyncio.wrap_future(future)
        except DatabaseTrouble as error:
            self.context.give_up(error)
            raise DropItem(str(error)) from error

    async def _image(self, item: Found) -> Decision:
        await self.gathering.wait()
        finding = Finding(image=item, policy=self.context.policy, run=self.context.run)
        try:
            return await self._written(self.context.writer.submit_piece(save_findings, finding))
        except OrphanImage as error:
            # Its performer was refused, or removed by another process meanwhile: the picture is nobody's.
            if await asyncio.to_thread(self.context.reads.is_forgotten_picture, item.ref):
                self._count("enrich/rejected/forgotten")
                raise DropItem("a picture of a performer who was forgotten") from None
            self._count("enrich/images/orphaned")
            raise DropItem(str(error)) from error

    def _decided(self, item: Found, decision: Decision) -> object:
        if decision.repeated:
            self._count("enrich/images/repeated")
            raise DropItem(f"{item.ref.image_url}: decided before")
        self._count(f"enrich/images/{decision.outcome}")
        for name, stat in _FACES.items():
            if number := int(getattr(decision, name)):
                self._count(stat, number)
        if decision.outcome == "accepted":
            self._count("enrich/faces/accepted")
            return item
        if decision.reason is not None:
            self._count(f"enrich/rejected/{decision.reason}")
        raise DropItem(f"{item.ref.image_url}: {decision.reason or decision.outcome}")

    def _count(self, name: str, by: int = 1) -> None:
        self.stats.inc_value(name, by)
