"""The GraphQL asked of a stash-box, and what its answers can be besides data."""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from scrapy.http import Response, TextResponse

from enrich.spiders.bases.listing import ListPage

FIELDS: Mapping[str, tuple[str, ...]] = {
    "id": (),
    "name": (),
    "disambiguation": (),
    "aliases": (),
    "gender": (),
    "birth_date": (),
    "death_date": (),
    "country": (),
    "ethnicity": (),
    "height": (),
    "eye_color": (),
    "hair_color": (),
    "career_start_year": (),
    "career_end_year": (),
    "scene_count": (),
    "tattoos": ("location", "description"),
    "piercings": ("location", "description"),
    "urls": ("url",),
    "images": ("id", "url", "width", "height"),
    "deleted": (),
    "merged_ids": (),
    "created": (),
    "updated": (),
}
"""Performer's fields and the parts asked of those that are objects."""

ONE: Mapping[str, tuple[str, ...]] = {"merged_into_id": ()}
"""What is asked besides of a single performer, who may have been deleted; lists hold no such."""

REPLACEMENTS: Mapping[str, tuple[str, tuple[str, ...]]] = {"birth_date": ("birthdate", ("date", "accuracy"))}
"""What older instances have instead: without any birth date nobody could be told to be under age."""

REQUIRED = frozenset({"id", "name", "images", "images.url"})

_OWNERS: Mapping[str, tuple[str, ...]] = {
    "Image": ("images",),
    "URL": ("urls",),
    "BodyModification": ("tattoos", "piercings"),
}
_UNKNOWN_FIELD = re.compile(r"""Cannot query field ["'](\w+)["'] on type ["'](\w+)["']""")
_REFUSALS = ("not authorized", "unauthorized", "not authenticated")


@dataclass(frozen=True, slots=True)
class Query(ListPage):
    """One request to the API: a page of the list in one order, or the performer ``performer``."""

    sort: Literal["NAME", "UPDATED_AT"] = "NAME"
    direction: Literal["ASC", "DESC"] = "ASC"

    def body(self, without: Collection[str]) -> dict[str, Any]:
        """What to POST; ``without``: the fields that the server is known not to have."""
        if self.performer is not None:
            return {
                "operationName": "Performer",
                "query": f"query Performer($id: ID!) {{ findPerformer(id: $id) {{ {_selection(without, ONE)} }} }}",
                "variables": {"id": self.performer},
            }
        given = {"page": self.page, "per_page": self.per_page, "sort": self.sort, "direction": self.direction}
        return {
            "operationName": "Performers",
            "query": "query Performers($input: PerformerQueryInput!) { queryPerformers(input: $input) "
            f"{{ count performers {{ {_selection(without)} }} }} }}",
            "variables": {"input": given},
        }

    def __str__(self) -> str:
        return f"performer {self.performer}" if self.performer else f"page {self.page} by {self.sort} {self.direction}"


def _selection(without: Collection[str], more: Mapping[str, tuple[str, ...]] | None = None) -> str:
    wanted = {**FIELDS, **(more or {})}
    for name, (older, parts) in REPLACEMENTS.items():
        if name in without:
            wanted[older] = parts
    selected = []
    for name, parts in wanted.items():
        kept = [part for part in parts if f"{name}.{part}" not in without]
        if name not in without and (kept or not parts):
            selected.append(f"{name} {{ {' '.join(kept)} }}" if kept else name)
    return " ".join(selected)


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """A GraphQL answer. ``refused``: the key is missing, wrong or not allowed to read; ``unknown``: fields, as in
    ``without``, that the server does not have; ``errors``: everything else it complained about."""

    data: Mapping[str, Any] = field(default_factory=dict)
    errors: tuple[str, ...] = ()
    refused: bool = False
    unknown: frozenset[str] = frozenset()


def read_answer(response: Response) -> Answer | None:
    """Read an answer; ``None`` for what is none, such as a proxy's page."""
    if response.status == 401:
        return Answer(refused=True)
    if not isinstance(response, TextResponse):
        return None
    try:
        answer = json.loads(response.body)
    except (ValueError, RecursionError):
        return None
    if not isinstance(answer, dict) or not ("data" in answer or "errors" in answer):
        return None
    listed = answer.get("errors")
    messages = [_message(error) for error in listed] if isinstance(listed, list) else []
    unknown = frozenset(name for message in messages for name in _unknown_fields(message))
    data = answer.get("data")
    return Answer(
        data=data if isinstance(data, dict) else {},
        errors=tuple(message for message in messages if not _UNKNOWN_FIELD.search(message)),
        refused=any(refusal in message.casefold() for message in messages for refusal in _REFUSALS),
        unknown=unknown,
    )


def _message(error: object) -> str:
    message = error.get("message") if isinstance(error, dict) else error
    return " ".join(str(message).split())[:300]


def _unknown_fields(message: str) -> set[str]:
    names = set()
    for name, owner in _UNKNOWN_FIELD.findall(message):
        names |= {f"{parent}.{name}" for parent in _OWNERS[owner]} if owner in _OWNERS else {name}
    return names
