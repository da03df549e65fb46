"""Obeys robots.txt as RFC 9309 has it, also where the file itself cannot be read.

No file (any 4xx) forbids nothing. A server that cannot give it now (5xx, no answer) forbids everything for now: it is
asked again after a while, and what was not fetched is left for a later run. A challenge is no answer of the site, so it
counts as no file. One file a host, kept for the crawl; it is fetched like every other answer, but through no solver and
no browser.
"""

from __future__ import annotations

import logging
from time import monotonic

from scrapy.crawler import Crawler
from scrapy.downloadermiddlewares.robotstxt import RobotsTxtMiddleware
from scrapy.exceptions import IgnoreRequest
from scrapy.http import Request, Response
from scrapy.robotstxt import RobotParser

from enrich.challenges.detect import wall
from enrich.request_errors import RobotsForbidden, RobotsUnreadable
from enrich.spiders.bases.source import SourceSpider

logger = logging.getLogger(__name__)

ASKED_AGAIN_SECONDS = 15 * 60


class ClosedForNow(RobotParser):
    """Stands for a robots.txt that could not be read. ``why``: what came instead."""

    def __init__(self, why: str) -> None:
        self.why = why
        self.until = monotonic() + ASKED_AGAIN_SECONDS

    @classmethod
    def from_crawler(cls, crawler: Crawler, robotstxt_body: bytes) -> ClosedForNow:
        return cls("no robots.txt")

    def allowed(self, url: str | bytes, user_agent: str | bytes) -> bool:
        return False


class RobotsMiddleware(RobotsTxtMiddleware):
    """Scrapy's, with these rules. Says at the start where a source gives a reason for ignoring robots.txt."""

    def __init__(self, crawler: Crawler) -> None:
        spider = crawler.spider
        if isinstance(spider, SourceSpider) and (reason := spider.source.ignore_robots):
            logger.warning("%s: robots.txt is not obeyed; the reason given is: %s", spider.name, reason)
            crawler.stats.set_value("robotstxt/ignored", reason)
        super().__init__(crawler)

    async def robot_parser(self, request: Request) -> RobotParser | None:
        """The host's rules; asked for anew where the last answer was none and is old."""
        host = request.url.partition("//")[2].partition("/")[0]
        known = self._parsers.get(host)
        if isinstance(known, ClosedForNow) and monotonic() >= known.until:
            del self._parsers[host]
        return await super().robot_parser(request)

    def process_request_2(self, rp: RobotParser | None, request: Request) -> None:
        """Raises RobotsForbidden for what is forbidden, RobotsUnreadable where nobody can say."""
        if isinstance(rp, ClosedForNow):
            host = request.url.partition("//")[2].partition("/")[0]
            raise RobotsUnreadable(f"robots.txt of {host} could not be read ({rp.why}); nothing is fetched there now")
        try:
            super().process_request_2(rp, request)
        except IgnoreRequest as error:
            raise RobotsForbidden(str(error)) from error

    async def _parse_robots(self, response: Response, netloc: str, request: Request) -> None:
        if response.status >= 500 and wall(response) is None:
            self._stats.inc_value(f"robotstxt/response_status_count/{response.status}")
            self._settle(netloc, ClosedForNow(f"HTTP {response.status}"))
        elif response.status >= 400:
            await super()._parse_robots(response.replace(body=b""), netloc, request)
        else:
            await super()._parse_robots(response, netloc, request)

    def _robots_error(self, exc: Exception, netloc: str) -> None:
        if isinstance(exc, IgnoreRequest):  # too many redirects, or one to where we do not go: no file
            super()._robots_error(exc, netloc)
            return
        self._stats.inc_value(f"robotstxt/exception_count/{type(exc).__name__}")
        self._settle(netloc, ClosedForNow(f"{type(exc).__name__}: {exc}".partition("\n")[0][:200]))

    def _settle(self, netloc: str, rules: RobotParser) -> None:
        waiting = self._parsers[netloc]
        self._parsers[netloc] = rules
        waiting.callback(rules)  # type: ignore[union-attr]  # Scrapy keeps a Deferred there until the answer is in
