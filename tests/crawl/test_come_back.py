"""What was not had is not lost: failures are in the ledger, what a stop left behind is pending, and both come back."""

from __future__ import annotations

import json
import signal
import sqlite3
from collections import Counter
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

from tests.conftest import Scrapy
from tests.crawl import ledger
from tests.middlewares.counting_site import JPEG, Answer, Asked, serving

IMAGES = 6


def box(pictures: Callable[[str, list[Asked]], Answer]) -> Callable[[str, list[Asked]], Answer]:
    """A stash-box with one performer; the pictures are as the test says."""

    def answer(path: str, asked: list[Asked]) -> Answer:
        if path != "/graphql":
            return pictures(path, asked)
        images = [{"id": str(n), "url": f"/images/{n}", "width": 600, "height": 600} for n in range(IMAGES)]
        performer = {
            "id": "00000000-0000-4000-8000-000000000001",
            "name": "Anna Example",
            "aliases": [],
            "deleted": False,
            "merged_ids": [],
            "urls": [],
            "images": images,
        }
        body = json.dumps({"data": {"queryPerformers": {"count": 1, "performers": [performer]}}})
        return Answer(body=body.encode(), content_type="application/json")

    return answer


def crawling(tmp_path: Path, models_dir: Path, url: str, rate_limit: float = 0) -> Scrapy:
    sources = tmp_path / "sources.yaml"
    sources.write_text(
        f'stash_boxes: {{stashdb: {{url: "{url}/graphql", rate_limit: {rate_limit}, trust_level: high, max_faces: 9}}}}'
    )
    return Scrapy(tmp_path / "data", models_dir, sources)


def picture(path: str, asked: list[Asked]) -> Answer:
    return Answer(body=JPEG, content_type="image/jpeg") if path.startswith("/images/") else Answer(404)


def test_what_failed_is_in_the_ledger_and_comes_back(tmp_path: Path, models_dir: Path) -> None:
    healthy: list[bool] = []

    def pictures(path: str, asked: list[Asked]) -> Answer:
        return Answer(500) if path == "/images/2" and not healthy else picture(path, asked)

    with serving(box(pictures)) as site:
        scrapy = crawling(tmp_path, models_dir, site.url)
        settings = ("-s", "RETRY_TIMES=1", "-s", "RETRY_FIRST_WAIT_SECONDS=0.1")
        scrapy("crawl", "stashdb", *settings)
        assert site.paths(500) == ["/images/2"] * 2
        query = (
            "SELECT outcome, error, attempts, next_try_at > created_at AS later FROM images WHERE image_url LIKE '%/2'"
        )
        assert [tuple(row) for row in ledger.rows(scrapy.data_dir, query)] == [("failed", "HTTP 500", 1, 1)]
        healthy.append(True)
        scrapy("crawl", "stashdb", *settings)
        assert "/images/2" not in site.paths(200), "it is too early"
        with closing(sqlite3.connect(scrapy.data_dir / "performers.db")) as connection, connection:
            connection.execute("UPDATE images SET next_try_at = '2001-01-01 00:00:00' WHERE outcome = 'failed'")
        scrapy("crawl", "stashdb", *settings)
        assert Counter(site.paths(200))["/images/2"] == 1
        (row,) = ledger.rows(scrapy.data_dir, query)
        assert (row["outcome"], row["attempts"]) == ("rejected", 2)


def test_a_stop_in_a_long_pause_leaves_all_of_it_to_be_done(tmp_path: Path, models_dir: Path) -> None:
    over: list[bool] = []

    def pictures(path: str, asked: list[Asked]) -> Answer:
        refuses = path.startswith("/images/") and not over
        return Answer(429, {"Retry-After": "900"}) if refuses else picture(path, asked)

    with serving(box(pictures)) as site:
        scrapy = crawling(tmp_path, models_dir, site.url, rate_limit=600)
        process = scrapy.start("crawl", "stashdb")
        site.wait_for(lambda asked: any(one.status == 429 for one in asked))
        process.send_signal(signal.SIGTERM)
        _, err = process.communicate(timeout=60)
        assert process.returncode == 0, err
        outcomes = Counter(row["outcome"] for row in ledger.rows(scrapy.data_dir, "SELECT outcome FROM images"))
        assert outcomes == {"pending": IMAGES}
        over.append(True)
        (scrapy.data_dir / "pace" / "stashdb").unlink()  # the pause holds for the next run, too
        scrapy("crawl", "stashdb")
        assert Counter(path for path in site.paths(200) if path != "/graphql").keys() >= {
            f"/images/{n}" for n in range(IMAGES)
        }
        assert not ledger.rows(scrapy.data_dir, "SELECT 1 FROM images WHERE outcome IN ('pending', 'failed')")
