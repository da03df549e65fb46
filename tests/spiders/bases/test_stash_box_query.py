"""The documents that stash-boxes are asked with are valid, and leave out what a server lacks."""

from __future__ import annotations

import json
import logging
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

from enrich.spiders.bases.stash_box_query import FIELDS, REPLACEMENTS, Query
from enrich.spiders.fansdb import FansDBSpider
from enrich.spiders.javstash import JAVStashSpider
from enrich.spiders.pmvstash import PMVStashSpider
from enrich.spiders.stashdb import StashDBSpider
from tests.spiders.conftest import first
from tests.spiders.stash_box import UUID, answer

Make = Callable[..., Any]
SCHEMA = build_schema((resources.files("enrich.demo.sites") / "stash_box.graphql").read_text("utf-8"))


def unknown(*names: str) -> str:
    return json.dumps({"errors": [{"message": f'Cannot query field "{name}" on type "Performer".'} for name in names]})


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
