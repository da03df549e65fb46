"""What may follow ``scrapy crawl SOURCE -a``: every word and value checked before the first request."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from datetime import date
from typing import Any

from enrich.config.model import near_match
from enrich.errors import ConfigError
from enrich.items import Mode

_YES_NO = {"1": True, "true": True, "yes": True, "on": True, "0": False, "false": False, "no": False, "off": False}


@dataclass(frozen=True, slots=True, kw_only=True)
class Arguments:
    """A spider's arguments. ``limit`` counts performers, ``max_faces`` faces a performer from this source.

    ``pages``: whether to look at pages at all, or only to fetch the pictures that are due.
    """

    mode: Mode
    limit: int | None = None
    dry_run: bool = False
    since: date | None = None
    performer: str | None = None
    max_faces: int | None = None
    pages: bool = True


def read_arguments(source: str, modes: tuple[Mode, ...], given: Mapping[str, Any]) -> Arguments:
    """Check what was given; the first of ``modes`` is the default. ``None`` is not given, ``_words`` are Scrapyd's own.

    Raises ConfigError with one line for each mistake.
    """
    known = [field.name for field in fields(Arguments)]
    mistakes: list[str] = []
    values: dict[str, Any] = {"mode": modes[0]}
    for word, value in given.items():
        if word.startswith("_") or value is None:
            continue
        if word not in known:
            mistakes.append(f"unknown argument {word!r}{near_match(word, known)}; one of {', '.join(known)}")
            continue
        try:
            values[word] = _READERS[word](str(value).strip(), modes)
        except ValueError as error:
            mistakes.append(f"{word}={value}: {error}")
    if mistakes:
        raise ConfigError("\n".join(f"{source}: {mistake}" for mistake in mistakes))
    return Arguments(**values)


def _mode(text: str, modes: tuple[Mode, ...]) -> Mode:
    for mode in modes:
        if text == mode:
            return mode
    raise ValueError(f"should be one of {', '.join(modes)}{near_match(text, modes)}")


def _yes_no(text: str, modes: tuple[Mode, ...]) -> bool:
    if text.lower() not in _YES_NO:
        raise ValueError("should be 1 or 0")
    return _YES_NO[text.lower()]


def _limit(text: str, modes: tuple[Mode, ...]) -> int:
    if not text.isdecimal() or int(text) < 1:
        raise ValueError("should be a whole number of performers, 1 or more")
    return int(text)


def _faces(text: str, modes: tuple[Mode, ...]) -> int:
    if not text.isdecimal():
        raise ValueError("should be a whole number of faces, 0 or more")
    return int(text)


def _since(text: str, modes: tuple[Mode, ...]) -> date:
    if "api" not in modes:
        raise ValueError("only stash-boxes say when a performer was changed")
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise ValueError("should be a date as YYYY-MM-DD") from None


def _performer(text: str, modes: tuple[Mode, ...]) -> str:
    if not text:
        raise ValueError("should be a performer's id")
    return text


_READERS = {
    "mode": _mode,
    "limit": _limit,
    "dry_run": _yes_no,
    "since": _since,
    "performer": _performer,
    "max_faces": _faces,
    "pages": _yes_no,
}
