"""Find sources.yaml, read it, and say everything that is wrong with it at once."""

from __future__ import annotations

import re
from collections.abc import Collection
from importlib.resources import files
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import Any, cast

import yaml
from pydantic import BaseModel, Field, ValidationError

from enrich.config.document import Document, KeyPath, read_document
from enrich.config.model import CHOICES, GENDERS, Block, Kind, QualityFilters, Source, SourceBlock, Sources, near_match
from enrich.config.shipped import DEFAULT_RATE_LIMIT, MAX_FACES_PER_PERFORMER, SHIPPED, default_sources

_KINDS: dict[str, Kind] = {"stash_boxes": "stash_box", "reference_sites": "reference_site"}


class _Global(Block):
    max_faces_per_performer: int = Field(
        default=MAX_FACES_PER_PERFORMER, ge=0, description="a whole number of faces, 0 or more (0 = none)"
    )
    default_rate_limit: float = Field(
        default=DEFAULT_RATE_LIMIT, ge=0, description="a number of requests a minute, 0 or more (0 = no limit)"
    )
    quality_filters: QualityFilters = Field(default=QualityFilters(), description="a block of quality filters")


class _File(Block):
    globals: _Global = Field(default=_Global(), alias="global", description="a block of settings for all sources")
    stash_boxes: dict[str, SourceBlock] = Field(default={}, description="a block of sources")
    reference_sites: dict[str, SourceBlock] = Field(default={}, description="a block of sources")


def find_sources_file(setting: str | None) -> Path | Traversable | None:
    """Return the file that ``setting`` (SOURCES_FILE) names, else the one beside scrapy.cfg, else the packaged one.

    ``None`` where there is none: an installation from a checkout, used outside it, has no packaged file.
    """
    if setting:
        return Path(setting)
    project = next((folder for folder in (Path.cwd(), *Path.cwd().parents) if (folder / "scrapy.cfg").is_file()), None)
    beside = () if project is None else (project / "sources.yaml",)
    return next((file for file in (*beside, files("enrich") / "sources.yaml") if file.is_file()), None)


def configured_sources(setting: str | None) -> Sources:
    """Return the sources of the file that ``setting`` or the search finds, or the defaults where there is none."""
    file = find_sources_file(setting)
    return default_sources() if file is None else load_sources(file)


def load_sources(path: Path | Traversable) -> Sources:
    """Read sources.yaml; raises ConfigError with one line for each mistake: file, line, key, value, what is right."""
    document = read_document(path)
    values = _without_empty_blocks(document.values)
    for section in _KINDS:
        _check_section(document, section, values)
    if not any(values.get(section) for section in _KINDS):
        document.mistake((), "names no source; add stash_boxes or reference_sites")
    try:
        said = _File.model_validate(values)
    except ValidationError as error:
        for detail in error.errors(include_url=False):
            _explain(document, detail["type"], detail["loc"])
    document.raise_mistakes()
    blocks = {"stash_box": said.stash_boxes, "reference_site": said.reference_sites}
    return Sources(
        document.name,
        said.globals.max_faces_per_performer,
        {
            name: _source(name, cast(Kind, kind), block, said.globals)
            for kind, named in blocks.items()
            for name, block in named.items()
        },
    )


def _source(name: str, kind: Kind, block: SourceBlock, common: _Global) -> Source:
    """Fill the gaps of a block: from the global block where it speaks, else from the table of the shipped sources."""
    shipped = SHIPPED.get(name)
    fields: dict[str, Any] = dict(shipped) if shipped else {"rate_limit": DEFAULT_RATE_LIMIT}
    # A deleted gender_filter line means everyone: a filter that the file does not show would be a trap.
    fields |= {"name": name, "kind": kind, "gender_filter": None}
    if "default_rate_limit" in common.model_fields_set:
        fields["rate_limit"] = common.default_rate_limit
    fields |= {key: getattr(block, key) for key in block.model_fields_set}
    filters = (common.quality_filters, block.quality_filters)
    fields["quality_filters"] = QualityFilters(
        **{key: getattr(said, key) for said in filters for key in said.model_fields_set}
    )
    return Source(**fields)


