"""Whole crawls of sites behind a challenge; ``make test-flaresolverr`` runs them with a real FlareSolverr."""

from __future__ import annotations

import contextlib
import json
import re
import signal
import socket
import stat
import subprocess
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
import yaml
from aiohttp import web

from enrich.items import Performer
from enrich.store.db.database import database_url, open_database, write
from enrich.store.people.save import save_performer
from tests.conftest import Finished, Scrapy
from tests.crawl import ledger
from tests.standin.challenge import ChallengeSite
from tests.standin.fixtures import REAL, Asked
from tests.standin.flaresolverr import AGENT
from tests.standin.serving import serving

HOSTS = {"babepedia": "https://www.babepedia.com/babe/", "boobpedia": "https://www.boobpedia.com/boobs/"}
TIMEOUT = 500 if REAL else 110


@pytest.fixture
def behind(scrapy: Scrapy, tmp_path: Path, flaresolverr: Asked) -> Scrapy:
    """The scrapy command, set up for what waits behind a challenge."""
    scrapy.environment |= {
        "ENRICH_FLARESOLVERR_URL": flaresolverr.url,
        "ENRICH_SOURCES_FILE": str(tmp_path / "sources.yaml"),
    }
    scrapy.solving = (  # type: ignore[attr-defined]
        "-s",
        f"FLARESOLVERR_MAX_SECONDS={flaresolverr.max_seconds}",
        "-s",
        "FLARESOLVERR_COOLDOWN_SECONDS=0.1",
    )
    return scrapy


def seed(scrapy: Scrapy, people: int, *, sources: tuple[str, ...] = ("babepedia",)) -> None:
    """People with a stored page at each of the sources."""
    scrapy.data_dir.mkdir(parents=True)
    engine = open_database(database_url(scrapy.data_dir))
    with write(engine) as tx:
        for number in range(people):
            name = f"Anna Lampwick{number:03d}"
            urls = tuple(HOSTS[source] + name.replace(" ", "_") for source in sources)
            performer = Performer(source="stashdb", source_id=str(number), name=name, gender="FEMALE", urls=urls)
            save_performer(tx, performer, {"stashdb": 1})
    engine.dispose()


def point(scrapy: Scrapy, *, rate_limit: int = 0, **sources: str) -> None:
    """Write a sources.yaml that points the sources at these sites."""
    blocks = {
        name: {"enabled": True, "url": url, "rate_limit": rate_limit, "max_faces": 50, "trust_level": "high"}
        | {"needs_flaresolverr": name == "babepedia"}
        for name, url in sources.items()
    }
    text = yaml.safe_dump({"reference_sites": blocks})
    Path(scrapy.environment["ENRICH_SOURCES_FILE"]).write_text(text)


def crawl(scrapy: Scrapy, *arguments: str) -> Finished:
    return scrapy("crawl", "babepedia", *scrapy.solving, *arguments, timeout=TIMEOUT)  # type: ignore[attr-defined]


def stats(finished: Finished) -> dict[str, Any]:
    """Scrapy's stats, as the log has them at the end."""
    found = re.findall(r"'((?:flaresolverr|enrich|pages|downloader|throttle)/[^']+)': (\d+)", finished.err)
    return {name: int(value) for name, value in found}


def lookups(scrapy: Scrapy, source: str = "babepedia") -> list[str]:
    return [row[0] for row in ledger.rows(scrapy.data_dir, "SELECT outcome FROM lookups WHERE source = ?", source)]


def outcomes(scrapy: Scrapy) -> list[tuple[str, str | None]]:
    return [tuple(row) for row in ledger.rows(scrapy.data_dir, "SELECT outcome, reason FROM images")]


# --- the ladder: direct, replay, browser ------------------------------------------------------------------------------


def test_400_pages_and_pictures_with_a_clearance_that_expires(behind: Scrapy, flaresolverr: Asked) -> None:
    site = ChallengeSite(uses=60, packed=True, says_so=False)
    seed(behind, 100)
    with serving(site.application()) as url:
        point(behind, babepedia=url)
        finished = crawl(behind, "-s", "CONCURRENT_REQUESTS=16")
    assert finished.code == 0, finished.err
    assert lookups(behind) == ["done"] * 100
    assert outcomes(behind) == [("rejected", "no_face")] * 300
    counted = stats(finished)
    assert len(site.served) == 400
    assert counted["flaresolverr/solves"] == site.expiries + 1 == site.solved
    assert "flaresolverr/failed" not in counted
    assert "flaresolverr/blocked" not in counted
    assert all("Cookie" not in headers for headers in site.robots)
    assert all(headers["User-Agent"].startswith("enrich/") for headers in site.robots)
    if (stand_in := flaresolverr.stand_in) is not None:
        assert len(stand_in.asked("request.get")) == site.solved
        assert all(call["url"].startswith(f"{url}/babe/") for call in stand_in.calls), "pages alone are solved at"
        looked_at = Counter(call["url"].removeprefix(url) for call in stand_in.calls)
        assert all(times <= 1 + looked_at[path] for path, times in site.served.items()), "what the solver looks at is"
        # Drawn by the solver itself, once a solve; by what was on its way when the clearance died, at most 16 each.
        assert sum(site.challenged.values()) <= site.solved * (1 + 16)
        assert set(site.agents) == {AGENT}


