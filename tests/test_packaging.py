"""What is installed and deployed: the egg that Scrapyd runs holds everything, and the locks keep their promises."""

from __future__ import annotations

import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

REPO = Path(__file__).resolve().parent.parent
PROJECT = tomllib.loads((REPO / "pyproject.toml").read_text())["project"]


@pytest.fixture(scope="module")
def egg(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The egg that scrapyd-deploy makes, built without leaving anything in the project's folder."""
    out = tmp_path_factory.mktemp("egg")
    build = [sys.executable, "setup.py", "-q", "egg_info", "-e", str(out), "build", "-b", str(out / "build")]
    build += ["bdist_egg", "-b", str(out / "unpacked"), "-d", str(out / "dist")]
    done = subprocess.run(build, cwd=REPO, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    (file,) = (out / "dist").glob("*.egg")
    return file


def test_egg_holds_every_file_of_the_package_and_the_sources(egg: Path) -> None:
    package = {
        str(file.relative_to(REPO))
        for file in (REPO / "enrich").rglob("*")
        if file.is_file() and "__pycache__" not in file.parts
    }
    packed = {name for name in zipfile.ZipFile(egg).namelist() if "__pycache__" not in name}
    assert package - packed == set()
    assert "enrich/sources.yaml" in packed
    assert {name.split("/")[0] for name in packed} == {"enrich", "EGG-INFO"}


def test_program_in_an_egg_finds_its_sources(egg: Path, tmp_path: Path) -> None:
    program = (
        "import sys; sys.path.insert(0, sys.argv[1]); from enrich.config import configured_sources;"
        "sources = configured_sources(None); print(sources.path, len(sources.sources), sep='\\n')"
    )
    done = subprocess.run(
        [sys.executable, "-c", program, str(egg)], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert done.stdout.splitlines() == [f"{egg}/enrich/sources.yaml", "12"], done.stderr


def test_program_in_an_egg_makes_a_database(egg: Path, tmp_path: Path) -> None:
    program = (
        "import sys; sys.path.insert(0, sys.argv[1]); from enrich.store.db.database import database_url, open_database;"
        "import enrich; open_database(database_url(sys.argv[2])).dispose(); print(enrich.__file__)"
    )
    done = subprocess.run(
        [sys.executable, "-c", program, str(egg), str(tmp_path)],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stdout.splitlines() == [f"{egg}/enrich/__init__.py"], done.stderr
    assert (tmp_path / "performers.db").stat().st_size


def locked(name: str) -> dict[str, list[Requirement]]:
    """Return what requirements/``name``.txt pins, by package (more than one entry: one for each range of Pythons)."""
    pins: dict[str, list[Requirement]] = {}
    for line in (REPO / "requirements" / f"{name}.txt").read_text().splitlines():
        if line and not line.startswith("#"):
            pins.setdefault(canonicalize_name(Requirement(line).name), []).append(Requirement(line))
    return pins


@pytest.mark.parametrize(
    ("lock", "one_of_each"),
    [("cpu", {"opencv-python-headless", "onnxruntime"}), ("gpu", {"opencv-python-headless", "onnxruntime-gpu"})],
)
def test_locks_hold_one_opencv_and_one_onnxruntime(lock: str, one_of_each: set[str]) -> None:
    assert {name for name in locked(lock) if name.startswith(("opencv", "onnxruntime"))} == one_of_each


@pytest.mark.parametrize("lock", ["cpu", "gpu", "dev", "browser"])
def test_locks_pin_what_the_project_asks_for(lock: str) -> None:
    extras = PROJECT["optional-dependencies"]
    wanted = [Requirement(line) for line in extras[lock] + (PROJECT["dependencies"] if lock in ("cpu", "gpu") else [])]
    pins = locked(lock)
    for requirement in wanted:
        assert canonicalize_name(requirement.name) in pins, f"{requirement} is not in {lock}.txt: run `make lock`"
        for pin in pins[canonicalize_name(requirement.name)]:
            version = next(iter(pin.specifier)).version
            assert requirement.specifier.contains(version), f"{pin} does not fit {requirement}: run `make lock`"


@pytest.mark.parametrize("lock", ["dev", "browser"])
def test_other_locks_agree_with_the_cpu_lock(lock: str) -> None:
    cpu, other = locked("cpu"), locked(lock)
    assert {name: other[name] for name in cpu.keys() & other.keys()} == {
        name: cpu[name] for name in cpu.keys() & other.keys()
    }
