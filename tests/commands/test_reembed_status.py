"""What ``scrapy status`` says of a database on its way to another model pack."""

from __future__ import annotations

import pytest

from enrich.commands.status import show
from enrich.store.crawl_queries.status import Status
from enrich.store.reembedding.reembed import Progress


def test_how_far_it_is_is_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    way = Progress(
        model="facenet+arcface-1", faces=100, done=60, lost={"changed": 1, "not_found": 2}, failed={"iafd": 7},
        open={"stashdb": 20, "iafd": 10},
    )  # fmt: skip
    show(Status(database="performers.db", model="sface-1", recognisers={"sface": 128}, reembedding=way))
    line = (
        "60 of 100 faces have vectors of facenet+arcface-1 too, 3 lost, 7 to be tried again, 30 not tried yet; "
        "`scrapy index --reembed` continues"
    )
    assert line in capsys.readouterr().out.splitlines()
    assert way.left == 40


def test_without_one_nothing_is_said(capsys: pytest.CaptureFixture[str]) -> None:
    show(Status(database="performers.db", model="sface-1", recognisers={"sface": 128}))
    assert "reembed" not in capsys.readouterr().out
