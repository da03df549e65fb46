"""What is known of a host that challenges us, and how its requests get another clearance when theirs is dead."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from urllib.parse import urlsplit, urlunsplit

from scrapy.http import Request
from scrapy.statscollectors import StatsCollector

from enrich.challenges.clearance import ActiveClearance, Clearances, host_key
from enrich.challenges.flaresolverr_client import Proxy, Solver, SolverDenied, SolverError, SolverUnusable
from enrich.challenges.flaresolverr_sessions import can_show
from enrich.request_meta import CHALLENGES_MET, IMAGE

logger = logging.getLogger(__name__)

MOST_VAIN_SOLVES = 3
"""So many solves in a row that fail, or whose clearance is refused, and the host is given up."""
REFUSED_REPLAYS = 2
"""So many fresh clearances refused without one good answer, and pages go through the solver's browser."""
MOST_CHALLENGES = 6
"""So often a request may be the one for which a clearance is renewed; waiting for others' renewals does not count."""
_OTHERS_SECONDS = 10.0
_LOOK_SECONDS = 0.05


@dataclass(slots=True)
class Lane:
    """A host's pages, or its pictures: hosts may challenge the one and not the other.

    ``good``: the last generation of the clearance under which an answer was good. ``browsed``: the pages go through the
    solver's browser. ``blocked``: why nothing of the kind is asked for any more.
    """

    good: int = -1
    refused: int = 0
    given_up: int = 0
    browsed: bool = False
    blocked: str | None = None


@dataclass(slots=True)
class Host:
    """``wall_title``: the challenge's. ``failed``: solves in a row that failed. ``solving``: the one that runs."""

    name: str
    proxy: Proxy | None
    active: ActiveClearance
    wall_title: str = ""
    failed: int = 0
    solving: asyncio.Task[Trouble | None] | None = None
    unusable_until: float = 0.0
    page: Lane = field(default_factory=Lane)
    image: Lane = field(default_factory=Lane)

    def lane(self, request: Request) -> Lane:
        """The lane of a request."""
        return self.image if IMAGE in request.meta else self.page

    def was_good(self, request: Request, sent: int) -> None:
        """Take note of a good answer to a request that was sent under the generation ``sent``."""
        lane = self.lane(request)
        lane.given_up = 0
        if sent == self.active.generation:
            lane.good = sent
            if self.active.clearance is not None:
                self.failed = lane.refused = 0


@dataclass(frozen=True, slots=True)
class Trouble:
    """Why there is no clearance. ``final``: nothing that is left to try would help.

    ``shared``: it is also the trouble of the requests that waited for the outcome; they would meet the same at once.
    """

    text: str
    final: bool = False
    shared: bool = False


class Renewal:
    """Gets clearances from the solver; ``cooldown_seconds`` is how long it waits after one failure."""

    def __init__(
        self,
        solver: Solver,
        clearances: Clearances,
        stats: StatsCollector,
        *,
        source_url: str,
        cooldown_seconds: float,
    ) -> None:
        self.solver = solver
        self.clearances = clearances
        self.stats = stats
        self.source_url = source_url
        self.cooldown_seconds = cooldown_seconds

    async def renew(self, host: Host, request: Request) -> Trouble | None:
        """Another clearance for the host, or another way for its pages, after ``request`` met a challenge."""
        lane, active = host.lane(request), host.active
        if active.fresh and await _is_refused(active, lane):
            lane.refused += 1
            logger.info("%s refuses the clearance that was just solved", host.name)
        if lane.refused >= REFUSED_REPLAYS and lane is host.page and can_show(request):
            lane.browsed = True
            logger.warning("%s takes a clearance from its browser alone: FlareSolverr fetches its pages", host.name)
            return None
        if host.page.browsed:
            return Trouble(f"{host.name} takes a clearance from its browser alone, and this is no page")
        if time.monotonic() < host.unusable_until:
            why = f"{host.name} asks for a challenge, and no FlareSolverr answers at {self.solver.root}"
            return Trouble(why, shared=True)
        met = request.meta[CHALLENGES_MET] = request.meta.get(CHALLENGES_MET, 0) + 1
        if met > MOST_CHALLENGES:
            return Trouble(f"it stays behind the challenge of {host.name} after {MOST_CHALLENGES} clearances")
        kept = self.clearances.store.take(host.name, host.proxy.url if host.proxy else None)
        if kept is not None and (active.clearance is None or kept.solved_at > active.clearance.solved_at):
            self.clearances.activate(host.name, kept)  # another process has solved it meanwhile
            return None
        return await self._solve(host, lane, self._targets(request))

    async def _solve(self, host: Host, lane: Lane, targets: Sequence[str]) -> Trouble | None:
        why = "its challenge is solved again and again, and every clearance refused"
        while host.failed + lane.refused < MOST_VAIN_SOLVES:
            target = targets[(host.failed + lane.refused) % len(targets)]
            try:
                solution = await self.solver.get(target, proxy=host.proxy, wall_title=host.wall_title)
            except SolverUnusable as error:
                self.stats.inc_value("flaresolverr/failed")
                host.unusable_until = time.monotonic() + self.cooldown_seconds
                return Trouble(f"{host.name} asks for a challenge, and {error}", shared=True)
            except SolverError as error:
                self.stats.inc_value("flaresolverr/failed")
                host.failed = MOST_VAIN_SOLVES if isinstance(error, SolverDenied) else host.failed + 1
                why = str(error)
                logger.info("%s: %s", target, error)
                if host.failed + lane.refused < MOST_VAIN_SOLVES:
                    await asyncio.sleep(self.cooldown_seconds * host.failed)
            else:
                self.stats.inc_value("flaresolverr/solves")
                self.clearances.activate(host.name, solution.clearance(host.proxy), fresh=True)
                return None
        return Trouble(f"{host.name} is closed to us: {why}", final=True)

    def _targets(self, request: Request) -> list[str]:
        """Pages of the host to solve at, the likeliest to be challenged first; never a picture or a script's answer."""
        page = request.url if IMAGE not in request.meta and can_show(request) else None
        came_from = (request.headers.get("Referer") or b"").decode("latin-1")
        root = urlunsplit((*urlsplit(request.url)[:2], "/", "", ""))
        found = [page, came_from, f"{self.source_url.rstrip('/')}/", root]
        key = host_key(request.url)
        return list(dict.fromkeys(url for url in found if url and host_key(url) == key))


async def _is_refused(active: ActiveClearance, lane: Lane) -> bool:
    """Whether a clearance was good for nothing, once everything that was sent with it is back."""
    for _ in range(round(_OTHERS_SECONDS / _LOOK_SECONDS)):
        if lane.good == active.generation or active.out <= 0:
            break
        await asyncio.sleep(_LOOK_SECONDS)
    return lane.good != active.generation
