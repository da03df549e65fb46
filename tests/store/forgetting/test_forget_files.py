"""No byte of who was forgotten is left in any file; and whoever is killed or kept from it leaves it to the next."""

from __future__ import annotations

import fcntl
import os
import shutil
import sqlite3
import threading
import time
from contextlib import closing
from pathlib import Path
from typing import Any
from urllib.parse import quote

import numpy as np
import pytest
import voyager

from enrich.errors import StoreError
from enrich.store.db.backup import back_up
from enrich.store.db.database import open_database, write
from enrich.store.forgetting.files import (
    Finished,
    Places,
    finish,
    note_job_dir,
    owe,
    owed,
    require_quiet,
    wipe_job_dirs,
)
from enrich.store.forgetting.forget import forget_faces, forget_performers
from enrich.store.index.sync import catch_up, check, index_specs
from enrich.store.ledger.rows import Limits
from enrich.store.ledger.runs import finish_run, start_run
from enrich.store.people.save import save_performer
from enrich.store.release.export import export
from enrich.store.release.folder import claimed
from tests.store.one_picture import save_face

UUID = "00000000-0000-4000-8000-00000000000a"
NAMES = ("Jané Exampla", "Yana Beispiel")
LINKS = ("https://twitter.com/jane_exampla", "https://babepedia.com/babe/Jan%C3%A9_Exampla")
PRIORITIES = {"stashdb": 1}
TOLD = (*NAMES, quote(NAMES[0]), UUID, "old-jane", *LINKS, "jane_exampla", "img.example/jane")


def bytes_of(store: Any) -> dict[Path, bytes]:
    """Every file below the folder, but for the locks' own."""
    return {path: path.read_bytes() for path in sorted(store.folder.rglob("*")) if path.is_file()}


def found_in(store: Any, *vectors: bytes) -> set[str]:
    """The files that name her, in whatever spelling, or hold one of the vectors."""
    needles = {told.encode() for told in TOLD} | {ascii(told)[1:-1].encode() for told in TOLD} | set(vectors)
    needles |= {told.encode("utf-16-le") for told in NAMES}
    return {
        str(path.relative_to(store.folder))
        for path, body in bytes_of(store).items()
        if any(one in body for one in needles)
    }


@pytest.fixture
def places(store: Any) -> Places:
    return Places(data_dir=store.folder, priorities=PRIORITIES)


@pytest.fixture
def filled(store: Any, places: Places) -> Any:
    """A database, an index, an export, a backup and more, all of which know Jane; and others enough to fill pages."""
    with write(store.engine) as tx:  # one sync of the disk for all
        for n in range(60):
            other = store.performer(f"p{n}", f"Performer {n}", aliases=(f"Alias {n}" * 20,))
            save_performer(tx, other, PRIORITIES)
            save_face(tx, store.image(f"https://img.example/p{n}.jpg", source_id=f"p{n}"), Limits())
        jane = store.performer(UUID, NAMES[0], aliases=(NAMES[1],), urls=LINKS, merged_ids=("old-jane",))
        store.jane = save_performer(tx, jane, PRIORITIES).performer_id
        for n in range(2):
            save_face(tx, store.image(f"https://img.example/jane/{n}.jpg", source_id=UUID), Limits())
    with store.engine.connect() as connection:
        (spec,) = index_specs(connection)
    store.spec = spec
    catch_up(store.engine, store.folder / "index", spec)
    export(store.engine, store.folder / "exports" / "release", priorities=PRIORITIES)
    back_up(store.path, store.folder / "performers.db.schema-0001.bak")
    for name, body in {
        "reports/report.html": "Jané Exampla",
        "jobs/stashdb-api/requests.queue/0/q00000": f"a pickled request for {LINKS[0]}",
        "jobs/stashdb-api/unclean-20260131T120000-00/requests.seen": LINKS[1],
        "jobs/stashdb-api/job.json": '{"state": "stopped"}',
        "index/face_sface.voy.tmp": "half an index with img.example/jane",
        "performers.db.schema-0001.bak.tmp": NAMES[1],
    }.items():
        path = store.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(body, "utf-8")
    return store


def vectors_of(store: Any, number: int) -> list[bytes]:
    query = "SELECT vector FROM embeddings JOIN faces ON faces.id = face_id WHERE performer_id = :n"
    return [bytes(row[0]) for row in store.rows(query, n=number)]


