"""A crawl that is run again, as schedulers do: finds what is new, wherever it stands in the order, and asks for nothing
that it knows."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.conftest import Scrapy
from tests.crawl import ledger
from tests.middlewares.counting_site import JPEG, Answer, Asked, Site, serving


@dataclass
class Growing:
    """A stash-box and a reference site that change between the runs."""

    performers: dict[str, list[str]] = field(default_factory=dict)
    links: dict[str, list[str]] = field(default_factory=dict)
    site: Site | None = None

    def answer(self, path: str, asked: list[Asked]) -> Answer:
        if path.startswith("/images/"):
            return Answer(body=JPEG + path.encode(), content_type="image/jpeg")
        if path != "/graphql":
            return Answer(404)
        said = [self._said(name, images) for name, images in sorted(self.performers.items())]
        body = {"data": {"queryPerformers": {"count": len(said), "performers": said}}}
        return Answer(body=json.dumps(body).encode(), content_type="application/json")

    def _said(self, name: str, images: Sequence[str]) -> dict[str, Any]:
        return {
            "id": f"00000000-0000-4000-8000-{sum(name.encode()):012}",
            "name": name,
            "aliases": [],
            "deleted": False,
            "merged_ids": [],
            "urls": [{"url": url, "site": {"name": "x"}} for url in self.links.get(name, [])],
            "images": [{"id": path, "url": f"/images/{path}", "width": 600, "height": 600} for path in images],
        }

    def asked_for(self) -> list[str]:
        """What was asked for since the last time."""
        assert self.site is not None
        with self.site.changed:
            paths = [one.path for one in self.site.asked if one.path != "/robots.txt"]
            self.site.asked.clear()
        return sorted(paths)


def test_what_is_new_is_found_and_nothing_else_is_asked_for(tmp_path: Path, models_dir: Path) -> None:
    world = Growing({"Berta Example": ["b1"], "Carla Example": ["c1", "c2"]})
    with serving(world.answer) as site:
        world.site = site
        sources = tmp_path / "sources.yaml"
        sources.write_text(
            f'stash_boxes: {{stashdb: {{url: "{site.url}/graphql", rate_limit: 0, trust_level: high, max_faces: 9}}}}\n'
            f'reference_sites: {{babepedia: {{url: "{site.url}", rate_limit: 0, trust_level: high, max_faces: 9}}}}'
        )
        scrapy = Scrapy(tmp_path / "data", models_dir, sources)

        def crawl(source: str) -> list[str]:
            finished = scrapy("crawl", source, "-s", "JOBDIR=auto")
            assert finished.code == 0, finished.err
            return world.asked_for()

        assert crawl("stashdb") == ["/graphql", "/images/b1", "/images/c1", "/images/c2"]
        assert crawl("stashdb") == ["/graphql"]

        world.performers["Anna Example"] = ["a1"]  # earlier in the alphabet
        world.performers["Berta Example"].append("b2")
        world.links["Berta Example"] = ["https://www.babepedia.com/babe/Berta_Example"]
        assert crawl("stashdb") == ["/graphql", "/images/a1", "/images/b2"]
        assert crawl("babepedia") == ["/babe/Berta_Example"]

        world.links["Anna Example"] = ["https://www.babepedia.com/babe/Anna_Example"]
        assert crawl("stashdb") == ["/graphql"]
        assert crawl("babepedia") == ["/babe/Anna_Example"]  # that Berta was not found is an answer too

        with closing(sqlite3.connect(scrapy.data_dir / "performers.db")) as connection, connection:
            connection.execute("UPDATE lookups SET checked_at = '2001-01-01 00:00:00'")  # long ago
        assert crawl("babepedia") == ["/babe/Anna_Example", "/babe/Berta_Example"]
    counted = {row["source"]: row["performers_processed"] for row in ledger.rows(scrapy.data_dir, PROGRESS)}
    assert counted["stashdb"] == 3 + 2  # three new ones, two that changed
    assert len(ledger.rows(scrapy.data_dir, "SELECT id FROM runs WHERE finish_reason = 'finished'")) == 7


PROGRESS = "SELECT source, performers_processed FROM scrape_progress"
