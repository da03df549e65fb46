"""Damaged pictures, two thousand of them in the soak: no crash, no hang, bounded memory, and one reason each."""

from __future__ import annotations

import json
import subprocess
import sys
from collections import Counter, defaultdict
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, get_args

import pytest

from enrich.items import Reason
from tests.faces.judge_damaged import MAX_SECONDS

REPO = Path(__file__).resolve().parents[2]
PROCESSES = 2
MAX_PEAK_MIB = 700
"""Of which the libraries and the models are about 250, and a picture at the limit of 4 megapixels 100."""

DECODED = {"kept", "image_too_small", "no_face", "face_too_small", "low_confidence", "extreme_angle", "multi_face"}
UNREADABLE = {"not_an_image"}
LARGE = {"image_too_large"}
ENDS: dict[str, set[str]] = {
    # may be harmless, or hit the header
    "truncated": UNREADABLE | {"image_too_small"},
    "flipped": DECODED | UNREADABLE | LARGE,
    "rearranged": DECODED | UNREADABLE | LARGE,
    "misdeclared": DECODED | UNREADABLE | LARGE,  # WebP has no size of 0: it is the largest
    "frames": {"image_too_small"} | UNREADABLE,
    "scans": {"kept", "image_too_small"} | LARGE,
    # a decoder that looks no further than the header cannot be told from one that does not read it at all
    "enormous": LARGE | UNREADABLE,
    "flood": UNREADABLE,
    "prefixed": UNREADABLE,
    "mislabelled": UNREADABLE | LARGE,
    "noise": UNREADABLE | LARGE,
    "heavy": LARGE,
    # these are sound pictures
    "bomb": {"image_too_small"},
    "tailed": {"image_too_small"},
    "inside": {"image_too_small"},
}
"""What was done -> how such a picture may end."""


def judge(first: int, count: int, models_dir: Path) -> list[dict[str, Any]]:
    """What one process said of its pictures; its last line is about itself."""
    command = [sys.executable, "-m", "tests.faces.judge_damaged", str(first), str(count), str(models_dir)]
    done = subprocess.run(command, cwd=REPO, capture_output=True, text=True, check=False, timeout=100)
    lines = [json.loads(line) for line in done.stdout.splitlines()]
    last = lines[-1] if lines else "nothing"
    assert done.returncode == 0, f"the process ended with {done.returncode} after {last}:\n{done.stderr[-2000:]}"
    assert done.stderr == ""
    return lines


@pytest.fixture(scope="module", params=[600, pytest.param(2000, marks=pytest.mark.soak)])
def judged(request: pytest.FixtureRequest, models_dir: Path) -> tuple[list[dict[str, Any]], int]:
    """A line for every picture, and the most memory that a process had, in MiB."""
    share = request.param // PROCESSES
    with ThreadPoolExecutor(PROCESSES) as pool:
        parts = list(pool.map(lambda part: judge(part * share, share, models_dir), range(PROCESSES)))
    return [line for part in parts for line in part[:-1]], max(part[-1]["peak_mib"] for part in parts)


def test_every_picture_has_one_reason(judged: tuple[list[dict[str, Any]], int]) -> None:
    lines, _ = judged
    assert len(lines) in (600, 2000)
    assert [line["seed"] for line in lines] == list(range(len(lines)))
    assert {line["reason"] for line in lines} <= {*get_args(Reason), "kept"}


def test_every_picture_ends_as_what_was_done_to_it_makes_it(judged: tuple[list[dict[str, Any]], int]) -> None:
    lines, _ = judged
    assert not [line for line in lines if line["reason"] not in ENDS[line["done"].split()[0]]]
    counted: dict[str, Counter[str]] = defaultdict(Counter)
    for line in lines:
        counted[line["done"].split()[0]][line["reason"]] += 1
    assert counted.keys() == ENDS.keys()
    assert counted["enormous"]["image_too_large"] > 0.9 * counted["enormous"].total()
    assert counted["scans"]["image_too_large"] > 0
    assert counted["flipped"].keys() > {"kept", "not_an_image"}, "some get past every stage, some do not"


def test_no_picture_takes_long_or_much(judged: tuple[list[dict[str, Any]], int]) -> None:
    """The process would have been killed; so that the kill is known to work, see the next test."""
    lines, peak_mib = judged
    assert max(line["seconds"] for line in lines) < MAX_SECONDS
    assert peak_mib < MAX_PEAK_MIB


def test_a_process_that_hangs_is_killed(models_dir: Path) -> None:
    code = (
        "import tests.faces.judge_damaged as d\n"
        "async def hang(*_):\n"
        "    while True: pass\n"
        "d.judged, d.small_engine, d.MAX_SECONDS = hang, lambda _: None, 0.2\n"
        "d.main(0, 1, None)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=REPO, capture_output=True, check=False, timeout=60)
    assert done.returncode < 0


LARGEST = """
import signal, sys
from io import BytesIO
from PIL import Image
from enrich.faces.decode import decode
from tests.faces.judge_damaged import peak_mib
format, mode, *progressive = sys.argv[1:]
out = BytesIO()
Image.new(mode, (7000, 7000)).save(out, format, **dict.fromkeys(progressive, True))
signal.setitimer(signal.ITIMER_PROF, 5)
assert decode(out.getvalue()).shape == (7000, 7000, 3)
sys.stdout.write(str(peak_mib()))
"""


@pytest.mark.soak
@pytest.mark.parametrize(
    "picture",
    [("JPEG", "RGB"), ("JPEG", "RGB", "progressive"), ("JPEG", "CMYK"), ("PNG", "RGBA"), ("WEBP", "RGBA"),
     ("GIF", "P"), ("AVIF", "RGB"), ("BMP", "RGB")],
    ids=" ".join,
)  # fmt: skip
def test_the_largest_picture_that_is_taken_can_be_had(picture: tuple[str, ...]) -> None:
    """49 megapixels: a few seconds of processor time and less than 1.5 GB, of which 0.2 are for making it."""
    done = subprocess.run(
        [sys.executable, "-c", LARGEST, *picture], cwd=REPO, capture_output=True, text=True, check=False, timeout=100
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert int(done.stdout) < 1500
