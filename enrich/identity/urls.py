"""URL -> (site, id): which person at which site a link names, told by its host and path alone."""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from urllib.parse import SplitResult, parse_qs, unquote, urlsplit

from enrich.identity.sites import HOSTS, SITE_WORDS, SLUG, SUBDOMAINS, Rule

UNKNOWN_SITE = 0.3
"""Confidence of a page at a site that is not in the table."""

_LEADING_LABELS = ("www.", "m.", "mobile.")
_LANGUAGE_LABEL = re.compile(r"[a-z]{2}(?:-[a-z]{2})?\.")
_LANGUAGE_SEGMENT = re.compile(r"/[a-z]{2}(?:-[a-z]{2})?(?=/[^/])", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class UrlIdentity:
    """A person's page at a site. ``confidence`` says how surely two links with one identity mean one person.

    1.0: an id in a database of people; 0.8: a slug made of the name, or an account; 0.3: a page at a site that is not
    known, whose ``site`` is the host and whose ``id`` is the path.
    """

    site: str
    id: str
    confidence: float

    @property
    def key(self) -> tuple[str, str]:
        """What to compare: the case of an id never tells two people apart."""
        return self.site, self.id.casefold()


def host_of(url: str) -> str | None:
    """The host of an http(s) URL, lower case, without ``www.`` and ``m.``; ``None`` for anything else."""
    parts = _split(url)
    return None if parts is None else _bare_host(parts)


def identify(url: str) -> UrlIdentity | None:
    """The site and id of the performer page at ``url``; ``None`` unless it is an http(s) URL with a host.

    Reserved words (``/home``, ``/babes``) and pages that are no person's (``/boobs/File:``) are not ids: such a link
    is kept like one of an unknown site.
    """
    parts = _split(url)
    if parts is None:
        return None
    host = _bare_host(parts)
    path = _decoded_path(parts.path)
    for rule in _rules(host):
        found = _apply(rule, path, parts.query)
        if found:
            return UrlIdentity(rule.site, found, rule.confidence)
    name, _, parent = host.partition(".")
    if parent in SUBDOMAINS and name not in SITE_WORDS:
        return UrlIdentity(SUBDOMAINS[parent], name, SLUG)
    return UrlIdentity(host, path.strip("/"), UNKNOWN_SITE)


def _split(url: str) -> SplitResult | None:
    try:
        parts = urlsplit(url.strip())
        hostname = parts.hostname
    except ValueError:  # a bracketed host that is no address
        return None
    return parts if parts.scheme in ("http", "https") and hostname and hostname.strip(".") else None


def _bare_host(parts: SplitResult) -> str:
    host = (parts.hostname or "").strip(".")
    for label in _LEADING_LABELS:
        if host.startswith(label) and host.count(".") > 1:
            return host.removeprefix(label)
    return host


def _decoded_path(raw: str) -> str:
    """The path decoded once (never twice), without empty segments; a coded slash stays coded."""
    segments = (unquote(segment, errors="replace").strip() for segment in raw.split("/"))
    kept = [segment.replace("/", "%2F") for segment in segments if segment]
    return unicodedata.normalize("NFC", "/" + "/".join(kept))


def _rules(host: str) -> tuple[Rule, ...]:
    if host in HOSTS:
        return HOSTS[host]
    if _LANGUAGE_LABEL.match(host):
        return tuple(rule for rule in HOSTS.get(host.partition(".")[2], ()) if rule.languages)
    return ()


def _apply(rule: Rule, path: str, query: str) -> str | None:
    if rule.query:
        values = parse_qs(query).get(rule.query) if rule.pattern.fullmatch(path) else None
        return _finish(rule, values[0]) if values else None
    # Read without its language first; a name of two letters is found by the second reading.
    for reading in (_LANGUAGE_SEGMENT.sub("", path, count=1), path) if rule.languages else (path,):
        found = rule.pattern.fullmatch(reading)
        identity = _finish(rule, found.group(1)) if found else None
        if identity:
            return identity
    return None


def _finish(rule: Rule, text: str) -> str | None:
    text = text.strip()
    if rule.underscores:
        text = re.sub(r"[\s_]+", "_", text)
    if rule.case == "lower":
        text = text.lower()
    elif rule.case == "title":
        text = text[:1].upper() + text[1:]
    elif rule.case == "slug":
        text = re.sub(r"[\s_-]+", "-", text.lower()).strip("-")
    return None if text.lower() in rule.reserved or not re.search(r"[^\W_]", text) else text
