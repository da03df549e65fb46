"""The key: on the wire to the API alone, and nowhere afterwards."""

from __future__ import annotations

import pytest
from scrapy.http import Request, Response

from enrich.config import Source, default_sources
from enrich.errors import CredentialError
from enrich.middlewares.credentials import CredentialsMiddleware, key_of

STASHDB = default_sources().get("stashdb")
THEPORNDB = default_sources().get("theporndb")


def sent(source: Source, url: str, form: str | None) -> dict[bytes, list[bytes]]:
    request = Request(url, meta={} if form is None else {"credential": form})
    CredentialsMiddleware(source, "k-1").process_request(request)
    return dict(request.headers)


def test_to_the_api_in_its_own_form() -> None:
    assert sent(STASHDB, "https://stashdb.org/graphql", "ApiKey") == {b"Apikey": [b"k-1"]}
    asked = sent(THEPORNDB, "https://api.theporndb.net/performers?page=2", "Bearer")
    assert asked == {b"Authorization": [b"Bearer k-1"]}


@pytest.mark.parametrize(
    "url",
    [
        "https://stashdb.org/images/0a",
        "https://stashdb.org/graphql2",
        "https://stashdb.org/",
        "http://stashdb.org/graphql",
        "https://stashdb.org:8443/graphql",
        "https://stashdb.org.evil.example/graphql",
        "https://evil.example/graphql?https://stashdb.org/graphql",
        "https://stashdb.org@evil.example/graphql",
    ],
)
def test_to_nobody_else(url: str) -> None:
    assert sent(STASHDB, url, "ApiKey") == {}


def test_only_where_a_request_asks_for_it() -> None:
    assert sent(STASHDB, "https://stashdb.org/graphql", None) == {}


def test_off_again_on_the_way_back() -> None:
    middleware = CredentialsMiddleware(STASHDB, "k-1")
    for back in ("response", "exception"):
        request = Request("https://stashdb.org/graphql", meta={"credential": "ApiKey"})
        middleware.process_request(request)
        assert request.headers
        if back == "response":
            middleware.process_response(request, Response(request.url))
        else:
            middleware.process_exception(request, ConnectionResetError())
        assert not request.headers


@pytest.mark.parametrize("value", ["", "   ", "zwei Wörter", "a b", "a\nb"])
def test_what_is_no_key(value: str) -> None:
    with pytest.raises(CredentialError, match="STASHDB_API_KEY") as caught:
        key_of(STASHDB, {"STASHDB_API_KEY": value})
    assert value.strip() == "" or value not in str(caught.value)


def test_spaces_around_a_key_are_not_the_key() -> None:
    assert key_of(STASHDB, {"STASHDB_API_KEY": " k-1\n"}) == "k-1"
