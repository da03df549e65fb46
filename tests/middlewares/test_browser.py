"""Pages of a source with ``browser: true`` in a real Chromium, past a challenge; skipped where there is none."""

from __future__ import annotations

import importlib.util
import json
import os
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any

import pytest
from scrapy.settings import Settings

from enrich.challenges import browser_settings as installed
from enrich.challenges.browser_page import cookie_header
from enrich.config import default_sources
from enrich.errors import ConfigError
from tests.middlewares.asker import Answer, Asked, Asker, Site
from tests.standin.challenge import ChallengeSite
from tests.standin.fixtures import Asked as Solving
from tests.standin.serving import serving as serving_application

SOURCE = default_sources().get("babepedia").model_copy(update={"browser": True, "url": "http://127.0.0.1:1"})


@pytest.fixture
def chromium() -> None:
    try:
        installed.check_browser(SOURCE, Settings())
    except ConfigError as error:
        pytest.skip(str(error))


@pytest.fixture
def challenge() -> ChallengeSite:
    return ChallengeSite()


@pytest.fixture
def walled(challenge: ChallengeSite) -> Iterator[str]:
    with serving_application(challenge.application()) as url:
        yield url


def browsing(ask: Asker, url: str, paths: list[str], *, needs_flaresolverr: bool = False, **more: Any) -> Asked:
    asked = [{"url": url + path, "kind": "image" if path.endswith(".jpg") else "page"} for path in paths]
    return ask({"url": url, "browser": True, "needs_flaresolverr": needs_flaresolverr}, asked, **more)


def solving(flaresolverr: Solving) -> dict[str, Any]:
    """Settings under which a FlareSolverr is at hand, and one request follows the other."""
    return {
        "CONCURRENT_REQUESTS": 1,
        "FLARESOLVERR_URL": flaresolverr.url,
        "FLARESOLVERR_MAX_SECONDS": flaresolverr.max_seconds,
        "FLARESOLVERR_COOLDOWN_SECONDS": 0.1,
    }


@pytest.mark.usefixtures("chromium")
def test_a_challenge_is_passed_and_pictures_are_fetched_with_what_passed_it(
    ask: Asker, challenge: ChallengeSite, walled: str
) -> None:
    paths = ["/babe/Anna_Example", "/babe/Nobody", "/pics/a-0.jpg", "/pics/a-1.jpg", "/babe/Berta_Example"]
    challenge.missing.add("/babe/Nobody")
    found = browsing(ask, walled, paths, settings={"CONCURRENT_REQUESTS": 1})
    answers = [found.answers[walled + path] for path in paths]
    assert [answer.get("status", answer.get("error")) for answer in answers] == [200, "HTTP 404", 200, 200, 200]
    assert 'id="babename">Anna Example' in answers[0]["body"]
    assert answers[2]["body"].encode("latin-1").startswith(b"\xff\xd8\xff")
    assert [answer.get("flags") for answer in answers] == [["playwright"], None, [], [], ["playwright"]]
    assert challenge.solved == 1
    (agent,) = challenge.agents
    assert "Chrome/" in agent
    assert "Headless" not in agent
    assert set(challenge.served) >= set(paths)
    assert not [path for path in challenge.served if "thumb" in path]  # the browser itself fetches no picture
    assert {headers["User-Agent"].split("/")[0] for headers in challenge.robots} == {"enrich"}
    for answer in (answers[0], *answers[2:]):
        assert not [name for name in answer["meta"] if name.startswith("playwright")]
        assert "Cookie" not in answer["headers"]


@pytest.mark.usefixtures("chromium")
def test_with_flaresolverr_too_pages_are_the_browsers_and_pictures_may_have_a_clearance(
    ask: Asker, challenge: ChallengeSite, walled: str, flaresolverr: Solving
) -> None:
    """The first picture is asked for before any page, so that the browser has no clearance for it yet."""
    paths = ["/pics/first.jpg", "/babe/Anna_Example", "/pics/a-0.jpg", "/babe/Berta_Example", "/pics/b-0.jpg"]
    found = browsing(ask, walled, paths, needs_flaresolverr=True, settings=solving(flaresolverr))
    assert [found.answers[walled + path].get("status") for path in paths] == [200] * 5
    assert [found.answers[walled + path]["flags"] for path in paths] == [[], ["playwright"], [], ["playwright"], []]
    assert found.stats["flaresolverr/solves"] == 1
    assert found.stats.get("flaresolverr/browsed") is None
    for answer in found.answers.values():
        assert "Cookie" not in answer["headers"]
        assert answer["headers"]["User-Agent"].startswith("enrich")


