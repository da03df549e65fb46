"""What is a challenge, what is a block, and what is neither."""

from __future__ import annotations

import pytest
from scrapy.http import HtmlResponse, Response

from enrich.challenges.detect import is_browser_error, is_challenge_page, title_of, wall
from enrich.challenges.flaresolverr_sessions import status_of

CLOUDFLARE = {"Server": "cloudflare"}
MOMENT = "<html><head><title>Just a moment...</title></head>"
OPTIONS = "<title>Un momento…</title><script>window._cf_chl_opt={cvId:'3'}</script>"
ORCHESTRA = "<script src='/cdn-cgi/challenge-platform/h/b/orchestrate/chl_page/v1'></script>"
PLATFORM = "<img src='/cdn-cgi/challenge-platform/h/b/cmg/1'>"
BEACON = "<script src='/cdn-cgi/challenge-platform/scripts/jsd/main.js'></script>"


def answer(status: int, body: str = "", headers: dict[str, str] | None = None) -> Response:
    return HtmlResponse("https://www.example.org/a", status=status, body=body.encode(), headers=headers or {})


@pytest.mark.parametrize("status", [403, 429, 503])
@pytest.mark.parametrize(
    ("body", "headers"),
    [
        ("", {"cf-mitigated": "challenge"}),
        ("<title>Nur einen Moment</title>", {"CF-Mitigated": "challenge", **CLOUDFLARE}),
        (MOMENT, CLOUDFLARE),
        (MOMENT, {}),
        (OPTIONS, CLOUDFLARE),
        (ORCHESTRA, CLOUDFLARE),
        ("<title>DDoS-Guard</title>", {"Server": "ddos-guard"}),
    ],
)
def test_challenge(status: int, body: str, headers: dict[str, str]) -> None:
    assert wall(answer(status, body, headers)) == "challenge"


def test_challenge_by_its_scripts() -> None:
    assert wall(answer(403, PLATFORM, CLOUDFLARE)) == "challenge"
    assert wall(answer(403, PLATFORM)) is None, "anybody may name that path"
    assert wall(answer(429, PLATFORM, CLOUDFLARE)) is None, "asked to slow down"
    assert wall(answer(403, BEACON, CLOUDFLARE)) is None, "on every page of every site there"


def test_challenge_of_a_picture() -> None:
    response = Response("https://www.example.org/a.jpg", status=403, body=MOMENT.encode(), headers=CLOUDFLARE)
    assert wall(response) == "challenge"


@pytest.mark.parametrize("status", [200, 302, 401, 404, 500, 502])
@pytest.mark.parametrize("body", [MOMENT, OPTIONS, PLATFORM, "<title>Attention Required! | Cloudflare</title>"])
def test_other_statuses_are_the_sites_own(status: int, body: str) -> None:
    assert wall(answer(status, body, {**CLOUDFLARE, "cf-mitigated": "challenge"})) is None


@pytest.mark.parametrize(
    "body",
    [
        "<title>Attention Required! | Cloudflare</title>",
        "<title>Access denied | www.example.org used Cloudflare to restrict access</title>",
        "<title>\n  Access Denied</title>",
        "error code: 1020",
    ],
)
def test_block(body: str) -> None:
    assert wall(answer(403, body, CLOUDFLARE)) == "block"
    assert wall(answer(429, body, CLOUDFLARE)) is None, "429 asks to slow down, whatever its title (1015)"


@pytest.mark.parametrize(
    "body", ["", "hotlinking is not allowed", "<title>Forbidden</title>", "<p>Just a moment...</p>"]
)
def test_other_refusals(body: str) -> None:
    assert wall(answer(403, body, CLOUDFLARE)) is None


def test_pages_by_themselves() -> None:
    assert is_challenge_page(MOMENT.encode())
    assert is_challenge_page(OPTIONS.encode())
    assert not is_challenge_page(f"<title>Anna</title>{BEACON}{PLATFORM}".encode())
    assert is_browser_error(b'<html><body id="t" class="x neterror">')
    assert not is_browser_error(b"<body class='profile'>a neterror")
    assert title_of(b"<TITLE lang=en> a\n b </title>") == "a b"


@pytest.mark.parametrize(
    ("title", "status"),
    [
        ("404 Not Found", 404),
        ("Error 404 - Page not found", 404),
        ("404", 404),
        ("Page not found | Example", 404),
        ("Not Found", 404),
        ("502 Bad Gateway", 502),
        ("503 Service Temporarily Unavailable", 503),
        ("429 Too Many Requests", 429),
        ("500 Internal Server Error", 500),
        ("Jane Example - pics", 200),
        ("505 Girl", 200),
        ("404Jane", 200),
        ("Jane 404 Not Found", 200),
        ("Nothing found", 200),
        ("", 200),
    ],
)
def test_status_by_the_title(title: str, status: int) -> None:
    assert status_of(title) == status
