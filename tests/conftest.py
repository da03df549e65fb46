"""What tests share: the models, the demo world, and the scrapy command as a user runs it."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

REPO = Path(__file__).resolve().parent.parent
GUARD = REPO / "tests" / "guard"
sys.path.insert(0, str(GUARD))
import sitecustomize as guard  # noqa: E402  # our own, from tests/guard: the tests' process is guarded as well

guard.install()

from tests.standin.disk import small_disk  # noqa: E402, F401  # a fixture
from tests.standin.fixtures import flaresolverr  # noqa: E402, F401  # a fixture

ASSETS = Path(os.environ.get("ENRICH_TEST_ASSETS", REPO.parent / "shared"))
MODELS = Path(os.environ.get("ENRICH_TEST_MODELS", REPO / "data" / "models"))


@pytest.fixture(scope="session")
def models_dir() -> Path:
    """The folder with the opencv_zoo pack, which ``make test`` pulls first."""
    if not (MODELS / "opencv_zoo").is_dir():
        pytest.fail("the opencv_zoo pack is missing: run `scrapy models pull opencv_zoo` (make test does)")
    return MODELS


@pytest.fixture(scope="session")
def testpack() -> Path:
    """A small pack in insightface's layout; it lies beside the project, not in it."""
    folder = ASSETS / "models" / "insightface_testpack"
    if not folder.is_dir():
        pytest.skip(f"no insightface test pack at {folder}: set ENRICH_TEST_ASSETS")  # not the project's to ship
    return folder


@dataclass(frozen=True)
class Finished:
    """A scrapy command that has ended."""

    code: int
    out: str
    err: str

    @property
    def lines(self) -> list[str]:
        """What the command itself says on stderr, without Scrapy's log."""
        return [line for line in self.err.splitlines() if line.startswith("enrich: ")]


class Scrapy:
    """Runs ``scrapy ...`` in a process of its own, as a user does, on a data directory of the test's own."""

    def __init__(self, data_dir: Path, models: Path, sources: Path | None = None) -> None:
        self.data_dir = data_dir
        self.environment = {
            **{name: value for name, value in os.environ.items() if not name.startswith(("ENRICH_", "COV"))},
            "PYTHONPATH": str(GUARD),
            "ENRICH_DATA_DIR": str(data_dir),
            "ENRICH_MODELS_DIR": str(models),
            "ENRICH_MODEL_PACK": "opencv_zoo",
            **{f"{box}_API_KEY": "demo-key" for box in ("STASHDB", "THEPORNDB", "PMVSTASH", "JAVSTASH", "FANSDB")},
        }
        if sources is not None:
            self.environment["ENRICH_SOURCES_FILE"] = str(sources)

    def start(self, *arguments: str, **environment: str) -> subprocess.Popen[str]:
        """Start the command and return at once."""
        merged = {**self.environment, **environment}
        return subprocess.Popen(
            [sys.executable, "-W", "error::ResourceWarning", "-m", "scrapy", *arguments],
            cwd=REPO,
            env={name: value for name, value in merged.items() if value != ""},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def __call__(self, *arguments: str, timeout: float = 120, **environment: str) -> Finished:
        """Run the command to its end."""
        process = self.start(*arguments, **environment)
        try:
            out, err = process.communicate(timeout=timeout)
        except subprocess.TimeoutExpired:
            process.send_signal(signal.SIGKILL)
            out, err = process.communicate()
            pytest.fail(f"scrapy {' '.join(arguments)} did not end within {timeout} s:\n{err[-3000:]}")
        return Finished(process.returncode, out, err)

    def status(self) -> dict[str, Any]:
        """What ``scrapy status --json`` says."""
        finished = self("status", "--json")
        assert finished.code == 0, finished.err
        return dict(json.loads(finished.out))


@pytest.fixture
def scrapy(tmp_path: Path, models_dir: Path) -> Scrapy:
    """The scrapy command on an empty data directory."""
    return Scrapy(tmp_path / "data", models_dir)
