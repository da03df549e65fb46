"""Spiders walking for real, from beginning to end, stopped, and gone on with."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

from enrich.items import FailedImage, Image, ImageRef, Lookup, LookupEnded, Performer, RejectedImage
from enrich.spiders.babepedia import BabepediaSpider
from enrich.spiders.stashdb import StashDBSpider
from tests.spiders.walking import JPEG, walk


def number(at: int) -> dict[str, Any]:
    return {"id": f"00000000-0000-4000-8000-{at:012d}", "name": f"Performer {at:03d}", "images": []}


def test_performers_that_shifted_between_two_pages_are_found_from_the_other_end() -> None:
    people = [number(at) for at in range(250)]

    async def answer(request: web.Request) -> web.Response:
        asked = json.loads(await request.read())["variables"]["input"]
        rows = people if asked["direction"] == "ASC" else people[::-1]
        start = (asked["page"] - 1) * asked["per_page"]
        # On the way up, a row that moved hides another from the second page.
        shift = 1 if asked["direction"] == "ASC" and asked["page"] > 1 else 0
        page = rows[start + shift : start + shift + asked["per_page"]]
        return web.json_response({"data": {"queryPerformers": {"count": len(rows), "performers": page}}})

    done = walk(StashDBSpider, answer, "/graphql")
    assert len(done.of(Performer)) == 250
    assert done.asked == ["POST /graphql"] * 6
    assert done.stats["finish_reason"] == "finished"
    assert not [key for key in done.stats if key.startswith("enrich/degraded")]


def test_performers_and_their_pictures() -> None:
    async def answer(request: web.Request) -> web.Response:
        if request.path.startswith("/images/"):
            assert "ApiKey" not in request.headers
            return web.Response(body=JPEG, content_type="image/jpeg", status=404 if request.path.endswith("2") else 200)
        images = [{"url": f"http://{request.host}/images/{n}", "width": 900, "height": 900} for n in range(4)]
        one = {**number(1), "images": images}
        return web.json_response({"data": {"queryPerformers": {"count": 1, "performers": [one]}}})

    done = walk(StashDBSpider, answer, "/graphql")
    assert sorted(image.ref.image_url[-1] for image in done.of(Image)) == ["0", "1", "3"]
    assert [image.reason for image in done.of(RejectedImage)] == ["not_found"]


def test_a_refused_key_stops_the_walk() -> None:
    async def answer(request: web.Request) -> web.Response:
        return web.Response(status=401)

    done = walk(StashDBSpider, answer, "/graphql")
    assert done.stats["finish_reason"] == "credentials_refused"
    assert done.asked == ["POST /graphql"]


def test_a_server_that_is_not_there_ends_the_walk_degraded() -> None:
    done = walk(StashDBSpider, None, "/graphql")
    assert done.stats["finish_reason"] == "source_failed"
    assert "page 1" in done.stats["enrich/degraded/pages"]
    assert "Cannot connect to host" in done.stats["enrich/degraded/pages"]


def profile(name: str) -> web.Response:
    text = f'<div id="profbox2"><a class="img" href="/pics/{name}.jpg"></a></div><h1 id="babename">{name}</h1>'
    return web.Response(text=text, content_type="text/html")


async def babepedia(request: web.Request) -> web.Response:
    if request.path.startswith("/pics/"):
        assert request.headers.get("Referer"), "pictures are only given to those who come from a page"
        return web.Response(body=JPEG, content_type="image/jpeg")
    name = request.path.removeprefix("/babe/").replace("_", " ")
    return web.Response(status=404) if name.startswith("No") else profile(name)


def test_every_lookup_has_one_end(library_of: Callable[..., Any]) -> None:
    link = "https://www.babepedia.com/babe/"
    lookups = [
        Lookup(performer_id=1, name="Ann Other", urls=(link + "Ann_Other",)),
        Lookup(performer_id=2, name="Ann Other", urls=(link + "Ann_Other",)),
        Lookup(performer_id=3, name="No Body", urls=(link + "No_Body",)),
        Lookup(performer_id=4, name="Bea Late", aliases=("No Name",), urls=(link + "No_Name", link + "Bea_Late")),
        Lookup(performer_id=5, name="Cia Third", urls=(link + "Dia_Fourth",)),
        Lookup(performer_id=6, name="Eva Fifth", urls=("https://www.babepedia.com/ranking",)),
    ]
    done = walk(BabepediaSpider, babepedia, "", library=library_of(lookups))
    assert {performer.performer_id for performer in done.of(Performer)} == {1, 2, 4}
    assert {ended.performer_id: ended.outcome for ended in done.of(LookupEnded)} == {
        3: "not_found",
        5: "wrong_person",
        6: "skipped",
    }
    assert done.stats["finish_reason"] == "finished"


@pytest.mark.parametrize("mode", ["url", "name"])
def test_the_walk_is_lazy(library_of: Callable[..., Any], mode: str) -> None:
    lookups = [
        Lookup(performer_id=at, name=f"Number {at}", urls=(f"https://www.babepedia.com/babe/Number_{at}",))
        for at in range(1, 301)
    ]
    done = walk(
        BabepediaSpider, babepedia, "", library=library_of(lookups), settings={"CONCURRENT_REQUESTS": 4}, mode=mode
    )
    assert len(done.of(Performer)) == len(done.of(Image)) == 300
    assert done.most_queued < 50, "only as many requests wait as the downloader soon takes"


def test_pictures_left_over_come_first_and_only_in_a_whole_walk(library_of: Callable[..., Any]) -> None:
    lookups = [Lookup(performer_id=1, name="Ann Other", urls=("https://www.babepedia.com/babe/Ann_Other",))]
    picture = "data:image/jpeg;base64,/9j/4A=="  # answered without a server, whose port is not known yet
    left_over = ImageRef(source="babepedia", image_url=picture, performer_id=9, page_url="https://x.example/")
    done = walk(
        BabepediaSpider, babepedia, "", library=library_of(lookups, [left_over]), settings={"CONCURRENT_REQUESTS": 1}
    )
    assert [type(item) for item in done.items] == [Image, Performer, Image]
    for arguments in ({"limit": "5"}, {"dry_run": "1"}, {"performer": "1"}):
        done = walk(BabepediaSpider, babepedia, "", library=library_of(lookups, [left_over]), **arguments)
        assert [type(item) for item in done.items] == [Performer, Image]


def test_a_walk_that_was_stopped_goes_on_where_it_was(library_of: Callable[..., Any], tmp_path: Path) -> None:
    lookups = [
        Lookup(performer_id=at, name=f"Nth {at}", urls=(f"https://www.babepedia.com/babe/Nth_{at}",))
        for at in range(1, 61)
    ]
    kept = {"JOBDIR": str(tmp_path / "job")}
    stop = {"CLOSESPIDER_ITEMCOUNT": 20}
    before = walk(BabepediaSpider, babepedia, "", library=library_of(lookups), settings=kept | stop)
    done = {item.performer_id for item in before.of(Performer)}  # as the database knows by then
    left = [lookup for lookup in lookups if lookup.performer_id not in done]
    after = walk(BabepediaSpider, babepedia, "", library=library_of(left), settings=kept, port=before.port)
    assert before.stats["finish_reason"] == "closespider_itemcount"
    assert after.stats["finish_reason"] == "finished"
    for kind in (Performer, Image):
        found = before.of(kind) + after.of(kind)
        assert len(found) == 60
        assert before.of(kind)
        assert after.of(kind)
    assert not {*before.asked} & {*after.asked}


def test_a_limit_holds_over_a_stop(library_of: Callable[..., Any], tmp_path: Path) -> None:
    lookups = [
        Lookup(performer_id=at, name=f"Nth {at}", urls=(f"https://www.babepedia.com/babe/Nth_{at}",))
        for at in range(1, 61)
    ]
    kept = {"JOBDIR": str(tmp_path / "job"), "CONCURRENT_REQUESTS": 1}
    stop = {"CLOSESPIDER_ITEMCOUNT": 9}
    before = walk(BabepediaSpider, babepedia, "", library=library_of(lookups), settings=kept | stop, limit="25")
    done = {item.performer_id for item in before.of(Performer)}
    left = [lookup for lookup in lookups if lookup.performer_id not in done]
    after = walk(BabepediaSpider, babepedia, "", library=library_of(left), settings=kept, port=before.port, limit="25")
    assert 0 < len(done) < 25
    assert sorted(item.performer_id for item in before.of(Performer) + after.of(Performer)) == list(range(1, 26))


def test_a_picture_that_failed_comes_back_to_the_crawl_that_is_gone_on_with(
    library_of: Callable[..., Any], tmp_path: Path
) -> None:
    failed: list[FailedImage] = []

    async def answer(request: web.Request) -> web.Response:
        if request.path.startswith("/pics/Nth 1.") and not failed:
            return web.Response(status=500)
        return await babepedia(request)

    lookups = [
        Lookup(performer_id=at, name=f"Nth {at}", urls=(f"https://www.babepedia.com/babe/Nth_{at}",))
        for at in range(1, 21)
    ]
    kept = {
        "JOBDIR": str(tmp_path / "job"),
        "CONCURRENT_REQUESTS": 1,
        "RETRY_ENABLED": False,
        "DUPEFILTER_CLASS": "enrich.net.dupefilter.DuplicateFilter",
    }
    stop = {"CLOSESPIDER_ITEMCOUNT": 9}
    before = walk(BabepediaSpider, answer, "", library=library_of(lookups), settings=kept | stop)
    failed += before.of(FailedImage)
    assert len(failed) == 1
    done = {item.performer_id for item in before.of(Performer)}
    left = [lookup for lookup in lookups if lookup.performer_id not in done]
    had_before = {item.ref for item in before.of(Image)}
    open_by_now = [ref for item in before.of(Performer) for ref in item.images if ref not in had_before]
    assert failed[0].ref in open_by_now
    library = library_of(left, open_by_now)
    after = walk(BabepediaSpider, answer, "", library=library, settings=kept, port=before.port)
    had = [item.ref.image_url for item in before.of(Image) + after.of(Image)]
    assert len(had) == len(set(had)) == 20, "also what is in the queue and due at once is asked for once"


def test_a_list_that_was_stopped_is_whole_in_the_end(tmp_path: Path) -> None:
    people = [number(at) for at in range(500)]

    async def answer(request: web.Request) -> web.Response:
        asked = json.loads(await request.read())["variables"]["input"]
        start = (asked["page"] - 1) * asked["per_page"]
        page = people[start : start + asked["per_page"]]
        return web.json_response({"data": {"queryPerformers": {"count": len(people), "performers": page}}})

    kept = {"JOBDIR": str(tmp_path / "job"), "CONCURRENT_REQUESTS": 1}
    before = walk(StashDBSpider, answer, "/graphql", settings=kept | {"CLOSESPIDER_ITEMCOUNT": 150})
    after = walk(StashDBSpider, answer, "/graphql", settings=kept, port=before.port)
    assert before.stats["finish_reason"] == "closespider_itemcount"
    assert sorted(item.name for item in before.of(Performer) + after.of(Performer)) == [
        entry["name"] for entry in people
    ]
    assert before.of(Performer)
    assert after.of(Performer)
    assert not [key for key in after.stats if key.startswith("enrich/degraded")]