@pytest.mark.usefixtures("chromium")
def test_a_flaresolverr_that_is_turned_away_closes_nothing_to_the_browser(
    ask: Asker, walled: str, serving: Callable[..., Any]
) -> None:
    denied = json.dumps({"status": "error", "message": "Error: Cloudflare has blocked this request."}).encode()
    paths = ["/pics/first.jpg", "/babe/Anna_Example", "/pics/a-0.jpg", "/babe/Berta_Example"]
    with serving(lambda _: (500, {"Content-Type": "application/json"}, denied)) as solver:
        settings = {"CONCURRENT_REQUESTS": 1, "FLARESOLVERR_URL": solver.url}
        found = browsing(ask, walled, paths, needs_flaresolverr=True, settings=settings)
    answers = [found.answers[walled + path] for path in paths]
    assert [answer.get("status") for answer in answers] == [None, 200, 200, 200]
    assert answers[0]["kind"] == "Blocked"
    assert found.stats["finish_reason"] == "finished"
    assert "has blocked this request" in found.stats["enrich/degraded/flaresolverr_images"]


@pytest.mark.usefixtures("chromium")
def test_a_wall_that_no_browser_passes_ends_the_source_with_a_flaresolverr_at_hand_too(
    ask: Asker, challenge: ChallengeSite, walled: str, flaresolverr: Solving
) -> None:
    challenge.kind = "unsolvable"
    paths = [f"/babe/{number}" for number in range(8)]
    settings = {**solving(flaresolverr), "DOWNLOAD_TIMEOUT": 1}
    found = browsing(ask, walled, paths, needs_flaresolverr=True, settings=settings)
    assert found.stats["finish_reason"] == "blocked"
    assert "flaresolverr/challenged" not in found.stats
    assert "challenges" in found.stats["enrich/degraded/blocked"]
    assert {answer["error"] for answer in found.answers.values()} == {"HTTP 403"}
    assert 3 <= len(found.answers) < 6


@pytest.mark.usefixtures("chromium")
def test_contexts_are_rotated_and_keep_their_clearance(ask: Asker, challenge: ChallengeSite, walled: str) -> None:
    paths = [f"/babe/{number}" for number in range(7)]
    settings = {"CONCURRENT_REQUESTS": 1, "BROWSER_PAGES_PER_CONTEXT": 3}
    found = browsing(ask, walled, paths, settings=settings)
    assert {answer["status"] for answer in found.answers.values()} == {200}
    assert found.stats["playwright/context_count"] == 3
    assert found.stats["playwright/context_count/max_concurrent"] == 1
    assert challenge.solved == 1


@pytest.fixture
def leading(serving: Callable[..., Any]) -> Iterator[tuple[Site, Site]]:
    """A site whose pages lead a browser to another one of this machine, by every way there is."""
    with serving(lambda _: (200, {"Content-Type": "text/html"}, b"secret")) as inner:

        def lead(handler: BaseHTTPRequestHandler) -> Answer:
            to = f"http://127.0.0.1:{inner.port}"
            html = {"Content-Type": "text/html"}
            if handler.path == "/redirect":
                return 302, {"Location": f"{to}/redirect"}, b""
            if handler.path == "/script":
                body = f"<script>location.href='{to}/script'</script><iframe src='{to}/frame'></iframe>"
                return 200, html, body.encode()
            body = f"""<h1>own</h1><script>
                for (const host of ["127.0.0.1", "localhost", "[::ffff:127.0.0.1]", "loop.example.com"])
                    fetch(`http://${{host}}:{inner.port}/fetch`, {{mode: "no-cors"}}).catch(() => 0);
                new WebSocket("ws://127.0.0.1:{inner.port}/socket"); </script>
                <link rel="stylesheet" href="{to}/style.css"><script src="{to}/script.js"></script>"""
            return 200, html, body.encode()

        with serving(lead) as own:
            yield own, inner


