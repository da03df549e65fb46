"""Writes tests/faces/golden anew: ``python -m tests.faces.make_golden MODELS_DIR TESTPACK_DIR``.

Two drawn portraits with tilted heads, the crops that were cut from them, and every pack's vectors of those crops. To be
run only when a pack's files or its feeding are changed on purpose.
"""

from __future__ import annotations

import base64
import json
import sys
import tempfile
from dataclasses import replace
from pathlib import Path

import numpy as np
from PIL import Image

from enrich.demo.chance import look_from_seed, shot_from_seed
from enrich.demo.portrait import draw
from enrich.faces.align import align
from enrich.faces.engine import FaceEngine
from enrich.faces.pack import load_pack
from enrich.items import FloatArray
from tests.faces.tiny import write_pack

GOLDEN = Path(__file__).parent / "golden"
PORTRAITS = {"one": (11, 14.0), "two": (29, -17.0)}
"""Name -> seed of the person, tilt of the head in degrees."""
SIDE_PX = 208


def packed(vector: FloatArray) -> str:
    """A vector as text, to the last bit."""
    return base64.b64encode(vector.astype("<f4").tobytes()).decode("ascii")


def main(models_dir: Path, testpack: Path) -> None:
    """Draw, cut, embed, write."""
    GOLDEN.mkdir(exist_ok=True)
    zoo = load_pack("opencv_zoo", models_dir)
    with tempfile.TemporaryDirectory() as scratch:
        tiny = load_pack(str(write_pack(Path(scratch) / "tiny", zoo)), models_dir)
        packs = {"opencv_zoo": zoo, "insightface": load_pack(str(testpack), models_dir), "tiny": tiny}
        engines = {name: FaceEngine(pack, "cpu") for name, pack in packs.items()}
    landmarks: dict[str, dict[str, list[list[float]]]] = {name: {} for name in ("opencv_zoo", "insightface")}
    crops = {}
    for name, (seed, roll_deg) in PORTRAITS.items():
        shot = replace(shot_from_seed(seed, width_px=SIDE_PX, height_px=SIDE_PX), roll_deg=roll_deg, face_px=44.0)
        picture = draw(look_from_seed(seed), shot)
        for pack, by_picture in landmarks.items():
            points = engines[pack].detect(picture).landmarks_px[0].astype(float)
            by_picture[name] = np.round(points, 2).tolist()
        crops[name] = align(picture, np.array(landmarks["opencv_zoo"][name], np.float32))
        Image.fromarray(picture).save(GOLDEN / f"{name}.png", optimize=True)
        Image.fromarray(crops[name]).save(GOLDEN / f"{name}_crop.png", optimize=True)
    vectors = {
        name: {
            recogniser: dict(zip(crops, map(packed, rows), strict=True))
            for recogniser, rows in engine.embed(list(crops.values())).items()
        }
        for name, engine in engines.items()
    }
    text = json.dumps({"landmarks_px": landmarks, "vectors": vectors}, indent=1)
    (GOLDEN / "golden.json").write_text(text + "\n", encoding="utf-8")


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