def _without_empty_blocks(values: dict[str, Any]) -> dict[str, Any]:
    """Read ``stash_boxes:`` or ``stashdb:`` with nothing below as a block that says nothing."""
    top = {key: {} if value is None else value for key, value in values.items()}
    for section in _KINDS:
        if isinstance(top.get(section), dict):
            top[section] = {name: {} if block is None else block for name, block in top[section].items()}
    return top


def _check_section(document: Document, section: str, values: dict[str, Any]) -> None:
    """Note what no value can tell by itself: a source's name, its section, and what its kind has to state."""
    kind, blocks = _KINDS[section], values.get(section)
    known = [source.name for source in SHIPPED.values() if source.kind == kind]
    for name, block in blocks.items() if isinstance(blocks, dict) else ():
        path, shipped, said = (section, name), SHIPPED.get(name), block if isinstance(block, dict) else {}
        elsewhere = [other for other in _KINDS if other != section and name in (values.get(other) or ())]
        if shipped and shipped.kind != kind:
            document.mistake(path, f"is a {shipped.kind}; move it to the other section")
        elif not shipped and not {"url", "trust_level"} <= said.keys():
            document.mistake(
                path,
                f"unknown source{near_match(name, SHIPPED)}; known: {', '.join(known)}; "
                "a new one has to state its url and trust_level",
            )
        elif not re.fullmatch(r"[a-z][a-z0-9_]*", name):
            document.mistake(path, "the name of a source should be lower-case letters, digits and _")
        elif elsewhere:
            document.mistake(path, f"stands in {elsewhere[0]} too; a source is of one kind")
        if kind == "reference_site" and shipped and "trust_level" not in said:
            document.mistake((*path, "trust_level"), "missing; should be one of high, medium, low")
        if kind == "reference_site" and "priority" in said:
            document.mistake((*path, "priority"), "only for stash_boxes: a reference site never changes what they say")


def _explain(document: Document, error: str, location: KeyPath) -> None:
    """Note one of pydantic's errors in the words of the file."""
    # Behind the place in the file pydantic adds the branch of a union that it tried.
    path = next(location[:end] for end in range(len(location), -1, -1) if location[:end] in document.places)
    if error == "extra_forbidden":
        known = [field.alias or key for key, field in _model_at(path[:-1]).model_fields.items()]
        where = f"in {'.'.join(map(str, path[:-1]))}" if path[:-1] else "here"
        hint = near_match(str(path[-1]), known)
        return document.mistake(path, f"unknown key{hint}; known {where}: {', '.join(known)}")
    key = str(path[-1]) if isinstance(path[-1], str) else str(path[-2])
    value = document.shown(path)
    if key == "api_key_env" or (key == "url" and "@" in value):
        value = "this value"  # it may hold a key or a password, which no message may repeat
    kind = " (text)" if value.startswith("'") and error in ("int_type", "float_type", "bool_type") else ""
    hint = _meant(document.places[path][1], key)
    return document.mistake(path, f"{value}{kind} should be {_right(path, key)}{hint}")


def _meant(node: yaml.Node, key: str) -> str:
    """Return the hint for the first word that is none of the key's own but near to one."""
    if isinstance(node, yaml.SequenceNode):
        known: Collection[str] = GENDERS if key == "gender_filter" else ()
        words = [item.value for item in node.value if isinstance(item, yaml.ScalarNode) and item.value not in known]
    else:
        known = CHOICES.get(key, ())
        words = [node.value] if isinstance(node, yaml.ScalarNode) else []
    return next((hint for word in words if (hint := near_match(word, known))), "")


def _model_at(path: KeyPath) -> type[BaseModel]:
    if path and path[-1] == "quality_filters":
        return QualityFilters
    return _File if not path else _Global if path == ("global",) else SourceBlock


def _right(path: KeyPath, key: str) -> str:
    if len(path) == 2 and path[0] in _KINDS:
        return "a block of settings such as {enabled: true}"
    model = _model_at(path[:-1] if path[-1] == key else path[:-2])
    fields = {field.alias or name: field for name, field in model.model_fields.items()}
    return fields[key].description or ""
