"""Micro-batches: nothing is lost, nothing waits for ever, errors are heard."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Coroutine, Mapping
from functools import wraps

import numpy as np
import pytest

from enrich.faces.batcher import Batcher
from enrich.items import FloatArray, Uint8Array

LONG = 3600.0
"""A wait no test sits out: a batch that starts did so for another reason."""


class Doubler:
    """Stands for a recogniser: a crop's vector is twice its first pixel; notes batches and threads; may be held up."""

    def __init__(self) -> None:
        self.batches: list[int] = []
        self.threads: set[int] = set()
        self.free = threading.Event()
        self.free.set()
        self.entered = threading.Event()

    def __call__(self, crops: list[Uint8Array]) -> Mapping[str, FloatArray]:
        self.entered.set()
        assert self.free.wait(30)
        self.batches.append(len(crops))
        self.threads.add(threading.get_ident())
        first = np.array([[crop.flat[0]] for crop in crops], np.float32)
        if (first == 255).any():
            raise FloatingPointError("255")
        return {"doubled": first * 2, "same": first}


def in_a_loop(test: Callable[[], Coroutine[None, None, None]]) -> Callable[[], None]:
    """Run an async test in an event loop of its own."""

    @wraps(test)
    def run() -> None:
        asyncio.run(test())

    return run


def crop(value: int) -> Uint8Array:
    return np.full((2, 2, 3), value, np.uint8)


@in_a_loop
async def test_each_waiter_gets_its_own_row() -> None:
    embed = Doubler()
    batcher = Batcher(embed, 4, LONG)
    answers = await asyncio.gather(*(batcher.embed_one(crop(value)) for value in range(8)))
    assert [float(answer["doubled"][0]) for answer in answers] == [value * 2 for value in range(8)]
    assert [float(answer["same"][0]) for answer in answers] == list(range(8))
    assert embed.batches == [4, 4]
    assert batcher.size_mean == 4
    await batcher.close()


@in_a_loop
async def test_a_lone_crop_goes_when_it_has_waited() -> None:
    embed = Doubler()
    batcher = Batcher(embed, 100, 0.01)
    assert batcher.size_mean is None
    answer = await asyncio.wait_for(batcher.embed_one(crop(3)), 30)
    assert float(answer["doubled"][0]) == 6
    answer = await asyncio.wait_for(batcher.embed_one(crop(4)), 30)  # the timer is set anew
    assert embed.batches == [1, 1]
    await batcher.close()


@in_a_loop
async def test_what_gathers_while_a_batch_runs_goes_next_without_a_timer() -> None:
    embed = Doubler()
    batcher = Batcher(embed, 2, LONG)
    embed.free.clear()
    first = [asyncio.create_task(batcher.embed_one(crop(value))) for value in (1, 2)]
    await asyncio.to_thread(embed.entered.wait, 30)
    later = asyncio.create_task(batcher.embed_one(crop(9)))
    await asyncio.sleep(0)
    embed.free.set()
    answers = await asyncio.wait_for(asyncio.gather(*first, later), 30)
    assert float(answers[2]["same"][0]) == 9
    assert embed.batches == [2, 1]
    await batcher.close()


@in_a_loop
async def test_an_error_reaches_every_waiter_of_its_batch_and_no_other() -> None:
    batcher = Batcher(Doubler(), 2, LONG)
    answers = await asyncio.gather(
        *(batcher.embed_one(crop(value)) for value in (1, 255, 2, 3)), return_exceptions=True
    )
    assert [type(answer) for answer in answers] == [FloatingPointError, FloatingPointError, dict, dict]
    await batcher.close()


@in_a_loop
async def test_close_embeds_what_waits() -> None:
    embed = Doubler()
    batcher = Batcher(embed, 2, LONG)
    waiting = [asyncio.create_task(batcher.embed_one(crop(value))) for value in (1, 2, 3, 4, 5)]
    await asyncio.sleep(0)
    await asyncio.wait_for(batcher.close(), 30)
    assert all(task.done() for task in waiting)
    assert [float(task.result()["same"][0]) for task in waiting] == [1, 2, 3, 4, 5]
    assert sum(embed.batches) == 5
    await batcher.close()
    with pytest.raises(RuntimeError, match="closed"):
        await batcher.embed_one(crop(1))


@in_a_loop
async def test_a_cancelled_item_costs_no_embedding() -> None:
    embed = Doubler()
    batcher = Batcher(embed, 3, LONG)
    gone = asyncio.create_task(batcher.embed_one(crop(255)))
    stays = asyncio.create_task(batcher.embed_one(crop(1)))
    await asyncio.sleep(0)
    gone.cancel()
    await asyncio.sleep(0)
    await batcher.close()
    assert float(stays.result()["same"][0]) == 1
    assert embed.batches == [1]


@in_a_loop
async def test_one_thread_that_is_not_the_loops() -> None:
    embed = Doubler()
    batcher = Batcher(embed, 1, LONG)
    await asyncio.gather(*(batcher.embed_one(crop(value)) for value in range(20)))
    assert len(embed.threads) == 1
    assert threading.get_ident() not in embed.threads
    await batcher.close()


def test_a_batch_holds_at_least_one() -> None:
    with pytest.raises(ValueError, match="at least 1"):
        Batcher(Doubler(), 0, 1)
