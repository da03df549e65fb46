"""A web server on loopback that answers as a test tells it to, and notes what it was asked."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


@dataclass(frozen=True)
class Answer:
    """What to say; ``length``: what to say of the body's length, where that is not true."""

    body: bytes | str = b""
    content_type: str = "text/html; charset=utf-8"
    status: int = 200
    location: str = ""
    length: int | None = None


@dataclass
class Answering:
    """The server: its address, and the (method, path, body) of every request."""

    base_url: str
    asked: list[tuple[str, str, bytes]] = field(default_factory=list)


@contextmanager
def answering(answer: Callable[[str, bytes], Answer | None]) -> Iterator[Answering]:
    """A server up until the block ends. ``answer``: path and body of a request to its answer; ``None``: a 404."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            world.asked.append((self.command, self.path, body))
            said = answer(self.path, body) or Answer("gone", status=404)
            sent = said.body.encode() if isinstance(said.body, str) else said.body
            self.send_response(said.status)
            if said.content_type:
                self.send_header("Content-Type", said.content_type)
            if said.location:
                self.send_header("Location", said.location)
            self.send_header("Connection", "close")  # Twisted keeps it else, though HTTP/1.0 says enough
            self.send_header("Content-Length", str(len(sent) if said.length is None else said.length))
            self.end_headers()
            self.wfile.write(sent)

        do_POST = do_GET  # noqa: N815  # as http.server names them

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        world = Answering(f"http://127.0.0.1:{server.server_port}")
        thread = threading.Thread(target=server.serve_forever, args=(0.05,))
        thread.start()
        try:
            yield world
        finally:
            server.shutdown()
            thread.join()
