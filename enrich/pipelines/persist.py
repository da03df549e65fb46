"""Hands everything to the process's one writer: performers, look-ups, and what became of every picture."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Self, TypeVar

from scrapy.crawler import Crawler
from scrapy.exceptions import DropItem
from sqlalchemy import Connection

from enrich.extensions.run import RunExtension
from enrich.items import EmbeddedImage, FailedImage, LookupEnded, Performer, RefusedPerformer, RejectedImage
from enrich.store.faces import fail_image, reject_image, save_face
from enrich.store.ledger import Decision, OrphanImage
from enrich.store.performers import end_lookup, remove_performer, save_performer

T = TypeVar("T")


class PersistStage:
    """Writes each item in the order in which items arrive; done with one only when it is on the disk."""

    def __init__(self, crawler: Crawler, store: RunExtension) -> None:
        self.stats = crawler.stats
        self.store = store

    @classmethod
    def from_crawler(cls, crawler: Crawler) -> Self:
        store = crawler.get_extension(RunExtension)
        assert store is not None
        return cls(crawler, store)

    async def process_item(self, item: object) -> object:
        """Write the item. Raises DropItem for what was turned down, once its ledger row is written."""
        run, limits = self.store.run, self.store.limits
        match item:
            case Performer():
                saved = await self._write(lambda tx: save_performer(tx, item, self.store.priorities, run=run))
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
                await self._write(lambda tx: remove_performer(tx, item, run=run))
                self._count(f"enrich/rejected/{item.reason}")
                raise DropItem(f"{item.source} {item.source_id}: {item.reason}")
            case EmbeddedImage():
                return self._decided(item, await self._image(lambda tx: save_face(tx, item, limits, run=run)))
            case RejectedImage():
                return self._decided(item, await self._image(lambda tx: reject_image(tx, item, run=run)))
            case FailedImage():
                return self._decided(item, await self._image(lambda tx: fail_image(tx, item, run=run)))
        raise TypeError(f"nothing knows where to write a {type(item).__name__}")

    async def _write(self, fn: Callable[[Connection], T]) -> T:
        return await asyncio.wrap_future(self.store.writer.submit(fn))

    async def _image(self, fn: Callable[[Connection], Decision]) -> Decision:
        try:
            return await self._write(fn)
        except OrphanImage as error:
            # Its performer was refused, or removed by another process meanwhile: the picture is nobody's.
            self._count("enrich/images/orphaned")
            raise DropItem(str(error)) from error

    def _decided(self, item: EmbeddedImage | RejectedImage | FailedImage, decision: Decision) -> object:
        if decision.repeated:
            self._count("enrich/images/repeated")
            raise DropItem(f"{item.ref.image_url}: decided before")
        self._count(f"enrich/images/{decision.outcome}")
        if decision.outcome == "accepted":
            self._count("enrich/faces/accepted")
            return item
        if decision.reason is not None:
            self._count(f"enrich/rejected/{decision.reason}")
        raise DropItem(f"{item.ref.image_url}: {decision.reason or decision.outcome}")

    def _count(self, name: str, by: int = 1) -> None:
        self.stats.inc_value(name, by)
