"""A crawl's life in the database: opened before the first request, then written, indexed and closed.

Pipelines close all at once, so none of them may own the store: this extension does, and closes it last, in the one
right order: everything written, the run judged and recorded, the index brought up to date, the database closed.
"""

from __future__ import annotations

import asyncio
import logging
import tempfile
from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Self

from scrapy import signals
from scrapy.crawler import Crawler
from scrapy.exceptions import CloseSpider, NotConfigured

from enrich.errors import DATABASE_FAILED, DatabaseTrouble, StoreError
from enrich.runtime.context import REPLACED, TAKEN_AWAY, TAKEN_LATER, CrawlContext, set_context
from enrich.runtime.health import Allowance, verdict
from enrich.runtime.models import pack_for
from enrich.spiders.bases.source import SourceSpider, sources_of
from enrich.store.acceptance.decide import judge_waiting
from enrich.store.acceptance.policy import Policy, policy_of
from enrich.store.crawl_queries.queries import Library
from enrich.store.db.backup import copy_database
from enrich.store.db.database import database_url, snapshot
from enrich.store.db.model_pack import model_problem
from enrich.store.db.writer import Writer
from enrich.store.forgetting.files import Places, finish, note_job_dir, owed, running_crawls
from enrich.store.index.sync import IndexSpec, catch_up
from enrich.store.ledger.runs import Run, beat, finish_run, start_run

logger = logging.getLogger(__name__)

HEARTBEAT_SECONDS = 60.0
OWED = "forgetting/owed"
"""The stat that tells the command to take whoever was removed out of the files, once all crawls are closed."""


