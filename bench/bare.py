"""The same pictures through the same two models with no crawler at all: the rates that the crawl is measured against.

Run in a process of its own; prints images a second.
"""

from __future__ import annotations

import json
import os
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from bench.corpus import portraits
from enrich.faces.engine import FaceEngine
from enrich.faces.pack import load_pack
from enrich.items import DetectedImage, Image, ImageRef

BATCH = 8


def run(engine: FaceEngine, bodies: list[bytes], workers: int) -> float:
    """Images a second: each worker decodes, detects and aligns a batch, then embeds its crops."""

    def work(batch: list[bytes]) -> int:
        crops = []
        for body in batch:
            found = engine.analyse(Image(ref=ImageRef(source="bench", image_url="", source_id="0"), body=body))
            if isinstance(found, DetectedImage) and found.faces:
                crops.append(found.faces[0].crop)
        return len(engine.embed(crops)) if crops else 0

    batches = [bodies[start : start + BATCH] for start in range(0, len(bodies), BATCH)]
    began = time.perf_counter()
    with ThreadPoolExecutor(workers) as pool:
        list(pool.map(work, batches))
    return len(bodies) / (time.perf_counter() - began)


def run_plain(engine: FaceEngine, bodies: list[bytes], workers: int, size_px: int) -> float:
    """Images a second with as little as can be between the two models: OpenCV's decoding, insightface's own classes."""
    import cv2
    import numpy as np
    from insightface.model_zoo import SCRFD
    from insightface.utils.face_align import norm_crop

    from enrich.faces.graph import any_size
    from enrich.faces.sessions import CPU, open_session

    path = engine.pack.path(engine.pack.detector)
    detector = SCRFD(model_file=None, session=open_session(any_size(path), path, [CPU], 1))
    detector.prepare(0, input_size=(size_px, size_px), det_thresh=engine.pack.detector.threshold)
    (embedder,) = engine._embedders  # the crawl's own session

    def work(batch: list[bytes]) -> int:
        crops = []
        for body in batch:
            picture = cv2.imdecode(np.frombuffer(body, np.uint8), cv2.IMREAD_COLOR)
            _, points = detector.detect(picture, input_size=(size_px, size_px))
            if len(points):
                crops.append(norm_crop(picture, points[0]))
        return len(embedder.raw(crops)) if crops else 0

    work(bodies[:BATCH])
    batches = [bodies[start : start + BATCH] for start in range(0, len(bodies), BATCH)]
    began = time.perf_counter()
    with ThreadPoolExecutor(workers) as pool:
        list(pool.map(work, batches))
    return len(bodies) / (time.perf_counter() - began)


def run_usual(folder: Path, bodies: list[bytes]) -> float:
    """Images a second of ``FaceAnalysis.get`` at 640 px, one picture after another, with insightface's own threads."""
    import cv2
    import numpy as np
    from insightface.app import FaceAnalysis

    from enrich.faces.sessions import CPU

    app = FaceAnalysis(name=str(folder), allowed_modules=["detection", "recognition"], providers=[CPU])
    app.prepare(0, det_size=(640, 640))
    cv2.setNumThreads(-1)  # as it comes
    app.get(cv2.imdecode(np.frombuffer(bodies[0], np.uint8), cv2.IMREAD_COLOR))
    began = time.perf_counter()
    for body in bodies:
        app.get(cv2.imdecode(np.frombuffer(body, np.uint8), cv2.IMREAD_COLOR))
    return len(bodies) / (time.perf_counter() - began)


def main(pack_name: str, models_dir: str, copies: int) -> None:
    """Measure each way, the engine's with one and more workers; prints JSON, the ways by the name of what they are."""
    bodies = [body for bodies in portraits(copies) for body in bodies]
    cores = os.cpu_count() or 1
    engine = FaceEngine(load_pack(pack_name, Path(models_dir)), "cpu")
    run(engine, bodies[:BATCH], 1)
    rates = {"our engine": max(run(engine, bodies, workers) for workers in sorted({1, cores, cores + 1}))}
    detector = engine.pack.detector
    if detector.kind == "scrfd":
        for size in detector.sizes_px:
            rates[f"the bare sessions at {size} px"] = run_plain(engine, bodies, cores, size)
        rates["FaceAnalysis.get, one after another"] = run_usual(engine.pack.folder, bodies)
    print(json.dumps(rates))


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], int(sys.argv[3]))
