"""Crawls that only ask, for tests of the way that requests take."""

from tests.middlewares.asker import ask, serving
from tests.middlewares.walker import walker

__all__ = ["ask", "serving", "walker"]
