"""Which model pack a database's vectors are of: one, from the first face on, and never another beside it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from sqlalchemy import Connection, delete, insert, or_, select

from enrich.errors import StoreError
from enrich.store.db.prepared import Prepared
from enrich.store.db.schema import meta


@dataclass(frozen=True, slots=True)
class IndexSpec:
    """What an index is made of: a recogniser's vectors of length ``dim``, made by the pack of fingerprint ``model``."""

    recogniser: str
    dim: int
    model: str


_VALUES = Prepared(select(meta.c.key, meta.c.value))


def database_id(connection: Connection) -> str:
    """The database's own name for itself, given at its making: tells its index from another's."""
    value: str = dict(_VALUES.on(connection).all())["database_id"]
    return value


def index_specs(connection: Connection) -> tuple[IndexSpec, ...]:
    """What the database has vectors of; empty before the first face."""
    values = dict(_VALUES.on(connection).all())
    return tuple(
        IndexSpec(key.removeprefix("dim:"), int(value), values["model"])
        for key, value in sorted(values.items())
        if key.startswith("dim:")
    )


def require_model(tx: Connection, model: str, dims: Mapping[str, int]) -> None:
    """Bind a new database to the model pack; raise StoreError if it is bound to another.

    ``dims``: recogniser -> length of its vectors.
    """
    problem = model_problem(tx, model, dims)
    if problem is not None:
        raise StoreError(problem)
    if not index_specs(tx):
        bind_model(tx, model, dims)


def bind_model(tx: Connection, model: str, dims: Mapping[str, int]) -> None:
    """Say that the database's vectors are of this pack, whatever was said before."""
    tx.execute(delete(meta).where(or_(meta.c.key == "model", meta.c.key.startswith("dim:", autoescape=True))))
    rows = {"model": model} | {f"dim:{name}": str(dim) for name, dim in dims.items()}
    tx.execute(insert(meta), [{"key": key, "value": value} for key, value in rows.items()])


def model_problem(connection: Connection, model: str, dims: Mapping[str, int]) -> str | None:
    """Why vectors of this pack must not enter the database, in one line; ``None`` if they may."""
    specs = index_specs(connection)
    if not specs:
        return None
    if specs[0].model != model:
        return (
            f"the database holds vectors of model pack {specs[0].model}, MODEL_PACK is {model}; "
            "vectors of two packs cannot be compared: set MODEL_PACK back, use another DATA_DIR, "
            "or embed all faces again: `scrapy index --reembed`"
        )
    held = {spec.recogniser: spec.dim for spec in specs}
    if held != dict(dims):
        return f"the database holds vectors {_named(held)}, these are {_named(dims)}; the model pack is damaged"
    return None


def _named(dims: Mapping[str, int]) -> str:
    return ", ".join(f"{name} ({dim} numbers)" for name, dim in sorted(dims.items()))
