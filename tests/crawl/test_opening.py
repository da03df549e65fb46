"""What the event loop is spared: whatever takes long is done before a crawl opens, in a thread."""

from __future__ import annotations

import re

from tests.conftest import Scrapy

IMPORTED = re.compile(r"^import time:\s+\d+ \|\s+\d+ \|\s+([\w.]+)$", re.MULTILINE)
LAST = "enrich.store.db.upgrade"
"""What is imported last, by way of Alembic, to make the database."""


def test_a_crawl_opens_with_everything_imported(crawling: Scrapy) -> None:
    finished = crawling("crawl", "stashdb", "-a", "limit=2", PYTHONPROFILEIMPORTTIME="1")
    assert finished.code == 0, finished.err
    names = IMPORTED.findall(finished.err.partition("Closing spider")[0])
    afterwards = names[names.index(LAST) + 1 :]
    assert {name.partition(".")[0] for name in afterwards} <= {"encodings"}, afterwards
