"""What a crawl's components share: its source, reads, writer and run; made by the extension that opens the store."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from weakref import WeakKeyDictionary

from scrapy.crawler import Crawler

from enrich.config import Source
from enrich.errors import DatabaseTrouble
from enrich.store.acceptance.policy import Policy
from enrich.store.crawl_queries.queries import Library
from enrich.store.db.writer import Writer
from enrich.store.ledger.runs import Run
from enrich.store.reembedding.library import ReembedLibrary

TAKEN_LATER, TAKEN_AWAY, REPLACED = "enrich/faces/taken_later", "enrich/faces/taken_away", "enrich/faces/replaced"
"""The stats of faces that had waited and were taken, of unconfirmed ones that were contradicted, of those that gave way
to better ones; of any source."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CrawlContext:
    """An ordinary crawl's. ``run``: ``None`` until it is entered. ``give_up``: ends a crawl that cannot write."""

    source: Source
    reads: Library
    writer: Writer
    policy: Policy
    priorities: Mapping[str, int]
    give_up: Callable[[DatabaseTrouble], None]
    run: Run | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ReembedContext:
    """That of a crawl that embeds accepted faces anew. ``model``: the new pack's fingerprint."""

    reads: ReembedLibrary
    writer: Writer
    model: str


_contexts: WeakKeyDictionary[Crawler, CrawlContext | ReembedContext] = WeakKeyDictionary()


def set_context(crawler: Crawler, context: CrawlContext | ReembedContext) -> None:
    """Make the context known to the crawl's other components, or replace it."""
    _contexts[crawler] = context


def context_of(crawler: Crawler) -> CrawlContext | None:
    """The context of an ordinary crawl; ``None`` for one without a store, or that embeds anew."""
    context = _contexts.get(crawler)
    return context if isinstance(context, CrawlContext) else None


def reembed_context_of(crawler: Crawler) -> ReembedContext | None:
    """The context of a crawl that embeds anew; ``None`` for any other."""
    context = _contexts.get(crawler)
    return context if isinstance(context, ReembedContext) else None
