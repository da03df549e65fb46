"""Links to performers, and all that is said of them."""

from __future__ import annotations

from typing import Any

IAFD = "https://www.iafd.com/person.rme/perfid=janeexample"
STASHDB_PAGE = "https://stashdb.org/performers/6f1c2d3e-0000-4000-8000-000000000001"
STASHDB_ID = "6f1c2d3e-0000-4000-8000-000000000001"
FANSDB_PAGE = "https://fansdb.cc/performers/6f1c2d3e-0000-4000-8000-00000000000f"
FANSDB_ID = "6f1c2d3e-0000-4000-8000-00000000000f"


def everything(store: Any) -> dict[str, list[tuple[Any, ...]]]:
    """All that is said of performers, without our ids and times."""
    who = "(SELECT min(endpoint || stashbox_performer_id) FROM stashbox_ids s WHERE s.performer_id = t.performer_id)"
    return {
        "performers": store.rows(
            f"SELECT {who.replace('t.performer_id', 't.id')}, canonical_name, gender, country, birth_date, height_cm,"
            " eye_color, stashdb_updated_at, image_url FROM performers t ORDER BY 1"
        ),
        **{
            table: store.rows(f"SELECT {who}, {columns} FROM {table} t ORDER BY {order}")
            for table, columns, order in (
                ("stashbox_ids", "endpoint, stashbox_performer_id", "2, 3"),
                ("merged_ids", "endpoint, merged_stashbox_id", "2, 3"),
                ("aliases", "alias, source_endpoint", "1, 2"),
                ("tattoos", "location, description, source_endpoint", "1, 2, 3"),
                ("external_urls", "site, normalized_id, url, source_endpoint", "1, 2, 3"),
                ("images", "source, image_url, outcome", "1, 2, 3"),
            )
        },
    }