def test_no_byte_is_left(filled: Any, places: Places) -> None:
    vectors = vectors_of(filled, filled.jane)
    others = vectors_of(filled, 1)
    assert {name.removesuffix("-wal") for name in found_in(filled, *vectors)} >= {
        "performers.db", "exports/release/performers.db", "exports/release/faces.json", "performers.db.schema-0001.bak",
        "jobs/stashdb-api/requests.queue/0/q00000", "reports/report.html", "index/face_sface.voy.tmp",
    }  # fmt: skip
    before = voyager.Index.load(str(filled.folder / "index" / "face_sface.voy"))
    filled.do(forget_performers, [filled.jane])
    finished = finish(filled.engine, places)
    assert finished.problems == []
    assert found_in(filled, *vectors) == set()
    assert "performers.db" in found_in(filled, *others), "the others are where they were"
    with filled.engine.connect() as connection:
        assert owed(connection) == []
    index = voyager.Index.load(str(filled.folder / "index" / "face_sface.voy"))
    for raw in vectors:  # Voyager keeps a vector in numbers of its own: it has to be looked for by what it says
        vector = np.frombuffer(raw, "<f4")
        assert before.query(vector, 1)[1][0] < 1e-5
        assert index.query(vector, 1)[1][0] > 0.01
    assert check(filled.engine, filled.folder / "index", filled.spec) == []
    assert not (filled.folder / "performers.db.schema-0001.bak").exists()
    with closing(sqlite3.connect(filled.folder / "exports" / "release" / "performers.db")) as release:
        assert release.execute("SELECT count(*) FROM performers").fetchone() == (60,)
    assert finish(filled.engine, places).done == [], "there is nothing left to do"


def test_what_the_file_held_of_her_before_is_gone_too(filled: Any, places: Places) -> None:
    """Names that were taken back long ago lie on in free space, where no statement of today reaches them."""
    with closing(sqlite3.connect(filled.path, isolation_level=None)) as earlier:
        earlier.execute("PRAGMA secure_delete = OFF")
        for n in range(200):
            earlier.execute("INSERT INTO aliases (performer_id, alias) VALUES (1, ?)", (f"{n} {NAMES[1]}",))
        earlier.execute("DELETE FROM aliases WHERE alias LIKE '% ' || ?", (NAMES[1],))
        earlier.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    assert not filled.rows("SELECT 1 FROM aliases WHERE performer_id = 1 AND alias LIKE '%Yana%'")
    assert f"199 {NAMES[1]}".encode() in filled.path.read_bytes()
    filled.do(forget_performers, [filled.jane])
    assert finish(filled.engine, places).problems == []
    assert found_in(filled) == set()


def test_a_face_is_taken_out_of_every_file(filled: Any, places: Places) -> None:
    (vector, _) = vectors_of(filled, filled.jane)
    number = filled.rows("SELECT id FROM faces WHERE performer_id = :n ORDER BY id", n=filled.jane)[0][0]
    filled.do(forget_faces, [number])
    assert finish(filled.engine, places).problems == []
    assert not [path for path, body in bytes_of(filled).items() if vector in body]
    assert number not in set(voyager.Index.load(str(filled.folder / "index" / "face_sface.voy")).ids)


@pytest.mark.parametrize("struck", range(6))
def test_killed_between_any_two_steps_the_next_ends_it(filled: Any, places: Places, struck: int) -> None:
    """What is on the disk after ``struck`` steps, opened by another process."""
    vectors = vectors_of(filled, filled.jane)
    filled.do(forget_performers, [filled.jane])
    with filled.engine.connect() as connection:
        steps = owed(connection)
    if struck:
        filled.do(
            lambda tx: tx.exec_driver_sql(
                f"UPDATE meta SET value = '{' '.join(steps[:struck])}' WHERE key = 'forgetting'"
            )
        )
        finish(filled.engine, places)
        filled.do(
            lambda tx: (
                owe(tx),
                tx.exec_driver_sql(f"UPDATE meta SET value = '{' '.join(steps[struck:])}' WHERE key = 'forgetting'"),
            )
        )
    engine = open_database(filled.url)
    assert finish(engine, places).problems == []
    engine.dispose()
    assert found_in(filled, *vectors) == set()


def test_nothing_is_left_where_everybody_is_forgotten(filled: Any, places: Places) -> None:
    everybody = [row[0] for row in filled.rows("SELECT id FROM performers")]
    vectors = [vector for number in everybody for vector in vectors_of(filled, number)]
    assert filled.do(forget_performers, everybody) == 61
    assert finish(filled.engine, places).problems == []
    assert found_in(filled, *vectors) == set()
    assert not (filled.folder / "index" / "face_sface.voy").exists()
    assert not (filled.folder / "exports" / "release").exists()


# --- what keeps it from being done ------------------------------------------------------------------------------------


