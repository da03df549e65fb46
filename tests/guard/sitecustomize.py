"""Loaded by every process the tests start: refuses connections and look-ups that would leave this machine.

``ENRICH_TEST_HOSTS``: names that are looked up here, ``{"name": ["address of the first time", "of the second", …]}``.
``ENRICH_TEST_ATTEMPTS``: a file that gets a line for everything refused.
"""

import ipaddress
import json
import os
import socket
from pathlib import Path
from typing import Any

HOSTS: dict[str, list[str]] = json.loads(os.environ.get("ENRICH_TEST_HOSTS", "{}"))

_connect, _connect_ex, _getaddrinfo = socket.socket.connect, socket.socket.connect_ex, socket.getaddrinfo


def _is_local(host: object) -> bool:
    name = host.decode() if isinstance(host, bytes) else str(host)
    if name in ("", "localhost", "None"):
        return True
    try:
        return ipaddress.ip_address(name.split("%")[0]).is_loopback
    except ValueError:
        return False


def _is_number(name: str) -> bool:
    try:
        socket.inet_aton(name)
    except OSError:
        return False
    return True


def _note(attempt: str) -> None:
    if path := os.environ.get("ENRICH_TEST_ATTEMPTS"):
        with Path(path).open("a") as file:
            file.write(attempt + "\n")


def _check(sock: socket.socket, address: Any) -> None:
    if sock.family in (socket.AF_INET, socket.AF_INET6) and not _is_local(address[0]):
        _note(f"connect {address[0]}:{address[1]}")
        raise OSError(f"tests open no connection outside loopback: {address}")


def connect(self: socket.socket, address: Any) -> None:
    _check(self, address)
    _connect(self, address)


def connect_ex(self: socket.socket, address: Any) -> int:
    _check(self, address)
    return _connect_ex(self, address)


def getaddrinfo(host: Any, *args: Any, **kwargs: Any) -> Any:
    name = (host.decode() if isinstance(host, bytes) else str(host)).rstrip(".").lower()
    if name in HOSTS:
        addresses = HOSTS[name]
        host = addresses.pop(0) if len(addresses) > 1 else addresses[0]
        return _getaddrinfo(host, *args, **kwargs)
    if name != "none" and _is_number(name):  # as the system reads it, whatever it means
        return _getaddrinfo(host, *args, **kwargs)
    if not _is_local(host):
        _note(f"look up {name}")
        raise socket.gaierror(socket.EAI_NONAME, f"tests look up no name outside this machine: {host}")
    return _getaddrinfo(host, *args, **kwargs)


def install() -> None:
    socket.socket.connect = connect  # type: ignore[method-assign]
    socket.socket.connect_ex = connect_ex  # type: ignore[method-assign]
    socket.getaddrinfo = getaddrinfo


install()