class RunExtension:
    """Raises StoreError where the database cannot be opened or holds vectors of another pack.

    In a dry run it works on a copy that is thrown away.
    """

    def __init__(
        self,
        crawler: Crawler,
        spider: SourceSpider,
        url: str,
        index_dir: Path,
        specs: Sequence[IndexSpec],
        policy: Policy,
        refresh_after: timedelta,
        places: Places,
        allowance: Allowance,
        dry_run_dir: str | None = None,
    ) -> None:
        self.crawler = crawler
        self.spider = spider
        self.index_dir = index_dir
        self.specs = specs
        self.policy = policy
        self.priorities = places.priorities
        self.jobs_dir = places.jobs_dir.absolute()
        self.allowance = allowance
        self.dry_run = spider.dry_run
        self.scratch = (
            tempfile.TemporaryDirectory(prefix="enrich-dry-run-") if self.dry_run and not dry_run_dir else None
        )
        if self.dry_run:
            url = copy_database(url, Path(self.scratch.name if self.scratch else dry_run_dir or ""))
        self.writer = Writer.acquire(url)
        with snapshot(self.writer.engine) as connection:
            problem = model_problem(connection, specs[0].model, {spec.recogniser: spec.dim for spec in specs})
        if problem is not None:
            self.writer.release()
            raise StoreError(problem)
        if not self.dry_run:
            self._finish_forgetting(places)
        self.library = Library(
            self.writer.engine,
            limits=policy.limits(spider.name),
            refresh_after=refresh_after,
            priorities=self.priorities,
        )
        spider.library = self.library
        self.context = CrawlContext(
            source=spider.source,
            reads=self.library,
            writer=self.writer,
            policy=policy,
            priorities=self.priorities,
            give_up=self.give_up,
        )
        set_context(crawler, self.context)
        self.run: Run | None = None
        self.giving_up: asyncio.Task[None] | None = None
        self.heartbeat: asyncio.Task[None] | None = None

    @classmethod
    def from_crawler(cls, crawler: Crawler) -> Self:
        spider = crawler.spider
        if not isinstance(spider, SourceSpider):
            raise NotConfigured
        settings = crawler.settings
        data_dir = Path(settings["DATA_DIR"])
        pack = pack_for(settings)
        sources = sources_of(settings).override(max_faces={spider.name: spider.source.max_faces})
        extension = cls(
            crawler,
            spider,
            database_url(data_dir, settings.get("DATABASE_URL")),
            data_dir / "index",
            [IndexSpec(recogniser.name, recogniser.dim, pack.fingerprint) for recogniser in pack.recognisers],
            policy_of(pack, sources),
            timedelta(days=settings.getfloat("REFRESH_DAYS")),
            Places(
                data_dir=data_dir,
                priorities={box.name: box.priority for box in sources.stash_boxes if box.priority is not None},
            ),
            Allowance(settings.getfloat("ALLOWED_FAILED_SHARE"), settings.getfloat("ALLOWED_UNEXPECTED_SHARE")),
            settings.get("DRY_RUN_DIR"),
        )
        crawler.signals.connect(extension.spider_opened, signals.spider_opened)
        crawler.signals.connect(extension.spider_closed, signals.spider_closed)
        return extension

    def _finish_forgetting(self, places: Places) -> None:
        """End what a killed ``scrapy forget`` has left to do in the files, before anything new is built on them."""
        with snapshot(self.writer.engine) as connection:
            if not owed(connection) or running_crawls(connection):
                return
        finished = finish(self.writer.engine, places, wait_seconds=0)
        for line in finished.done:
            logger.info("%s", line)
        for line in finished.problems:
            logger.warning("%s", line)

    def _note_job_dir(self) -> None:
        given = self.crawler.settings.get("JOBDIR")
        if given and self.jobs_dir not in (path := Path(given).absolute()).parents:
            self.writer.submit(partial(note_job_dir, path=path))

    async def spider_opened(self) -> None:
        """Enter the run. Raises CloseSpider where it cannot be entered."""
        spider = self.spider
        self._note_job_dir()
        try:
            self.run = await asyncio.wrap_future(self.writer.submit(lambda tx: start_run(tx, spider.name, spider.mode)))
        except DatabaseTrouble as error:
            spider.degrade("store", str(error))
            raise CloseSpider(DATABASE_FAILED) from error
        set_context(self.crawler, replace(self.context, run=self.run))
        self.heartbeat = asyncio.create_task(self._beat(self.run))

    async def _beat(self, run: Run) -> None:
        while True:
            await asyncio.sleep(HEARTBEAT_SECONDS)
            try:
                await asyncio.wrap_future(self.writer.submit(partial(beat, run=run, expected=self.spider.expected)))
            except DatabaseTrouble as error:
                self.give_up(error)

    def give_up(self, trouble: DatabaseTrouble) -> None:
        """End the crawl, for nothing can be written any more; what is not written is left to the next one."""
        if self.giving_up is None:
            self.spider.degrade("store", str(trouble))
            self.giving_up = asyncio.create_task(self.crawler.engine.close_spider_async(reason=DATABASE_FAILED))

    async def spider_closed(self, reason: str) -> None:
        """Judge and record the run, bring the index up to date, close the database."""
        if self.heartbeat is not None:
            self.heartbeat.cancel()
        stats = self.crawler.stats
        for name, line in verdict(stats.get_stats(), reason, self.allowance).items():
            stats.set_value(f"enrich/degraded/{name}", line)
            logger.warning("%s: %s", self.spider.name, line)
        await asyncio.to_thread(self._close, reason)

    def _judge_waiting(self) -> None:
        """Judge again what waits: what was gathered here and is not judged, and what has new faces to compare with."""
        if self.run is None:
            return
        after: int | None = 0
        while after is not None:
            sweep = partial(judge_waiting, policy=self.policy, source=self.spider.name, run=self.run, after=after)
            done = self.writer.submit(sweep).result()
            for name, number in ((TAKEN_LATER, done.taken), (TAKEN_AWAY, done.taken_away), (REPLACED, done.replaced)):
                if number:
                    self.crawler.stats.inc_value(name, number)
            after = done.last

    def _close(self, reason: str) -> None:
        run, expected = self.run, self.spider.expected
        try:
            if reason != DATABASE_FAILED:
                self._judge_waiting()
            stats = dict(self.crawler.stats.get_stats())
            if run is not None:
                if expected is not None:
                    self.writer.submit(partial(beat, run=run, expected=expected))
                self.writer.submit(lambda tx: finish_run(tx, run, reason, stats)).result()
            if not self.dry_run and reason != DATABASE_FAILED:
                for spec in self.specs:
                    logger.info("%s", catch_up(self.writer.engine, self.index_dir, spec))
                with snapshot(self.writer.engine) as connection:
                    if owed(connection):
                        self.crawler.stats.set_value(OWED, value=True)
        except StoreError as error:
            if reason != DATABASE_FAILED:  # else it has been said
                self.spider.degrade("store", str(error))
        finally:
            self.library.close()
            self.writer.release()
            if self.scratch is not None:
                self.scratch.cleanup()
