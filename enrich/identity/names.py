"""Comparing the names of people across sites that spell, punctuate and order them differently."""

from __future__ import annotations

import html
import re
import unicodedata
from collections.abc import Iterable
from functools import lru_cache

from anyascii import anyascii

_NOTHING = frozenset({"", "unknown", "n/a", "none", "null", "-", "?"})


def clean_text(value: object) -> str | None:
    """``value`` as a person would read it: HTML entities decoded, whitespace collapsed, control characters gone.

    ``None`` for anything that says nothing: not a text, empty, ``unknown``, ``n/a`` and their like.
    """
    if not isinstance(value, str):
        return None
    text = html.unescape(value)
    text = "".join(
        " " if c.isspace() else c for c in text if c.isspace() or unicodedata.category(c) not in ("Cc", "Cs")
    )
    text = re.sub(" +", " ", text).strip()
    return None if text.casefold() in _NOTHING else text


def _fold(character: str) -> str:
    category = unicodedata.category(character)
    if category[0] not in "LNM":
        return ""
    if character.isascii():
        return character
    if unicodedata.name(character, "").startswith("LATIN "):
        return anyascii(character).casefold()
    # An accent that NFKC could not join to its Latin letter: nothing to compare. Other scripts need their marks.
    return "" if unicodedata.name(character, "").startswith("COMBINING ") else character


@lru_cache(maxsize=65536)
def name_key(name: str) -> str:
    """What is left of a name when spelling habits are taken away; equal keys are the same name.

    Case, width (NFKC), accents of the Latin script, punctuation and spaces do not count; other scripts are kept as
    they are (anyascii would read Japanese as Chinese). Empty for a name without a letter or digit.
    """
    return "".join(_fold(c) for c in unicodedata.normalize("NFKC", name).casefold())


def same_name(a: str, b: str) -> bool:
    """Whether two names are the same by ``name_key``; a name without letters is nobody's."""
    key = name_key(a)
    return bool(key) and key == name_key(b)


def _keys(name: str, either_order: bool) -> set[str]:
    keys = {name_key(name)}
    parts = name.split()
    if either_order and len(parts) == 2:
        keys.add(name_key("".join(reversed(parts))))
    return keys - {""}


def names_match(wanted: Iterable[str], found: Iterable[str], *, either_order: bool = False) -> str | None:
    """The first of ``found`` that is one of the ``wanted`` names, as it is written in ``found``.

    ``either_order``: a name of two words also matches with the words exchanged, as sites do with Japanese names.
    Never on a part of a name: ``Janet Doe`` is not ``Janet Mason``.
    """
    keys = {key for name in wanted for key in _keys(name, either_order)}
    return next((name for name in found if not keys.isdisjoint(_keys(name, False))), None)
