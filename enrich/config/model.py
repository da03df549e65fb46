"""The settings of one source, of all of them, and the values each may have.

A field's ``description`` completes the sentence "this should be …": error messages and readers share it.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from difflib import get_close_matches
from types import MappingProxyType
from typing import Annotated, Any, Literal, get_args
from urllib.parse import urlsplit

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field

from enrich.config.domains import same_site
from enrich.errors import ConfigError

Kind = Literal["stash_box", "reference_site"]
TrustLevel = Literal["high", "medium", "low"]

GENDERS = ("FEMALE", "MALE", "TRANSGENDER_FEMALE", "TRANSGENDER_MALE", "INTERSEX", "NON_BINARY")
"""The stash-boxes' GenderEnum."""

GENDER_GROUPS: Mapping[str, frozenset[str] | None] = MappingProxyType(
    {
        "female": frozenset({"FEMALE", "TRANSGENDER_FEMALE"}),
        "male": frozenset({"MALE", "TRANSGENDER_MALE"}),
        "any": None,
    }
)

CHOICES: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "trust_level": get_args(TrustLevel),
        "gender_filter": (*GENDER_GROUPS, *GENDERS),
        "min_detection_confidence": ("auto",),
    }
)
"""The words a key accepts, for finding the one that was meant."""

_HOST = re.compile(r"(\*\.)?[a-z0-9]([a-z0-9-]*[a-z0-9])?(\.[a-z0-9]([a-z0-9-]*[a-z0-9])?)*", re.IGNORECASE)


def near_match(word: str, known: Iterable[str]) -> str:
    """Return ``" (did you mean 'x'?)"`` for the known word closest to ``word``, or nothing."""
    spelled = {name.lower(): name for name in reversed(tuple(known))}
    close = get_close_matches(word.lower(), spelled, n=1)
    return f" (did you mean {spelled[close[0]]!r}?)" if close else ""


def _checked_url(url: str) -> str:
    parts = urlsplit(url)
    _ = parts.port  # raises ValueError where the port is no number
    if parts.scheme not in ("http", "https") or not parts.hostname or re.search(r"[\s@]", url):
        raise ValueError("not an address")
    return url.rstrip("/")


def _checked_hosts(hosts: Any) -> Any:
    return tuple(hosts) if isinstance(hosts, list) else hosts


def _checked_host(host: str) -> str:
    if not _HOST.fullmatch(host):
        raise ValueError("not a host name")
    return host.lower()


def _checked_genders(value: Any) -> frozenset[str] | None:
    if value is None or isinstance(value, frozenset):
        return value
    if isinstance(value, str) and value in GENDER_GROUPS:
        return GENDER_GROUPS[value]
    if isinstance(value, list) and value and all(word in GENDERS for word in value):
        return frozenset(value)
    raise ValueError("no gender")


class Block(BaseModel):
    """A block of sources.yaml: no key that is not listed, no value of another type."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, allow_inf_nan=False)


class QualityFilters(Block):
    """Which pictures and faces are good enough to be stored. ``auto``: the model pack's calibrated value."""

    min_face_size: int = Field(default=80, ge=0, description="a whole number of pixels, 0 or more")
    min_image_size: int = Field(default=400, ge=0, description="a whole number of pixels, 0 or more")
    min_detection_confidence: Annotated[float, Field(ge=0, le=1)] | Literal["auto"] = Field(
        default=0.8, description="a number from 0 to 1, or auto"
    )
    max_face_angle: float = Field(default=45.0, ge=0, le=90, description="a number of degrees from 0 to 90")
    prefer_single_face: bool = Field(default=True, description="true or false")


class SourceBlock(Block):
    """What a block of one source may say; every key may be left out here, ``loading`` knows which must not be."""

    enabled: bool = Field(default=False, description="true or false")
    url: Annotated[str, AfterValidator(_checked_url)] = Field(
        default="", description="an http or https address such as https://www.example.org, without a user or key in it"
    )
    rate_limit: float = Field(default=60.0, ge=0, description="a number of requests a minute, 0 or more (0 = no limit)")
    max_faces: int = Field(
        default=5, ge=0, description="a whole number of faces for each performer, 0 or more (0 = none)"
    )
    priority: int | None = Field(
        default=None, ge=1, description="a whole number, 1 or more (where stash-boxes differ, the lowest is believed)"
    )
    trust_level: TrustLevel = Field(default="low", description="one of high, medium, low")
    gender_filter: Annotated[frozenset[str] | None, BeforeValidator(_checked_genders)] = Field(
        default=None, description=f"female, male, any, or a list of {', '.join(GENDERS)}"
    )
    needs_flaresolverr: bool = Field(default=False, description="true or false")
    browser: bool = Field(default=False, description="true or false")
    api_key_env: str | None = Field(
        default=None,
        pattern=r"^[A-Za-z_][A-Za-z0-9_]*$",
        max_length=64,
        description="the name of the environment variable that holds the key (such as STASHDB_API_KEY), never the key",
    )
    image_hosts: Annotated[
        tuple[Annotated[str, AfterValidator(_checked_host)], ...], BeforeValidator(_checked_hosts)
    ] = Field(default=(), description="a list of host names such as cdn.example.org or *.example.org")
    quality_filters: QualityFilters = Field(default=QualityFilters(), description="a block of quality filters")
    ignore_robots: str | None = Field(
        default=None, pattern=r"\S", description="the reason, in words, for not obeying this site's robots.txt"
    )


