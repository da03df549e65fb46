"""Entries and pages of ThePornDB's list."""

from __future__ import annotations

from typing import Any

from enrich.spiders.bases.listing import PER_PAGE


def number(at: int, **more: Any) -> dict[str, Any]:
    return {"id": f"00000000-0000-4000-8000-{at:012d}", "name": f"Performer {at:03d}", "is_parent": True, **more}


def listed(total: int, *numbers: int, page: int = 1, last: int | None = None) -> dict[str, Any]:
    meta = {"current_page": page, "last_page": last or -(-total // PER_PAGE) or 1, "per_page": PER_PAGE, "total": total}
    return {"data": [number(at) for at in numbers], "links": {"next": None}, "meta": meta}
