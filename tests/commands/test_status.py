"""``scrapy status`` as a person and as a program see it."""

from __future__ import annotations

import argparse
import fcntl
import json
import os
import pty
import struct
import subprocess
import sys
import termios
from contextlib import suppress
from pathlib import Path

import pytest
from scrapy.settings import Settings

from enrich.commands.status import Command, show
from enrich.items import ImageRef, Performer, RejectedImage
from enrich.store.crawl_queries.status import SourceStatus, Status
from enrich.store.db.database import database_url, open_database, write
from enrich.store.ledger.runs import finish_run, start_run
from enrich.store.people.save import save_performer
from tests.store.one_picture import reject_image

REPO = Path(__file__).parents[2]


def scrapy_status(data_dir: Path, *arguments: str) -> int:
    command = Command()
    command.settings = Settings({"DATA_DIR": str(data_dir)})
    parser = argparse.ArgumentParser()
    command.add_options(parser)
    command.run([], parser.parse_args(arguments))
    return command.exitcode


@pytest.fixture
def data_dir(tmp_path: Path) -> Path:
    """A database after a crawl of one performer."""
    engine = open_database(database_url(tmp_path))
    with write(engine) as tx:
        run = start_run(tx, "stashdb", "api", expected=1)
        ref = ImageRef(source="stashdb", source_id="jane", image_url="https://img.example/1.jpg")
        performer = Performer(source="stashdb", source_id="jane", name="Jane Example", images=(ref,))
        save_performer(tx, performer, {"stashdb": 1}, run=run)
        reject_image(tx, RejectedImage(ref=ref, reason="extreme_angle"), run=run)
        finish_run(tx, run, "finished", {"enrich/rejected/underage": 2, "enrich/degraded/count": "one was not listed"})
    engine.dispose()
    return tmp_path


def test_a_reason_for_ignoring_robots_txt_is_shown(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    engine = open_database(database_url(tmp_path))
    with write(engine) as tx:
        run = start_run(tx, "babepedia", "url", expected=1)
        finish_run(tx, run, "finished", {"robotstxt/ignored": "the operator agreed [by mail]"})
    engine.dispose()
    assert scrapy_status(tmp_path) == 0
    assert "babepedia:url: robots.txt is not obeyed: the operator agreed [by mail]" in capsys.readouterr().out
    assert scrapy_status(tmp_path, "--json") == 0
    assert json.loads(capsys.readouterr().out)["sources"][0]["robots_ignored"] == "the operator agreed [by mail]"


def test_json_has_every_count(data_dir: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert scrapy_status(data_dir, "--json") == 0
    said = json.loads(capsys.readouterr().out)
    assert (said["performers"], said["faces"], said["images"]) == (1, 0, {"rejected": 1})
    (source,) = said["sources"]
    assert (source["source"], source["mode"], source["state"]) == ("stashdb", "api", "finished")
    assert source["reasons"] == {"extreme_angle": 1}


def test_as_a_program_the_table_says_the_same_and_cuts_nothing_off(data_dir: Path) -> None:
    finished = subprocess.run(
        [sys.executable, "-m", "scrapy", "status"],
        cwd=REPO,
        env={**os.environ, "ENRICH_DATA_DIR": str(data_dir), "COLUMNS": "40"},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (finished.returncode, finished.stderr) == (0, "")
    assert str(data_dir / "performers.db") in finished.stdout
    assert "1 performers, 0 of them with faces; 0 faces; 0 links" in finished.stdout
    row = next(line for line in finished.stdout.splitlines() if line.startswith("stashdb"))
    assert row.split()[:9] == ["stashdb", "degraded", "1", "0", "0", "1", "0", "0", "0"]
    assert ["stashdb", "1", "extreme_angle"] in [line.split() for line in finished.stdout.splitlines()]


def test_what_was_not_as_it_should_be_is_said(data_dir: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert scrapy_status(data_dir) == 0
    said = capsys.readouterr().out
    assert "stashdb: one was not listed" in said
    assert ["stashdb", "2", "underage"] in [line.split() for line in said.splitlines()]


def test_without_a_database_it_says_so_and_makes_none(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert scrapy_status(tmp_path / "data") == 0
    assert "no database yet" in capsys.readouterr().out
    assert scrapy_status(tmp_path / "data", "--json") == 0
    assert json.loads(capsys.readouterr().out)["performers"] == 0
    assert list(tmp_path.iterdir()) == []


def test_what_is_no_database_is_one_line_and_exit_code_1(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "performers.db").write_bytes(b"something else" * 100)
    assert scrapy_status(tmp_path) == 1
    (line,) = capsys.readouterr().err.splitlines()
    assert "not a database" in line


def test_a_line_that_is_too_long_breaks_between_two_counts(capsys: pytest.CaptureFixture[str]) -> None:
    names = (
        "image_too_small face_too_small low_confidence extreme_angle multi_face no_face not_an_image duplicate_image "
        "not_found no_match blocked"
    )
    reasons = {name: 20 - number for number, name in enumerate(names.split())}
    show(Status(database="performers.db", sources=(SourceStatus(source="stashdb", mode="api", reasons=reasons),)))
    lines = capsys.readouterr().out.splitlines()
    first = next(number for number, line in enumerate(lines) if "rejected because" in line) + 1
    listed = " ".join(line.removeprefix("stashdb").strip() for line in lines[first:])
    assert listed == ", ".join(f"{number} {reason}" for reason, number in reasons.items())
    assert len(lines) == first + 2
    assert lines[-1].split()[0].isdecimal()


def test_a_narrow_terminal_cuts_off_nothing(data_dir: Path) -> None:
    ours, terminal = pty.openpty()
    fcntl.ioctl(terminal, termios.TIOCSWINSZ, struct.pack("HHHH", 25, 40, 0, 0))
    with subprocess.Popen(
        [sys.executable, "-m", "scrapy", "status"],
        cwd=REPO,
        env={**os.environ, "ENRICH_DATA_DIR": str(data_dir), "TERM": "dumb"},
        stdout=terminal,
    ) as process:
        os.close(terminal)
        said = b""
        with suppress(OSError):  # EIO: the other side is closed
            while read := os.read(ours, 4096):
                said += read
    os.close(ours)
    assert process.returncode == 0
    (row,) = (line.split() for line in said.decode().splitlines() if line.startswith("stashdb  degraded"))
    assert row[:9] == ["stashdb", "degraded", "1", "0", "0", "1", "0", "0", "0"]
    assert "…" not in said.decode()


def test_faces_in_doubt_are_said_in_words_and_summed_over_sources(capsys: pytest.CaptureFixture[str]) -> None:
    one, other = (SourceStatus(source=name, mode="url", waiting=1) for name in ("iafd", "babepedia"))
    show(Status(database="performers.db", sources=(one,)))
    said = capsys.readouterr().out
    assert "iafd:url  1 kept back until there are others to compare with" in said
    assert "\nall" not in said
    show(Status(database="performers.db", sources=(one, other)))
    assert "\nall            2 kept back" in capsys.readouterr().out