class Source(SourceBlock):
    """One source, complete. ``rate_limit`` is in requests a minute; ``gender_filter`` None means everyone."""

    name: str
    kind: Kind
    url: Annotated[str, AfterValidator(_checked_url)]
    trust_level: TrustLevel

    def wants_gender(self, gender: str | None) -> bool:
        """Say whether a performer passes the gender filter; one whose gender is unknown does."""
        word = gender.upper() if gender else None
        return self.gender_filter is None or word not in GENDERS or word in self.gender_filter

    def takes_images_from(self, url: str) -> bool:
        """Say whether pictures may be fetched from ``url``: from the source's own domain and from ``image_hosts``."""
        host = (urlsplit(url).hostname or "").lower()
        return same_site(host, (urlsplit(self.url).hostname or "").lower()) or any(
            host.endswith(pattern[1:]) if pattern.startswith("*.") else host == pattern for pattern in self.image_hosts
        )


@dataclass(frozen=True, slots=True)
class Sources:
    """The sources of a run, by name in the file's order, and where they were read. A missing block is no source."""

    path: str
    max_faces_per_performer: int
    sources: Mapping[str, Source]

    @property
    def stash_boxes(self) -> tuple[Source, ...]:
        """The stash-boxes, lowest priority number first, those without one last."""
        boxes = [source for source in self.sources.values() if source.kind == "stash_box"]
        return tuple(sorted(boxes, key=lambda box: (box.priority is None, box.priority or 0)))

    @property
    def reference_sites(self) -> tuple[Source, ...]:
        """The reference sites in the file's order."""
        return tuple(source for source in self.sources.values() if source.kind == "reference_site")

    def get(self, name: str) -> Source:
        """Return the source called ``name``; raises ConfigError, listing the known ones, where there is none."""
        if problem := self._unknown(name):
            raise ConfigError(problem)
        return self.sources[name]

    def override(
        self,
        *,
        max_faces: Mapping[str, int] = MappingProxyType({}),
        max_faces_total: int | None = None,
        disable: Iterable[str] = (),
        enable_only: Iterable[str] | None = None,
    ) -> Sources:
        """Return these sources with what a command line asks for; raises ConfigError naming every option that is wrong.

        ``enable_only`` turns exactly these on (``all``: every one), ``disable`` turns off what is then on.
        """
        off = set(disable)
        only = None if enable_only is None else set(enable_only)
        asked = (
            ("--source-max-faces", max_faces),
            ("--disable-source", off),
            ("--sources", (only or set()) - {"all"}),
        )
        problems = [f"{what}: {problem}" for what, names in asked for name in names if (problem := self._unknown(name))]
        problems += [f"--source-max-faces {name}={n}: should be 0 or more" for name, n in max_faces.items() if n < 0]
        if max_faces_total is not None and max_faces_total < 0:
            problems.append(f"--max-faces-total {max_faces_total}: should be 0 or more")
        if problems:
            raise ConfigError("\n".join(sorted(problems)))

        def changed(source: Source) -> Source:
            enabled = source.enabled if only is None else bool(only & {"all", source.name})
            limit = max_faces.get(source.name, source.max_faces)
            return source.model_copy(update={"enabled": enabled and source.name not in off, "max_faces": limit})

        return replace(
            self,
            max_faces_per_performer=self.max_faces_per_performer if max_faces_total is None else max_faces_total,
            sources={name: changed(source) for name, source in self.sources.items()},
        )

    def _unknown(self, name: str) -> str | None:
        if name in self.sources:
            return None
        return f"unknown source {name!r}; in {self.path}: {', '.join(self.sources)}{near_match(name, self.sources)}"
