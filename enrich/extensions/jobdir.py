"""Guards a crawl's JOBDIR: one process at a time, and only an intact queue is resumed.

Scrapy's own way loses, after an unclean stop, without a word whatever was queued. Here the queue only saves work: what
is left to do is in the database, and a queue in doubt is set aside.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Self

from scrapy import signals
from scrapy.crawler import Crawler
from scrapy.exceptions import CloseSpider, NotConfigured

from enrich.errors import JOBDIR_UNWRITABLE, JobDirError
from enrich.net.scheduler import queue_trouble
from enrich.runtime.context import context_of
from enrich.runtime.job_path import crawl_of, job_dir_of
from enrich.spiders.bases.source import SourceSpider
from enrich.store.db.database import database_url
from enrich.store.jobs import JobDir

logger = logging.getLogger(__name__)

NOTHING_LEFT = frozenset({"finished", "start_error"})
"""Reasons for which a crawl closes with an empty queue."""


class JobDirGuard:
    """Raises JobDirError where another process has the directory, or it cannot be written; StoreError as RunExtension.

    Counts ``jobdir/unclean_recoveries``: states that were set aside. Keeps ``spider.state``, with the queue or not at
    all.
    """

    def __init__(self, crawler: Crawler, spider: SourceSpider, job: JobDir, crawl: Mapping[str, str]) -> None:
        self.crawler = crawler
        self.spider = spider
        self.job = job
        self.crawl = crawl
        self.begun = False
        self.reason = ""

    @classmethod
    def from_crawler(cls, crawler: Crawler) -> Self:
        """Decide, before anything opens the queue, what becomes of it. JOBDIR is told to Scrapy as it is from here."""
        spider, settings = crawler.spider, crawler.settings
        if not isinstance(spider, SourceSpider):
            raise NotConfigured
        path = job_dir_of(settings, spider.name, spider.arguments)
        settings.set("JOBDIR", None if path is None else str(path), priority="cmdline")
        if path is None:
            raise NotConfigured
        guard = cls(crawler, spider, JobDir.lock(path, spider.name), crawl_of(spider))
        try:
            guard.look(database_url(settings["DATA_DIR"], settings.get("DATABASE_URL")))
        except BaseException:
            guard.job.release()
            raise
        crawler.signals.connect(guard.spider_opened, signals.spider_opened)
        crawler.signals.connect(guard.spider_closed, signals.spider_closed)
        crawler.signals.connect(guard.engine_stopped, signals.engine_stopped)
        return guard

    def look(self, url: str) -> None:
        """Set aside what must not be resumed; give the spider its notes."""
        problem = self.job.problem(self.crawl, url)
        if problem is None:
            try:
                self.spider.state = self.job.spider_state()
            except JobDirError:
                raise
            except Exception as error:  # noqa: BLE001  # objects of an older program may fail in any way
                problem = f"the spider's notes cannot be read ({error!r})"
            else:
                return
        aside = self.job.set_aside()
        self.crawler.stats.inc_value("jobdir/unclean_recoveries")
        logger.warning(
            "%s: the queue in %s is not resumed: %s. It is kept in %s; the crawl starts from the database",
            self.spider.name,
            self.job.path,
            problem,
            aside.name,
        )

    def spider_opened(self) -> None:
        """Mark the directory as that of a running crawl, before the first request. Raises CloseSpider."""
        try:
            self.job.begin(self.crawl)
        except JobDirError as error:
            self.spider.degrade("jobdir", str(error))
            raise CloseSpider(JOBDIR_UNWRITABLE) from error
        self.begun = True

    def spider_closed(self, reason: str) -> None:
        """Note why; others are not done yet."""
        self.reason = reason

    def engine_stopped(self) -> None:
        """With everything written and closed: nothing stays of a finished crawl, all of a stopped one.

        A crawl that is forced to end never comes here, and stays marked as running; so does one that could not write.
        """
        context = context_of(self.crawler)
        try:
            if self.begun and self.reason in NOTHING_LEFT:
                self.job.wipe()
            elif self.begun and "jobdir" not in self.spider.degraded and queue_trouble(self.crawler) is None:
                self.job.keep(self.crawl, self.spider.state, context.run if context else None, self.reason)
        except JobDirError as error:
            logger.warning("%s: the next crawl starts from the database: %s", self.spider.name, error)
        finally:
            self.job.release()
