"""What a feed (``-O items.jsonl``, json, csv, xml) holds: every item as plain values, without pictures and vectors.

The fields of an item say so themselves: ``field(metadata={"serializer": ...})``, as itemadapter knows it. ``omitted``
as the serializer keeps a field out.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import is_dataclass
from typing import Any

import numpy as np
from itemadapter import ItemAdapter
from scrapy.exporters import CsvItemExporter, JsonItemExporter, JsonLinesItemExporter, XmlItemExporter

from enrich import items

KIND = "item"
"""The first field of every record: the class of the item."""
EXPORTED = (
    items.Performer,
    items.RefusedPerformer,
    items.GonePerformer,
    items.LookupEnded,
    items.Image,
    items.DetectedImage,
    items.ScreenedImage,
    items.EmbeddedImage,
    items.KnownImage,
    items.RejectedImage,
    items.FailedImage,
)
"""Every class that a crawl may yield, in the order of a CSV's columns."""


def record_of(item: object) -> dict[str, Any]:
    """The item as JSON-able values: arrays as lists of numbers, nested records as dicts; ``item`` is its class.

    Numbers are Python's, so boxes and landmarks are in pixels of the picture as it was detected.
    """
    return {KIND: type(item).__name__, **_plain_fields(item)}


def columns() -> tuple[str, ...]:
    """The columns of a CSV: those of every item that may come, since its first line is written before they do."""
    names = [name for kind in EXPORTED for name in ItemAdapter.get_field_names_from_class(kind) or ()]
    kept = [name for name in names if not all(_is_omitted(kind, name) for kind in EXPORTED)]
    return (KIND, *dict.fromkeys(kept))


def _is_omitted(kind: type, name: str) -> bool:
    names = ItemAdapter.get_field_names_from_class(kind) or ()
    return name not in names or ItemAdapter.get_field_meta_from_class(kind, name).get("serializer") is items.omitted


def _plain_fields(item: object) -> dict[str, Any]:
    adapter = ItemAdapter(item)
    plain: dict[str, Any] = {}
    for name, value in adapter.items():
        serializer = adapter.get_field_meta(name).get("serializer", _plain)
        if serializer is not items.omitted:
            plain[name] = _plain(serializer(value))
    return plain


def _plain(value: Any) -> Any:
    if isinstance(value, np.ndarray | np.generic):
        return value.tolist()
    if is_dataclass(value):
        return _plain_fields(value)
    if isinstance(value, Mapping):
        return {str(key): _plain(part) for key, part in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [_plain(part) for part in value]
    return value


class FeedJsonExporter(JsonItemExporter):
    """One JSON list."""

    def export_item(self, item: Any) -> None:
        super().export_item(record_of(item))


class FeedJsonLinesExporter(JsonLinesItemExporter):
    """One JSON object a line."""

    def export_item(self, item: Any) -> None:
        super().export_item(record_of(item))


class FeedXmlExporter(XmlItemExporter):
    """XML as Scrapy writes it."""

    def export_item(self, item: Any) -> None:
        super().export_item(record_of(item))


class FeedCsvExporter(CsvItemExporter):
    """One row an item; lists of words are joined with commas, other nested values are JSON."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields_to_export = self.fields_to_export or columns()

    def export_item(self, item: Any) -> None:
        super().export_item({name: _cell(value) for name, value in record_of(item).items()})


def _cell(value: Any) -> Any:
    if isinstance(value, dict) or (isinstance(value, list) and not all(isinstance(part, str) for part in value)):
        return json.dumps(value, ensure_ascii=False)
    return value
