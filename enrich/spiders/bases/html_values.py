"""From what pages write to values: dates, heights, years, colours; ``None`` for invalid values."""

from __future__ import annotations

import calendar
import json
import re
from collections.abc import Iterable, Iterator
from datetime import date
from typing import Any

from scrapy.http import HtmlResponse, Response, TextResponse
from w3lib.encoding import html_body_declared_encoding
from w3lib.url import safe_url_string

from enrich.identity import clean_text, host_of, name_key
from enrich.items import BodyMark

_MONTHS = {
    name.lower(): number
    for names in (calendar.month_name, calendar.month_abbr)
    for number, name in enumerate(names)
    if name
} | {"sept": 9}
_MONTH = r"([A-Za-z]{3,9})\.?"
_YEAR = r"((?:19|20)\d\d)(?!\d)"
_ISO = re.compile(rf"\b{_YEAR}-(\d\d)-(\d\d)\b")
_DAY_MONTH = re.compile(rf"\b(\d{{1,2}})(?:st|nd|rd|th)?\s+(?:of\s+)?{_MONTH},?\s+{_YEAR}", re.IGNORECASE)
_MONTH_DAY = re.compile(rf"\b{_MONTH}\s+(\d{{1,2}})(?:st|nd|rd|th)?,?\s+{_YEAR}", re.IGNORECASE)
_MONTH_ONLY = re.compile(rf"\b{_MONTH},?\s+{_YEAR}")
_YEAR_ONLY = re.compile(rf"(?<!\d){_YEAR}")
_SPAN = re.compile(rf"(?<!\d){_YEAR}(?:\s*[-\u2013\u2014]\s*(?:{_YEAR})?)?")
_CM = re.compile(r"(?<![\d.])(\d{2,3})\s*cm\b", re.IGNORECASE)
_METRES = re.compile(r"(?<!\d)([12][.,]\d{1,2})\s*m\b", re.IGNORECASE)
_NOT_FOUND = re.compile(r"(?:error\s+)?404\b|(?:page\s+)?not found\b", re.IGNORECASE)
_BETWEEN = re.compile(r"[,;\n]")
_QUOTES = " \"'\u201c\u201d"
_NO_MARKS = frozenset({"no", "none", "unknown", "n/a", "no data"})
_BEGIN, _END = re.compile(rb"<html[\s>]", re.IGNORECASE), re.compile(rb"</html\s*>", re.IGNORECASE)


def whole_page(response: Response) -> HtmlResponse | None:
    """The answer as a page in the encoding that its bytes are in; ``None`` where it is no page, or breaks off.

    What breaks off may break off in a name, and a server's header may name an encoding that the bytes are not in: both
    would be stored as if the page said so.
    """
    if not isinstance(response, HtmlResponse) or (_BEGIN.search(response.body) and not _END.search(response.body)):
        return None
    declared = html_body_declared_encoding(response.body[:4096])
    # Hardly any text in another encoding happens to be UTF-8, unless it is ASCII, which says nothing.
    candidates = (response.encoding if response.body.isascii() else "utf-8", response.encoding, declared)
    found = next((encoding for encoding in candidates if encoding and _is_in(response.body, encoding)), None)
    return response.replace(encoding=found) if found not in (None, response.encoding) else response


def _is_in(body: bytes, encoding: str) -> bool:
    try:
        body.decode(encoding)
    except (UnicodeError, LookupError):
        return False
    return True


def read_date(text: str | None) -> str | None:
    """The first date in a text as ``YYYY-MM-DD``, ``YYYY-MM`` or ``YYYY``, as much of it as there is.

    Month names are English: ``20th of December 1985``, ``March 4, 1985``, ``December 1985``, ``1985-03-04``, ``1985``.
    """
    text = text or ""
    if found := _ISO.search(text):
        return _iso(*found.groups())
    if found := _DAY_MONTH.search(text):
        return _iso(found[3], _MONTHS.get(found[2].lower()), found[1])
    if found := _MONTH_DAY.search(text):
        return _iso(found[3], _MONTHS.get(found[1].lower()), found[2])
    if (found := _MONTH_ONLY.search(text)) and found[1].lower() in _MONTHS:
        return _iso(found[2], _MONTHS[found[1].lower()])
    found = _YEAR_ONLY.search(text)
    return found[1] if found else None


