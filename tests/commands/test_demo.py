"""What ``scrapy demo`` says where it cannot begin; tests/crawl/test_demo_world.py judges the crawl itself."""

from __future__ import annotations

import json
import socket

from tests.conftest import Scrapy


def test_a_data_directory_that_cannot_be_made_is_one_line(scrapy: Scrapy) -> None:
    scrapy.data_dir.write_text("a file")
    finished = scrapy("demo")
    assert finished.code == 1
    assert finished.err == f"enrich: {scrapy.data_dir}: cannot be written: File exists; set DATA_DIR\n"


def test_a_port_that_somebody_else_has_is_one_line(scrapy: Scrapy) -> None:
    scrapy.data_dir.mkdir()
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        (scrapy.data_dir / "world.json").write_text(json.dumps({"port": port}), encoding="utf-8")
        finished = scrapy("demo")
    assert finished.code == 1
    assert finished.err == (
        f"enrich: port {port} on 127.0.0.1, where the demo's pictures were the last time, cannot be used (Address "
        f"already in use): end the program that has it, or delete {scrapy.data_dir} to start over\n"
    )
