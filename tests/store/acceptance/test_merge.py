"""Two performers who are found to be one: each picture has one row then, and each photograph one face."""

from __future__ import annotations

from typing import Any

import pytest

from enrich.items import GonePerformer
from enrich.store.db.model_pack import IndexSpec
from enrich.store.forgetting.forget import forget_faces, forget_performers
from enrich.store.forgetting.gone import enter_gone
from enrich.store.index.sync import catch_up, check
from enrich.store.ledger.runs import start_run
from tests.store.acceptance.judged import Judged, near
from tests.store.acceptance.versions import SAME_IMAGE, detail, look
from tests.store.conftest import PRIORITIES

LOOK, CUT, OTHER = look(7), look(7, 8, 2), look(8)
"""The hashes of a photograph, of a version of it with a little cut off, and of another photograph."""


@pytest.fixture
def kept(store: Any) -> Judged:
    """Performer 1, into whom performer 2 is going to be merged."""
    store.save("jane")
    store.save("ann", "Ann Example")
    return Judged(store, performer=1)


@pytest.fixture
def gone(kept: Judged) -> Judged:
    return Judged(kept.store, performer=2)


def merge(judged: Judged) -> None:
    assert judged.store.save("jane", merged_ids=("ann",)).merged == (2,)
    assert judged.store.one("SELECT sum(face_count) FROM performers") == judged.store.one("SELECT count(*) FROM faces")


def faces(judged: Judged) -> list[str]:
    rows = judged.store.rows("SELECT image_url FROM faces WHERE performer_id = 1 ORDER BY id")
    return [url.rpartition("/")[2].removesuffix(".jpg") for (url,) in rows]


# --- both have a row for one picture ----------------------------------------------------------------------------------


def test_the_row_of_a_picture_whose_face_is_stored_stays(kept: Judged, gone: Judged) -> None:
    """The face was the other's, so the first one's row says that it is a copy: of a face that is now their own."""
    gone.face("stashdb", "shared", near(0))
    kept.face("stashdb", "shared", near(0))
    assert kept.store.rows("SELECT performer_id, reason FROM images ORDER BY 1") == [(1, "duplicate_image"), (2, None)]
    merge(kept)
    assert kept.store.rows("SELECT outcome, face_id FROM images") == [("accepted", 1)]
    kept.store.save("eve", "Eve Example")
    third = Judged(kept.store, performer=3).face("babepedia", "again", near(0), body="stashdb shared")
    assert third.reason == "duplicate_image"


def test_a_face_that_stands_unconfirmed_still_does(kept: Judged, gone: Judged) -> None:
    names = ("a", "b", "c")
    gone.pending("pornpics", *names, galleries=2)
    for number, name in enumerate(names):
        assert gone.face("pornpics", name, near(1, 0.05, aside=number), gallery=f"g{number % 2}").reason != "no_match"
    assert gone.store.one("SELECT count(*) FROM faces") == 3
    kept.pending("pornpics", *names)
    merge(kept)
    assert kept.waiting() == {"a", "b", "c"}
    assert kept.face("stashdb", "sure", near(0)).taken_away == 3


@pytest.mark.parametrize("whose", [1, 2])
def test_what_was_forgotten_stays_forgotten(kept: Judged, gone: Judged, whose: int) -> None:
    (one, other) = (kept, gone) if whose == 1 else (gone, kept)
    given = one.face("stashdb", "picture", near(0))
    one.store.do(forget_faces, [given.face_id])
    other.pending("stashdb", "picture")
    merge(kept)
    assert kept.ledger() == {"picture": ("rejected", "forgotten")}
    assert kept.face("stashdb", "elsewhere", near(0), body="stashdb picture").reason == "forgotten"


def test_an_address_that_showed_each_of_them_another_picture_keeps_one_face(kept: Judged, gone: Judged) -> None:
    kept.face("stashdb", "picture", near(0), body="as it was")
    gone.face("stashdb", "picture", near(1), body="as it is")
    merge(kept)
    assert kept.store.rows("SELECT outcome, face_id FROM images") == [("accepted", 1)]
    assert kept.store.rows("SELECT id FROM faces") == [(1,)]


# --- both have versions of one photograph -----------------------------------------------------------------------------


