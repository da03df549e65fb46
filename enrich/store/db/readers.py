"""The connections for reading that all crawls of a process share, one a thread."""

from __future__ import annotations

import threading
from typing import ClassVar
from weakref import WeakKeyDictionary

from sqlalchemy import Connection, Engine
from sqlalchemy.exc import DBAPIError

from enrich.errors import StoreError
from enrich.store.db.database import explain, reader


class Readers:
    """The connections that the libraries of one database share, one a thread: many crawls, few connections."""

    _of: ClassVar[WeakKeyDictionary[Engine, Readers]] = WeakKeyDictionary()
    _lock: ClassVar[threading.Lock] = threading.Lock()

    def __init__(self, engine: Engine) -> None:
        self.engine = engine
        self._users = 0
        self._threads = threading.local()
        self._connections: list[Connection] = []

    @classmethod
    def of(cls, engine: Engine) -> Readers:
        """The engine's readers; every call needs its ``release``."""
        with cls._lock:
            readers = cls._of.setdefault(engine, cls(engine))
            readers._users += 1
            return readers

    def release(self) -> None:
        """Give the readers back; the last one to do so closes the connections of all threads."""
        with self._lock:
            self._users -= 1
            if self._users > 0:
                return
            self._of.pop(self.engine, None)
            for connection in self._connections:
                connection.close()
            self._connections.clear()

    def connection(self) -> Connection:
        """This thread's connection. Raises StoreError."""
        connection: Connection | None = getattr(self._threads, "connection", None)
        if connection is None or connection.closed:
            try:
                connection = self._threads.connection = reader(self.engine)
            except DBAPIError as error:
                raise StoreError(f"{self.engine.url.database}: {explain(error)}") from error
            with self._lock:
                self._connections.append(connection)
        return connection
