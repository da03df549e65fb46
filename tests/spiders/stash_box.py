"""A stash-box's questions and answers, without the stash-box."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from scrapy.http import Request

from enrich.spiders.bases.stash_box_query import Query
from enrich.spiders.stashdb import StashDBSpider

Make = Callable[..., Any]
UUID = "00000000-0000-4000-8000-000000000001"


def variables(request: Request) -> dict[str, Any]:
    return dict(json.loads(request.body)["variables"])


def listed(count: int, *numbers: int) -> str:
    performers = [{"id": f"00000000-0000-4000-8000-{number:012d}", "name": f"Performer {number}"} for number in numbers]
    return json.dumps({"data": {"queryPerformers": {"count": count, "performers": performers}}})


def answer(spider: StashDBSpider, response_to: Make, body: str, status: int = 200, **query: Any) -> list[Any]:
    asked = Query(**query)
    response = response_to(spider.query_request(asked), body, status, "application/json")
    return list(spider.parse_page(response, asked))
