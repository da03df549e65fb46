"""Forgotten over real crawls: nobody brings them back, and who is gone from a stash-box is noticed and can go too."""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing
from pathlib import Path
from urllib.parse import quote

from enrich.demo.running import RunningWorld
from tests.conftest import Scrapy
from tests.crawl import ledger
from tests.crawl.answers import Answer, answering


def telling(folder: Path, *told: str) -> dict[str, str]:
    """The files below a folder that hold one of the texts, in any of the ways in which texts are written."""
    spellings = {way for text in told for way in (text, quote(text), ascii(text)[1:-1], json.dumps(text)[1:-1])}
    needles = {way: way.casefold().encode() for way in spellings}
    found = {}
    for path in folder.rglob("*"):
        body = path.read_bytes().lower() if path.is_file() else b""
        found.update({str(path.relative_to(folder)): way for way, needle in needles.items() if needle in body})
    return found


def test_whom_the_world_still_lists_does_not_come_back(crawling: Scrapy, world: RunningWorld) -> None:
    """At the stash-box that gave her, at another that links her page there, and by a page of a reference site."""
    ids = world.truth()["people"]
    coralie = ids["coralie"]["source_ids"]
    person = world.world.people["coralie"]
    pictures = [path for path, one in world.world.pictures.items() if one.listed_for == "coralie"]
    links = [url for url in person.urls if "://" in url]
    told = (person.name, coralie["stashdb"], coralie["pmvstash"], *links, *pictures)
    assert crawling("crawl", "stashdb", "-a", f"performer={coralie['stashdb']}").code == 0
    assert crawling("crawl", "babepedia", "-a", f"performer=stashdb:{coralie['stashdb']}").code == 0
    vectors = [row["vector"] for row in ledger.rows(crawling.data_dir, "SELECT vector FROM embeddings")]
    assert len(vectors) > 3
    assert telling(crawling.data_dir, *told)

    finished = crawling("forget", f"stashdb:{coralie['stashdb']}")
    assert finished.code == 0, finished.err
    assert person.name in finished.out
    assert telling(crawling.data_dir, *told) == {}
    assert not [
        path for path in crawling.data_dir.rglob("*") if path.is_file() and any(v in path.read_bytes() for v in vectors)
    ]

    world.reset()
    with closing(sqlite3.connect(crawling.data_dir / "performers.db")) as other, other:
        other.execute("INSERT INTO meta VALUES ('forgetting', 'reports file')")  # as a killed command leaves it
    (crawling.data_dir / "reports").mkdir()
    (crawling.data_dir / "reports" / "old.html").write_text(person.name)
    again = crawling("crawl", "stashdb", "-a", f"performer={coralie['stashdb']}")
    linked = crawling("crawl", "pmvstash")
    assert (again.code, linked.code) == (0, 0), again.err + linked.err
    for crawl in (again, linked):
        assert "'enrich/rejected/forgotten': 1" in crawl.err
        assert person.name not in crawl.err
        assert coralie["pmvstash"] not in crawl.err
    assert not [path for path in world.requests() if path in pictures]
    assert telling(crawling.data_dir, *told) == {}
    names = [row[0] for row in ledger.rows(crawling.data_dir, "SELECT canonical_name FROM performers ORDER BY id")]
    assert sorted(names) == sorted(world.world.people[key].name for key in ("juno", "anouk"))


class Box:
    """A stash-box whose people come and go: name -> birth date, in its list."""

    def __init__(self) -> None:
        self.people = {"Jane Exampla": "1990-01-01", "Kim Otherby": "1991-01-01", "Lea Thirdman": "1992-01-01"}
        self.listed = [*self.people]

    def number(self, name: str) -> str:
        return f"00000000-0000-4000-8000-{list(self.people).index(name):012d}"

    def answer(self, path: str, body: bytes) -> Answer:
        asked = json.loads(body)["variables"]
        found = [
            {
                "id": self.number(name), "name": name, "birth_date": self.people[name], "images": [], "deleted": False,
                "merged_ids": [], "aliases": [], "urls": [],
            }
            for name in self.listed
        ]  # fmt: skip
        data: dict[str, object] = {"queryPerformers": {"count": len(found), "performers": found}}
        if "id" in asked:
            data = {"findPerformer": next((one for one in found if one["id"] == asked["id"]), None)}
        return Answer(json.dumps({"data": data}), "application/json")


def test_who_is_gone_and_who_turns_out_to_be_under_age(tmp_path: Path, models_dir: Path) -> None:
    box = Box()
    with answering(box.answer) as site:
        sources = tmp_path / "sources.yaml"
        sources.write_text(
            f'stash_boxes: {{stashdb: {{url: "{site.base_url}/graphql", rate_limit: 0, trust_level: high}}}}'
        )
        scrapy = Scrapy(tmp_path / "data", models_dir, sources)
        assert scrapy("crawl", "stashdb").code == 0
        box.listed.remove("Kim Otherby")
        box.people["Lea Thirdman"] = "2019-01-01"
        finished = scrapy("crawl", "stashdb", "-s", f"JOBDIR={tmp_path / 'elsewhere'}")
        assert finished.code == 0, finished.err
        asked = [json.loads(body)["variables"] for _, _, body in site.asked]
        assert [one for one in asked if "id" in one] == [{"id": box.number("Kim Otherby")}]
    assert telling(scrapy.data_dir, "Lea Thirdman") == {}, "and that was done at the end of the crawl"
    noted = [row[0] for row in ledger.rows(scrapy.data_dir, "SELECT key FROM meta WHERE key LIKE 'jobdir:%'")]
    assert noted == [f"jobdir:{tmp_path / 'elsewhere'}"], "it will be looked into when somebody is forgotten"
    said = scrapy.status()
    assert (said["gone"], said["sources"][0]["gone"], said["performers"]) == (1, 1, 2)
    shown = scrapy("status").out
    assert "stashdb: 1 performers are no longer there" in shown
    assert "1 performers are gone from all their stash-boxes: `scrapy forget --gone` forgets them" in shown
    finished = scrapy("forget", "--gone")
    assert finished.code == 0, finished.err
    assert telling(scrapy.data_dir, "Kim Otherby", box.number("Kim Otherby")) == {}
    assert scrapy.status()["performers"] == 1
