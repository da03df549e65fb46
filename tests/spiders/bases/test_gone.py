"""After a whole list: who is not in it any more is asked for one by one; and who was forgotten is left alone."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import pytest
from aiohttp import web
from scrapy.http import Request

from enrich.items import GonePerformer, Image, Performer, RefusedPerformer
from enrich.spiders.babepedia import BabepediaSpider
from enrich.spiders.bases.source import SourceSpider
from enrich.spiders.stashdb import StashDBSpider
from enrich.spiders.theporndb import ThePornDBSpider
from tests.spiders.babepedia import JANE, answered, page_of
from tests.spiders.conftest import first
from tests.spiders.walking import JPEG, Answer, Walk, walk

Make = Callable[..., Any]


def uuid(at: int) -> str:
    return f"00000000-0000-4000-8000-{at:012d}"


def entry(at: int, **more: Any) -> dict[str, Any]:
    return {"id": uuid(at), "name": f"Performer {at:03d}", "images": [], "deleted": False, **more}


class Box:
    """A stash-box with these in its list; asked for one, it says what is in ``found``, else that there is nobody."""

    def __init__(self, listed: Sequence[int], found: Mapping[int, Any] | None = None, count: int | None = None) -> None:
        self.listed = [entry(at) for at in listed]
        self.found = {uuid(at): said for at, said in (found or {}).items()}
        self.count = len(self.listed) if count is None else count
        self.asked: list[str] = []

    async def graphql(self, request: web.Request) -> web.Response:
        if request.path != "/graphql":
            return web.Response(body=JPEG, content_type="image/jpeg")
        asked = json.loads(await request.read())
        if "input" in asked["variables"]:
            start = (asked["variables"]["input"]["page"] - 1) * 100
            self.asked.append("list")
            found = {"queryPerformers": {"count": self.count, "performers": self.listed[start : start + 100]}}
            return web.json_response({"data": found})
        number = asked["variables"]["id"]
        self.asked.append(number)
        said = self.found.get(number)
        if isinstance(said, int):
            return web.Response(status=said)
        return web.json_response({"data": {"findPerformer": said}})


def crawl(
    library: Any, box: Any, kind: type[SourceSpider] = StashDBSpider, answer: Answer | None = None, **said: Any
) -> Walk:
    settings = {"ALLOWED_GONE_SHARE": 0.05, **said.pop("settings", {})}
    return walk(kind, answer or box.graphql, "/graphql", library=library, settings=settings, **said)


def test_who_is_not_listed_is_asked_for_when_all_else_is_done(library_of: Make) -> None:
    library = library_of()
    library.held = [uuid(at) for at in range(1, 8)]
    merged, shifted = entry(5, deleted=True, merged_into_id=uuid(1).upper()), entry(6)
    box = Box([1, 2, 3], {4: entry(4, deleted=True), 5: merged, 6: shifted})
    done = crawl(library, box)
    assert box.asked[0] == "list"
    assert sorted(box.asked[1:]) == [uuid(at) for at in (4, 5, 6, 7)]
    assert sorted(done.of(GonePerformer), key=lambda item: item.source_id) == [
        GonePerformer(source="stashdb", source_id=uuid(4), reason="deleted"),
        GonePerformer(source="stashdb", source_id=uuid(5), reason="deleted", merged_into=uuid(1)),
        GonePerformer(source="stashdb", source_id=uuid(7), reason="not_found"),
    ]
    assert {item.source_id for item in done.of(Performer)} == {uuid(at) for at in (1, 2, 3, 6)}
    assert done.stats["finish_reason"] == "finished"
    assert not [key for key in done.stats if key.startswith("enrich/degraded")]


def test_nobody_missing_nobody_asked_for(library_of: Make) -> None:
    library = library_of()
    library.held = [uuid(1).upper(), uuid(2)]
    box = Box([1, 2, 3])
    crawl(library, box)
    assert box.asked == ["list"]


@pytest.mark.parametrize(
    ("held", "listed", "believed"),
    [
        (20, 1, True),  # 19 of 20: few
        (22, 1, False),  # 21 of 22
        (1000, 955, True),  # 45: less than 5 % of a thousand
        (1000, 945, False),
        (5, 0, False),  # an empty list is never believed
    ],
)
def test_a_list_that_lacks_many_is_not_believed(library_of: Make, held: int, listed: int, believed: bool) -> None:
    library = library_of()
    library.held = [uuid(at) for at in range(held)]
    box = Box(range(listed))
    done = crawl(library, box)
    missing = held - listed
    assert len([one for one in box.asked if one != "list"]) == (missing if believed else 0)
    line = done.stats.get("enrich/degraded/gone", "")
    assert bool(line) is not believed
    if line:
        assert f"{missing} of the {held} performers known from http://127.0.0.1:" in line
        assert "ALLOWED_GONE_SHARE" in line
        assert done.of(GonePerformer) == []


def test_the_share_can_be_allowed(library_of: Make) -> None:
    library = library_of()
    library.held = [uuid(at) for at in range(30)]
    assert len(crawl(library, Box([1]), settings={"ALLOWED_GONE_SHARE": 1}).of(GonePerformer)) == 29


@pytest.mark.parametrize("arguments", [{"limit": "2"}, {"since": "2025-01-01"}, {"performer": uuid(1)}])
def test_a_walk_that_is_not_of_everybody_asks_for_nobody(library_of: Make, arguments: dict[str, str]) -> None:
    library = library_of()
    library.held = [uuid(9)]
    box = Box([1, 2, 3], {1: entry(1)})
    crawl(library, box, **arguments)
    assert uuid(9) not in box.asked


def test_a_list_that_is_not_whole_asks_for_nobody(library_of: Make) -> None:
    library = library_of()
    library.held = [uuid(9)]
    box = Box([1, 2, 3], count=4)
    done = crawl(library, box)
    assert set(box.asked) == {"list"}
    assert "enrich/degraded/count" in done.stats


def test_a_question_that_is_not_answered_says_nothing(library_of: Make) -> None:
    library = library_of()
    library.held = [uuid(8), uuid(9)]
    done = crawl(library, Box([1], {8: 500, 9: 404}))
    assert done.of(GonePerformer) == []
    assert "enrich/degraded/pages" in done.stats


def test_a_server_that_says_of_nobody_into_whom_they_were_merged(library_of: Make) -> None:
    library = library_of()
    library.held = [uuid(9)]
    box = Box([1], {9: entry(9, deleted=True)})

    async def older(request: web.Request) -> web.Response:
        if b"merged_into_id" in await request.read():
            message = 'Cannot query field "merged_into_id" on type "Performer".'
            return web.json_response({"errors": [{"message": message}]}, status=422)
        return await box.graphql(request)

    done = crawl(library, box, answer=older)
    assert done.of(GonePerformer) == [GonePerformer(source="stashdb", source_id=uuid(9), reason="deleted")]
    assert not [key for key in done.stats if key.startswith("enrich/degraded")]


def test_theporndb_says_404(library_of: Make) -> None:
    library = library_of()
    library.held = [uuid(at) for at in (1, 7, 8, 9)]
    people = [{"id": uuid(1), "name": "One Example", "is_parent": True}]

    async def answer(request: web.Request) -> web.Response:
        number = request.path.rpartition("/")[2]
        if number == "performers":
            meta = {"current_page": 1, "last_page": 1, "per_page": 100, "total": 1}
            return web.json_response({"data": people, "links": {"next": None}, "meta": meta})
        if number == uuid(9):
            return web.json_response({"data": {"id": uuid(9), "name": "Nine Example", "is_parent": False}})
        if number == uuid(8):
            return web.json_response({}, status=404)
        return web.json_response({"message": "No query results for model [Performer]."}, status=404)

    done = crawl(library, None, ThePornDBSpider, answer)
    assert done.of(GonePerformer) == [GonePerformer(source="theporndb", source_id=uuid(7), reason="not_found")]
    assert {item.source_id for item in done.of(Performer)} == {uuid(1)}
    assert [key for key in done.stats if key.startswith("enrich/degraded")] == ["enrich/degraded/pages"]


# --- who was forgotten ------------------------------------------------------------------------------------------------


def test_of_who_was_forgotten_no_picture_is_asked_for_and_no_name_is_told(library_of: Make) -> None:
    library = library_of()
    library.forgotten = {uuid(2)}
    box = Box([1, 2])

    async def answer(request: web.Request) -> web.Response:
        for one in box.listed:
            url = f"http://{request.host}/images/{one['id']}"
            one["images"] = [{"id": one["id"], "url": url, "width": 900, "height": 900}]
        return await box.graphql(request)

    done = crawl(library, box, answer=answer)
    assert [item.source_id for item in done.of(Performer)] == [uuid(1)]
    assert done.of(RefusedPerformer) == [RefusedPerformer(source="stashdb", source_id=uuid(2), reason="forgotten")]
    assert [image.ref.source_id for image in done.of(Image)] == [uuid(1)]
    assert f"GET /images/{uuid(2)}" not in done.asked


def test_of_a_page_that_was_forgotten_nothing_is_taken(spider_of: Make, response_to: Make, library_of: Make) -> None:
    library = library_of([JANE])
    library.forgotten = {"Jane_Example"}
    spider = spider_of(BabepediaSpider, library=library)
    (asked,) = first(spider)
    spider.taken(asked)
    assert spider.in_hand == {3}
    (refused,) = answered(spider, response_to, asked, page_of("Jane Example"))
    assert refused == RefusedPerformer(
        source="babepedia", source_id="Jane_Example", performer_id=3, mode="url", reason="forgotten"
    )
    assert spider.in_hand == set()
    library.forgotten = set()
    found = answered(spider, response_to, asked, page_of("Jane Example"))
    assert [type(one) for one in found] == [Performer, Request]
