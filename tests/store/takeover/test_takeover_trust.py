"""Vectors that may be another person's are left out: of every crash of the old builder nothing wrong comes along."""

from __future__ import annotations

import json
import random
from datetime import timedelta
from pathlib import Path

import numpy as np
import pytest

from enrich.store.takeover import _named
from enrich.store.takeover.doubt import doubts
from enrich.store.takeover.old import open_old
from enrich.store.takeover.people import read_people
from enrich.store.takeover.pictures import read_pictures
from enrich.store.takeover.vectors import load_indices, load_names
from tests.store.conftest import NOON, PRIORITIES
from tests.store.stash_sense import BEGUN, OldData, crowd, uuid

FACES = 1000


class Judged:
    """What comes of the faces of a data folder. ``facenet``, ``arcface``: the face whose vector is at each number."""

    def __init__(self, old: OldData, facenet: list[int], arcface: list[int] | None = None) -> None:
        with open_old(old.path, old.folder) as database:
            people = read_people(database, PRIORITIES, NOON.date())
            _, faces = read_pictures(database, people)
        indices, _ = load_indices(old.folder)
        self.why, _ = doubts(faces, indices, _named(load_names(old.folder), people))
        self.kept = [place for place, reason in enumerate(self.why) if reason is None]
        stored = faces.stored
        self.wrong = [
            place
            for place in self.kept
            for name, held in (("facenet", facenet), ("arcface", facenet if arcface is None else arcface))
            if old.owners[held[stored[name][place]]] != old.owners[place]
        ]


def judged(folder: Path, owners: list[int], facenet: list[int], arcface: list[int] | None = None) -> Judged:
    old = OldData(folder, 5, owners).make(faces=facenet, arcface=arcface)
    return Judged(old, facenet, arcface)


def without(faces: list[int], start: int, count: int) -> list[int]:
    """What is in an index after a crash lost ``count`` vectors: those that came later took their numbers."""
    return faces[:start] + faces[start + count :]


EVERYBODY = list(range(FACES))


def test_where_nothing_is_wrong_everything_is_kept(tmp_path: Path) -> None:
    for most in (1, 2, 5):
        assert len(judged(tmp_path / str(most), crowd(FACES, most), EVERYBODY).kept) == FACES


def test_vectors_that_tell_nobody_apart_are_kept_where_all_numbers_fit(tmp_path: Path) -> None:
    """Faces of one performer that are no more alike than strangers', everywhere: bad vectors, not wrong numbers."""
    old = OldData(tmp_path, 5, list(range(1, FACES + 1))).make()
    old.sql("UPDATE faces SET performer_id = 1 + (performer_id - 1) / 3")
    assert Judged(old, EVERYBODY).why == [None] * FACES


@pytest.mark.parametrize(("start", "count", "at_least"), [(600, 100, 350), (600, 3, 350), (0, 500, 0), (970, 5, 700)])
def test_a_crash_that_was_gone_on_from(tmp_path: Path, start: int, count: int, at_least: int) -> None:
    """The database went on counting where it was, Voyager where the index was: every later number is another's."""
    found = judged(tmp_path, crowd(FACES), without(EVERYBODY, start, count))
    assert found.wrong == []
    assert at_least <= len(found.kept) <= start
    assert found.why[FACES - 1] == "its number is past the end of face_facenet.voy"
    assert f"lacks the last {count} numbers of the database though it is not older" in str(found.why[start])


