"""Judges damaged pictures as the pipeline does, in a process that may not do everything.

``python -m tests.faces.judge_damaged FIRST COUNT MODELS_DIR`` prints a JSON line for each picture and one at the end. A
picture that takes two seconds of processor time, or memory without end, kills the process.
"""

from __future__ import annotations

import asyncio
import json
import resource
import signal
import sys
from pathlib import Path

from enrich.config import QualityFilters
from enrich.faces.decode import ImageTooLargeError, ImageTooSmallError, NotAnImageError, decode
from enrich.faces.engine import FaceEngine
from enrich.faces.pack import load_pack
from enrich.faces.screen import screen
from enrich.items import DetectedImage, Image, ImageRef, RejectedImage, ScreenedImage
from enrich.pipelines.validate import SniffStage
from tests.faces.damaged import MAX_BYTES, damaged

MAX_PIXELS = 4_000_000
MAX_SECONDS = 2.0
MAX_ADDRESSES = 4 * 2**30
"""Bytes a process may reserve: the libraries and their threads take 1.5 GB of them before the first picture."""


def small_engine(models_dir: Path) -> FaceEngine:
    """The real one on small canvases: what is looked at here is mostly too damaged to see."""
    pack = load_pack("opencv_zoo", models_dir)
    detector = pack.detector.model_copy(update={"input_size_px": 192, "small_input_size_px": 96})
    return FaceEngine(pack.model_copy(update={"detector": detector}), "cpu", threads=1)


def announced_px(body: bytes) -> tuple[int, int] | None:
    """Width and height by the header alone, where it has them; they are within the limit."""
    try:
        decode(body, max_pixels=MAX_PIXELS, min_side_px=MAX_PIXELS)
    except ImageTooSmallError as small:
        return small.width_px, small.height_px
    except (NotAnImageError, ImageTooLargeError):
        return None
    raise AssertionError("decoded, whatever size was asked for")


async def judged(engine: FaceEngine, body: bytes) -> str:
    """What becomes of a picture: its reason, or ``kept``."""
    ref = ImageRef(source="stashdb", image_url="https://img.example/1", source_id="p1")
    sniffed = await SniffStage(MAX_BYTES).process(Image(ref=ref, body=body))
    found = engine.analyse(sniffed, 80, MAX_PIXELS) if isinstance(sniffed, Image) else sniffed
    announced = announced_px(body) if isinstance(sniffed, Image) else None
    if isinstance(found, DetectedImage):
        assert announced == (found.width_px, found.height_px), "a header that lies and is decoded"
        filters = QualityFilters(min_detection_confidence="auto")
        end: ScreenedImage | RejectedImage = screen(found, filters, "high", engine.pack)
        return end.reason if isinstance(end, RejectedImage) else "kept"
    json.dumps(dict(found.detail))
    return found.reason


def peak_mib() -> int:
    """The most memory this process has had. Not ru_maxrss, which starts at what the parent had when it forked."""
    (line,) = (line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith("VmHWM"))
    return int(line.split()[1]) // 1024


def main(first: int, count: int, models_dir: Path) -> None:
    resource.setrlimit(resource.RLIMIT_AS, (MAX_ADDRESSES, MAX_ADDRESSES))
    engine = small_engine(models_dir)
    for seed in range(first, first + count):
        done, body = damaged(seed)
        signal.setitimer(signal.ITIMER_PROF, MAX_SECONDS)
        reason = asyncio.run(judged(engine, body))
        left, _ = signal.setitimer(signal.ITIMER_PROF, 0)
        line = {"seed": seed, "done": done, "reason": reason, "seconds": round(max(0.0, MAX_SECONDS - left), 3)}
        sys.stdout.write(f"{json.dumps(line)}\n")
        sys.stdout.flush()
    sys.stdout.write(json.dumps({"peak_mib": peak_mib()}))


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]), Path(sys.argv[3]))
