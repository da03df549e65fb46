"""Pieces of one kind that wait in a row are written by one call, and each is told its own end."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from sqlalchemy import Connection

from enrich.store.db.writer import Writer
from tests.store.queued import held, note, notes, wait_for


class Together:
    """Writes pieces of one kind, as ``save_findings`` does: notes what it was called with, fails as it is told to."""

    def __init__(self) -> None:
        self.calls: list[list[str]] = []

    def __call__(self, tx: Connection, pieces: Sequence[str]) -> list[str | Exception]:
        self.calls.append(list(pieces))
        told: list[str | Exception] = []
        for piece in pieces:
            if "wrong" in piece:
                told.append(ValueError(piece))
                continue
            note(piece)(tx)
            if "fatal" in piece:
                raise KeyError(piece)
            told.append(piece)
        return told


def test_pieces_of_one_kind_in_a_row_are_written_together_and_in_order(writer: Writer) -> None:
    first, second = Together(), Together()
    with held(writer):
        futures = [writer.submit_piece(first, piece) for piece in ("n1", "n2")]
        futures += [writer.submit(note("n3")), writer.submit_piece(first, "n4"), writer.submit_piece(first, "n5")]
        futures += [writer.submit_piece(second, "n6"), writer.submit_piece(first, "n7")]
    assert [future.result(30) for future in futures] == [f"n{n}" for n in range(1, 8)]
    assert first.calls == [["n1", "n2"], ["n4", "n5"], ["n7"]]
    assert second.calls == [["n6"]]
    assert notes(writer) == [f"n{n}" for n in range(1, 8)]


def test_what_is_wrong_with_one_piece_is_told_of_that_one(writer: Writer) -> None:
    together = Together()
    with held(writer):
        futures = [writer.submit_piece(together, piece) for piece in ("n1", "n2 wrong", "n3")]
    assert (futures[0].result(30), futures[2].result(30)) == ("n1", "n3")
    with pytest.raises(ValueError, match="n2 wrong"):
        futures[1].result(30)
    assert len(together.calls) == 1
    assert notes(writer) == ["n1", "n3"]


def test_pieces_that_cannot_be_written_together_are_written_one_by_one_and_nothing_twice(writer: Writer) -> None:
    together = Together()
    with held(writer):
        futures = [writer.submit(note("n0"))]
        futures += [writer.submit_piece(together, piece) for piece in ("n1", "n2 fatal", "n3 wrong", "n4")]
        futures += [writer.submit(note("n5"))]
    wait_for(*futures)
    assert [future.exception() and type(future.exception()) for future in futures] == [
        None, None, KeyError, ValueError, None, None,
    ]  # fmt: skip
    assert together.calls == [["n1", "n2 fatal", "n3 wrong", "n4"], ["n1"], ["n2 fatal"], ["n3 wrong"], ["n4"]]
    assert notes(writer) == ["n0", "n1", "n4", "n5"]


def test_a_batch_that_gives_too_few_answers_is_not_believed(writer: Writer) -> None:
    def silent(_: Connection, pieces: Sequence[str]) -> list[str]:
        return [] if len(pieces) > 1 else [*pieces]

    with held(writer):
        futures = [writer.submit_piece(silent, piece) for piece in ("a", "b")]
    assert [future.result(30) for future in futures] == ["a", "b"]


def test_a_cancelled_piece_is_left_out_of_its_batch(writer: Writer) -> None:
    together = Together()
    with held(writer):
        futures = [writer.submit_piece(together, piece) for piece in ("n1", "n2", "n3")]
        assert futures[1].cancel()
    assert (futures[0].result(30), futures[2].result(30)) == ("n1", "n3")
    assert together.calls == [["n1", "n3"]]
