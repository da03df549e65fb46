from __future__ import annotations

import asyncio
import json
import logging
import pickle
from collections.abc import Callable
from importlib import resources
from typing import Any

import pytest
from graphql import (
    GraphQLInputObjectType,
    GraphQLObjectType,
    OperationDefinitionNode,
    build_schema,
    get_variable_values,
    parse,
    validate,
)
from scrapy.exceptions import CloseSpider, DontCloseSpider
from scrapy.http import Request
from scrapy.utils.request import request_from_dict
from twisted.python.failure import Failure

from enrich.errors import ConfigError
from enrich.items import Performer
from enrich.spiders.fansdb import FansDBSpider
from enrich.spiders.javstash import JAVStashSpider
from enrich.spiders.page_list import PER_PAGE
from enrich.spiders.pmvstash import PMVStashSpider
from enrich.spiders.stash_box_query import FIELDS, REPLACEMENTS, Query
from enrich.spiders.stashdb import StashDBSpider

Make = Callable[..., Any]
UUID = "00000000-0000-4000-8000-000000000001"
SCHEMA = build_schema((resources.files("enrich.demo.sites") / "stash_box.graphql").read_text("utf-8"))


def first(spider: StashDBSpider) -> list[Request]:
    async def collect() -> list[Request]:
        return [request async for request in spider.first_requests()]

    return asyncio.run(collect())


def variables(request: Request) -> dict[str, Any]:
    return dict(json.loads(request.body)["variables"])


def listed(count: int, *numbers: int) -> str:
    performers = [{"id": f"00000000-0000-4000-8000-{number:012d}", "name": f"Performer {number}"} for number in numbers]
    return json.dumps({"data": {"queryPerformers": {"count": count, "performers": performers}}})


def answer(spider: StashDBSpider, response_to: Make, body: str, status: int = 200, **query: Any) -> list[Any]:
    asked = Query(**query)
    response = response_to(spider.query_request(asked), body, status, "application/json")
    return list(spider.parse_page(response, asked))


def unknown(*names: str, owner: str = "Performer") -> str:
    return json.dumps({"errors": [{"message": f'Cannot query field "{name}" on type "{owner}".'} for name in names]})


@pytest.mark.parametrize("query", [Query(), Query(performer=UUID), Query(page=2, sort="UPDATED_AT", direction="DESC")])
@pytest.mark.parametrize(
    "without", [(), ("birth_date",), ("tattoos", "images.width"), ("tattoos.location", "tattoos.description")]
)
def test_the_documents_are_valid_at_a_stash_box(query: Query, without: tuple[str, ...]) -> None:
    body = query.body(without)
    assert not validate(SCHEMA, parse(body["query"]))
    assert body["operationName"] in body["query"]


@pytest.mark.parametrize("kind", [StashDBSpider, PMVStashSpider, JAVStashSpider, FansDBSpider])
@pytest.mark.parametrize("arguments", [{}, {"limit": "7"}, {"since": "2025-03-01"}, {"performer": UUID}])
def test_what_each_spider_asks_is_valid_with_its_variables(
    spider_of: Make, kind: type[StashDBSpider], arguments: dict[str, str]
) -> None:
    spider = spider_of(kind, **arguments)
    asked = [*first(spider), spider.sample_request(None), spider.query_request(spider.second_sweep())]
    for body in (json.loads(request.body) for request in asked):
        document = parse(body["query"])
        assert not validate(SCHEMA, document)
        (operation,) = document.definitions
        assert isinstance(operation, OperationDefinitionNode)
        said = get_variable_values(SCHEMA, operation.variable_definitions, body["variables"])
        assert not isinstance(said, list), said


@pytest.mark.parametrize(
    ("kind", "fields"),
    [
        (
            "Performer",
            """id name disambiguation aliases gender urls birthdate birth_date death_date age ethnicity country
            eye_color hair_color height measurements cup_size band_size waist_size hip_size breast_type
            career_start_year
            career_end_year tattoos piercings images deleted scene_count merged_ids merged_into_id studios is_favorite
            created updated""",
        ),
        ("URL", "url type site"),
        ("Image", "id url width height"),
        ("BodyModification", "location description"),
        ("QueryPerformersResultType", "count performers facets"),
        (
            "PerformerQueryInput",
            """names name alias disambiguation gender url birthdate deathdate birth_year age ethnicity country eye_color
            hair_color height cup_size band_size waist_size hip_size breast_type career_start_year career_end_year
            tattoos piercings is_favorite performed_with studio_id page per_page direction sort""",
        ),
    ],
)
def test_the_schema_is_a_stash_boxs(kind: str, fields: str) -> None:
    """The demo world's server and these tests have one schema: all that is known of the real one's performers."""
    described = SCHEMA.type_map[kind]
    assert isinstance(described, GraphQLObjectType | GraphQLInputObjectType)
    assert set(described.fields) == set(fields.split())


