"""Imports between packages go one way; they are read, not run."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from pathlib import Path

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
    "feeds": {"items"},
    "faces": GROUND,
    "store": GROUND | {"faces"},
    "spiders": GROUND | {"challenges"},
    "net": GROUND,
    "challenges": GROUND | {"net"},
    "middlewares": GROUND | {"net", "challenges", "spiders"},  # whose source and reads they are handed
    "demo": GROUND,
    "extensions": GROUND | {"spiders", "store", "runtime", "net"},
    "pipelines": GROUND | {"faces", "store", "spiders", "runtime"},
    "runtime": GROUND | {"challenges", "middlewares", "spiders", "faces", "store"},
    "commands": GROUND | {"faces", "store", "spiders", "middlewares", "runtime", "demo"},
}
WITHOUT_SCRAPY = {"items", "request_meta", "config", "identity", "errors", "faces", "store", "demo"}
STORE_MAY_IMPORT = {
    "db": set[str](),
    "ledger": {"db"},
    "index": {"db"},
    "jobs": {"db", "ledger"},
    "acceptance": {"db", "index", "ledger"},
    "reembedding": {"db", "index", "ledger", "acceptance"},
    "people": {"db", "ledger", "acceptance", "forgetting"},
    "release": {"db", "index", "people"},
    "forgetting": {"db", "index", "ledger", "jobs", "people", "acceptance", "reembedding", "release"},
    "crawl_queries": {"db", "ledger", "people", "acceptance", "forgetting", "reembedding"},
    "takeover": {"db", "ledger", "people", "forgetting"},
}
"""The rooms of the store; only ``people`` and ``forgetting`` know each other."""
TRANSLATES = {"request_errors.py"}
"""Where a message is read because Scrapy offers no class."""
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


def test_doors_open_one_way() -> None:
    wrong = []
    for path in FILES:
        room = room_of(path)
        allowed = MAY_IMPORT.get(room, set()) | {room}
        for name in imported(path):
            parts = name.split(".")
            if parts[0] == "scrapy" and room in WITHOUT_SCRAPY:
                wrong.append(f"{path}: {room} must not know Scrapy")
            if parts[0] != "enrich" or len(parts) == 1 or re.fullmatch("__.*__", parts[1]):
                continue
            if parts[1] not in allowed:
                wrong.append(f"{path}: {room or 'enrich'} must not know {parts[1]}")
            if room == "store" and parts[1] == "store" and len(parts) > 2:
                own = path.relative_to(ENRICH / "store").with_suffix("").parts[0]
                if parts[2] != own and parts[2] not in STORE_MAY_IMPORT[own]:
                    wrong.append(f"{path}: store's {own} must not know {parts[2]}")
    assert not wrong, "\n".join(wrong)


def test_modules_are_where_they_belong_and_say_what_they_promise() -> None:
    wrong = []
    for path in FILES:
        parts = path.relative_to(ENRICH).with_suffix("").parts
        tree = ast.parse(path.read_text("utf-8"))
        classes = [node.name for node in ast.walk(tree) if isinstance(node, ast.ClassDef)]
        if {"utils", "helpers", "common", "manager", "core"} & set(parts):
            wrong.append(f"{path}: a room for everything")
        first = (ast.get_docstring(tree) or "").split("\n\n")[0]
        if not re.search(r"[.:]\s*($|\n)", first):
            wrong.append(f"{path}: the first paragraph of the docstring is no sentence")
        if len(parts) == 2 and parts[1] != "__init__":
            is_middleware = any(name.endswith("Middleware") for name in classes)
            if is_middleware != (parts[0] == "middlewares"):
                wrong.append(f"{path}: middlewares, and nothing else, are in middlewares/")
            if parts[0] == "spiders" and not any(name.endswith("Spider") for name in classes):
                wrong.append(f"{path}: spiders, and nothing else, are in spiders/")
    assert not wrong, "\n".join(wrong)


def test_nothing_is_decided_by_a_message_or_a_stat() -> None:
    wrong = []
    for path in FILES:
        name = path.relative_to(ENRICH).as_posix()
        if name.split("/")[0] in ("faces", "store", "demo", "config"):
            continue  # which know no Scrapy: their libraries' errors are translated where they are met
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.Compare) and isinstance(node.ops[0], ast.In | ast.NotIn):
                read = ast.unparse(node.comparators[0])
                if re.match(r"(str|repr)\((error|exc|failure|exception)", read) and name not in TRANSLATES:
                    wrong.append(f"{name}:{node.lineno}: a message is read: {ast.unparse(node)}")
            if isinstance(node, ast.Call) and ast.unparse(node.func).endswith("stats.get_value"):
                wrong.append(f"{name}:{node.lineno}: a stat is read: {ast.unparse(node)}")
    assert not wrong, "\n".join(wrong)


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
