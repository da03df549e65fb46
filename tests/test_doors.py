"""The rooms of the house open one way; imports are read, not run."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from pathlib import Path

import pytest

ENRICH = Path(__file__).resolve().parent.parent / "enrich"

GROUND = {"items", "config", "identity", "errors", "request_meta", "request_errors", ""}
MAY_IMPORT = {
    "items": {"errors"},
    "errors": set[str](),
    "request_meta": set[str](),
    "request_errors": {"items"},
    "identity": {"errors"},
    "config": {"errors", "identity"},
    "settings": {""},
    "faces": GROUND,
    "store": GROUND | {"faces"},
    "spiders": GROUND | {"challenges"},
    "net": GROUND,
    "challenges": GROUND | {"net"},
    "middlewares": GROUND | {"net", "challenges", "spiders"},  # whose source and reads they are handed
    "demo": GROUND,
    "extensions": GROUND | {"spiders", "store", "pipelines", "runtime"},
    "pipelines": GROUND | {"faces", "store", "spiders", "extensions", "runtime"},
    "runtime": GROUND | {"challenges", "middlewares", "spiders", "faces", "store"},
    "commands": GROUND | {"faces", "store", "spiders", "middlewares", "runtime", "demo"},
}
WITHOUT_SCRAPY = {"items", "request_meta", "config", "identity", "errors", "faces", "store", "demo"}
FILES = sorted(ENRICH.rglob("*.py"))


def room_of(path: Path) -> str:
    parts = path.relative_to(ENRICH).with_suffix("").parts
    return "" if parts == ("__init__",) else parts[0]


def imported(path: Path) -> set[str]:
    names: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative imports hide which door is used"
            names.add(node.module or "")
            names |= {f"{node.module}.{alias.name}" for alias in node.names if node.module == "enrich"}
    return names


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(ENRICH)))
def test_doors_open_one_way(path: Path) -> None:
    room = room_of(path)
    allowed = MAY_IMPORT.get(room, set()) | {room}
    for name in imported(path):
        if name == "enrich":
            continue
        if name.startswith("enrich."):
            other = name.split(".")[1]
            if other.startswith("__") and other.endswith("__"):
                continue
            assert other in allowed, f"{room or 'enrich'} must not know {other}"
        if name.split(".")[0] == "scrapy":
            assert room not in WITHOUT_SCRAPY, f"{room} must not know Scrapy"


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(ENRICH)))
def test_no_room_for_everything(path: Path) -> None:
    assert not {"utils", "helpers", "common", "manager", "core"} & set(path.relative_to(ENRICH).with_suffix("").parts)


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(ENRICH)))
def test_every_module_says_what_it_promises(path: Path) -> None:
    docstring = ast.get_docstring(ast.parse(path.read_text("utf-8")))
    assert docstring
    assert re.search(r"[.:]\s*($|\n)", docstring.split("\n\n")[0]), "the first paragraph is a sentence"


def test_listing_the_spiders_imports_no_model() -> None:
    code = (
        "import sys\n"
        "from scrapy.utils.project import get_project_settings\n"
        "from scrapy.spiderloader import SpiderLoader\n"
        "names = SpiderLoader.from_settings(get_project_settings()).list()\n"
        "heavy = {'onnxruntime', 'insightface', 'cv2', 'playwright', 'sqlalchemy', 'voyager'} & set(sys.modules)\n"
        "assert names and not heavy, heavy\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True, cwd=ENRICH.parent)
