"""Micro-batches: single crops gathered across items into one run of the recognisers, in one thread."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor

from enrich.items import FloatArray, Uint8Array

Embed = Callable[[list[Uint8Array]], Mapping[str, FloatArray]]
_Waiter = tuple[Uint8Array, "asyncio.Future[dict[str, FloatArray]]"]


class Batcher:
    """Embeds crops in batches of up to ``batch_size``.

    A batch starts when it is full, or when its first crop has waited ``max_wait_seconds``, or at once when the thread
    gets free and crops have gathered meanwhile. Used from one event loop; ``embed`` runs in the batcher's own thread.
    """

    def __init__(self, embed: Embed, batch_size: int, max_wait_seconds: float) -> None:
        if batch_size < 1:
            raise ValueError("batch_size must be at least 1")
        self._embed = embed
        self._batch_size = batch_size
        self._max_wait_seconds = max_wait_seconds
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="embed")
        self._waiting: deque[_Waiter] = deque()
        self._timer: asyncio.TimerHandle | None = None
        self._running: asyncio.Task[None] | None = None
        self._closed = False
        self._batches = 0
        self._crops = 0

    @property
    def size_mean(self) -> float | None:
        """Crops in a batch on average so far; None before the first batch."""
        return self._crops / self._batches if self._batches else None

    async def embed_one(self, crop: Uint8Array) -> dict[str, FloatArray]:
        """Return the crop's vectors by recogniser, float32 (dim,).

        Raises what ``embed`` raised for the batch, and RuntimeError after ``close``.
        """
        if self._closed:
            raise RuntimeError("the batcher is closed")
        loop = asyncio.get_running_loop()
        vectors: asyncio.Future[dict[str, FloatArray]] = loop.create_future()
        self._waiting.append((crop, vectors))
        if self._running is None:
            if len(self._waiting) >= self._batch_size:
                self._start()
            elif self._timer is None:
                self._timer = loop.call_later(self._max_wait_seconds, self._start)
        return await vectors

    async def close(self) -> None:
        """Embed what waits, then end the thread. Crops that come later are refused."""
        self._closed = True
        self._start()
        while self._running is not None:
            await self._running
        self._thread.shutdown()

    def _start(self) -> None:
        """Start the next batch unless one is running or nobody waits."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if self._running is not None:
            return
        batch: list[_Waiter] = []
        while self._waiting and len(batch) < self._batch_size:
            waiter = self._waiting.popleft()
            if not waiter[1].done():  # its item was cancelled meanwhile
                batch.append(waiter)
        if batch:
            self._running = asyncio.get_running_loop().create_task(self._run(batch))

    async def _run(self, batch: list[_Waiter]) -> None:
        crops = [crop for crop, _ in batch]
        waiters = [waiter for _, waiter in batch]
        try:
            by_name = await asyncio.get_running_loop().run_in_executor(self._thread, self._embed, crops)
            for row, waiter in enumerate(waiters):
                if not waiter.done():
                    waiter.set_result({name: vectors[row] for name, vectors in by_name.items()})
        except Exception as error:  # noqa: BLE001  # the waiters handle it; swallowed here they would wait for ever
            for waiter in waiters:
                if not waiter.done():
                    waiter.set_exception(error)
        finally:
            for waiter in waiters:
                waiter.cancel()  # does nothing to those that have their answer
            self._batches += 1
            self._crops += len(batch)
            self._running = None
            self._start()
