"""Has what comes within a moment go on together, so that one transaction pays for all of it."""

from __future__ import annotations

import asyncio


class Gathering:
    """Whoever waits goes on ``seconds`` after the first of those who wait, all in the order in which they came.

    Used from one event loop.
    """

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds
        self._waiting: list[asyncio.Future[None]] = []
        self._timer: asyncio.TimerHandle | None = None

    async def wait(self) -> None:
        """Wait for the others."""
        loop = asyncio.get_running_loop()
        if self._timer is None:
            self._timer = loop.call_later(self.seconds, self._end)
        turn: asyncio.Future[None] = loop.create_future()
        self._waiting.append(turn)
        await turn

    async def end(self) -> None:
        """Have those who wait go on now, before this returns."""
        if self._timer is not None:
            self._timer.cancel()
            self._end()
            await asyncio.sleep(0)

    def _end(self) -> None:
        waiting, self._waiting, self._timer = self._waiting, [], None
        for turn in waiting:
            if not turn.done():  # else it was cancelled
                turn.set_result(None)
