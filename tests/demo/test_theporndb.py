"""The demo's ThePornDB answers as facts say that the real one does."""

from __future__ import annotations

import json
from typing import Any
from urllib.error import HTTPError
from urllib.request import Request, urlopen

import pytest

from enrich.demo.running import RunningWorld
from enrich.demo.truth import World


def get(world: RunningWorld, path: str, token: str | None = "demo-key") -> tuple[int, bytes]:
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    try:
        with urlopen(Request(f"{world.base_url}{path}", headers=headers), timeout=30) as answer:
            return answer.status, answer.read()
    except HTTPError as error:
        with error:
            return error.code, error.read()


def listed(world: RunningWorld) -> list[dict[str, Any]]:
    rows, page, last = [], 1, 1
    while page <= last:
        answer = json.loads(get(world, f"/theporndb/performers?page={page}&per_page=100")[1])
        rows += answer["data"]
        page, last = page + 1, answer["meta"]["last_page"]
    return rows


def test_pages_of_its_own_size_hold_everybody_once(served: RunningWorld) -> None:
    status, body = get(served, "/theporndb/performers?page=1&per_page=100")
    meta = json.loads(body)["meta"]
    assert (status, meta["per_page"], len(json.loads(body)["data"])) == (200, "5", 5)
    rows = listed(served)
    assert meta["total"] == len(rows)
    records = [record.source_id for record in served.world.records if record.site == "theporndb"]
    assert sorted(row["id"] for row in rows) == sorted(records)


def test_everything_odd_is_there(served: RunningWorld) -> None:
    rows = listed(served)
    extras = [row.get("extras") or row["extra"] for row in rows]
    assert {type(row["aliases"]) for row in rows} == {str, list}
    assert {type(row["_id"]) for row in rows} == {str, int}
    assert [] in [said["links"] for said in extras]
    assert {type(said["links"].get("StashDB")) for said in extras if said["links"]} >= {str, list}
    assert any(str(said["birthday"]).endswith("00:00:00") for said in extras)
    assert any(str(row["image"]).endswith("female.png") for row in rows)
    (child,) = [row for row in rows if not row["is_parent"]]
    assert child["parent"]["id"] in [row["id"] for row in rows]
    assert "extras" not in child


@pytest.mark.parametrize("token", [None, "wrong"])
@pytest.mark.parametrize("path", ["/theporndb/performers", "/theporndb/performers/1"])
def test_without_the_token(served: RunningWorld, path: str, token: str | None) -> None:
    status, body = get(served, path, token)
    assert (status, json.loads(body)) == (401, {"message": "Unauthenticated."})


def test_a_performer_by_id_number_and_slug(served: RunningWorld) -> None:
    row = listed(served)[0]
    for key in (row["id"], row["_id"], row["slug"]):
        assert json.loads(get(served, f"/theporndb/performers/{key}")[1])["data"] == row
    assert get(served, "/theporndb/performers/nobody")[0] == 404


def test_pictures_are_for_those_who_keep_the_token_to_themselves(served: RunningWorld, world: World) -> None:
    path = next(path for path, picture in world.pictures.items() if picture.site == "theporndb" and not picture.plant)
    assert get(served, path)[0] == 403
    status, body = get(served, path, None)
    assert (status, body[:3]) == (200, b"\xff\xd8\xff")