def test_every_field_is_asked_for_and_what_the_server_lacks_is_not() -> None:
    whole = Query().body(())["query"]
    assert all(field in whole for field in FIELDS)
    assert "birthdate {" not in whole
    less = Query().body(("birth_date", "images.width"))["query"]
    assert " birth_date " not in less
    assert " width " not in less
    assert " height }" in less
    assert all(older in less for older, _ in REPLACEMENTS.values())


@pytest.mark.parametrize(
    ("arguments", "asked"),
    [
        ({}, {"page": 1, "per_page": PER_PAGE, "sort": "NAME", "direction": "ASC"}),
        ({"limit": "5"}, {"page": 1, "per_page": 5, "sort": "NAME", "direction": "ASC"}),
        ({"limit": "500"}, {"page": 1, "per_page": PER_PAGE, "sort": "NAME", "direction": "ASC"}),
        ({"since": "2025-03-01"}, {"page": 1, "per_page": PER_PAGE, "sort": "UPDATED_AT", "direction": "DESC"}),
    ],
)
def test_the_first_question(spider_of: Make, arguments: dict[str, str], asked: dict[str, Any]) -> None:
    (request,) = first(spider_of(StashDBSpider, **arguments))
    assert variables(request) == {"input": asked}
    assert request.dont_filter, "a resumed job directory asks it again"


@pytest.mark.parametrize("given", [UUID, UUID.upper().replace("STASHDB", "stashdb"), f"stashdb:{UUID}"])
def test_one_performer(spider_of: Make, given: str) -> None:
    (request,) = first(spider_of(StashDBSpider, performer=given))
    assert variables(request) == {"id": UUID}


@pytest.mark.parametrize("given", ["12", "fansdb:" + UUID, "Jane Example"])
def test_a_performer_that_cannot_be_one(spider_of: Make, given: str) -> None:
    with pytest.raises(ConfigError, match="should be a performer's UUID at stashdb"):
        spider_of(StashDBSpider, performer=given)


