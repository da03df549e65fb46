"""The world over real HTTP, in a process of its own."""

from __future__ import annotations

import json
import signal
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any
from urllib.error import HTTPError
from urllib.parse import quote
from urllib.request import Request, urlopen

import pytest
import yaml

from enrich.demo.running import RunningWorld, running_world, write_sources
from enrich.errors import EnrichError

QUERY = """query P($input: PerformerQueryInput!) { queryPerformers(input: $input) { count performers {
    id name aliases disambiguation gender birth_date merged_ids updated
    urls { url site { id name } } images { id url width height } } } }"""


def get(world: RunningWorld, path: str, **headers: str) -> tuple[int, bytes]:
    try:
        with urlopen(Request(world.base_url + path, headers=headers), timeout=30) as answer:
            return answer.status, answer.read()
    except HTTPError as error:
        with error:
            return error.code, error.read()


def ask(world: RunningWorld, query: str, variables: Any = None, key: str | None = "demo-key") -> tuple[int, Any]:
    headers = {"Content-Type": "application/json", **({"ApiKey": key} if key else {})}
    body = json.dumps({"query": query, "variables": variables}).encode()
    try:
        with urlopen(Request(f"{world.base_url}/stashdb/graphql", body, headers), timeout=30) as answer:
            return answer.status, json.load(answer)
    except HTTPError as error:
        with error:
            said = error.read()
        return error.code, json.loads(said) if said else said


def performers(world: RunningWorld, **asked: Any) -> list[dict[str, Any]]:
    status, answer = ask(world, QUERY, {"input": asked})
    assert status == 200, answer
    return list(answer["data"]["queryPerformers"]["performers"])


class TestStashBox:
    def test_pages_hold_everybody_once(self, served: RunningWorld) -> None:
        pages = [performers(served, page=page, per_page=7, sort="NAME", direction="ASC") for page in range(1, 7)]
        assert [len(page) for page in pages] == [7, 7, 7, 7, 2, 0]
        found = [performer["id"] for page in pages for performer in page]
        records = [record for record in served.world.records if record.site == "stashdb" and not record.deleted]
        assert sorted(found) == sorted(record.source_id for record in records)
        _, answer = ask(served, QUERY, {"input": {"page": 99}})
        assert answer["data"]["queryPerformers"] == {"count": 30, "performers": []}

    def test_names_come_with_html_entities(self, served: RunningWorld) -> None:
        names = {performer["name"] for performer in performers(served, per_page=100)}
        assert {"Ruby &lt;3 Marlow", "Bell &amp; Starling", "Zoë Lindqvist"} <= names

    def test_two_of_one_name(self, served: RunningWorld) -> None:
        found = performers(served, name="nina valecroft")
        assert {performer["disambiguation"] for performer in found} == {"dancer", "Tallinn"}

    def test_filter_by_url_is_exact(self, served: RunningWorld) -> None:
        url = "https://www.babepedia.com/babe/Ada_Fennimore"
        assert [performer["name"] for performer in performers(served, url=url)] == ["Ada Fennimore"]
        assert performers(served, url=url[:-1]) == []

    def test_recently_updated_first(self, served: RunningWorld) -> None:
        updated = [performer["updated"] for performer in performers(served, sort="UPDATED_AT", per_page=100)]
        assert updated == sorted(updated, reverse=True)
        assert len(set(updated)) == 30

    def test_deleted_and_merged(self, served: RunningWorld) -> None:
        carmen = performers(served, name="Carmen Ostravia")[0]
        query = "query F($id: ID!) { findPerformer(id: $id) { name deleted merged_into_id } }"
        _, answer = ask(served, query, {"id": carmen["merged_ids"][0]})
        assert answer["data"]["findPerformer"] == {
            "name": "Carmen Ostra",
            "deleted": True,
            "merged_into_id": carmen["id"],
        }
        assert carmen["merged_ids"][0] not in {performer["id"] for performer in performers(served, per_page=100)}

    def test_without_a_key(self, served: RunningWorld) -> None:
        status, answer = ask(served, QUERY, {"input": {}}, key=None)
        assert status == 200
        assert answer["data"] is None
        assert answer["errors"][0]["message"] == "not authorized"
        assert answer["errors"][0]["path"] == ["queryPerformers"]
        assert ask(served, "{ me { name } version { version } }", key=None)[1]["data"]["me"] is None

    def test_wrong_key(self, served: RunningWorld) -> None:
        assert ask(served, QUERY, {"input": {}}, key="not-it") == (401, b"")
        picture = next(iter(served.world.pictures))
        assert get(served, picture, ApiKey="not-it") == (401, b"")

    @pytest.mark.parametrize(
        ("query", "variables"),
        [
            ("{ queryPerformers(input: {}) { performers { shoe_size } } }", None),
            ("{ queryPerformers(input: {sort: SHOE_SIZE}) { count } }", None),
            ("{ queryPerformers(", None),
            (QUERY, {"input": {"sort": "SHOE_SIZE"}}),
        ],
    )
    def test_invalid_query(self, served: RunningWorld, query: str, variables: Any) -> None:
        status, answer = ask(served, query, variables)
        assert status == 422
        assert answer["errors"][0]["message"]

    def test_images(self, served: RunningWorld) -> None:
        image = performers(served, name="Ada Fennimore")[0]["images"][0]
        assert image["url"].startswith(served.base_url + "/stashdb/images/")
        assert get(served, image["url"].removeprefix(served.base_url))[1].startswith(b"\xff\xd8")
        assert get(served, "/stashdb/images/nonsense")[0] == 400
        assert get(served, "/stashdb/images/00000000-0000-4000-8000-000000000000")[0] == 404