def test_performers_with_equally_many_faces_prove_nothing(tmp_path: Path) -> None:
    """Shifted by whole performers, neighbours are as alike as if nothing were shifted."""
    found = judged(tmp_path, [1 + place // 4 for place in EVERYBODY], without(EVERYBODY, 600, 100))
    assert found.kept == []


def test_one_face_each_proves_nothing(tmp_path: Path) -> None:
    assert judged(tmp_path, crowd(FACES, most=1), without(EVERYBODY, 600, 100)).kept == []


def test_a_crash_that_nobody_went_on_from(tmp_path: Path) -> None:
    """An index that is older than the first face it lacks, lacks its end and nothing else."""
    owners = crowd(FACES, most=1)
    old = OldData(tmp_path, 5, owners).make(faces=EVERYBODY[:800])
    for recogniser in ("facenet", "arcface"):
        old.touch(recogniser, BEGUN + timedelta(seconds=10 * 800 - 1))
    assert Judged(old, EVERYBODY).kept == EVERYBODY[:800]
    old.touch("arcface", BEGUN + timedelta(seconds=10 * 800))
    assert Judged(old, EVERYBODY).kept == []


@pytest.mark.parametrize("longer", ["facenet", "arcface"])
def test_a_vector_too_many_in_one_index(tmp_path: Path, longer: str) -> None:
    """A crash between the two: one of them has a face's vector twice, or one that nobody has a row for."""
    more = [*EVERYBODY[:500], 500, *EVERYBODY[500:]]
    facenet, arcface = (more, EVERYBODY) if longer == "facenet" else (EVERYBODY, more)
    found = judged(tmp_path, crowd(FACES), facenet, arcface)
    assert found.wrong == []
    assert 250 <= len(found.kept) <= 500
    assert f"face_{longer}.voy has 1 vectors more than" in str(found.why[FACES - 1])


def test_a_stretch_in_the_wrong_order(tmp_path: Path) -> None:
    """Both lengths fit, and still a hundred numbers are exchanged with another hundred."""
    mixed = [*EVERYBODY[:300], *EVERYBODY[400:500], *EVERYBODY[300:400], *EVERYBODY[500:]]
    found = judged(tmp_path, crowd(FACES), mixed)
    assert found.wrong == []
    assert len(found.kept) >= 500
    assert found.why[350] == "faces of one performer are not alike around it in face_facenet.voy"


def test_two_faces_exchanged(tmp_path: Path) -> None:
    """Of performers with several faces, and of one with several and one with a single one."""
    owners = [1, 1, 1, 2, 2, 2, 3, *(4 + place // 3 for place in range(293))]
    exchanged = list(range(300))
    exchanged[2], exchanged[3] = 3, 2
    exchanged[6], exchanged[9] = 9, 6
    found = judged(tmp_path, owners, exchanged)
    assert found.wrong == []
    assert (
        found.why[2] == found.why[3] == found.why[9] == "its vectors are not like those of the performer's other faces"
    )
    assert found.why[6] == "its vectors are like those of another performer, one of whose faces is odd"
    assert len(found.kept) == 296


def test_the_same_vector_for_two_performers(tmp_path: Path) -> None:
    old = OldData(tmp_path, 5, [1, 2, 3])
    old.make()
    old.write_indices([0, 1, 1], arcface=[0, 1, 2])
    assert Judged(old, [0, 1, 1], [0, 1, 2]).why == [
        None,
        "face_facenet.voy has the very same vector for another performer",
        "face_facenet.voy has the very same vector for another performer",
    ]


def test_faces_json_of_another_release(tmp_path: Path) -> None:
    old = OldData(tmp_path, 5, [1, 2, 3, 4]).make()
    names = [f"stashdb.org:{uuid(1)}", f"stashdb.org:{uuid(4)}", None, "pmvstash.org:somebody-else"]
    (tmp_path / "faces.json").write_text(json.dumps(names))
    assert Judged(old, EVERYBODY).why == [None, "faces.json has another performer at its number", None, None]
    (tmp_path / "faces.json").write_text("[")
    assert Judged(old, EVERYBODY).why == [None] * 4


@pytest.mark.soak
@pytest.mark.parametrize("seed", range(150))
def test_any_crash(tmp_path: Path, seed: int) -> None:
    chance = random.Random(seed)
    count = chance.choice([500, 1000, 2000, 3000])
    facenet = list(range(count))
    owners = crowd(count, chance.choice([1, 2, 3, 5, 8]), seed)
    arcface = None
    for _ in range(chance.choice([1, 1, 2])):
        facenet = without(facenet, chance.randrange(len(facenet)), chance.choice([1, 2, 3, 5, 10, 50, 200]))
    if chance.random() < 0.3:
        at = chance.randrange(len(facenet))
        arcface = chance.choice([[*facenet[:at], facenet[at], *facenet[at:]], without(facenet, at, 1)])
    found = judged(tmp_path, owners, facenet, arcface)
    assert found.wrong == []


def test_numbers_beyond_belief_are_rubbish_each_for_itself(tmp_path: Path) -> None:
    old = OldData(tmp_path, 5, crowd(300)).make()
    old.sql("UPDATE faces SET facenet_index = 9223372036854775807, arcface_index = 'x' WHERE id = 300")
    old.sql("UPDATE faces SET facenet_index = 700000 WHERE id = 299")
    found = Judged(old, EVERYBODY)
    assert found.kept == list(range(298))
    assert np.all([found.why[place] == "its number is past the end of face_facenet.voy" for place in (298, 299)])