def test_the_key_is_in_no_request(spider_of: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STASHDB_API_KEY", "very-secret")
    spider = spider_of(StashDBSpider)
    (request,) = first(spider)
    assert request.meta["credential"] == "ApiKey"
    assert b"very-secret" not in pickle.dumps(request.to_dict(spider=spider))
    assert "very-secret" not in repr(vars(spider.source))


def test_a_page_of_the_list_survives_a_job_directory(spider_of: Make) -> None:
    spider = spider_of(StashDBSpider)
    request = spider.query_request(Query(page=4))
    assert not request.dont_filter
    kept = request_from_dict(pickle.loads(pickle.dumps(request.to_dict(spider=spider))), spider=spider)
    assert (kept.body, kept.cb_kwargs, kept.callback) == (request.body, {"query": Query(page=4)}, spider.parse_page)


def test_all_pages_are_asked_for_at_once(spider_of: Make, response_to: Make) -> None:
    spider = spider_of(StashDBSpider)
    found = answer(spider, response_to, listed(1001, *range(PER_PAGE)))
    pages = [variables(request)["input"]["page"] for request in found if isinstance(request, Request)]
    assert pages == list(range(2, 12))
    assert answer(spider, response_to, listed(1001, 500), page=2)[1:] == []


def test_a_limit_asks_for_no_more_pages_than_it_needs(spider_of: Make, response_to: Make) -> None:
    spider = spider_of(StashDBSpider, limit="150")
    found = answer(spider, response_to, listed(1001, *range(100)), per_page=100)
    assert [variables(request)["input"]["page"] for request in found if isinstance(request, Request)] == [2]
    more = answer(spider, response_to, listed(1001, *range(100, 200)), page=2)
    assert len([item for item in found + more if isinstance(item, Performer)]) == 150


def test_pictures_in_the_servers_order_none_too_small_and_before_the_next_page(
    spider_of: Make, response_to: Make
) -> None:
    spider = spider_of(StashDBSpider)
    images = [
        {"url": f"https://stashdb.org/images/{n}", "width": size, "height": size}
        for n, size in enumerate((900, 10, 800))
    ]
    body = json.dumps(
        {"data": {"queryPerformers": {"count": 300, "performers": [{"id": UUID, "name": "A B", "images": images}]}}}
    )
    found = answer(spider, response_to, body)
    pictures = [item for item in found if isinstance(item, Request) and "image" in item.meta]
    pages = [item for item in found if isinstance(item, Request) and "query" in item.cb_kwargs]
    assert [request.url[-1] for request in pictures] == ["0", "2"]
    assert pictures[0].priority > pictures[1].priority > pages[0].priority
    assert all(
        b"apikey" not in request.headers.to_unicode_dict() and "credential" not in request.meta for request in pictures
    )


@pytest.mark.parametrize(
    ("status", "body"), [(401, ""), (200, '{"errors": [{"message": "not authorized"}], "data": null}')]
)
def test_a_refused_key_stops_everything_with_one_line(
    spider_of: Make, response_to: Make, caplog: pytest.LogCaptureFixture, status: int, body: str
) -> None:
    spider = spider_of(StashDBSpider)
    for page in (1, 2):
        with pytest.raises(CloseSpider) as stop:
            answer(spider, response_to, body, status, page=page)
        assert stop.value.reason == "credentials_refused"
    (line,) = [record for record in caplog.records if record.levelno == logging.ERROR]
    assert "STASHDB_API_KEY" in line.getMessage()


def test_fields_that_the_server_lacks_are_left_out_once_and_for_all(
    spider_of: Make, response_to: Make, caplog: pytest.LogCaptureFixture
) -> None:
    spider = spider_of(StashDBSpider)
    (again,) = answer(spider, response_to, unknown("birth_date", "merged_ids"), 422)
    document = json.loads(again.body)["query"]
    assert " birth_date " not in document
    assert "merged_ids" not in document
    assert "birthdate { date accuracy }" in document
    assert again.dont_filter, "the first page, also in a resumed job directory"
    warned = [record.getMessage() for record in caplog.records if record.levelno == logging.WARNING]
    assert len(warned) == 2
    assert "merged_ids" in warned[1]
    (later,) = answer(spider, response_to, unknown("scene_count"), 422, page=3)
    assert "merged_ids" not in json.loads(later.body)["query"]
    # An answer to a question asked before the fields were known to be missing is asked again, without a word.
    stale = StashDBSpider.query_request(spider_of(StashDBSpider), Query(page=5))
    response = response_to(stale, unknown("merged_ids"), 422, "application/json")
    (resent,) = spider.parse_page(response, Query(page=5))
    assert "merged_ids" not in json.loads(resent.body)["query"]
    assert len([record for record in caplog.records if "merged_ids" in record.getMessage()]) == 1


def test_a_server_that_lacks_what_was_not_asked_for_is_not_asked_for_ever(spider_of: Make, response_to: Make) -> None:
    spider = spider_of(StashDBSpider)
    answer(spider, response_to, unknown("scene_count"), 422, page=2)
    assert answer(spider, response_to, unknown("scene_count"), 422, page=2) == []
    assert "scene_count" in spider.crawler.stats.get_value("enrich/degraded/pages")


@pytest.mark.parametrize(
    "body",
    ['{"errors": [{"message": "Internal system error"}], "data": null}', "<html>busy</html>", "", "[]", "7", "{}"],
)
def test_a_page_that_goes_wrong_is_tried_again_and_then_given_up_aloud(
    spider_of: Make, response_to: Make, body: str
) -> None:
    spider = spider_of(StashDBSpider, settings={"RETRY_TIMES": 2})
    request = spider.query_request(Query(page=3))
    for _ in range(2):
        (request,) = spider.parse_page(response_to(request, body, 200, "application/json"), Query(page=3))
        assert request.dont_filter
    assert list(spider.parse_page(response_to(request, body, 200, "application/json"), Query(page=3))) == []
    assert spider.crawler.stats.get_value("pages/failed") == 1
    assert "page 3" in spider.crawler.stats.get_value("enrich/degraded/pages")


def test_a_dead_server_ends_the_run(spider_of: Make) -> None:
    spider = spider_of(StashDBSpider)
    failure = Failure(OSError("Connection refused"))
    failure.request = spider.query_request(Query())
    with pytest.raises(CloseSpider) as stop:
        spider.failed_page(failure)
    assert stop.value.reason == "source_failed"
    assert "Connection refused" in spider.crawler.stats.get_value("enrich/degraded/pages")


def test_a_page_lost_on_the_way_does_not_end_the_run(spider_of: Make, response_to: Make) -> None:
    spider = spider_of(StashDBSpider)
    answer(spider, response_to, listed(300, 1))
    failure = Failure(OSError("Connection lost"))
    failure.request = spider.query_request(Query(page=2))
    spider.failed_page(failure)
    assert "Connection lost" in spider.crawler.stats.get_value("enrich/degraded/pages")


class Engine:
    """The one thing of Scrapy's engine that a spider uses when it is idle."""

    def __init__(self) -> None:
        self.asked: list[Request] = []

    def crawl(self, request: Request) -> None:
        self.asked.append(request)


def test_what_the_first_sweep_did_not_list_a_second_looks_for_from_the_other_end(
    spider_of: Make, response_to: Make
) -> None:
    spider = spider_of(StashDBSpider)
    spider.crawler.engine = engine = Engine()
    answer(spider, response_to, listed(3, 1, 2))
    with pytest.raises(DontCloseSpider):
        spider.reconcile()
    assert variables(engine.asked[0])["input"]["direction"] == "DESC"
    found = answer(spider, response_to, listed(3, 3, 2), direction="DESC")
    assert [item.name for item in found if isinstance(item, Performer)] == ["Performer 3"]
    spider.reconcile()
    assert spider.crawler.stats.get_value("enrich/degraded/count") is None


def test_a_second_sweep_asks_for_all_pages_also_those_of_a_second_sweep_that_was_stopped(
    spider_of: Make, response_to: Make
) -> None:
    spider = spider_of(StashDBSpider)
    spider.crawler.engine = Engine()
    pages = [item for item in answer(spider, response_to, listed(250, *range(100))) if isinstance(item, Request)]
    assert [page.dont_filter for page in pages] == [False, False], "of the first sweep, the filter knows what was read"
    with pytest.raises(DontCloseSpider):
        spider.reconcile()
    found = answer(spider, response_to, listed(250, *range(100)), direction="DESC")
    assert [item.dont_filter for item in found if isinstance(item, Request)] == [True, True]


def test_what_is_missing_after_two_sweeps_is_said(spider_of: Make, response_to: Make) -> None:
    spider = spider_of(StashDBSpider)
    spider.crawler.engine = Engine()
    answer(spider, response_to, listed(3, 1, 2))
    with pytest.raises(DontCloseSpider):
        spider.reconcile()
    answer(spider, response_to, listed(3, 2, 1), direction="DESC")
    spider.reconcile()
    assert spider.crawler.stats.get_value("enrich/degraded/count").startswith("1 of 3 performers")


def test_a_resumed_run_counts_what_the_one_before_listed(spider_of: Make, response_to: Make) -> None:
    before = spider_of(StashDBSpider)
    answer(before, response_to, listed(2, 1))
    after = spider_of(StashDBSpider)
    after.state = pickle.loads(pickle.dumps(before.state))
    answer(after, response_to, listed(2, 2))
    after.reconcile()
    assert after.crawler.stats.get_value("enrich/degraded/count") is None


def test_a_page_that_could_not_be_read_is_asked_for_again_by_the_run_that_goes_on(
    spider_of: Make, response_to: Make
) -> None:
    before = spider_of(StashDBSpider, since="2025-01-01")
    lost = Query(page=3, sort="UPDATED_AT", direction="DESC")
    failure = Failure(TimeoutError())
    failure.request = before.query_request(lost)
    before.failed_page(failure)
    with pytest.raises(CloseSpider):
        answer(before, response_to, "", 401, page=7)
    after = spider_of(StashDBSpider, since="2025-01-01")
    after.state = pickle.loads(pickle.dumps(before.state))
    requests = first(after)
    assert [request.cb_kwargs["query"] for request in requests] == [after.first_query(), lost, Query(page=7)]
    assert all(request.dont_filter for request in requests)
    for request in requests:
        after.taken(request)
    assert first(after)[1:] == []


@pytest.mark.parametrize("arguments", [{"limit": "1"}, {"since": "2025-01-01"}])
def test_a_walk_that_is_not_of_everybody_is_not_counted(
    spider_of: Make, response_to: Make, arguments: dict[str, str]
) -> None:
    spider = spider_of(StashDBSpider, **arguments)
    answer(spider, response_to, listed(900, 1))
    spider.reconcile()
    assert spider.crawler.stats.get_value("enrich/degraded/count") is None


def test_the_gender_filter_of_a_stash_box(spider_of: Make, response_to: Make) -> None:
    spider = spider_of(StashDBSpider, source={"gender_filter": frozenset({"FEMALE"})})
    people = [{"id": f"{UUID[:-1]}{n}", "name": f"P {n}", "gender": g} for n, g in enumerate(("FEMALE", "MALE", None))]
    found = answer(spider, response_to, json.dumps({"data": {"queryPerformers": {"count": 3, "performers": people}}}))
    assert [item.name for item in found] == ["P 0", "P 2"]
    assert spider.crawler.stats.get_value("performers/other_gender") == 1
