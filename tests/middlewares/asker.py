"""Small servers on loopback, and crawls in processes of their own that ask them."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
import yaml

from enrich.config import default_sources
from tests.conftest import GUARD, REPO

BOXES = {source.name for source in default_sources().stash_boxes}
Answer = tuple[int, Mapping[str, str], bytes]


@dataclass
class Site:
    """A web server on loopback: what it was asked for, and every connection that came."""

    port: int
    asked: list[tuple[str, dict[str, str]]] = field(default_factory=list)
    connections: list[Any] = field(default_factory=list)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def paths(self) -> list[str]:
        return [path for path, _ in self.asked]


@contextmanager
def serving_site(answer: Callable[[BaseHTTPRequestHandler], Answer | None]) -> Iterator[Site]:
    """A site that is up until the block ends; ``answer`` may write by itself and return ``None``."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def handle_any(self) -> None:
            site.asked.append((self.path, {name.lower(): value for name, value in self.headers.items()}))
            if length := int(self.headers.get("Content-Length") or 0):
                self.rfile.read(length)
            given = answer(self)
            if given is None:
                self.close_connection = True
                return
            status, headers, body = given
            self.send_response(status)
            for name, value in {"Content-Length": str(len(body)), **headers}.items():
                self.send_header(name, value)
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(body)

        do_GET = do_POST = do_HEAD = do_CONNECT = handle_any  # noqa: N815  # the names that http.server calls

        def log_message(self, *_: Any) -> None:
            pass

    class Server(ThreadingHTTPServer):
        daemon_threads = True

        def verify_request(self, request: Any, client_address: Any) -> bool:
            site.connections.append(client_address)
            return True

        def handle_error(self, request: Any, client_address: Any) -> None:
            pass  # a crawler that hangs up is what some tests are about

    with Server(("127.0.0.1", 0), Handler) as server:
        site = Site(server.server_address[1])
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
        thread.start()
        try:
            yield site
        finally:
            server.shutdown()
            thread.join()


@pytest.fixture
def serving() -> Callable[..., Any]:
    return serving_site


@dataclass
class Asked:
    """What a crawl that only asks found out. ``attempts``: what the guard refused."""

    answers: dict[str, dict[str, Any]]
    stats: dict[str, Any]
    log: str
    attempts: list[str]


class Asker:
    """Runs ``tests.middlewares.asking`` for one source or several."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def start(
        self,
        blocks: Mapping[str, Mapping[str, Any]],
        asked: Mapping[str, list[Any]],
        *,
        hosts: Mapping[str, list[str]] | None = None,
        settings: Mapping[str, Any] | None = None,
        **environment: str,
    ) -> Asked:
        sources = self.folder / "sources.yaml"
        defaults = {"enabled": True, "trust_level": "high", "rate_limit": 0, "needs_flaresolverr": False}
        said: dict[str, dict[str, Any]] = {}
        for name, block in blocks.items():
            section = "stash_boxes" if name in BOXES else "reference_sites"
            said.setdefault(section, {})[name] = {**defaults, **block}
        sources.write_text(yaml.safe_dump(said))
        attempts = self.folder / "attempts"
        attempts.write_text("")
        inherited = {
            name: value
            for name, value in os.environ.items()
            if not name.startswith(("ENRICH_", "COV")) and not name.lower().endswith("_proxy")
        }
        order = {
            "sources": {
                name: [one if isinstance(one, dict) else {"url": one} for one in ones] for name, ones in asked.items()
            },
            "settings": {"RETRY_TIMES": 1, "RETRY_FIRST_WAIT_SECONDS": 0.05, **(settings or {})},
        }
        done = subprocess.run(
            [sys.executable, "-m", "tests.middlewares.asking"],
            input=json.dumps(order),
            capture_output=True,
            text=True,
            cwd=REPO,
            timeout=90,
            check=False,
            env={
                **inherited,
                "PYTHONPATH": f"{GUARD}{os.pathsep}{REPO}",
                "ENRICH_SOURCES_FILE": str(sources),
                "ENRICH_DATA_DIR": str(self.folder / "data"),
                "ENRICH_TEST_HOSTS": json.dumps(hosts or {}),
                "ENRICH_TEST_ATTEMPTS": str(attempts),
                **environment,
            },
        )
        assert done.returncode == 0, done.stderr[-4000:]
        found = json.loads(done.stdout)
        return Asked(found["answers"], found["stats"], done.stderr, attempts.read_text().splitlines())

    def __call__(self, site: Mapping[str, Any], asked: list[Any], **more: Any) -> Asked:
        """Ask as babepedia, whose block is ``site``; the answers are by address."""
        found = self.start({"babepedia": site}, {"babepedia": asked}, **more)
        return Asked(found.answers["babepedia"], found.stats["babepedia"], found.log, found.attempts)


@pytest.fixture
def ask(tmp_path: Path) -> Asker:
    return Asker(tmp_path)