class TestBabepedia:
    def test_profile(self, served: RunningWorld) -> None:
        status, body = get(served, "/babepedia/babe/Ada_Fennimore")
        assert status == 200
        assert '<h1 id="babename">Ada Fennimore</h1>' in body.decode()
        assert "11th of February</a>" in body.decode()

    @pytest.mark.parametrize("slug", ["Zo%C3%AB_Lindqvist", "Orla_O'Dannagh", "Orla_O%27Dannagh", "Sarita_St._Amory"])
    def test_slugs(self, served: RunningWorld, slug: str) -> None:
        assert b'id="babename"' in get(served, f"/babepedia/babe/{slug}")[1]

    def test_missing_page_is_a_search_with_200(self, served: RunningWorld) -> None:
        status, body = get(served, "/babepedia/babe/Petra_Lumleigh")
        assert status == 200
        assert b"<title>Babepedia - Search results for Petra Lumleigh</title>" in body
        assert b'id="babename"' not in body

    def test_an_alias_and_another_woman(self, served: RunningWorld) -> None:
        assert b"Theresa Brindlemoor</h1>" in get(served, "/babepedia/babe/Tess_Brindle")[1]
        assert b"</small> Tess Brindle<" in get(served, "/babepedia/babe/Tess_Brindle")[1]
        wrong = get(served, "/babepedia/babe/Dana_Whitlocke")[1]
        assert b"Mirela Anghelsone</h1>" in wrong
        assert b"Dana" not in wrong

    def test_every_picture_of_a_page_is_on_it(self, served: RunningWorld) -> None:
        for page in (page for page in served.world.pages if page.site == "babepedia"):
            body = served.fetch("/babepedia/babe/" + quote(page.answers_to[0].replace(" ", "_"))).decode()
            for picture in page.every:
                assert picture.path in body or picture.path.replace("/galleries/", "/galleries-thumbs/") in body

    def test_pictures_need_a_referer(self, served: RunningWorld) -> None:
        assert get(served, "/babepedia/pics/Ada%20Fennimore.jpg")[0] == 403
        assert served.fetch("/babepedia/pics/Ada%20Fennimore.jpg").startswith(b"\xff\xd8")
        assert len(served.fetch("/babepedia/pics/Ada%20Fennimore_thumb3.jpg")) < 20_000
        assert get(served, "/babepedia/pics/Nobody.jpg", Referer="x")[0] == 404

    def test_search(self, served: RunningWorld) -> None:
        assert json.loads(get(served, "/babepedia/ajax-search.php?term=mei-lan")[1]) == []
        assert len(json.loads(get(served, "/babepedia/ajax-search.php?term=mei%20lan")[1])) == 1
        found = json.loads(get(served, "/babepedia/ajax-search.php?term=fennimore")[1])
        assert found == [{"label": "Ada Fennimore", "value": "Ada Fennimore"}]


class TestProcess:
    def test_every_picture_answers_as_planned(self, served: RunningWorld) -> None:
        for picture in served.world.pictures.values():
            if picture.plant in (None, "stranger") or not picture.may_request:
                continue
            status, body = get(served, picture.path, Referer=served.base_url)
            assert status == (404 if picture.plant == "missing" else 200), picture
            assert body.startswith(b"<!DOCTYPE") == (picture.plant == "html")

    def test_requests_are_counted(self, served: RunningWorld) -> None:
        served.reset()
        assert served.requests() == {}
        for _ in range(2):
            served.fetch("/babepedia/pics/Ada%20Fennimore.jpg?x=1")
        get(served, "/robots.txt")
        assert served.requests() == {"/babepedia/pics/Ada%20Fennimore.jpg": 2, "/robots.txt": 1}

    def test_truth_is_served(self, served: RunningWorld) -> None:
        assert served.truth() == json.loads(json.dumps(served.world.truth()))

    def test_taken_port(self) -> None:
        with socket.create_server(("127.0.0.1", 0)) as taken:
            port = taken.getsockname()[1]
            with pytest.raises(EnrichError, match=f"port {port} on 127.0.0.1 is taken"), running_world(port=port):
                pass

    @pytest.mark.parametrize("how", ["stdin", "sigterm", "sigint"])
    def test_ends_when_told(self, how: str) -> None:
        command = [sys.executable, "-m", "enrich.demo"]
        with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
            assert process.stdin is not None
            assert process.stdout is not None
            assert json.loads(process.stdout.readline())["port"] > 0
            if how == "stdin":
                process.stdin.close()
            else:
                process.send_signal(signal.SIGTERM if how == "sigterm" else signal.SIGINT)
            assert process.wait(timeout=20) == 0

    def test_sources_file(self, tmp_path: Path) -> None:
        write_sources(tmp_path / "sources.yaml", "http://127.0.0.1:1")
        said = yaml.safe_load((tmp_path / "sources.yaml").read_text("utf-8"))
        assert said["stash_boxes"]["stashdb"]["url"] == "http://127.0.0.1:1/stashdb/graphql"
        assert said["stash_boxes"]["theporndb"]["url"] == "http://127.0.0.1:1/theporndb"
        assert said["reference_sites"]["babepedia"]["url"] == "http://127.0.0.1:1/babepedia"
        blocks = [*said["stash_boxes"].values(), *said["reference_sites"].values()]
        assert all(block["enabled"] and block["rate_limit"] == 0 for block in blocks)
