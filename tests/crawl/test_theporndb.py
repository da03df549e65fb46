"""ThePornDB after the stash-box: who is the same person there, who is new, and what of both is stored."""

from __future__ import annotations

from urllib.parse import urlsplit

import pytest

from enrich.demo.running import RunningWorld
from enrich.demo.sites.theporndb_records import ALONE, LINKED, SHARED
from tests.conftest import Scrapy
from tests.crawl import ledger


@pytest.mark.parametrize("order", [("stashdb", "theporndb"), ("theporndb", "stashdb")])
def test_one_performer_of_two_sources(crawling: Scrapy, world: RunningWorld, order: tuple[str, str]) -> None:
    for source in order:
        finished = crawling("crawl", source)
        assert finished.code == 0, finished.err
        assert finished.lines == []
    truth = world.truth()
    ids = {said["source_ids"][s]: key for key, said in truth["people"].items() for s in said["source_ids"]}
    found = ledger.rows(crawling.data_dir, "SELECT performer_id, endpoint, stashbox_performer_id FROM stashbox_ids")
    people: dict[int, set[str]] = {}
    endpoints: dict[str, set[str]] = {}
    for row in found:
        person = ids[row["stashbox_performer_id"]]
        people.setdefault(row["performer_id"], set()).add(person)
        endpoints.setdefault(person, set()).add(row["endpoint"])
    assert all(len(them) == 1 for them in people.values())
    assert len(people) == len(endpoints), "nobody is there twice"
    assert {key for key, at in endpoints.items() if at == {"stashdb", "theporndb"}} == {*LINKED, *SHARED}
    assert {key for key, at in endpoints.items() if at == {"theporndb"}} == set(ALONE)

    entered = ledger.images(crawling.data_dir)
    for path, picture in world.world.pictures.items():
        if picture.site == "theporndb":
            verdicts = [(verdict.outcome, verdict.reason) for verdict in picture.expected]
            assert entered.get(path, ("absent", None)) in verdicts, picture
    for row in ledger.rows(crawling.data_dir, "SELECT performer_id, image_url FROM faces"):
        (person,) = people[row["performer_id"]]
        assert world.world.pictures[urlsplit(row["image_url"]).path].drawing.people == (person,)
    for row in ledger.rows(crawling.data_dir, "SELECT * FROM performers"):
        (key,) = people[row["id"]]
        person = world.world.people[key]
        said = (row["canonical_name"], row["birth_date"], row["gender"], row["height_cm"], row["country"])
        assert said == (person.name, person.birth_date, person.gender, person.height_cm, person.country)
        assert row["career_start_year"] == person.career_start_year
        assert row["eye_color"] == person.look.eye_colour

    asked = world.requests()
    assert not [path for path, picture in world.world.pictures.items() if not picture.may_request and path in asked]


def test_a_wrong_token(crawling: Scrapy) -> None:
    finished = crawling("crawl", "theporndb", THEPORNDB_API_KEY="not-the-token")
    assert finished.code == 1
    assert len(finished.lines) == 1
    assert "THEPORNDB_API_KEY" in finished.lines[0]
    assert "401" in finished.lines[0]
    assert "not-the-token" not in finished.err + finished.out


def test_one_performer_and_a_day_that_cannot_be_asked_for(crawling: Scrapy, world: RunningWorld) -> None:
    number = world.truth()["people"]["sunniva"]["source_ids"]["theporndb"]
    finished = crawling("crawl", "theporndb", "-a", f"performer={number}")
    assert finished.code == 0, finished.err
    (row,) = ledger.rows(crawling.data_dir, "SELECT canonical_name, face_count FROM performers")
    assert tuple(row) == ("Sunniva Aldermoor", 3)
    finished = crawling("crawl", "theporndb", "-a", "since=2025-01-01")
    assert finished.code == 1
    assert "since" in finished.lines[0]
