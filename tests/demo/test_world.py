"""The world's truth holds together."""

from __future__ import annotations

import json
from datetime import date

import pytest

from enrich.demo.truth import ABSENT, ACCEPTED, World
from enrich.demo.world import build_world


def test_enough_people_and_pictures(world: World) -> None:
    assert sum(person.listed for person in world.people.values()) >= 24
    assert len(world.pictures) >= 120
    genders = {person.gender for person in world.people.values()}
    assert {"FEMALE", "MALE", "NON_BINARY", "TRANSGENDER_FEMALE", None} <= genders


def test_same_seed_same_world(world: World) -> None:
    assert build_world().truth() == world.truth()


def test_seed_varies_pictures_and_not_people(world: World) -> None:
    other = build_world(seed=7)
    assert other.people == world.people
    free = [{p.drawing.seed for p in w.pictures.values() if p.plant != "turned"} for w in (world, other)]
    assert free[0].isdisjoint(free[1])


def test_truth_is_json(world: World) -> None:
    truth = world.truth()
    assert json.loads(json.dumps(truth)) == json.loads(json.dumps(truth))
    assert {picture["path"] for picture in truth["pictures"]} == set(world.pictures)
    assert all(truth["people"][key]["source_ids"]["stashdb"] for key, p in world.people.items() if p.listed)


def test_everybody_is_an_adult_but_the_planted_record(world: World) -> None:
    born = {key: person.birth_date for key, person in world.people.items() if person.birth_date}
    children = {key for key, said in born.items() if int(said[:4]) > date.today().year - 19}
    assert children == {key for key, person in world.people.items() if not person.adult}
    for picture in world.pictures.values():
        assert not [key for key in picture.drawing.people if key in children]
        if picture.listed_for in children:
            assert not picture.may_request
            assert ACCEPTED not in picture.expected


def test_a_picture_of_the_wrong_person_is_never_right(world: World) -> None:
    for picture in world.pictures.values():
        if ACCEPTED in picture.expected:
            assert picture.drawing.people == (picture.listed_for,)
            assert picture.may_request
        if picture.plant in ("stranger", "other_person"):
            assert picture.expected == (ABSENT,)
            assert picture.listed_for not in picture.drawing.people


@pytest.mark.parametrize(
    ("person", "mode", "outcome"),
    [
        ("ada", "url", "done"),
        ("zoe", "url", "done"),
        ("tess", "url", "done"),
        ("dana", "url", "wrong_person"),
        ("petra", "url", "not_found"),
        ("nina_tallinn", "name", "wrong_person"),
        ("saoirse", "name", "done"),
        ("noor", "name", "done"),
        ("ruby", "name", "not_found"),
    ],
)
def test_lookups(world: World, person: str, mode: str, outcome: str) -> None:
    wanted = ("babepedia", person, mode)
    found = [lookup for lookup in world.lookups if (lookup.site, lookup.person, lookup.mode) == wanted]
    assert [lookup.outcomes for lookup in found] == [(outcome,)]


def test_planned_faces(world: World) -> None:
    stashdb, by_url, by_name = (
        world.faces(*at) for at in (("stashdb", "api"), ("babepedia", "url"), ("babepedia", "name"))
    )
    assert stashdb["lola"] == 5
    assert stashdb["quill"] == 3
    assert "kit" not in stashdb
    assert not {"bram", "dana", "petra"} & set(by_url)
    assert set(by_name) - set(by_url) == {"noor", "tove", "saoirse"}


def test_more_performers(world: World) -> None:
    larger = build_world(performers=64)
    listed = [record for record in larger.records if record.site == "stashdb" and not record.deleted]
    assert len(listed) == 64
    assert len({record.name for record in listed}) >= 63
    assert {path for path in world.pictures if path.startswith("/stashdb")} <= set(larger.pictures)