@pytest.mark.parametrize(("theirs", "left"), [(0.5, "mine"), (0.59, "mine"), (0.9, "theirs")])
def test_of_two_versions_of_one_photograph_the_better_is_kept(
    kept: Judged, gone: Judged, theirs: float, left: str
) -> None:
    runs = {name: kept.store.do(start_run, source=name, mode="url") for name in ("stashdb", "babepedia")}
    kept.run, gone.run = runs["stashdb"], runs["babepedia"]
    mine = kept.face("stashdb", "mine", near(0), quality=0.5, look=LOOK)
    other = gone.face("babepedia", "theirs", near(0, 0.001), quality=theirs, look=CUT)
    gone.face("babepedia", "another", near(0, 0.1), quality=0.5, look=OTHER)
    spec, index = IndexSpec("sface", 16, "pack-1"), kept.store.folder / "index"
    catch_up(kept.store.engine, index, spec)
    merge(kept)
    assert sorted(faces(kept)) == sorted([left, "another"])
    loser, stays = ("theirs", mine) if left == "mine" else ("mine", other)
    assert kept.ledger()[loser] == ("rejected", "duplicate_face")
    said = detail(kept, loser)
    assert (said["of_performer"], said["of_face"]) == (1, stays.face_id)
    counted = dict(kept.store.rows("SELECT source, faces_added FROM runs"))
    assert counted == ({"stashdb": 1, "babepedia": 1} if left == "mine" else {"stashdb": 0, "babepedia": 2})
    catch_up(kept.store.engine, index, spec)
    assert check(kept.store.engine, index, spec) == []


def test_whoever_forgets_the_one_that_was_kept_forgets_all_versions(kept: Judged, gone: Judged) -> None:
    given = kept.face("stashdb", "mine", near(0), look=LOOK)
    gone.face("babepedia", "theirs", near(0), look=LOOK)
    gone.face("freeones", "copy of theirs", near(0), look=LOOK)
    merge(kept)
    kept.store.do(forget_faces, [given.face_id])
    assert set(kept.ledger().values()) == {("rejected", "forgotten")}


def test_whoever_is_forgotten_afterwards_is_forgotten_as_both(kept: Judged, gone: Judged) -> None:
    """Somebody else has the picture too, whose face has given way to a better one since."""
    kept.store.save("eve", "Eve Example")
    gone.face("babepedia", "theirs", near(0), look=LOOK, body="the bytes")
    third = Judged(kept.store, performer=3)
    assert third.face("freeones", "hers", near(0), body="the bytes").reason == "duplicate_image"
    merge(kept)
    assert kept.face("stashdb", "better", near(0), look=LOOK, quality=0.9).replaced == 1
    kept.store.do(forget_performers, [1])
    assert kept.ledger() == {"hers": ("rejected", "forgotten")}


def stand(judged: Judged, **of_first: Any) -> None:
    """Let three faces of a source of trust low stand unconfirmed, two tenths from the person's own."""
    names = ("a", "b", "c")
    judged.pending("pornpics", *names, galleries=2)
    for number, name in enumerate(names):
        more = of_first if name == "a" else {}
        judged.face("pornpics", name, near(0, 0.05, aside=number), gallery=f"g{number % 2}", **more)


@pytest.mark.parametrize(("quality", "left"), [(0.5, "mine"), (0.9, "a")])
def test_a_sure_face_makes_a_version_of_it_sure(kept: Judged, gone: Judged, quality: float, left: str) -> None:
    kept.face("stashdb", "mine", near(0, 0.05), quality=0.5, look=LOOK)
    stand(gone, quality=quality, look=LOOK)
    merge(kept)
    assert sorted(faces(kept)) == sorted([left, "b", "c"])
    assert kept.waiting() == {"b", "c"}
    kept.sweep()
    assert kept.waiting() == set()
    assert len(faces(kept)) == 3


def test_versions_that_wait_count_once(kept: Judged, gone: Judged) -> None:
    """Else two photographs and a copy would be the three faces that may stand by themselves."""
    for judged, name, its in ((kept, "a", LOOK), (kept, "b", OTHER), (gone, "copy", LOOK)):
        assert judged.face("pornpics", name, near(0), look=its, gallery=f"g {name}").waits
    merge(kept)
    assert kept.waiting() == {"a", "b"}
    assert kept.ledger()["copy"] == SAME_IMAGE
    assert detail(kept, "copy")["of_image_url"] == "https://pornpics.example/a.jpg"
    assert kept.sweep("pornpics").taken == 0


# --- what a stash-box may say -----------------------------------------------------------------------------------------


def test_nobody_is_merged_into_themselves(store: Any) -> None:
    store.save("jane", merged_ids=("jane", "old"))
    assert store.rows("SELECT stashbox_performer_id FROM stashbox_ids") == [("jane",)]
    assert store.rows("SELECT merged_stashbox_id FROM merged_ids") == [("old",)]
    store.save("jane", country="US")
    assert store.one("SELECT country FROM performers") == "US"


def test_who_is_gone_into_themselves_is_gone(store: Any) -> None:
    store.save("jane")
    found = GonePerformer(source="stashdb", source_id="jane", reason="deleted", merged_into="jane")
    assert store.do(enter_gone, found, PRIORITIES) == "gone"
    assert store.rows("SELECT stashbox_performer_id FROM stashbox_ids") == [("jane",)]
