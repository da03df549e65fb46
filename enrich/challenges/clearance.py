"""Clearances: what a site takes as proof of a passed challenge, and the file that keeps them from one run to the next.

A clearance is cookies, good only with the exact User-Agent and address that solved the challenge.
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit


@dataclass(frozen=True, slots=True, kw_only=True)
class Clearance:
    """``proxy``: through which it was solved. Times are seconds since the epoch."""

    user_agent: str
    cookies: Mapping[str, str] = field(repr=False)
    proxy: str | None
    solved_at: float
    expires_at: float | None


class ClearanceStore:
    """A source's clearances by host, in a file that only its owner can read. ``writable``: not in a dry run."""

    def __init__(self, path: Path, *, writable: bool) -> None:
        self.path = path
        self.writable = writable

    def take(self, host: str, proxy: str | None) -> Clearance | None:
        """The clearance kept for a host, unless it is out of date or was solved at another address."""
        try:
            kept = Clearance(**self._read()[host])
            current = kept.expires_at is None or kept.expires_at > time.time()
        except (KeyError, TypeError, ValueError):  # none, or one that somebody else wrote
            return None
        return kept if current and kept.proxy == proxy else None

    def put(self, host: str, clearance: Clearance | None) -> None:
        """Keep a host's clearance, or ``None`` of it any more."""
        if not self.writable:
            return
        kept = {name: value for name, value in self._read().items() if name != host}
        if clearance is not None:
            kept[host] = asdict(clearance)
        elif not self.path.exists():
            return
        self.path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        beside = self.path.with_suffix(f".{os.getpid()}.tmp")
        with open(beside, "w", encoding="utf-8", opener=_for_owner) as file:  # Path.open has no opener
            json.dump(kept, file)
        beside.replace(self.path)

    def _read(self) -> dict[str, dict[str, Any]]:
        try:
            kept = json.loads(self.path.read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return {}
        return kept if isinstance(kept, dict) else {}


def _for_owner(path: str, flags: int) -> int:
    return os.open(path, flags, 0o600)


@dataclass(slots=True)
class ActiveClearance:
    """The clearance that a host's requests carry. ``fresh``: solved by this run, so that it should be good.

    ``out``: the requests that were sent under this generation and are not back.
    """

    clearance: Clearance | None = None
    generation: int = 0
    fresh: bool = False
    out: int = 0


class Clearances:
    """The clearances of a source's hosts: the active ones, and the store behind them."""

    def __init__(self, store: ClearanceStore) -> None:
        self.store = store
        self.hosts: dict[str, ActiveClearance] = {}

    def active(self, host: str, proxy: str | None = None) -> ActiveClearance:
        """What a host's requests carry now; at first what the store keeps."""
        if host not in self.hosts:
            kept = self.store.take(host, proxy)
            self.hosts[host] = ActiveClearance(kept, generation=int(kept is not None))
        return self.hosts[host]

    def activate(self, host: str, clearance: Clearance | None, *, fresh: bool = False) -> None:
        """Have a host's requests carry a new clearance from now on, or none."""
        active = self.active(host)
        active.clearance, active.fresh = clearance, fresh
        active.generation += 1
        active.out = 0
        if fresh or clearance is None:
            self.store.put(host, clearance)


def host_key(url: str) -> str:
    """Host and port of an address, in lower case, the scheme's own port left out."""
    parts = urlsplit(url)
    host, own_port = (parts.hostname or "").lower(), {"http": 80, "https": 443}.get(parts.scheme)
    return host if parts.port in (None, own_port) else f"{host}:{parts.port}"


def same_site(host: str, own: str) -> bool:
    """Whether a host is the site of ``own`` itself or below it."""
    own = own.removeprefix("www.")
    return host == own or host.endswith("." + own)
