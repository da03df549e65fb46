"""``scrapy export``: what it prints, what it refuses, and its exit codes."""

from __future__ import annotations

import argparse
import os
import signal
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from scrapy.exceptions import UsageError
from scrapy.settings import Settings

from enrich.commands.export import OURS, Command
from enrich.store.release.folder import claimed
from tests.conftest import Scrapy
from tests.store.consumer import REQUIRED, Release
from tests.store.exporting import World

Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def people(tmp_path: Path) -> Iterator[World]:
    """Two people with a face each, in ``data``."""
    made = World(tmp_path / "data")
    for number in range(2):
        made.person(number)
        made.picture(number, 0)
    yield made
    made.engine.dispose()


@pytest.fixture
def scrapy_export(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Iterator[Run]:
    """``scrapy export ...`` on the data directory: exit code, stdout, stderr."""
    before = signal.getsignal(signal.SIGTERM)

    def run(*arguments: str, model_pack: str = "buffalo_l") -> tuple[int, str, str]:
        command = Command()
        command.settings = Settings({"DATA_DIR": str(tmp_path / "data"), "MODEL_PACK": model_pack})
        parser = argparse.ArgumentParser()
        command.add_options(parser)
        opts, args = parser.parse_known_args(arguments)
        command.run(args, opts)
        return command.exitcode, *capsys.readouterr()

    yield run
    signal.signal(signal.SIGTERM, before)


def test_it_says_what_it_wrote_and_what_keeps_it_from_being_used(
    people: World, tmp_path: Path, scrapy_export: Run
) -> None:
    out = tmp_path / "out"
    code, said, warned = scrapy_export(str(out), "--format", "stash-sense")
    version = Release(out).manifest["version"]
    assert code == 0
    assert said == f"{out}: version {version}, 2 faces of 2 performers (face_arcface.voy, face_facenet.voy)\n"
    assert warned.splitlines() == [
        "enrich: 2 faces: Stash Sense asks for the 100 nearest and fails where there are fewer; "
        "crawl more before you hand this out"
    ]


def test_it_says_what_was_left_out(people: World, tmp_path: Path, scrapy_export: Run) -> None:
    people.person(2)
    people.picture(2, 0)
    people.sql("DELETE FROM embeddings WHERE face_id = 1 AND recogniser = 'arcface'")
    people.sql("DELETE FROM stashbox_ids WHERE performer_id = 2")
    _, said, _ = scrapy_export(str(tmp_path / "out"))
    assert "1 faces of 1 performers" in said
    assert "left out: 1 faces whose performers no stash-box knows\n" in said
    assert "left out: 1 faces that lack a vector" in said


def test_folders_of_the_data_directory_are_refused(people: World, tmp_path: Path, scrapy_export: Run) -> None:
    data = tmp_path / "data"
    (data / "index").mkdir()
    for folder in (data, tmp_path, *(data / name for name in OURS), data / "index" / "deeper"):
        code, said, line = scrapy_export(str(folder))
        assert (code, said) == (1, "")
        assert line.startswith(f"enrich: {folder}: ")
        assert len(line.splitlines()) == 1
    assert list((data / "index").iterdir()) == []
    assert scrapy_export(str(data / "exports" / "today"))[0] == 0
    assert {file.name for file in (data / "exports" / "today").iterdir()} == REQUIRED


def test_one_folder_has_to_be_said(scrapy_export: Run) -> None:
    for arguments in ((), ("one", "two")):
        with pytest.raises(UsageError, match="say one folder"):
            scrapy_export(*arguments)


def test_priorities_are_those_of_sources_yaml(people: World, tmp_path: Path, scrapy_export: Run) -> None:
    for box in ("fansdb", "theporndb"):
        people.sql(
            "INSERT INTO stashbox_ids (performer_id, endpoint, stashbox_performer_id) VALUES (1, :b, 'x')", b=box
        )
    people.sql("DELETE FROM stashbox_ids WHERE performer_id = 1 AND endpoint = 'stashdb'")
    scrapy_export(str(tmp_path / "out"))
    assert "theporndb.net:x" in Release(tmp_path / "out").performers


def test_a_stop_leaves_what_was_there(people: World, tmp_path: Path, scrapy_export: Run) -> None:
    out, held, ended = tmp_path / "out", threading.Event(), threading.Event()
    scrapy_export(str(out))
    version = Release(out).manifest["version"]

    def hold_up_and_stop() -> None:
        with claimed(out):
            held.set()
            for _ in range(100):
                if signal.getsignal(signal.SIGTERM) is signal.default_int_handler:  # the command listens
                    os.kill(os.getpid(), signal.SIGTERM)
                    ended.wait(10)
                    return
                ended.wait(0.1)

    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    stopper = threading.Thread(target=hold_up_and_stop)
    stopper.start()
    held.wait()
    code, _, line = scrapy_export(str(out))
    ended.set()
    stopper.join()
    assert (code, line) == (1, f"enrich: {out}: stopped; nothing was exported\n")
    assert Release(out).manifest["version"] == version


def test_as_a_program(people: World, tmp_path: Path) -> None:
    out = tmp_path / "out"
    done = Scrapy(tmp_path / "data", tmp_path)("export", str(out), "--storage", "e4m3")
    assert (done.code, done.out.count("\n")) == (0, 1)
    assert Release(out).manifest["storage"] == "e4m3"
    none = Scrapy(tmp_path / "none", tmp_path)("export", str(out))
    assert (none.code, none.out) == (1, "")
    assert none.lines == [
        f"enrich: {tmp_path / 'none' / 'performers.db'}: no database yet; `scrapy crawl SOURCE` makes it"
    ]
    assert not (tmp_path / "none").exists()
