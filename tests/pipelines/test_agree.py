"""Trust levels: what the agree stage lets pass, judged on real vectors in a real database."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from enrich.config import default_sources
from enrich.faces.pack import ModelPack, load_pack
from enrich.items import EmbeddedImage, Face, ImageRef, Performer, RejectedImage
from enrich.pipelines.agree import AgreeStage
from enrich.store.faces import save_face
from enrich.store.ledger import Limits
from enrich.store.library import Library
from enrich.store.performers import save_performer
from enrich.store.writer import Writer

RNG = np.random.default_rng(7)


def unit(vector: np.ndarray) -> np.ndarray:
    return (vector / np.linalg.norm(vector)).astype(np.float32)


PERSON = unit(RNG.normal(size=128))
OTHER = unit(RNG.normal(size=128))


def at_distance(distance: float) -> np.ndarray:
    """A unit vector at this cosine distance from PERSON."""
    aside = OTHER - (OTHER @ PERSON) * PERSON
    cosine = 1.0 - distance
    return unit(cosine * PERSON + np.sqrt(1.0 - cosine**2) * unit(aside))


def image(vector: np.ndarray, pack: ModelPack, url: str, **owner: object) -> EmbeddedImage:
    face = Face(
        box_px=np.zeros(4, np.float32),
        landmarks_px=np.zeros((5, 2), np.float32),
        confidence=0.9,
        yaw_deg=0.0,
        pitch_deg=0.0,
        roll_deg=0.0,
        visible=1.0,
        sharpness=0.75,
        exposure=0.95,
        crop=np.zeros((112, 112, 3), np.uint8),
    )
    return EmbeddedImage(
        ref=ImageRef(image_url=url, **owner),  # type: ignore[arg-type]
        sha256=f"{hash(url):064x}"[-64:],
        width_px=500,
        height_px=500,
        face=face,
        quality=0.5,
        model=pack.fingerprint,
        vectors={pack.primary.name: vector},
    )


@pytest.fixture
def pack(models_dir: Path) -> ModelPack:
    return load_pack("opencv_zoo", models_dir)


@pytest.mark.parametrize(
    ("trust", "faces", "distance", "reason"),
    [
        ("high", 0, 1.0, None),
        ("high", 1, 1.0, None),
        ("medium", 0, 0.0, "no_existing_faces"),
        ("medium", 1, 0.01, None),
        ("medium", 1, 0.9, "no_match"),
        ("medium", 4, 0.01, None),
        ("medium", 4, 0.9, "no_match"),
        ("low", 0, 0.0, "no_existing_faces"),
        ("low", 1, 0.9, "no_match"),
    ],
)
def test_trust(tmp_path: Path, pack: ModelPack, trust: str, faces: int, distance: float, reason: str | None) -> None:
    writer = Writer.acquire(f"sqlite:///{tmp_path / 'performers.db'}")
    library = Library(writer.engine)
    try:
        who = Performer(source="stashdb", source_id="1", name="Jane Example")
        performer = writer.submit(lambda tx: save_performer(tx, who, {"stashdb": 1})).result().performer_id
        for number in range(faces):
            stored = image(PERSON, pack, f"https://box.example/{number}", source="stashdb", source_id="1")
            decision = writer.submit(lambda tx, stored=stored: save_face(tx, stored, Limits())).result()
            assert decision.outcome == "accepted"
        source = default_sources().get("babepedia").model_copy(update={"trust_level": trust})
        stage = AgreeStage(source, pack, library)
        new = image(at_distance(distance), pack, "https://site.example/1", source="babepedia", performer_id=performer)
        result = asyncio.run(stage.process(new))
        if reason is None:
            assert result is new
        else:
            assert isinstance(result, RejectedImage)
            assert result.reason == reason
    finally:
        library.close()
        writer.release()


@pytest.mark.parametrize(
    ("facenet", "arcface", "objector"),
    [
        (0.01, 0.01, None),
        (0.9, 0.01, "facenet"),
        (0.01, 0.9, "arcface"),
        (0.9, 0.9, "facenet"),
        (0.31, 0.01, "facenet"),
    ],
)
def test_of_two_recognisers_both_have_to_agree(
    tmp_path: Path, facenet: float, arcface: float, objector: str | None
) -> None:
    pack = load_pack("stash_sense", tmp_path, complete=False)
    writer = Writer.acquire(f"sqlite:///{tmp_path / 'performers.db'}")
    library = Library(writer.engine)

    def two(first: np.ndarray, second: np.ndarray, url: str, **owner: object) -> EmbeddedImage:
        return replace(image(first, pack, url, **owner), vectors={"facenet": first, "arcface": second})

    try:
        who = Performer(source="stashdb", source_id="1", name="Jane Example")
        performer = writer.submit(lambda tx: save_performer(tx, who, {"stashdb": 1})).result().performer_id
        stored = two(PERSON, PERSON, "https://box.example/1", source="stashdb", source_id="1")
        assert writer.submit(lambda tx: save_face(tx, stored, Limits())).result().outcome == "accepted"
        source = default_sources().get("babepedia").model_copy(update={"trust_level": "medium"})
        new = two(
            at_distance(facenet), at_distance(arcface), "https://site.example/1", source="babepedia",
            performer_id=performer,
        )  # fmt: skip
        result = asyncio.run(AgreeStage(source, pack, library).process(new))
        if objector is None:
            assert result is new
        else:
            assert isinstance(result, RejectedImage)
            assert (result.reason, result.detail["recogniser"]) == ("no_match", objector)
            assert result.detail["distance"] == pytest.approx(facenet if objector == "facenet" else arcface, abs=1e-3)
    finally:
        library.close()
        writer.release()


def test_more_faces_allow_more_distance(pack: ModelPack) -> None:
    allowed = [pack.primary.match_distance(faces) for faces in (1, 2, 3, 4, 20)]
    assert allowed == sorted(allowed)
    assert allowed[0] < allowed[-1]
