"""Crawls of a counting site, shared with the middlewares' tests, and the demo world."""

from tests.crawl.conftest import crawling, sources, world
from tests.middlewares.walker import walker

__all__ = ["crawling", "sources", "walker", "world"]
