"""What old databases hold where a value should be: read as it is meant, or not at all."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from enrich.store.takeover import values

ID = "6f1c2d3e-0000-4000-8000-00000000000f"


@pytest.mark.parametrize(
    ("read", "written", "meant"),
    [
        (values.read_endpoint, "stashdb", "stashdb"),
        (values.read_endpoint, "StashDB.org", "stashdb"),
        (values.read_endpoint, "https://stashdb.org/graphql", "stashdb"),
        (values.read_endpoint, "https://api.theporndb.net/", "theporndb"),
        (values.read_endpoint, "fansdb.cc", "fansdb"),
        (values.read_endpoint, "https://box.example/graphql", "box.example"),
        (values.read_endpoint, "mybox", "mybox"),
        (values.read_endpoint, " ", None),
        (values.read_endpoint, None, None),
        (values.read_stashbox_id, f" {ID.upper()}/ ", ID),
        (values.read_stashbox_id, f"https://stashdb.org/performers/{ID}?tab=1", ID),
        (values.read_stashbox_id, "12345/", "12345"),
        (values.read_stashbox_id, "", None),
        (values.read_stashbox_id, b"\x00", None),
        (values.read_height_cm, "168cm", 168),
        (values.read_height_cm, "168.5 CM", 168),
        (values.read_height_cm, "1.7m", 170),
        (values.read_height_cm, "1,68 m", 168),
        (values.read_height_cm, 168.0, 168),
        (values.read_height_cm, "5ft 6in", None),
        (values.read_height_cm, 0, None),
        (values.read_height_cm, 1680, None),
        (values.read_height_cm, float("inf"), None),
        (values.read_gender, "Trans Female", "TRANSGENDER_FEMALE"),
        (values.read_gender, "TRANSGENDER_MALE", "TRANSGENDER_MALE"),
        (values.read_gender, "Woman", "FEMALE"),
        (values.read_gender, "non-binary", "NON_BINARY"),
        (values.read_gender, "Unknown", None),
        (values.read_gender, "shop", None),
        (values.read_date, "1990-05-17 00:00:00", "1990-05-17"),
        (values.read_date, "1990-13-01", "1990"),
        (values.read_date, 1990, None),
        (values.read_word, "Middle Eastern", "MIDDLE_EASTERN"),
        (values.read_country, "us", "US"),
        (values.read_country, "United States", "United States"),
        (values.read_alias, "No known aliases", None),
        (values.read_alias, "Tom &amp; Anna", "Tom & Anna"),
        (values.read_year, "2015", 2015),
        (values.read_year, 15, None),
        (values.read_share, 1, 1.0),
        (values.read_share, 1.2, None),
        (values.read_share, float("nan"), None),
        (values.read_share, "0.5", None),
        (values.read_address, " https://img.example/a?x=1&copy=2 ", "https://img.example/a?x=1&copy=2"),
        (values.read_address, "file:///etc/passwd", None),
        (values.read_address, "img.example/a.jpg", None),
        (values.read_time, "2025-07-01T10:00:00.123+00:00", "2025-07-01 10:00:00"),
        (values.read_time, "2025-07-01 10:00:00", "2025-07-01 10:00:00"),
        (values.read_time, "yesterday", None),
    ],
)
def test_values(read: Callable[[object], object], written: object, meant: object) -> None:
    assert read(written) == meant