def _iso(year: str, month: str | int | None, day: str | None = None) -> str:
    try:
        whole = date(int(year), int(month or 0), int(day or 1))
    except ValueError:
        return year
    return whole.isoformat() if day else f"{whole:%Y-%m}"


def read_height_cm(text: str | None) -> int | None:
    """The height in a text that gives it in centimetres or metres, among other units or alone."""
    if found := _CM.search(text or ""):
        return int(found[1])
    found = _METRES.search(text or "")
    return round(float(found[1].replace(",", ".")) * 100) if found else None


def read_years(text: str | None) -> tuple[int | None, int | None]:
    """The first and last year of a career; the last is ``None`` while it goes on (``2015-present``)."""
    found = _SPAN.search(text or "")
    if found is None:
        return None, None
    return int(found[1]), int(found[2]) if found[2] else None


def read_word(text: str | None) -> str | None:
    """A category as the stash-boxes write it: ``Middle Eastern`` -> ``MIDDLE_EASTERN``."""
    cleaned = clean_text(text)
    return re.sub(r"[\s-]+", "_", cleaned.upper()) if cleaned and cleaned.casefold() != "no data" else None


def split_list(text: str | None, between: re.Pattern[str] = _BETWEEN) -> Iterator[str]:
    """The entries of a list in a text, cleaned, without quotation marks around them and without question marks."""
    parts = (clean_text(part.strip(_QUOTES)) for part in between.split(text or ""))
    return (part for part in parts if part and part.strip("? "))


def read_only_word(text: str | None, between: re.Pattern[str] = _BETWEEN) -> str | None:
    """The one value of a category; a list of them says less than the database could hold."""
    values = list(split_list(text, between))
    return read_word(values[0]) if len(values) == 1 else None


def read_marks(text: str | None) -> tuple[BodyMark, ...]:
    """Tattoos or piercings from a list with semicolons; nothing for ``None`` and ``No``."""
    parts = (clean_text(part) for part in (text or "").split(";"))
    return tuple(dict.fromkeys(BodyMark(location=part) for part in parts if part and part.casefold() not in _NO_MARKS))


def unique(texts: Iterable[str | None]) -> tuple[str, ...]:
    """The texts that say something, cleaned, each once, in order."""
    return tuple(dict.fromkeys(cleaned for text in texts if (cleaned := clean_text(text))))


def absolute(response: TextResponse, href: str | None) -> str | None:
    """The http(s) address that a link on the page leads to; ``None`` for scripts, fragments and what is no address."""
    target = (href or "").strip()
    if not target or target.startswith("#"):
        return None
    try:
        url = safe_url_string(response.urljoin(target))
    except ValueError:
        return None
    return url if host_of(url) else None


def read_pixels(text: object) -> int | None:
    """A width or height in pixels, which may end with ``px``."""
    digits = str(text).removesuffix("px").strip()
    return int(digits) or None if digits.isascii() and digits.isdecimal() and len(digits) < 6 else None


def linked_data(response: TextResponse) -> Iterator[dict[str, Any]]:
    """The objects that a page describes to search engines (JSON-LD), those of a graph among them."""
    for script in response.css("script[type='application/ld+json']::text").getall():
        try:
            parsed = json.loads(script, strict=False)
        except (ValueError, RecursionError):
            continue
        entries = [entry for entry in (parsed if isinstance(parsed, list) else [parsed]) if isinstance(entry, dict)]
        graphs = [graph for entry in entries if isinstance(graph := entry.get("@graph"), list)]
        yield from entries
        yield from (entry for graph in graphs for entry in graph if isinstance(entry, dict))


def hyphenated(name: str) -> str | None:
    """A name as many sites write it in their addresses: Latin letters without accents and digits, hyphens for spaces.

    ``None`` for a name with letters of another script: half a name is somebody else's.
    """
    slug = "-".join(key for part in re.split(r"[\s_\u2010-\u2015-]+", name) if (key := name_key(part)))
    return slug if slug and slug.isascii() else None


def says_not_found(response: TextResponse) -> bool:
    """Whether the title says that there is no such page; no other place does, for ids and texts may hold the words."""
    return bool(_NOT_FOUND.match(clean_text(response.css("title::text").get()) or ""))
