"""Trust levels: what becomes of a face on the terms of a real pack and the shipped sources, in a real database."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sqlalchemy import text

from enrich.config import default_sources
from enrich.faces.pack import ModelPack, load_pack
from enrich.items import EmbeddedImage, ImageRef, Performer
from enrich.store.acceptance.decide import Finding, save_findings
from enrich.store.acceptance.policy import policy_of
from enrich.store.db.writer import Writer
from enrich.store.ledger.rows import Decision, Limits
from enrich.store.people.save import save_performer
from tests.faces.made import a_face

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


def image(vector: np.ndarray, pack: ModelPack, url: str, **owner: Any) -> EmbeddedImage:
    return EmbeddedImage(
        ref=ImageRef(image_url=url, **owner),
        sha256=hashlib.sha256(url.encode()).hexdigest(),
        width_px=500,
        height_px=500,
        face=a_face(),
        quality=0.5,
        model=pack.fingerprint,
        vectors={pack.primary.name: vector},
    )


@pytest.fixture
def pack(models_dir: Path) -> ModelPack:
    return load_pack("opencv_zoo", models_dir)


class Crawl:
    """What a crawl of one reference site writes, on the terms of a pack and of sources.yaml."""

    def __init__(self, folder: Path, pack: ModelPack, **trust: str) -> None:
        self.pack = pack
        sources = default_sources()
        changed = {name: sources.get(name).model_copy(update={"trust_level": level}) for name, level in trust.items()}
        self.terms = policy_of(pack, replace(sources, sources={**sources.sources, **changed}))
        self.writer = Writer.acquire(f"sqlite:///{folder / 'performers.db'}")
        who = Performer(source="stashdb", source_id="1", name="Jane Example")
        self.performer = self.writer.submit(lambda tx: save_performer(tx, who, {"stashdb": 1})).result().performer_id

    def take(self, image: EmbeddedImage) -> Decision:
        finding = Finding(image=image, policy=self.terms)
        return self.writer.submit_piece(save_findings, finding).result()

    def detail(self) -> dict[str, Any]:
        with self.writer.engine.connect() as connection:
            written = connection.execute(text("SELECT detail FROM images ORDER BY id DESC LIMIT 1")).scalar_one()
        return json.loads(written) if written else {}


@pytest.fixture
def crawl(tmp_path: Path) -> Iterator[Callable[..., Crawl]]:
    crawls: list[Crawl] = []

    def begin(pack: ModelPack, **trust: str) -> Crawl:
        crawls.append(Crawl(tmp_path, pack, **trust))
        return crawls[-1]

    yield begin
    for one in crawls:
        one.writer.release()


@pytest.mark.parametrize(
    ("trust", "faces", "distance", "reason"),
    [
        ("high", 0, 1.0, None),
        ("high", 1, 1.0, None),
        ("high", 4, 1.0, None),
        ("medium", 0, 0.0, "no_existing_faces"),
        ("medium", 1, 0.01, None),
        ("medium", 1, 0.35, "no_match"),
        ("medium", 2, 0.35, None),
        ("medium", 3, 0.37, "no_match"),
        ("medium", 4, 0.37, None),
        ("medium", 4, 0.39, "no_match"),
        ("low", 0, 0.0, "no_existing_faces"),
        ("low", 1, 0.01, None),
        ("low", 1, 0.9, "suspicious_cluster"),
    ],
)
def test_trust(
    crawl: Callable[..., Crawl], pack: ModelPack, trust: str, faces: int, distance: float, reason: str | None
) -> None:
    crawling = crawl(pack, babepedia=trust)
    for number in range(faces):
        stored = image(PERSON, pack, f"https://box.example/{number}", source="stashdb", source_id="1")
        assert crawling.take(stored).outcome == "accepted"
    new = image(
        at_distance(distance), pack, "https://site.example/1", source="babepedia", performer_id=crawling.performer
    )
    decision = crawling.take(new)
    assert (decision.outcome, decision.reason) == ("accepted" if reason is None else "rejected", reason)
    assert decision.waits is (reason is not None)
    assert decision.suspicious is (trust == "high" and faces == 4)


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
    crawl: Callable[..., Crawl], tmp_path: Path, facenet: float, arcface: float, objector: str | None
) -> None:
    pack = load_pack("stash_sense", tmp_path, complete=False)
    crawling = crawl(pack, babepedia="medium")

    def two(first: np.ndarray, second: np.ndarray, url: str, **owner: Any) -> EmbeddedImage:
        return replace(image(first, pack, url, **owner), vectors={"facenet": first, "arcface": second})

    stored = two(PERSON, PERSON, "https://box.example/1", source="stashdb", source_id="1")
    assert crawling.take(stored).outcome == "accepted"
    decision = crawling.take(
        two(
            at_distance(facenet),
            at_distance(arcface),
            "https://site.example/1",
            source="babepedia",
            performer_id=crawling.performer,
        )
    )
    if objector is None:
        assert decision.outcome == "accepted"
        return
    detail = crawling.detail()
    assert (decision.reason, detail["recogniser"]) == ("no_match", objector)
    assert detail["distance"] == pytest.approx(facenet if objector == "facenet" else arcface, abs=1e-3)


def test_the_terms_are_those_of_the_pack_and_of_all_sources(pack: ModelPack) -> None:
    sources = default_sources()
    terms = policy_of(pack, sources)
    assert terms.model == pack.fingerprint
    assert {name: terms.trust(name) for name in sources.sources} == {
        name: source.trust_level for name, source in sources.sources.items()
    }
    assert terms.trust("nobody") is None
    assert terms.limits("boobpedia") == Limits(source=3, total=20)
    assert policy_of(pack, sources.override(max_faces={"boobpedia": 1})).limits("boobpedia").source == 1
    distances = terms.rule[pack.primary.name]
    assert max(distances.match.values()) < distances.far < 0.5


def test_what_is_suspicious_is_no_part_of_what_made_a_vector(pack: ModelPack) -> None:
    other = pack.primary.model_copy(update={"suspicious_distance": 0.7})
    changed = pack.model_copy(update={"recognisers": (other,)})
    assert changed.primary.distances.far == 0.7
    assert changed.fingerprint == pack.fingerprint
