"""The end of a walk through a list: whether everybody was in it whom the source counts, and whom we know from it."""

from __future__ import annotations

from abc import abstractmethod
from typing import Any, Self

from scrapy import signals
from scrapy.crawler import Crawler
from scrapy.exceptions import DontCloseSpider
from scrapy.http import Request

from enrich.spiders.bases.source import SourceSpider

FEW_GONE = 20
"""So many may be missing in a list of any length before it is taken for a faulty one."""
_LAST = -100
"""The priority of what is asked for when everything else is done."""


class ListEndSpider(SourceSpider):
    """What was not listed though the source counts it is looked for in a second sweep.

    What is missing after that is said, and the run is degraded. After a whole list, performers known from the source
    who are not in it are asked for one by one.
    """

    def __init__(self, **given: Any) -> None:
        super().__init__(**given)
        self._expected: int | None = None
        self._swept_twice = False
        self._asked_for_the_missing = False
        self._stopping = False
        self._failed_pages = 0

    @classmethod
    def from_crawler(cls, crawler: Crawler, *args: Any, **kwargs: Any) -> Self:
        """Connect the count at the end of the walk. Raises ConfigError."""
        spider = super().from_crawler(crawler, *args, **kwargs)
        crawler.signals.connect(spider.reconcile, signals.spider_idle)
        return spider

    @abstractmethod
    def sweep_again(self) -> Request:
        """The request that begins the list anew."""

    @abstractmethod
    def request_for(self, performer: str) -> Request:
        """The request for one performer, by the id at the source."""

    @property
    @abstractmethod
    def is_whole(self) -> bool:
        """Whether every page could be read."""

    @property
    def listed(self) -> set[str]:
        """The ids of all performers listed so far, also in the runs before that used the same job directory."""
        seen: set[str] = self.state.setdefault("performers", set())
        return seen

    def reconcile(self) -> None:
        """When nothing is left to do: have all performers been listed that the server counts?

        Raises DontCloseSpider to sweep the list again, once, and to ask for those who are not in it any more.
        """
        if self._stopping or self._expected is None or self.limit or self.arguments.since or self.performer:
            return
        missing = self._expected - len(self.listed)
        if missing <= 0:
            self._ask_for_the_missing()
            return
        if not self._swept_twice and not self._failed_pages:
            self._swept_twice = True
            self.logger.info("%s: %d performers were not listed; reading the list once more", self.name, missing)
            self.crawler.engine.crawl(self.sweep_again())
            raise DontCloseSpider
        self.degrade("count", f"{missing} of {self._expected} performers were never listed by {self.source.url}")

    def _ask_for_the_missing(self) -> None:
        """Ask, one by one, for the performers known from here whom the whole list does not have: are they gone?

        Raises DontCloseSpider where there is somebody to ask for. If many are missing, it is the list that is faulty.
        """
        if self._asked_for_the_missing or self.library is None or not self.is_whole:
            return
        self._asked_for_the_missing = True
        held = self.library.ids_there(self.name)
        missing = sorted({number.lower() for number in held} - self.listed)
        allowed = max(FEW_GONE, self.crawler.settings.getfloat("ALLOWED_GONE_SHARE") * len(held))
        if missing and (len(missing) > allowed or not self.listed):
            self.degrade(
                "gone",
                f"{len(missing)} of the {len(held)} performers known from {self.source.url} are not in its list. That "
                "many are taken for a fault of the list, and none was asked for; if they are gone indeed, crawl once "
                "with -s ALLOWED_GONE_SHARE=1",
            )
        elif missing:
            self.logger.info("%s: asking for %d performers who are not in the list any more", self.name, len(missing))
            for number in missing:
                self.crawler.engine.crawl(self.request_for(number).replace(priority=_LAST))
            raise DontCloseSpider
