"""What a command line must not hold: Scrapy hands on whatever it does not know, a mistyped option too, as arguments."""

from __future__ import annotations

from collections.abc import Sequence

from scrapy.exceptions import UsageError


def refuse_options(args: Sequence[str]) -> None:
    """Raise UsageError for an argument that was meant as an option."""
    for arg in args:
        if arg.startswith("-"):
            raise UsageError(f"no such option: {arg}")


def refuse_arguments(args: Sequence[str]) -> None:
    """Raise UsageError for any argument of a command that takes only options."""
    refuse_options(args)
    if args:
        raise UsageError(f"what is {args[0]!r}? This command takes options only")
