"""Those who come within a moment go on together."""

from __future__ import annotations

import asyncio

import pytest

from enrich.store.db.linger import Gathering

NEVER = 3600.0


async def until_all_wait() -> None:
    for _ in range(5):
        await asyncio.sleep(0)


def test_they_go_on_together_in_the_order_in_which_they_came() -> None:
    async def scene() -> list[str]:
        gathering, log = Gathering(NEVER), []

        async def one(name: str) -> None:
            await gathering.wait()
            log.append(name)

        tasks = [asyncio.create_task(one(name)) for name in "abc"]
        await until_all_wait()
        log.append("until now nobody")
        await gathering.end()
        log.append("who ended it")
        await asyncio.gather(*tasks)
        return log

    assert asyncio.run(scene()) == ["until now nobody", "a", "b", "c", "who ended it"]


def test_time_lets_them_go_on_and_whoever_comes_then_waits_anew() -> None:
    async def scene() -> None:
        gathering = Gathering(0.01)
        await asyncio.gather(gathering.wait(), gathering.wait())
        await gathering.wait()

    asyncio.run(asyncio.wait_for(scene(), 30))


def test_nobody_waits_and_it_can_be_ended() -> None:
    asyncio.run(Gathering(NEVER).end())


def test_who_is_cancelled_leaves_the_others_waiting() -> None:
    async def scene() -> None:
        gathering = Gathering(NEVER)
        leaving, staying = (asyncio.create_task(gathering.wait()) for _ in range(2))
        await until_all_wait()
        leaving.cancel()
        with pytest.raises(asyncio.CancelledError):
            await leaving
        assert not staying.done()
        await gathering.end()
        await staying

    asyncio.run(scene())