def test_nobody_asks_while_a_solve_runs_and_late_challenges_are_not_solved(behind: Scrapy, flaresolverr: Asked) -> None:
    late = "/babe/Anna_Lampwick000"
    site = ChallengeSite(pictures=0, slow_seconds={late: 25.0 if REAL else 3.0})
    if flaresolverr.stand_in is not None:
        flaresolverr.stand_in.pause_seconds = 1.0
    seed(behind, 12)
    with serving(site.application()) as url:
        point(behind, rate_limit=600, babepedia=url)
        finished = crawl(behind)
    assert finished.code == 0, finished.err
    assert lookups(behind) == ["done"] * 12
    assert stats(finished)["flaresolverr/solves"] == 1, "the late one wore no clearance: it is just asked again"
    assert site.challenged[late] == 1
    assert site.challenged.total() <= 4, "the late one, the first, the solver's own, and one on its way"
    queued = re.search(r"'scheduler/enqueued': (\d+)", finished.err)
    assert queued is not None
    assert int(queued[1]) <= 12 + 8 + 3, "each once, and again those that were sent back to wait or were challenged"


def test_direct_where_nothing_challenges(behind: Scrapy, flaresolverr: Asked) -> None:
    site = ChallengeSite(kind="open")
    seed(behind, 3)
    with serving(site.application()) as url:
        point(behind, babepedia=url)
        finished = crawl(behind)
    assert finished.code == 0, finished.err
    assert all(agent.startswith("enrich/") for agent in site.agents)
    assert not [name for name in stats(finished) if name.startswith("flaresolverr/")]
    assert flaresolverr.stand_in is None or not flaresolverr.stand_in.calls


def test_clearance_is_kept_for_the_next_run_and_solved_again_when_dead(behind: Scrapy, tmp_path: Path) -> None:
    site = ChallengeSite()
    seed(behind, 6)
    job = tmp_path / "job"
    with serving(site.application()) as url:
        point(behind, babepedia=url)
        assert crawl(behind, "-a", "limit=2", "-s", f"JOBDIR={job}").code == 0
        kept = behind.data_dir / "clearance" / "babepedia.json"
        assert stat.S_IMODE(kept.stat().st_mode) == 0o600
        assert stat.S_IMODE(kept.parent.stat().st_mode) == 0o700
        (token,) = [token for token, one in site.passes.items() if one.used]
        assert token in kept.read_text()
        assert not [path for path in job.rglob("*") if path.is_file() and token.encode() in path.read_bytes()]
        drawn = site.challenged.total()
        second = crawl(behind, "-a", "limit=2")
        assert second.code == 0, second.err
        assert lookups(behind) == ["done"] * 4
        assert site.solved == 1
        assert site.challenged.total() == drawn
        assert "flaresolverr/solves" not in stats(second)
        site.passes.clear()
        third = crawl(behind)
    assert third.code == 0, third.err
    assert stats(third)["flaresolverr/solves"] == 1
    assert lookups(behind) == ["done"] * 6


def test_pages_through_the_browser_where_replays_are_refused(behind: Scrapy, flaresolverr: Asked) -> None:
    site = ChallengeSite(kind="browser_only", open_pictures=True)
    seed(behind, 12)
    site.missing = {"/babe/Anna_Lampwick005"}
    with serving(site.application()) as url:
        point(behind, babepedia=url)
        finished = crawl(behind)
    assert finished.code == 0, finished.err
    assert sorted(lookups(behind)) == ["done"] * 11 + ["not_found"]
    assert outcomes(behind) == [("rejected", "no_face")] * 33
    counted = stats(finished)
    assert counted["flaresolverr/solves"] == 2
    assert counted["flaresolverr/browsed"] == 12
    assert "pages/unexpected" not in counted
    if (stand_in := flaresolverr.stand_in) is not None:
        assert not [
            call for call in stand_in.calls if "/pics/" in call.get("url", "") or "robots" in call.get("url", "")
        ]
        assert len(stand_in.asked("sessions.create")) == 1
        assert not stand_in.sessions, "the browser is gone with the crawl"


def test_pictures_that_only_a_browser_gets_fail(behind: Scrapy, flaresolverr: Asked) -> None:
    site = ChallengeSite(kind="browser_only")
    seed(behind, 6)
    with serving(site.application()) as url:
        point(behind, babepedia=url)
        finished = crawl(behind)
    assert finished.code == 3, finished.err
    assert lookups(behind) == ["done"] * 6
    assert outcomes(behind) == [("failed", None)] * 18
    assert any("takes a clearance from its browser alone" in line for line in finished.lines)
    assert stats(finished)["flaresolverr/solves"] <= 3
    pictures = [path for path in site.challenged if path.startswith("/pics/")]
    assert len(pictures) < 18, "after some in a row the others are not asked for"