def test_a_job_directory_in_use_is_waited_for(filled: Any, places: Places) -> None:
    lock = os.open(filled.folder / "jobs" / "stashdb-api" / "lock", os.O_RDWR | os.O_CREAT)
    fcntl.flock(lock, fcntl.LOCK_EX)
    filled.do(forget_performers, [filled.jane])
    finished = finish(filled.engine, places)
    (problem,) = finished.problems
    assert "jobs/stashdb-api: in use by another process" in problem
    assert "run `scrapy forget`" in problem
    assert {path.partition("/")[0] for path in found_in(filled)} == {"jobs"}
    with filled.engine.connect() as connection:
        assert owed(connection) == ["jobs"]
    os.close(lock)
    assert finish(filled.engine, places).problems == []
    assert found_in(filled) == set()


def test_a_reader_of_the_database_is_waited_for(filled: Any, places: Places) -> None:
    impatient = open_database(filled.url, busy_seconds=0.2)
    filled.do(forget_performers, [filled.jane])
    with closing(sqlite3.connect(filled.path, isolation_level=None)) as reader:
        reader.execute("BEGIN")
        reader.execute("SELECT count(*) FROM performers").fetchone()
        (problem,) = finish(impatient, places).problems
        assert "performers.db-wal: another program is reading the database" in problem
        with impatient.connect() as connection:
            assert owed(connection) == ["file"]
    assert finish(impatient, places).problems == []
    impatient.dispose()
    assert found_in(filled) == set()


def test_while_a_crawl_is_going_on_the_file_is_not_written_anew(filled: Any, places: Places) -> None:
    run = filled.do(start_run, "stashdb", "api")
    with (
        filled.engine.connect() as connection,
        pytest.raises(StoreError, match=r"a crawl is running: stashdb \(process"),
    ):
        require_quiet(connection, "run this again")
    filled.do(forget_performers, [filled.jane])
    (problem,) = finish(filled.engine, places).problems
    assert "a crawl is running: stashdb" in problem
    filled.do(finish_run, run, "finished", {})
    assert finish(filled.engine, places).problems == []
    assert found_in(filled) == set()


def test_an_export_that_cannot_be_reached_stays_to_be_done(filled: Any, places: Places) -> None:
    away = filled.folder.with_name("away")
    shutil.move(filled.folder / "exports", away)
    filled.do(forget_performers, [filled.jane])
    (problem,) = finish(filled.engine, places).problems
    assert "exports/release: cannot be reached" in problem
    shutil.move(away, filled.folder / "exports")
    assert finish(filled.engine, places).problems == []
    assert found_in(filled) == set()


def test_a_folder_that_cannot_be_written_keeps_the_rest_from_nothing(filled: Any, places: Places) -> None:
    """An index that another process holds for too long is one problem, and only that."""
    filled.do(forget_performers, [filled.jane])
    blocker = filled.folder / "index" / "face_sface.json"
    blocker.unlink()
    blocker.mkdir()
    (problem,) = finish(filled.engine, places).problems
    assert "face_sface" in problem
    with filled.engine.connect() as connection:
        assert owed(connection) == ["index"]
    assert found_in(filled) <= {"index/face_sface.voy.tmp"}
    blocker.rmdir()
    assert finish(filled.engine, places).problems == []
    assert found_in(filled) == set()


# --- job directories --------------------------------------------------------------------------------------------------


def test_job_directories_elsewhere_are_known(store: Any, places: Places, tmp_path: Path) -> None:
    mine = tmp_path / "my jobs" / "100%"
    (mine / "requests.queue").mkdir(parents=True)
    (mine / "requests.seen").write_text(LINKS[0])
    (mine / "notes.txt").write_text("the user's own")
    for _ in range(2):
        store.do(note_job_dir, mine)
    store.do(note_job_dir, tmp_path / "gone since")
    with store.engine.connect() as connection:
        assert wipe_job_dirs(connection, places) == [f"{mine}: emptied"]
    assert sorted(path.name for path in mine.iterdir()) == ["lock", "notes.txt"]


def test_who_is_forgotten_meanwhile_is_not_struck_out_with_the_first(filled: Any, places: Places) -> None:
    """While the first one's export is waited for, another process forgets somebody else."""
    filled.do(forget_performers, [filled.jane])
    folder = filled.folder / "exports" / "release"
    finished: list[Finished] = []
    with claimed(folder):
        other = threading.Thread(target=lambda: finished.append(finish(filled.engine, places)))
        other.start()
        until = time.monotonic() + 60
        while filled.do(owed) != ["exports", "file"]:
            assert time.monotonic() < until
            time.sleep(0.02)
        filled.do(forget_performers, [1])
    other.join(60)
    assert finished[0].problems == []
    with filled.engine.connect() as connection:
        assert owed(connection) == ["jobs", "backups", "reports", "index", "exports", "file"]
    assert finish(filled.engine, places).problems == []
    with filled.engine.connect() as connection:
        assert owed(connection) == []