@pytest.mark.usefixtures("chromium")
def test_a_page_leads_its_browser_nowhere_inside(ask: Asker, leading: tuple[Site, Site]) -> None:
    own, inner = leading
    hosts = {"loop.example.com": ["127.0.0.1"]}
    found = browsing(ask, own.url, ["/redirect", "/script", "/fetch"], hosts=hosts, settings={"DOWNLOAD_TIMEOUT": 10})
    assert inner.connections == []
    assert found.answers[f"{own.url}/fetch"]["status"] == 200
    assert "secret" not in str(found.answers)
    assert found.attempts == []
    assert found.stats["reach/refused"] >= 5


def test_without_scrapy_playwright(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(ConfigError, match=r"babepedia: browser: true needs scrapy-playwright"):
        installed.check_browser(SOURCE, Settings())


def test_without_a_chromium(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: object())
    monkeypatch.setenv("PLAYWRIGHT_BROWSERS_PATH", str(tmp_path / "none"))
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(ConfigError, match="install chromium"):
        installed.check_browser(SOURCE, Settings())
    wrong = Settings({"PLAYWRIGHT_LAUNCH_OPTIONS": {"executable_path": str(tmp_path / "chrome")}})
    with pytest.raises(ConfigError, match="executable_path"):
        installed.check_browser(SOURCE, wrong)


def test_the_settings_of_a_source_that_wants_a_browser(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: object())
    program = tmp_path / "chromium"
    program.write_text("#!/bin/sh\necho Chromium 150.0.7871.100 of somebody\n")
    program.chmod(0o755)
    given = {"executable_path": str(program), "handle_sigint": True, "args": ["--lang=en"]}
    settings = Settings({"PLAYWRIGHT_LAUNCH_OPTIONS": given, "DOWNLOAD_TIMEOUT": 45})
    installed.set_browser(SOURCE.model_copy(update={"url": "https://www.babepedia.com"}), settings)
    assert settings.getdict("DOWNLOAD_HANDLERS") == {"https": installed.HANDLER}
    launch = settings.getdict("PLAYWRIGHT_LAUNCH_OPTIONS")
    assert [launch[f"handle_{name}"] for name in ("sigint", "sigterm", "sighup")] == [False] * 3
    assert "--lang=en" in launch["args"]
    assert ("--no-sandbox" in launch["args"]) == (os.geteuid() == 0)
    assert settings["PLAYWRIGHT_PROCESS_REQUEST_HEADERS"] is None
    assert settings.getfloat("PLAYWRIGHT_DEFAULT_NAVIGATION_TIMEOUT") == 45_000
    assert "Chrome/150.0.0.0 " in settings["BROWSER_USER_AGENT"]


def test_another_source_starts_no_browser(ask: Asker, walled: str) -> None:
    found = ask({"url": walled}, [f"{walled}/babe/Anna"])
    assert "playwright" not in found.log.lower()


@pytest.mark.parametrize(
    ("cookie", "url", "sent"),
    [
        ({"domain": "a.example.com", "path": "/"}, "http://a.example.com/x", True),
        ({"domain": ".example.com", "path": "/"}, "http://a.example.com/x", True),
        ({"domain": "a.example.com", "path": "/"}, "http://b.example.com/x", False),
        ({"domain": ".example.com", "path": "/"}, "http://badexample.com/x", False),
        ({"domain": "a.example.com", "path": "/y"}, "http://a.example.com/x", False),
        ({"domain": "a.example.com", "path": "/y"}, "http://a.example.com/yy", False),
        ({"domain": "a.example.com", "path": "/y"}, "http://a.example.com/y/z", True),
        ({"domain": "a.example.com", "path": "/", "secure": True}, "http://a.example.com/", False),
        ({"domain": "a.example.com", "path": "/", "secure": True}, "https://a.example.com/", True),
    ],
)
def test_a_browsers_cookie_goes_where_it_belongs(cookie: dict[str, Any], url: str, sent: bool) -> None:
    assert cookie_header([{"name": "n", "value": "v", **cookie}], url) == ("n=v" if sent else "")
