"""The same pictures through the same two models with no crawler at all: the rate that the crawl is measured against.

Run in a process of its own; prints images a second for each way of using the cores, the best of which counts.
"""

from __future__ import annotations

import json
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


def run_plain(engine: FaceEngine, bodies: list[bytes], workers: int) -> float:
    """Images a second with as little as can be between the two models: OpenCV's decoding, insightface's own classes."""
    import cv2
    import numpy as np
    from insightface.model_zoo import get_model
    from insightface.utils.face_align import norm_crop

    from enrich.faces.sessions import CPU, session_options

    detector = get_model(str(engine.pack.path(engine.pack.detector)), providers=[CPU], sess_options=session_options(1))
    detector.prepare(-1, input_size=(640, 640), det_thresh=0.5)
    (embedder,) = engine._embedders  # the crawl's own session

    def work(batch: list[bytes]) -> int:
        crops = []
        for body in batch:
            picture = cv2.imdecode(np.frombuffer(body, np.uint8), cv2.IMREAD_COLOR)
            boxes, points = detector.detect(picture, input_size=(640, 640))
            if len(boxes):
                crops.append(norm_crop(picture, points[0]))
        return len(embedder.raw(crops)) if crops else 0

    batches = [bodies[start : start + BATCH] for start in range(0, len(bodies), BATCH)]
    began = time.perf_counter()
    with ThreadPoolExecutor(workers) as pool:
        list(pool.map(work, batches))
    return len(bodies) / (time.perf_counter() - began)


def main(pack_name: str, models_dir: str, copies: int) -> None:
    """Measure one and two workers per core's worth of threads."""
    import os

    bodies = [body for bodies in portraits(copies) for body in bodies]
    cores = os.cpu_count() or 1
    rates = {}
    engine = FaceEngine(load_pack(pack_name, Path(models_dir)), "cpu")
    run(engine, bodies[:BATCH], 1)
    for workers in sorted({1, cores, cores + 1}):
        rates[f"{workers} workers"] = run(engine, bodies, workers)
    if engine.pack.detector.kind == "scrfd":
        rates[f"{cores} workers of insightface's own"] = run_plain(engine, bodies, cores)
    print(json.dumps(rates))


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], int(sys.argv[3]))
