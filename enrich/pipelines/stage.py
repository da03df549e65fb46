"""What every stage of the pipeline is: it takes one class of item and passes the others on."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any, ClassVar, Generic, TypeVar, cast

T = TypeVar("T")


class Stage(ABC, Generic[T]):
    """An item pipeline component that works on items of exactly the class ``takes``."""

    takes: ClassVar[type[Any]]

    async def process_item(self, item: object) -> object:
        """Return what the item has become, or the item itself where it is not this stage's business."""
        if type(item) is self.takes:
            return await self.process(cast(T, item))
        return item

    @abstractmethod
    async def process(self, item: T) -> object:
        """Take the item one step further, or return the ``RejectedImage`` it ends as."""
