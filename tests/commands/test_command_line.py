"""What no command takes for something else: Scrapy hands a mistyped option on as if it were an argument."""

from __future__ import annotations

import argparse
from importlib import import_module

import pytest
from scrapy.exceptions import UsageError
from scrapy.settings import Settings

import enrich.settings
from enrich.config.numbers import NUMBERS, check_numbers
from enrich.errors import ConfigError
from tests.conftest import Scrapy


def run(name: str, *given: str) -> None:
    """Have a command read its options as Scrapy does, and run it."""
    command = import_module(f"enrich.commands.{name}").Command()
    command.settings = Settings()
    parser = argparse.ArgumentParser()
    command.add_options(parser)
    opts, args = parser.parse_known_args(given)
    command.run(args, opts)


@pytest.mark.parametrize("name", ["crawl", "demo", "enrich", "export", "forget", "import", "index", "models", "status"])
def test_an_unknown_option_is_refused(name: str) -> None:
    with pytest.raises(UsageError, match="no such option: --dryrun"):
        run(name, "--dryrun")


@pytest.mark.parametrize("name", ["demo", "enrich", "index", "status"])
def test_a_command_of_options_takes_nothing_else(name: str) -> None:
    with pytest.raises(UsageError, match="what is 'stashdb'"):
        run(name, "stashdb")


def test_a_mistyped_dry_run_writes_nothing(scrapy: Scrapy) -> None:
    finished = scrapy("enrich", "--sources", "babepedia", "--dryrun")
    assert finished.code == 2
    assert finished.err.splitlines()[-1].endswith("error: no such option: --dryrun")
    assert not scrapy.data_dir.exists()


def test_a_number_in_the_environment_that_is_none_is_one_line_where_it_matters(scrapy: Scrapy) -> None:
    assert scrapy("status", ENRICH_EMBED_BATCH_SIZE="many").code == 0
    finished = scrapy("crawl", "stashdb", ENRICH_EMBED_BATCH_SIZE="many")
    assert finished.code == 1
    assert finished.lines == ["enrich: EMBED_BATCH_SIZE=many: should be a whole number, 1 or more"]
    assert not scrapy.data_dir.exists()


@pytest.mark.parametrize("name", NUMBERS)
def test_every_number_of_ours_is_looked_at(name: str) -> None:
    settings = Settings({shipped: getattr(enrich.settings, shipped) for shipped in NUMBERS})
    check_numbers(settings)
    for wrong in ("x", -1, None, "nan"):
        settings.set(name, wrong)
        with pytest.raises(ConfigError, match=f"^{name}={wrong}: should be a (whole )?number, [01] or more$"):
            check_numbers(settings)
