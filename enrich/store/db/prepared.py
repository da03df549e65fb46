"""Statements of the hot path: made with SQLAlchemy, compiled once, run on the driver's own cursor.

``Connection.execute`` costs some twenty times what SQLite needs for a look-up. Any kind of database that SQLAlchemy
knows can be compiled for; values are not converted, so they have to be such as the driver takes and gives.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from sqlalchemy import ClauseElement, Connection
from sqlalchemy.engine.interfaces import DBAPICursor, Dialect
from sqlalchemy.exc import DBAPIError
from sqlalchemy.sql.compiler import SQLCompiler

Values = Sequence[Any]
Arrange = Callable[[Values], Any]


class Prepared:
    """A statement; its values are given in the order of ``names``, the names of its parameters."""

    def __init__(self, statement: ClauseElement, *names: str) -> None:
        self.statement = statement
        self.names = names
        self._compiled: dict[tuple[str, str], tuple[str, Arrange | None]] = {}

    def on(self, connection: Connection) -> Bound:
        """The statement on a connection, in whose transaction it runs."""
        dialect = connection.dialect
        key = (dialect.name, dialect.driver)
        if key not in self._compiled:
            self._compiled[key] = self.compiled(dialect)
        return Bound(connection, *self._compiled[key])

    def compiled(self, dialect: Dialect) -> tuple[str, Arrange | None]:
        """The SQL, and what brings the values into the form it takes; ``None``: they have that form.

        Raises TypeError if the names are not those of the parameters.
        """
        compiled = self.statement.compile(dialect=dialect)
        assert isinstance(compiled, SQLCompiler)
        fixed = {name: value for name, value in compiled.params.items() if not compiled.binds[name].required}
        if set(compiled.params) - set(fixed) != set(self.names):
            raise TypeError(f"{compiled}: takes {compiled.params}, not {', '.join(self.names)}")
        if not compiled.positional:
            return compiled.string, lambda values: dict(zip(self.names, values, strict=True)) | fixed
        names, constants = (*self.names, *fixed), tuple(fixed.values())
        order = [names.index(name) for name in compiled.positiontup or ()]
        if order == list(range(len(self.names))):
            return compiled.string, None
        return compiled.string, lambda values: [(*values, *constants)[at] for at in order]


class Bound:
    """A prepared statement on one connection. Raises DBAPIError, as a connection's ``execute`` does."""

    __slots__ = ("_arrange", "_connection", "_cursor", "sql")

    def __init__(self, connection: Connection, sql: str, arrange: Arrange | None) -> None:
        self.sql = sql
        self._arrange = arrange
        self._connection = connection
        self._cursor: DBAPICursor = connection.connection.cursor()

    def all(self, *values: Any) -> Sequence[Any]:
        """The rows, as tuples."""
        self._execute(values)
        return self._cursor.fetchall()

    def first(self, *values: Any) -> Any:
        """The first of few rows, as a tuple, or ``None``."""
        self._execute(values)
        rows = self._cursor.fetchall()  # all: a statement that is not read to its end keeps its snapshot open
        return rows[0] if rows else None

    def run(self, *values: Any) -> int:
        """The number of rows it changed."""
        self._execute(values)
        return self._cursor.rowcount

    def many(self, rows: Sequence[Values]) -> None:
        """Run it with each of the rows of values."""
        if not rows:
            return
        try:
            self._cursor.executemany(self.sql, rows if self._arrange is None else [*map(self._arrange, rows)])
        except self._connection.dialect.loaded_dbapi.Error as error:
            raise self._wrapped(error, rows[0]) from error

    def _execute(self, values: Values) -> None:
        try:
            self._cursor.execute(self.sql, values if self._arrange is None else self._arrange(values))
        except self._connection.dialect.loaded_dbapi.Error as error:
            raise self._wrapped(error, values) from error

    def _wrapped(self, error: Exception, values: Values) -> BaseException:
        dialect = self._connection.dialect
        return DBAPIError.instance(self.sql, tuple(values), error, dialect.loaded_dbapi.Error, dialect=dialect)
