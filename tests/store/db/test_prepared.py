"""Statements run on the driver's cursor: the same rows, the same errors, for every kind of database."""

from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy import Connection, bindparam, insert, select, text, update
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.exc import IntegrityError

from enrich.store.acceptance import identity_map, unit_of_work
from enrich.store.crawl_queries import queries as library
from enrich.store.db import model_pack as models
from enrich.store.db.database import reader, write
from enrich.store.db.prepared import Prepared
from enrich.store.db.schema import images, meta, performers
from enrich.store.index import vectors
from enrich.store.ledger import rows as ledger
from enrich.store.ledger import runs

_INSERT = Prepared(insert(meta).values(key=bindparam("k"), value=bindparam("v")), "v", "k")
_SELECT = Prepared(select(meta.c.key, meta.c.value).where(meta.c.key.startswith(bindparam("start"))), "start")


def test_values_are_given_in_the_order_of_the_names(store: Any) -> None:
    with write(store.engine) as tx:
        assert _INSERT.on(tx).run("one", "n1") == 1
        _INSERT.on(tx).many([("two", "n2"), ("three", "n3")])
        _INSERT.on(tx).many([])
        assert _SELECT.on(tx).all("n") == [("n1", "one"), ("n2", "two"), ("n3", "three")]
        assert _SELECT.on(tx).first("n2") == ("n2", "two")
        assert _SELECT.on(tx).first("x") is None
    assert store.one("SELECT value FROM meta WHERE key = 'n3'") == "three"


def test_it_runs_in_the_transaction_of_its_connection(store: Any) -> None:
    def fail(tx: Connection) -> None:
        _INSERT.on(tx).run("one", "n1")
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        store.do(fail)
    assert store.rows("SELECT * FROM meta WHERE key = 'n1'") == []


def test_errors_are_those_of_a_connection(store: Any) -> None:
    statement = Prepared(insert(meta).values(key="n1", value=bindparam("v")), "v")
    for again in (lambda tx: statement.on(tx).run("b"), lambda tx: statement.on(tx).many([("b",)])):
        with pytest.raises(IntegrityError, match="UNIQUE constraint failed"):
            store.do(lambda tx, again=again: (statement.on(tx).run("a"), again(tx)))


def test_a_read_leaves_no_snapshot_open(store: Any) -> None:
    """Of a statement that was not read to its end, SQLite would go on showing what it saw then."""
    store.do(lambda tx: _INSERT.on(tx).many([("old", "n1"), ("old", "n2")]))
    with reader(store.engine) as connection:
        bound = _SELECT.on(connection)
        assert bound.first("n") == ("n1", "old")
        store.do(lambda tx: tx.execute(text("UPDATE meta SET value = 'new' WHERE key LIKE 'n%'")))
        assert _SELECT.on(connection).first("n") == ("n1", "new")
        assert connection.exec_driver_sql("PRAGMA wal_checkpoint(TRUNCATE)").first()[0] == 0  # nobody is in the way


def test_values_that_are_fixed_in_the_statement_are_put_in() -> None:
    statement = Prepared(
        update(images)
        .where(images.c.outcome == "pending", images.c.id == bindparam("row"))
        .values(reason=bindparam("why"), source="x"),
        "row", "why",
    )  # fmt: skip
    sql, arrange = statement.compiled(sqlite.dialect())
    assert sql == "UPDATE images SET source=?, reason=? WHERE images.outcome = ? AND images.id = ?"
    assert arrange is not None
    assert arrange((7, "because")) == ["x", "because", "pending", 7]


def test_a_name_that_is_not_in_the_statement_or_not_among_the_names_is_a_mistake() -> None:
    for names in ((), ("id", "other"), ("other",)):
        with pytest.raises(TypeError, match="SELECT"):
            Prepared(select(performers.c.id).where(performers.c.id == bindparam("id")), *names).compiled(
                sqlite.dialect()
            )


def every_statement() -> list[Any]:
    modules = (unit_of_work, identity_map, ledger, library, models, runs, vectors)
    found = {name: value for one in modules for name, value in vars(one).items() if isinstance(value, Prepared)}
    return [pytest.param(value, id=name) for name, value in sorted(found.items())]


@pytest.mark.parametrize("statement", every_statement())
def test_postgresql_gets_its_own_form_of_every_statement(statement: Prepared) -> None:
    sql, arrange = statement.compiled(postgresql.dialect())
    assert arrange is not None
    named = arrange(tuple(range(len(statement.names))))
    assert {name: named[name] for name in statement.names} == {name: n for n, name in enumerate(statement.names)}
    assert sql % dict.fromkeys(named, "NULL")  # every parameter in it has a value
    assert "?" not in sql


def test_a_database_with_several_writers_locks_the_faces_before_it_counts_them() -> None:
    (sql, _) = identity_map._LAST_FACE.compiled(postgresql.dialect())
    assert sql.endswith("FOR UPDATE")
