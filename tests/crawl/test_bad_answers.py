"""Whole crawls of sources that answer with nonsense: they end, say what was wrong, store nothing, and are degraded."""

from __future__ import annotations

import json
from importlib import resources
from pathlib import Path

import pytest
from graphql import build_schema, parse, validate

from enrich.items import Performer
from enrich.store.db.database import database_url, open_database, write
from enrich.store.people.save import save_performer
from tests.conftest import Scrapy
from tests.crawl import ledger
from tests.crawl.answers import Answer, answering
from tests.spiders.test_bad_input import ANYWHERE, ON_SITES

PROFILE = (Path(__file__).resolve().parent.parent / "pages" / "babepedia" / "full.html").read_bytes()
BAD = {
    **{name: Answer(body, content_type) for name, (body, content_type) in {**ANYWHERE, **ON_SITES}.items()},
    "breaks off": Answer(PROFILE[: len(PROFILE) // 2]),
    "leads to itself": Answer(status=302, location="{here}"),
    "leads back and forth": Answer(status=302, location="{here}-there"),
    "refreshes itself": Answer('<html><meta http-equiv="refresh" content="0; url={here}"></html>'),
}


def stash(scrapy: Scrapy, names: list[str]) -> None:
    """A database in which a stash-box has told of performers with a page at the reference site."""
    engine = open_database(database_url(scrapy.data_dir))
    with write(engine) as tx:
        for number, name in enumerate(names):
            urls = (f"https://www.babepedia.com/babe/{number}_Example",)
            told = Performer(source="stashdb", source_id=f"id-{number}", name=name, mode="api", urls=urls)
            save_performer(tx, told, {"stashdb": 1})
    engine.dispose()


def sources(scrapy: Scrapy, tmp_path: Path, block: str) -> None:
    path = tmp_path / "sources.yaml"
    path.write_text(block, encoding="utf-8")
    scrapy.environment["ENRICH_SOURCES_FILE"] = str(path)


def test_a_reference_site(scrapy: Scrapy, tmp_path: Path) -> None:
    scrapy.data_dir.mkdir()
    stash(scrapy, [f"Jane Example {number}" for number in range(len(BAD))])
    bad = list(BAD.values())

    def answer(path: str, _: bytes) -> Answer | None:
        number, _, rest = path.rpartition("/")[2].partition("_Example")
        if not path.startswith("/babe/"):
            return None
        said = bad[int(number)]
        here = path.removesuffix("-there")
        body = said.body.replace("{here}", here) if isinstance(said.body, str) else said.body
        location = here if rest else said.location.replace("{here}", here)
        return Answer(body, said.content_type, said.status, location, said.length)

    with answering(answer) as site:
        sources(
            scrapy,
            tmp_path,
            f"reference_sites: {{babepedia: {{url: '{site.base_url}', trust_level: high, rate_limit: 0}}}}",
        )
        finished = scrapy("crawl", "babepedia", "-s", "RETRY_TIMES=0")
    assert finished.code == 3, finished.err
    assert finished.lines == [
        f"enrich: babepedia: {len(BAD)} of {len(BAD)} images and look-ups failed; they are tried again by a later run",
        f"enrich: babepedia: {len(BAD)} of {len(BAD)} pages were not what the parser knows; "
        "the site may have changed, see the log",
    ]
    assert "Traceback" not in finished.err
    for number, case in enumerate(BAD):
        assert f"babepedia: unexpected page {site.base_url}/babe/{number}_Example" in finished.err, case
    ended = ledger.rows(scrapy.data_dir, "SELECT outcome FROM lookups")
    assert [row["outcome"] for row in ended] == ["failed"] * len(BAD)
    assert not ledger.rows(
        scrapy.data_dir, "SELECT 1 FROM faces UNION SELECT 1 FROM images UNION SELECT 1 FROM aliases"
    )
    (stats,) = ledger.rows(scrapy.data_dir, "SELECT stats FROM runs")
    assert json.loads(stats["stats"])["pages/unexpected"] == len(BAD)


def test_old_addresses_that_lead_to_one_page(scrapy: Scrapy, tmp_path: Path) -> None:
    """Each of the performers is told of the page, and none is left waiting for it."""
    scrapy.data_dir.mkdir()
    stash(scrapy, ["Jane Example", "Joan Sample", "Jean Other"])
    body = '<html><h1 id="babename">Joan Sample</h1></html>'

    def answer(path: str, _: bytes) -> Answer | None:
        if path == "/babe/Joan":
            return Answer(body)
        return Answer(status=301, location="/babe/Joan") if path.startswith("/babe/") else None

    with answering(answer) as site:
        block = f"{{url: '{site.base_url}', trust_level: high, rate_limit: 0}}"
        sources(scrapy, tmp_path, f"reference_sites: {{babepedia: {block}}}")
        finished = scrapy("crawl", "babepedia")
    assert finished.code == 0, finished.err
    ended = ledger.rows(scrapy.data_dir, "SELECT outcome FROM lookups ORDER BY performer_id")
    assert [row["outcome"] for row in ended] == ["wrong_person", "done", "wrong_person"]


# --- a stash-box ------------------------------------------------------------------------------------------------------

SCHEMA = (resources.files("enrich.demo.sites") / "stash_box.graphql").read_text("utf-8")
PEOPLE = [{"id": f"00000000-0000-4000-8000-{number:012d}", "name": f"Jane Example {number}"} for number in range(100)]


def box(scrapy: Scrapy, tmp_path: Path, base_url: str) -> None:
    sources(scrapy, tmp_path, f"stash_boxes: {{stashdb: {{url: '{base_url}/graphql', rate_limit: 0}}}}")


def test_a_stash_box_that_loses_pages(scrapy: Scrapy, tmp_path: Path) -> None:
    bad = list(ANYWHERE.values())
    answers = iter([*range(len(bad))])

    def answer(_: str, body: bytes) -> Answer | None:
        if json.loads(body)["variables"]["input"]["page"] == 1:
            found = {"data": {"queryPerformers": {"count": 100 * (1 + len(bad)), "performers": PEOPLE}}}
            return Answer(json.dumps(found), "application/json")
        return Answer(*bad[next(answers)])

    with answering(answer) as server:
        box(scrapy, tmp_path, server.base_url)
        finished = scrapy("crawl", "stashdb", "-s", "RETRY_TIMES=0")
    assert finished.code == 3, finished.err
    assert "Traceback" not in finished.err
    told = f"{len(bad)} of {len(bad) + 1} pages were not what the parser knows"
    assert any(told in line for line in finished.lines), finished.err
    assert finished.err.count(f"stashdb: unexpected page {server.base_url}/graphql") == len(bad)
    assert len(ledger.rows(scrapy.data_dir, "SELECT 1 FROM performers")) == len(PEOPLE)


def test_a_stash_box_that_leads_nowhere(scrapy: Scrapy, tmp_path: Path) -> None:
    with answering(lambda path, _: Answer(status=307, location=path)) as server:
        box(scrapy, tmp_path, server.base_url)
        finished = scrapy("crawl", "stashdb")
    assert finished.code == 3, finished.err
    assert "max redirections" in finished.lines[0]
    assert f"stashdb: unexpected page {server.base_url}/graphql" in finished.err
    assert not ledger.rows(scrapy.data_dir, "SELECT 1 FROM performers")


@pytest.mark.parametrize(
    ("lacks", "says"),
    [("  scene_count: Int!\n", "scene_count"), ("url: String! width: Int! height: Int!", "images.width")],
)
def test_a_stash_box_that_lacks_a_field_is_asked_once_more_without_it(
    scrapy: Scrapy, tmp_path: Path, lacks: str, says: str
) -> None:
    assert SCHEMA.count(lacks) == 1
    schema = build_schema(SCHEMA.replace(lacks, "url: String! height: Int!" if "width" in lacks else ""))

    def answer(_: str, body: bytes) -> Answer | None:
        asked = json.loads(body)
        wrong = [error.message.replace("'", '"') for error in validate(schema, parse(asked["query"]))]
        if wrong:  # as gqlgen puts it
            return Answer(json.dumps({"errors": [{"message": m} for m in wrong]}), "application/json", 422)
        page = asked["variables"]["input"]["page"]
        people = [{**one, "id": f"0000000{page}{one['id'][8:]}"} for one in PEOPLE]
        return Answer(json.dumps({"data": {"queryPerformers": {"count": 300, "performers": people}}}))

    with answering(answer) as server:
        box(scrapy, tmp_path, server.base_url)
        finished = scrapy("crawl", "stashdb")
    assert finished.code == 0, finished.err
    warnings = [line for line in finished.err.splitlines() if "] WARNING: " in line]
    assert len(warnings) == 1
    assert f"the server does not know the field {says}; it is left out" in warnings[0]
    asked = [json.loads(body) for _, _, body in server.asked]
    assert [one["variables"]["input"]["page"] for one in asked][:2] == [1, 1]
    assert len(asked) == 4, "three pages, of which the first was asked for twice"
    assert len(ledger.rows(scrapy.data_dir, "SELECT 1 FROM performers")) == 300
