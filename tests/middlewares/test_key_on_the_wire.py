"""The key over real sockets: to the API at every try, and to nobody else whatever the API answers."""

from __future__ import annotations

from collections.abc import Callable
from http.server import BaseHTTPRequestHandler
from typing import Any

from tests.middlewares.asker import Answer, Asker

KEY = "k-3f9a-the-key"
SETTINGS = {"LOG_LEVEL": "DEBUG", "RETRY_TIMES": 2, "ROBOTSTXT_OBEY": False}


def test_a_redirect_takes_no_key_along(ask: Asker, serving: Callable[..., Any]) -> None:
    with serving(lambda _: (200, {}, b"elsewhere")) as other:

        def lead(handler: BaseHTTPRequestHandler) -> Answer:
            path = handler.path.partition("?")[0]
            if handler.path.endswith("/within"):
                return 200, {}, b"within"
            to = "/graphql/within" if handler.path.endswith("in") else f"{other.url}{path}"
            return int(handler.path.partition("=")[2][:3]), {"Location": to}, b""

        with serving(lead) as api:
            paths = [f"?s={status}{where}" for status in (301, 302, 303, 307, 308) for where in ("out", "in")]
            asked = [
                {"url": f"{api.url}/graphql{path}", "kind": "page", "method": method, "meta": {"credential": "ApiKey"}}
                for path in paths
                for method in ("GET", "POST")
                if method == "GET" or path.endswith("out")
            ]
            found = ask.start(
                {"stashdb": {"url": f"{api.url}/graphql", "image_hosts": ["127.0.0.1"]}},
                {"stashdb": asked},
                settings=SETTINGS,
                STASHDB_API_KEY=KEY,
            )
        assert other.asked
        assert not [headers for _, headers in other.asked if KEY in str(headers)]
        assert {headers["apikey"] for _, headers in api.asked} == {KEY}
        assert KEY not in found.log
        assert KEY not in str(found.answers) + str(found.stats)


def test_every_try_has_the_key_and_no_failure_tells_it(ask: Asker, serving: Callable[..., Any]) -> None:
    def fail(handler: BaseHTTPRequestHandler) -> Answer | None:
        return None if "hang-up" in handler.path else (500, {}, b"not now")

    with serving(fail) as api:
        asked = [
            {"url": f"{api.url}/graphql?{how}", "kind": "page", "meta": {"credential": "ApiKey"}}
            for how in ("hang-up", "error")
        ]
        site = {"stashdb": {"url": f"{api.url}/graphql"}}
        found = ask.start(site, {"stashdb": asked}, settings=SETTINGS, STASHDB_API_KEY=KEY)
        assert [len([path for path in api.paths if how in path]) >= 3 for how in ("hang-up", "error")] == [True, True]
        assert {headers["apikey"] for _, headers in api.asked} == {KEY}
    assert all("error" in answer for answer in found.answers["stashdb"].values())
    assert KEY not in found.log
    assert KEY not in str(found.answers) + str(found.stats)