# --- what cannot be solved --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["unsolvable", "localized", "denied"])
def test_host_that_stays_closed_ends_its_source_alone(behind: Scrapy, flaresolverr: Asked, kind: str) -> None:
    site, other = ChallengeSite(kind=kind), ChallengeSite(kind="open", pictures=0)  # type: ignore[arg-type]
    seed(behind, 30, sources=("babepedia", "boobpedia"))
    with serving(site.application()) as url, serving(other.application()) as other_url:
        point(behind, babepedia=url, boobpedia=other_url)
        finished = behind("enrich", "--sources", "babepedia,boobpedia", *behind.solving, timeout=TIMEOUT)  # type: ignore[attr-defined]
    assert finished.code == 3, finished.err
    assert any(line.startswith("enrich: babepedia: 127.0.0.1:") for line in finished.lines), finished.lines
    runs = {row["source"]: row for row in ledger.rows(behind.data_dir, "SELECT * FROM runs")}
    assert runs["babepedia"]["finish_reason"] == "blocked"
    assert runs["boobpedia"]["finish_reason"] == "finished"
    counted = json.loads(runs["babepedia"]["stats"])
    tried = counted.get("flaresolverr/solves", 0) + counted.get("flaresolverr/failed", 0)
    assert tried == (0 if kind == "denied" else 3)
    assert set(lookups(behind)) == {"blocked"}
    assert 0 < len(lookups(behind)) < 30, "what was not asked for stays to be done"
    assert other.served.total() == 30, "nobody else is harmed"
    assert len(lookups(behind, "boobpedia")) == 30
    if flaresolverr.stand_in is not None:
        assert len(flaresolverr.stand_in.asked("request.get")) == tried


def test_no_flaresolverr(behind: Scrapy) -> None:
    site = ChallengeSite(open_pictures=True, free={"/babe/Anna_Lampwick002"})
    seed(behind, 5)
    with socket.create_server(("127.0.0.1", 0)) as taken:
        behind.environment["ENRICH_FLARESOLVERR_URL"] = f"http://127.0.0.1:{taken.getsockname()[1]}"
    with serving(site.application()) as url:
        point(behind, babepedia=url)
        finished = crawl(behind)
    said = [line for line in finished.err.splitlines() if "WARNING" in line and "no FlareSolverr answers" in line]
    assert len(said) == 1
    assert finished.code == 3
    assert any("asks for a challenge, and no FlareSolverr answers" in line for line in finished.lines)
    assert sorted(lookups(behind)) == ["blocked"] * 4 + ["done"]
    assert outcomes(behind) == [("rejected", "no_face")] * 3
    counted = stats(finished)
    assert counted["flaresolverr/challenged"] == counted["flaresolverr/blocked"] == 4
    assert counted["downloader/response_status_count/403"] == 5, "each page once, and robots.txt"
    assert "flaresolverr/solves" not in counted


# --- stopping ---------------------------------------------------------------------------------------------------------


def test_stop_does_not_wait_for_a_solve(behind: Scrapy, flaresolverr: Asked) -> None:
    site = ChallengeSite(kind="unsolvable")
    seed(behind, 5)
    drawn = site.challenged
    with serving(site.application()) as url:
        point(behind, babepedia=url)
        process = behind.start("crawl", "babepedia", "-s", "FLARESOLVERR_MAX_SECONDS=100")
        while process.poll() is None and max(drawn.values(), default=0) < 2:  # the second time by the solver
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(0.05)
        process.send_signal(signal.SIGTERM)
        _, err = process.communicate(timeout=60)  # far below the solve's hundred seconds
    assert process.returncode == 0, err
    assert lookups(behind) == [], "nothing is lost: all of it stays to be done"
    assert "Traceback" not in err


def test_dry_run_writes_no_clearance(behind: Scrapy) -> None:
    site = ChallengeSite()
    seed(behind, 2)
    with serving(site.application()) as url:
        point(behind, babepedia=url)
        finished = crawl(behind, "-a", "dry_run=1")
    assert finished.code == 0, finished.err
    assert site.solved == 1
    assert not (behind.data_dir / "clearance").exists()


def test_another_hosts_challenge_is_none_of_ours(behind: Scrapy, flaresolverr: Asked) -> None:
    elsewhere = ChallengeSite()
    with serving(elsewhere.application()) as other:

        async def away(request: web.Request) -> web.Response:
            raise web.HTTPFound(other.replace("127.0.0.1", "localhost") + request.path)

        app = web.Application()
        app.router.add_get("/{path:.*}", away)
        seed(behind, 2)
        with serving(app) as url:
            point(behind, babepedia=url)
            finished = crawl(behind)
    assert finished.code == 3, finished.err
    assert flaresolverr.stand_in is None or not flaresolverr.stand_in.calls
    assert set(lookups(behind)) <= {"blocked", "failed"}
