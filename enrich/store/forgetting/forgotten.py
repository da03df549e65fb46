"""Keeps out who was forgotten: salted hashes of their ids and links, compared with what a source says of a performer.

A hash is BLAKE2b, keyed with the database's own salt (``meta.salt``). Without the salt nobody can tell from a hash whom
it is of, nor test a guess. Whoever holds the whole database holds the salt as well, and can do what this program has to
do: take an id or a link they know already and see whether it was forgotten. Exports hold neither hashes nor salt.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import replace
from hashlib import blake2b
from typing import Literal
from weakref import WeakKeyDictionary

from sqlalchemy import Connection, Engine, select

from enrich.errors import StoreError
from enrich.identity import UrlIdentity, identify, name_key
from enrich.items import Performer, RefusedPerformer
from enrich.store.db.prepared import Prepared
from enrich.store.db.schema import forgotten, meta
from enrich.store.ledger.rows import insert_missing, known_performer
from enrich.store.people.resolve import SURE_ENOUGH, identities, resolve

Kind = Literal["person", "entry", "account", "number", "face"]
"""What a hash is of. ``person``: an id at a source, or a link that is one person's: whoever has it is kept out.
``entry``: an id at a source, of whom only what that source says is kept out. ``account``: a link that many may share,
together with a name. ``number`` and ``face``: our own numbers, so that a command can be given again."""

Key = tuple[str, str]
"""A site and an id there, as ``UrlIdentity.key``."""

_ANY = Prepared(select(forgotten.c.hash).limit(1))
_SALT = select(meta.c.value).where(meta.c.key == "salt")
_salts: WeakKeyDictionary[Engine, bytes] = WeakKeyDictionary()
"""The salts of those databases in which somebody is forgotten: once that is so, it stays so."""


class ForgottenPerformer(StoreError):  # noqa: N818  # who it is, not only that it is an error
    """A performer who was forgotten, and must not be stored again. The message names nobody."""

    def __init__(self) -> None:
        super().__init__("a performer who was forgotten")


def salt_of(connection: Connection) -> bytes:
    """The database's salt."""
    value: str = connection.execute(_SALT).scalar_one()
    return bytes.fromhex(value)


def mark(salt: bytes, kind: Kind, *what: str) -> str:
    """The hash of something, 32 hexadecimal digits; upper and lower case are one."""
    told = "\0".join((kind, *what)).casefold()
    return blake2b(told.encode("utf-8", "surrogatepass"), digest_size=16, key=salt).hexdigest()


def remember(tx: Connection, hashes: Iterable[str], at: str) -> None:
    """Keep hashes for good."""
    insert_missing(tx, forgotten, [{"hash": one, "forgotten_at": at} for one in sorted(set(hashes))])


def link_marks(salt: bytes, key: Key, confidence: float, names: Collection[str]) -> Iterator[str]:
    """The hashes of a link: of itself where it is one person's, else of itself with each of the names."""
    if confidence >= SURE_ENOUGH:
        yield mark(salt, "person", *key)
    else:
        yield from (mark(salt, "account", *key, named) for name in names if (named := name_key(name)))


def is_remembered(connection: Connection, kind: Kind, *what: str) -> bool:
    """Whether just this was forgotten."""
    salt = salt_if_any(connection)
    return salt is not None and bool(_held(connection, [mark(salt, kind, *what)]))


def salt_if_any(connection: Connection) -> bytes | None:
    """The salt, if anybody was ever forgotten, in whatever process; ``None`` costs one look into an empty table."""
    salt = _salts.get(connection.engine)
    if salt is None and _ANY.on(connection).first() is not None:
        salt = _salts[connection.engine] = salt_of(connection)
    return salt


def all_marks(connection: Connection) -> frozenset[str]:
    """Every hash that is kept."""
    return frozenset(connection.execute(select(forgotten.c.hash)).scalars())


def admit(
    connection: Connection, said: Performer, priorities: Mapping[str, int], held: frozenset[str] | None = None
) -> Performer:
    """What may be stored of what a source says: all of it, or all but links that were a forgotten performer's.

    ``held``: all hashes there are, where they are at hand; else they are looked up, in one statement.

    Raises ForgottenPerformer: the id or a merged id was forgotten, or the page of a reference site; or the performer is
    new and has a link that was forgotten, and nothing else tells who they are. Of a performer who is known under their
    own id, and was not forgotten, only the links are left out: somebody else's link does not make them that person.
    """
    salt = salt_if_any(connection)
    if salt is None:
        return said
    own, links = _own_marks(salt, said), _links(salt, said)
    asked = own | {one for marks in links.values() for one in marks}
    found = asked & held if held is not None else _held(connection, asked)
    if not found:
        return said
    if own & found:
        raise ForgottenPerformer
    lost = {key for key, marks in links.items() if marks & found}
    kept = replace(said, urls=tuple(url for url in said.urls if (one := identify(url)) is None or one.key not in lost))
    known = said.performer_id is not None or known_performer(connection, said.source, said.source_id) is not None
    if not known:
        names_a_person = any(site in priorities for site, _ in lost)  # a stash-box's page, not an account
        if names_a_person or not resolve(connection, kept, priorities):
            raise ForgottenPerformer
    return kept


def keep_out(tx: Connection, refused: RefusedPerformer, at: str) -> None:
    """Remember the id itself of who was recognised by something else: links change."""
    if not is_remembered(tx, "entry", refused.source, refused.source_id):
        remember(tx, [mark(salt_of(tx), "person", refused.source, refused.source_id)], at)


def _held(connection: Connection, hashes: Collection[str]) -> set[str]:
    return set(connection.execute(select(forgotten.c.hash).where(forgotten.c.hash.in_(hashes))).scalars())


def _own_marks(salt: bytes, said: Performer) -> set[str]:
    """Of what says by itself who they are."""
    own = {(said.source, said.source_id)}
    page = identify(said.page_url) if said.page_url and said.performer_id is not None else None
    if page is not None and page.site == said.source:
        own.add(page.key)
    merged = {mark(salt, "person", said.source, one) for one in said.merged_ids}
    return merged | {mark(salt, kind, *key) for key in own for kind in _OWN}


_OWN: tuple[Kind, ...] = ("person", "entry")


def _links(salt: bytes, said: Performer) -> dict[Key, set[str]]:
    names = (said.name, *said.aliases)
    found: Iterable[tuple[str, UrlIdentity]] = identities(said.urls).values()
    return {one.key: set(link_marks(salt, one.key, one.confidence, names)) for _, one in found}
