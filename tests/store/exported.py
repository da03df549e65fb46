"""An export held to the world that it is of."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from tests.store.consumer import Release
from tests.store.exporting import PEOPLE, PICTURES, name_of, url_of, uuid_of, vectors_of

ALL = PEOPLE * PICTURES
PICTURED = {url_of(number, picture): (number, picture) for number in range(PEOPLE) for picture in range(PICTURES + 1)}


def assert_every_face_is_its_persons(release: Release, faces: int, *, tolerance: float = 1e-5) -> None:
    """The vectors under a face's number are its picture's, and its universal id is that of who is in the picture."""
    assert len(release.tables["faces"]) == faces
    for face in release.tables["faces"]:
        number, picture = PICTURED[face.image_url]
        uid = release.faces[face.facenet_index]
        assert uid is not None
        assert release.performers[uid]["name"] == name_of(number)
        for recogniser, vector in vectors_of(number, picture).items():
            found = release.vector(f"face_{recogniser}.voy", face.facenet_index)
            assert np.abs(found - vector).max() < tolerance


def uids(numbers: Iterable[int]) -> set[str]:
    """The universal ids of these people."""
    return {f"stashdb.org:{uuid_of(number)}" for number in numbers}
