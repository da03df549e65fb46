"""A site on loopback that answers as a test says, and keeps what it was asked for, when, and what it answered."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import ClassVar

JPEG = b"\xff\xd8\xff" + bytes(100)


@dataclass(frozen=True, slots=True)
class Answer:
    """``status`` 0: the connection is closed without a word."""

    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""
    content_type: str = "text/plain"


@dataclass(frozen=True, slots=True)
class Asked:
    """One request. ``at``: its arrival, by the monotonic clock."""

    at: float
    path: str
    status: int


class Site(ThreadingHTTPServer):
    """Answers until closed; ``answer`` is called by one thread at a time, with the path and what was asked before."""

    daemon_threads = True
    request_queue_size = 64

    def __init__(self, answer: Callable[[str, list[Asked]], Answer]) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.answer = answer
        self.asked: list[Asked] = []
        self.changed = threading.Condition()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"

    def wait_for(self, met: Callable[[list[Asked]], bool], seconds: float = 60) -> list[Asked]:
        """Block until what was asked so far meets the condition."""
        with self.changed:
            assert self.changed.wait_for(lambda: met(self.asked), seconds), self.asked[-20:]
            return list(self.asked)

    def paths(self, *statuses: int) -> list[str]:
        """The paths asked for, robots.txt aside, that were answered with one of the statuses (or any)."""
        with self.changed:
            return [a.path for a in self.asked if a.path != "/robots.txt" and (not statuses or a.status in statuses)]


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: Site
    wbufsize: ClassVar[int] = -1

    def do_GET(self) -> None:
        at = time.monotonic()
        with self.server.changed:
            answer = self.server.answer(self.path, self.server.asked)
            self.server.asked.append(Asked(at, self.path, answer.status))
            self.server.changed.notify_all()
        if not answer.status:
            self.close_connection = True
            return
        self.send_response(answer.status)
        said = {"Content-Type": answer.content_type, "Content-Length": str(len(answer.body)), **answer.headers}
        for name, value in said.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(answer.body)
        self.wfile.flush()

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"]))
        self.do_GET()

    def log_message(self, format: str, *args: object) -> None:
        pass


@contextmanager
def serving(answer: Callable[[str, list[Asked]], Answer]) -> Iterator[Site]:
    """The site, up until the block ends."""
    with Site(answer) as site:
        thread = threading.Thread(target=site.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
        thread.start()
        try:
            yield site
        finally:
            site.shutdown()
            thread.join()


def plain(path: str, asked: list[Asked]) -> Answer:
    """A page names its picture; robots.txt allows everything."""
    del asked
    if path.startswith("/page/"):
        return Answer(body=f"/image/{path.rpartition('/')[2]}".encode())
    if path.startswith("/image/"):
        return Answer(body=JPEG, content_type="image/jpeg")
    return Answer(404)
