"""A YAML file read into plain values that still know the line they stand on."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import Any

import yaml

from enrich.errors import ConfigError

KeyPath = tuple[str | int, ...]
"""Where a value stands: ``("stash_boxes", "stashdb", "rate_limit")``."""

_NOT_TEXT = frozenset(f"tag:yaml.org,2002:{kind}" for kind in ("bool", "int", "float", "timestamp"))


@dataclass(slots=True)
class Document:
    """The values of one YAML file, their places, and the mistakes found so far, the first at each place."""

    name: str
    values: dict[str, Any] = field(default_factory=dict)
    mistakes: dict[KeyPath, tuple[int, str]] = field(default_factory=dict)
    places: dict[KeyPath, tuple[int, yaml.Node]] = field(default_factory=dict)

    def mistake(self, path: KeyPath, message: str, line: int | None = None) -> None:
        """Note what is wrong at ``path``; the line is that of the nearest place that is in the file."""
        known = next((path[:end] for end in range(len(path), 0, -1) if path[:end] in self.places), None)
        at = line or (self.places[known][0] if known else 1)
        self.mistakes.setdefault(path, (at, f"{'.'.join(map(str, path))}: {message}" if path else message))

    def shown(self, path: KeyPath) -> str:
        """Return the value at ``path`` as the file's reader knows it."""
        node = self.places[path][1]
        if isinstance(node, yaml.MappingNode):
            return "a block"
        if isinstance(node, yaml.SequenceNode):
            return f"[{', '.join(str(item.value) for item in node.value)}]"[:60]
        if node.tag == "tag:yaml.org,2002:null":
            return "nothing"
        return str(node.value) if node.tag in _NOT_TEXT else repr(node.value[:60])

    def raise_mistakes(self) -> None:
        """Raise ConfigError with one line for each mistake, in the file's order, if there is any."""
        if self.mistakes:
            in_order = sorted((line, [str(key) for key in path], text) for path, (line, text) in self.mistakes.items())
            raise ConfigError("\n".join(f"{self.name}:{line}: {text}" for line, _, text in in_order))


def read_document(file: Path | Traversable) -> Document:
    """Read a YAML file whose top is a block; raises ConfigError where it is none or cannot be read.

    What does not stop the reading (a duplicate key) is left among the document's ``mistakes``.
    """
    document = Document(_name(file))
    text = _text(file, document.name)
    try:
        loader = yaml.SafeLoader(text)
        top = loader.get_single_node()
    except yaml.YAMLError as error:
        raise ConfigError(f"{document.name}:{_line(error, text)}: not YAML: {_problem(error)}") from error
    if top is None:
        raise ConfigError(f"{document.name}:1: the file is empty; name its sources, or delete it to use the defaults")
    if not isinstance(top, yaml.MappingNode):
        raise ConfigError(f"{document.name}:{top.start_mark.line + 1}: should begin with a key such as stash_boxes:")
    document.values = _Reader(loader, document).block(top, ())
    return document


class _Reader:
    """Turns nodes into values; ``_open`` holds the nodes around the present one, against a block inside itself."""

    def __init__(self, loader: yaml.SafeLoader, document: Document) -> None:
        self._loader = loader
        self._document = document
        self._open: list[yaml.Node] = []

    def block(self, node: yaml.MappingNode, path: KeyPath) -> dict[str, Any]:
        self._find_duplicates(node, path)
        try:
            self._loader.flatten_mapping(node)  # carries out "<<: *other"
        except yaml.constructor.ConstructorError as error:
            self._document.mistake(path, _problem(error), node.start_mark.line + 1)
        return {key: self._value(child, (*path, key), line) for key, child, line in _entries(node)}

    def _find_duplicates(self, node: yaml.MappingNode, path: KeyPath) -> None:
        first: dict[str, int] = {}
        for key, _, line in _entries(node):
            if key in first:
                self._document.mistake((*path, key), f"written twice, on lines {first[key]} and {line}; keep one", line)
            first.setdefault(key, line)

    def _value(self, node: yaml.Node, path: KeyPath, line: int) -> Any:
        self._document.places[path] = (line, node)
        if node in self._open:
            self._document.mistake(path, "is an alias of the block that it stands in")
            return None
        self._open.append(node)
        try:
            if isinstance(node, yaml.MappingNode):
                return self.block(node, path)
            if isinstance(node, yaml.SequenceNode):
                items = enumerate(node.value)
                return [self._value(item, (*path, at), item.start_mark.line + 1) for at, item in items]
            return self._loader.construct_object(node)
        except (yaml.constructor.ConstructorError, ValueError) as error:
            self._document.mistake(path, f"{self._document.shown(path)} is not a plain value: {_problem(error)}")
            return None
        finally:
            self._open.pop()


def _entries(node: yaml.MappingNode) -> Iterator[tuple[str, yaml.Node, int]]:
    """Yield each key as it is written (``on`` and ``1`` are names here, not values), its value and the key's line."""
    for key, child in node.value:
        name = key.value if isinstance(key, yaml.ScalarNode) else "? (a key that is not a word)"
        yield name, child, key.start_mark.line + 1


def _name(file: Path | Traversable) -> str:
    path = Path(str(file))
    return str(path.relative_to(Path.cwd()) if path.is_relative_to(Path.cwd()) else path)


def _text(file: Path | Traversable, name: str) -> str:
    if file.is_dir():
        raise ConfigError(f"{name}: is a folder; name the file in it, such as {name}/sources.yaml")
    try:
        raw = file.read_bytes()
    except FileNotFoundError as error:
        raise ConfigError(f"{name}: no such file; correct SOURCES_FILE, or leave it out for the defaults") from error
    except OSError as error:
        raise ConfigError(f"{name}: cannot be read: {error.strerror}") from error
    try:
        return raw.decode("utf-8")
    except UnicodeDecodeError as error:
        line = raw.count(b"\n", 0, error.start) + 1
        byte = raw[error.start]
        raise ConfigError(f"{name}:{line}: byte 0x{byte:02x} is not UTF-8; save the file as UTF-8") from error


def _line(error: yaml.YAMLError, text: str) -> int:
    if isinstance(error, yaml.MarkedYAMLError) and error.problem_mark:
        return int(error.problem_mark.line) + 1
    return text.count("\n", 0, getattr(error, "position", 0)) + 1


def _problem(error: Exception) -> str:
    if isinstance(error, yaml.MarkedYAMLError):
        tab = " (indent with spaces, not tabs)" if "'\\t'" in (error.problem or "") else ""
        return ", ".join(part for part in (error.context, error.problem) if part) + tab
    return getattr(error, "reason", None) or str(error)
