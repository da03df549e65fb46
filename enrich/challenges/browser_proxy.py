"""A proxy on loopback for the browser alone, through which it gets no further than any other request of the crawl.

A browser looks names up, follows redirects and runs strangers' scripts by itself; whatever it asks for comes through
here, is looked up once, checked, and connected to at the address that was checked.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable

from enrich.net.public_hosts import HostPort, PlaceRefused

HEAD_BYTES = 64 * 1024
_CHUNK_BYTES = 64 * 1024
_OF_THIS_HOP = (b"proxy-connection:", b"proxy-authorization:", b"connection:", b"keep-alive:")


class Detour:
    """``address_of`` gives the address to connect to for a place, or raises PlaceRefused."""

    def __init__(self, address_of: Callable[[HostPort], Awaitable[str]], connect_timeout_seconds: float) -> None:
        self.address_of = address_of
        self.connect_timeout_seconds = connect_timeout_seconds
        self.url = ""
        self._server: asyncio.Server | None = None
        self._open: set[asyncio.StreamWriter] = set()

    async def start(self) -> None:
        """Listen on a free port of 127.0.0.1."""
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0, limit=HEAD_BYTES)
        self.url = f"http://127.0.0.1:{self._server.sockets[0].getsockname()[1]}"

    async def close(self) -> None:
        """Stop listening, and drop what is still open."""
        if self._server is not None:
            self._server.close()
            for writer in tuple(self._open):
                writer.close()
            await self._server.wait_closed()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._open.add(writer)
        try:
            await self._answer(reader, writer)
        except (OSError, ValueError, asyncio.IncompleteReadError, asyncio.LimitOverrunError):
            pass  # the browser sees a connection that ends, and says what it makes of it
        finally:
            self._open.discard(writer)
            writer.close()

    async def _answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        first, _, fields = head.partition(b"\r\n")
        method, target, version = first.decode("latin-1").split(" ")
        tunnel = method == "CONNECT"
        try:
            place = HostPort.of(f"https://{target}" if tunnel else target)
            address = await self.address_of(place)
        except PlaceRefused:
            writer.write(b"HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
            return await writer.drain()
        try:
            async with asyncio.timeout(self.connect_timeout_seconds):
                there, out = await asyncio.open_connection(address, place.port)
        except OSError:  # TimeoutError is one
            writer.write(b"HTTP/1.1 502 Bad Gateway\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
            return await writer.drain()
        self._open.add(out)
        try:
            if tunnel:
                writer.write(b"HTTP/1.1 200 Connection established\r\n\r\n")
            else:
                path = "/" + target.partition("//")[2].partition("/")[2]
                kept = [line for line in fields.split(b"\r\n") if line and not line.lower().startswith(_OF_THIS_HOP)]
                out.write(b"\r\n".join([f"{method} {path} {version}".encode("latin-1"), *kept, b"Connection: close"]))
                out.write(b"\r\n\r\n")
            await asyncio.gather(_pass_on(reader, out), _pass_on(there, writer))
        finally:
            self._open.discard(out)
            out.close()


async def _pass_on(source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
    try:
        while chunk := await source.read(_CHUNK_BYTES):
            sink.write(chunk)
            await sink.drain()
    finally:
        with contextlib.suppress(OSError, RuntimeError):  # closed by the other side already
            sink.write_eof() if sink.can_write_eof() else sink.close()
