"""What the tests of the faces room share: both packs' engines, the portraits beside the project, and a drawn face."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
from PIL import Image as PillowImage

from enrich.faces.check import drawn_face
from enrich.faces.engine import FaceEngine
from enrich.faces.pack import ModelPack, load_pack
from enrich.items import Image, ImageRef, Uint8Array
from tests.faces.quarters import HEIGHT, WIDTH

ASSETS = Path(os.environ.get("ENRICH_TEST_ASSETS", Path(__file__).resolve().parents[3] / "shared"))


@pytest.fixture(scope="session")
def zoo(models_dir: Path) -> ModelPack:
    return load_pack("opencv_zoo", models_dir)


@pytest.fixture(scope="session")
def zoo_engine(zoo: ModelPack) -> FaceEngine:
    return FaceEngine(zoo, "cpu", threads=2)


@pytest.fixture(scope="session")
def insight(testpack: Path, models_dir: Path) -> ModelPack:
    return load_pack(str(testpack), models_dir)


@pytest.fixture(scope="session")
def insight_engine(insight: ModelPack) -> FaceEngine:
    return FaceEngine(insight, "cpu", threads=2)


@pytest.fixture(scope="session", params=["opencv_zoo", "insightface"])
def engine(request: pytest.FixtureRequest) -> FaceEngine:
    """Either pack's engine: what holds for one detector and recogniser holds for the other."""
    found = request.getfixturevalue("zoo_engine" if request.param == "opencv_zoo" else "insight_engine")
    assert isinstance(found, FaceEngine)
    return found


@pytest.fixture(scope="session")
def portraits() -> Mapping[str, list[bytes]]:
    """Person -> JPEGs of generated people; they lie beside the project, not in it."""
    folder = ASSETS / "faces"
    if not folder.is_dir():
        pytest.skip(f"no portraits at {folder}: set ENRICH_TEST_ASSETS")  # not the project's to ship
    people = sorted(path for path in folder.iterdir() if path.is_dir())
    return {person.name: [path.read_bytes() for path in sorted(person.glob("*.jpg"))] for person in people}


@pytest.fixture(scope="session")
def face() -> Uint8Array:
    """One face drawn by code, 640 x 640 RGB."""
    return drawn_face()


@pytest.fixture(scope="session")
def encoded() -> Callable[..., bytes]:
    """A function: pixels, a format and the encoder's options -> bytes."""

    def encode(rgb: Uint8Array, format: str = "PNG", **options: object) -> bytes:
        out = BytesIO()
        PillowImage.fromarray(rgb).save(out, format, **options)
        return out.getvalue()

    return encode


@pytest.fixture(scope="session")
def image() -> Callable[[bytes], Image]:
    """A function: bytes -> the item of a downloaded picture."""
    ref = ImageRef(source="stashdb", image_url="https://img.example/1.jpg", source_id="p1")
    return lambda body: Image(ref=ref, body=body)


@pytest.fixture
def quarters() -> PillowImage.Image:
    """Red, green over blue, white: what is turned or swapped shows."""
    pixels = np.zeros((HEIGHT, WIDTH, 3), dtype=np.uint8)
    pixels[: HEIGHT // 2, : WIDTH // 2] = (255, 0, 0)
    pixels[: HEIGHT // 2, WIDTH // 2 :] = (0, 255, 0)
    pixels[HEIGHT // 2 :, : WIDTH // 2] = (0, 0, 255)
    pixels[HEIGHT // 2 :, WIDTH // 2 :] = (255, 255, 255)
    return PillowImage.fromarray(pixels)
