"""One photograph is stored once, however it was saved, scaled or cut, and whoever has it: what is a copy."""

from __future__ import annotations

import itertools
import json
from typing import Any

import numpy as np
import pytest
from sqlalchemy import text

from enrich.faces.near_duplicates import VERSIONS
from enrich.store.acceptance.decide import Finding, save_findings
from enrich.store.db.database import open_database
from tests.store.acceptance.judged import Judged, near
from tests.store.acceptance.versions import detail, look, version


@pytest.mark.parametrize("rule", VERSIONS)
def test_what_is_a_copy_and_what_is_not(judged: Judged, rule: Any) -> None:
    """At the very edge of each rule, and beyond it by a bit, or by a little of the vector."""
    others = [one for one in VERSIONS if one is not rule]
    assert version(judged, "stashdb", "first").outcome == "accepted"
    picture, crop = min(rule.picture_bits, 40), min(rule.crop_bits, 40)
    far = 1 - rule.similarity
    copy = version(judged, "babepedia", "copy", look=look(7, picture, crop), vector=near(0, far * 0.99))
    assert (copy.outcome, copy.reason) == ("rejected", rule.reason)
    said = detail(judged, "copy")
    assert {name: said[name] for name in ("of_performer", "of_face", "of_source")} == {
        "of_performer": 1, "of_face": 1, "of_source": "stashdb",
    }  # fmt: skip
    assert said["of_image_url"] == "https://stashdb.example/first.jpg"
    assert (said["picture_bits"], said["crop_bits"]) == (picture, crop)
    assert said["similarity"] == pytest.approx(1 - far * 0.99, abs=1e-4)
    beyond = [(picture, crop, far * 1.05 + 0.001)]
    beyond += [(picture + 1, crop, far * 0.99)] if rule.picture_bits < 64 else []
    beyond += [(picture, crop + 1, far * 0.99)] if rule.crop_bits < 64 else []
    for number, (p, c, distance) in enumerate(beyond):
        if any(p <= one.picture_bits and c <= one.crop_bits and 1 - distance >= one.similarity for one in others):
            continue
        vector = near(0, distance, aside=number + 1)
        assert version(judged, "babepedia", f"other{number}", look=look(7, p, c), vector=vector).outcome == "accepted"
        judged.store.do(lambda tx: tx.execute(text("DELETE FROM faces WHERE id > 1")))


def test_of_several_recognisers_all_have_to_say_so(store: Any, vector: Any) -> None:
    store.save()
    one = {"facenet": vector(1, 8), "arcface": vector(2, 8)}
    store.face("https://img.example/1.jpg", vectors=one, look=look(7))
    other = store.face("https://img.example/2.jpg", vectors={**one, "arcface": vector(3, 8)}, look=look(7))
    same = store.face("https://img.example/3.jpg", vectors=one, look=look(7))
    assert (other.outcome, same.reason) == ("accepted", "duplicate_image")


def test_another_performers_picture_is_not_compared(store: Any) -> None:
    for name in ("jane", "ann"):
        store.save(name, f"{name.title()} Example")
    version(Judged(store, performer=1), "stashdb", "hers")
    assert version(Judged(store, performer=2), "stashdb", "theirs").outcome == "accepted"


def test_faces_of_older_versions_have_no_hashes_and_are_not_compared(judged: Judged) -> None:
    version(judged, "stashdb", "old", look=(None, None))
    assert version(judged, "stashdb", "new").outcome == "accepted"
    assert version(judged, "stashdb", "without", look=(None, None)).outcome == "accepted"


def test_an_older_database_gets_the_columns_and_keeps_its_faces(judged: Judged) -> None:
    store = judged.store
    version(judged, "stashdb", "old", vector=near(1, 0.01))
    judged.face("freeones", "waits", near(2))
    for table, column in itertools.product(
        ("face_details", "candidates", "reembedded"), ("picture_hash", "crop_hash", "measures")
    ):
        store.do(lambda tx, table=table, column=column: tx.execute(text(f"ALTER TABLE {table} DROP COLUMN {column}")))
    store.do(lambda tx: tx.execute(text("UPDATE alembic_version SET version_num = '0005'")))
    store.engine.dispose()
    open_database(store.url).dispose()
    assert store.rows("SELECT picture_hash, crop_hash, measures FROM face_details") == [(None, None, None)]
    assert version(judged, "stashdb", "new").outcome == "accepted"
    given = judged.face("stashdb", "given", near(2, 0.1))
    assert given.also_taken == 1, "what waited without hashes and measures can be taken"
    assert store.rows("SELECT measures IS NULL FROM face_details ORDER BY face_id") == [(1,), (0,), (0,), (1,)]


def test_hashes_and_measures_are_stored_also_of_what_waited(judged: Judged) -> None:
    judged.face("freeones", "waited", near(0, 0.1, aside=1), look=look(1))
    version(judged, "stashdb", "at_once")
    rows = judged.store.rows("SELECT picture_hash, crop_hash, measures FROM face_details ORDER BY face_id")
    assert [row[:2] for row in rows] == [look(7), look(1)]
    assert [json.loads(row[2]) for row in rows] == [
        {"visible": 1.0, "pitch_deg": 0.0, "roll_deg": 0.0, "sharpness": 0.75, "exposure": 0.95}
    ] * 2
    assert judged.store.rows("SELECT count(*) FROM candidates") == [(0,)]


def test_what_was_not_measured_is_written_as_unknown(judged: Judged) -> None:
    image = judged.store.image()
    unknown = dict.fromkeys(("visible", "pitch_deg", "roll_deg", "sharpness", "exposure"), np.nan)
    from dataclasses import replace

    judged.store.do(save_findings, [Finding(image=replace(image, face=replace(image.face, **unknown)))])
    assert judged.store.one("SELECT measures FROM face_details") is None
