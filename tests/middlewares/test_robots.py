"""robots.txt: obeyed as RFC 9309 has it, fetched once a host, also where it cannot be read."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from http.server import BaseHTTPRequestHandler
from typing import Any

import pytest
from scrapy.http import Request, Response
from scrapy.utils.test import get_crawler
from twisted.internet.defer import Deferred

from enrich.config import default_sources
from enrich.middlewares.robots import ClosedForNow, RobotsMiddleware
from tests.middlewares.asker import Answer, Asked, Asker, Site

SETTINGS = {"RETRY_TIMES": 0, "THROTTLE_FIRST_PAUSE_SECONDS": 0.05}


def answering(status: int, body: bytes = b"", **headers: str) -> Callable[[BaseHTTPRequestHandler], Answer]:
    def answer(handler: BaseHTTPRequestHandler) -> Answer:
        if handler.path != "/robots.txt":
            return 200, {"Content-Type": "text/html"}, b"<html>page</html>"
        return status, {"Content-Type": "text/plain", **{k.replace("_", "-"): v for k, v in headers.items()}}, body

    return answer


@pytest.fixture
def ask_each(ask: Asker, serving: Callable[..., Any]) -> Callable[..., list[tuple[Asked, Site]]]:
    """Crawls a site of its own for each answer, all in one process: what came of it, and what the site was asked."""

    def crawl(answers: Sequence[Callable[..., Any]], *paths: str) -> list[tuple[Asked, Site]]:
        names = [source.name for source in default_sources().reference_sites][: len(answers)]
        with ExitStack() as stack:
            sites = [stack.enter_context(serving(answer)) for answer in answers]
            blocks = {name: {"url": site.url} for name, site in zip(names, sites, strict=True)}
            asked = {name: [site.url + path for path in paths] for name, site in zip(names, sites, strict=True)}
            found = ask.start(blocks, asked, settings=SETTINGS)
        one = [Asked(found.answers[name], found.stats[name], found.log, found.attempts) for name in names]
        return list(zip(one, sites, strict=True))

    return crawl


RULES = [
    (b"User-agent: *\nDisallow: /private", [True, False]),
    (b"User-agent: enrich\nDisallow: /\n\nUser-agent: *\nAllow: /", [False, False]),
    (b"User-agent: Scrapy\nDisallow: /", [True, True]),
    (b"User-agent: *\nDisallow: /\n\nUser-agent: enrich\nDisallow: /private", [True, False]),
    (b"", [True, True]),
    (b"\xff\xfe no rules \x00", [True, True]),
]


def test_the_rules_are_obeyed_and_asked_for_once(ask_each: Callable[..., Any]) -> None:
    for (rules, allowed), (found, site) in zip(
        RULES, ask_each([answering(200, rules) for rules, _ in RULES], "/open", "/private/x"), strict=True
    ):
        got = ["status" in found.answers[site.url + path] for path in ("/open", "/private/x")]
        assert got == allowed, rules
        assert site.paths.count("/robots.txt") == 1


def test_no_file_forbids_nothing(ask_each: Callable[..., Any]) -> None:
    every = [answering(status, b"User-agent: *\nDisallow: /") for status in (400, 401, 403, 404, 410, 451)]
    for found, site in ask_each(every, "/a"):
        assert found.answers[f"{site.url}/a"]["status"] == 200


def test_who_cannot_say_allows_nothing_for_now(ask_each: Callable[..., Any]) -> None:
    def hang_up(handler: BaseHTTPRequestHandler) -> Answer | None:
        return None if handler.path == "/robots.txt" else (200, {}, b"page")

    every = [hang_up, *(answering(status) for status in (500, 502, 504))]
    for found, site in ask_each(every, "/a", "/b"):
        assert {answer["kind"] for answer in found.answers.values()} == {"RobotsUnreadable"}
        assert set(site.paths) == {"/robots.txt"}
        assert "robots.txt" in found.answers[f"{site.url}/a"]["error"]


@pytest.mark.parametrize(("challenged", "closed"), [(True, False), (False, True)])
def test_a_challenge_is_no_answer_of_the_site(challenged: bool, closed: bool) -> None:
    async def settled() -> Any:
        middleware = RobotsMiddleware(get_crawler(settings_dict={"ROBOTSTXT_OBEY": True}))
        middleware._parsers["example.com"] = Deferred()
        headers = {"cf-mitigated": "challenge"} if challenged else {}
        response = Response("https://example.com/robots.txt", 503, headers=headers)
        await middleware._parse_robots(response, "example.com", Request("https://example.com/"))
        return middleware._parsers["example.com"]

    assert isinstance(asyncio.run(settled()), ClosedForNow) == closed


def test_a_reason_for_ignoring_it_is_said_and_kept(ask: Asker, serving: Callable[..., Any]) -> None:
    with serving(answering(200, b"User-agent: *\nDisallow: /")) as site:
        found = ask({"url": site.url, "ignore_robots": "the operator agreed by mail"}, [f"{site.url}/a"])
        assert found.answers[f"{site.url}/a"]["status"] == 200
        assert "/robots.txt" not in site.paths
        (line,) = [
            line for line in found.log.splitlines() if "the operator agreed by mail" in line and "WARNING" in line
        ]
        assert "robots.txt is not obeyed" in line
        assert found.stats["robotstxt/ignored"] == "the operator agreed by mail"


def test_the_agent_names_the_project(ask: Asker, serving: Callable[..., Any]) -> None:
    with serving(answering(404)) as site:
        ask({"url": site.url}, [f"{site.url}/a"])
        assert {headers["user-agent"].split("/")[0] for _, headers in site.asked} == {"enrich"}
