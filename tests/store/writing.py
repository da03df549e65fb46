"""What one of many processes does that write faces of the same performers."""

from __future__ import annotations

import multiprocessing
from collections import deque
from concurrent.futures import Future
from dataclasses import dataclass
from functools import partial
from multiprocessing.context import ForkServerContext
from multiprocessing.synchronize import Barrier
from pathlib import Path

from enrich.items import EmbeddedImage
from enrich.store.acceptance.decide import Finding, save_findings
from enrich.store.db.database import database_url
from enrich.store.db.model_pack import IndexSpec
from enrich.store.db.writer import Writer
from enrich.store.index.sync import catch_up
from enrich.store.ledger.rows import Decision, Limits
from enrich.store.ledger.runs import finish_run, start_run
from tests.store.acceptance.judged import TRUST, near, terms
from tests.store.conftest import Store

PERFORMERS = 50
SOURCES = ("babepedia", "iafd", "freeones", "boobpedia")
LIMITS = Limits(source=4, total=13)
"""Both are reached whoever comes first: thirteen faces of four sources are four of one of them at least."""
SPEC = IndexSpec("sface", 16, "pack-1")
IN_HAND = 64
"""So many pictures are on their way at a time."""

_start: list[Barrier] = []


@dataclass(frozen=True, slots=True)
class Told:
    """What a process was told of a picture."""

    source: str
    url: str
    decision: Decision

    @property
    def key(self) -> tuple[str, int, str]:
        return self.source, self.decision.performer_id, self.url


def forked() -> ForkServerContext:
    """Makes processes that have nothing of this one, quicker than Python starts."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload([__name__])
    return context


def begin_together(barrier: Barrier) -> None:
    """Have this process begin only when all are there."""
    _start.append(barrier)


def wait_for_the_others() -> None:
    """Wait until all processes are there."""
    _start[0].wait(60)


def picture(store: Store, who: str, number: int) -> EmbeddedImage:
    """A process's picture. Every tenth is everybody's; every seventh has the same bytes as the others' seventh."""
    url = f"https://img.example/{who if number % 10 else 'all'}/{number}.jpg"
    body = url if number % 7 else f"the same bytes {number}"
    source = SOURCES[number // PERFORMERS % len(SOURCES)]
    return store.image(url, body=body, source=source, performer_id=1 + number % PERFORMERS)


def write_faces(folder: Path, who: str, faces: int) -> list[Told]:
    """Write so many pictures as a crawl of each source does, then bring the index up to date."""
    store = Store.__new__(Store)  # only what makes pictures is needed of it
    writer = Writer.acquire(database_url(folder))
    wait_for_the_others()
    runs = {source: writer.submit(partial(start_run, source=source, mode="url")).result() for source in SOURCES}
    told: list[Told] = []
    waiting: deque[tuple[EmbeddedImage, Future[Decision]]] = deque()
    for number in range(faces):
        image = picture(store, who, number)
        finding = Finding(image=image, limits=LIMITS, run=runs[image.ref.source])
        waiting.append((image, writer.submit_piece(save_findings, finding)))
        if len(waiting) >= IN_HAND:
            told.append(_told(*waiting.popleft()))
    told += [_told(*one) for one in waiting]
    for run in runs.values():
        writer.submit(partial(finish_run, run=run, finish_reason="finished", stats={})).result()
    catch_up(writer.engine, folder / "index", SPEC)
    writer.release()
    return told


def write_of_trust(folder: Path, source: str, performers: int) -> list[Told]:
    """Write a face of each performer, and of a source that is believed less one of somebody else too.

    Sources of trust high begin with the last performer, so that each meets pictures that wait and finds others first.
    """
    store = Store.__new__(Store)
    writer = Writer.acquire(database_url(folder))
    aside = 1 + list(TRUST).index(source)
    trusted = TRUST[source] == "high"
    faces = {"theirs": near(0, 0.1, aside=aside)}
    if not trusted:
        faces["other"] = near(aside)
    told = []
    wait_for_the_others()
    for number in range(performers):
        performer = performers - number if trusted else 1 + number
        waiting = []
        for name, vector in faces.items():
            url = f"https://{source}.example/{performer}/{name}.jpg"
            image = store.image(url, source=source, performer_id=performer, vectors={"sface": vector})
            waiting.append((image, writer.submit_piece(save_findings, Finding(image=image, policy=terms()))))
        told += [_told(*one) for one in waiting]
    writer.release()
    return told


def _told(image: EmbeddedImage, future: Future[Decision]) -> Told:
    return Told(image.ref.source, image.ref.image_url, future.result())
