"""The contract that ``scrapy check`` asks of every source: it still answers as its spider knows it."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, cast

from scrapy.contracts import Contract
from scrapy.exceptions import ContractFail

from enrich.items import LookupEnded
from enrich.spiders.bases.source import SourceSpider


class LiveContract(Contract):
    """``@live``: asks the spider's ``sample_request``, at the address that sources.yaml says.

    Without a page to look at, a reference site has to say that it knows nobody of a name that nobody has; with one, the
    page has to be a profile. A stash-box has to list a performer.
    """

    name = "live"

    def __init__(self, method: Callable[..., Any], *args: Any) -> None:
        super().__init__(method, *args)
        self.spider = cast(SourceSpider, method.__self__)  # type: ignore[attr-defined]  # a spider's, bound to it

    def adjust_request_args(self, args: dict[str, Any]) -> dict[str, Any]:
        """The sample request, but for its callback. Raises ConfigError for a page that is not the source's."""
        asked = self.spider.sample_request(self.spider.crawler.settings.get("CHECK_PAGE"))
        said = {
            name: getattr(asked, name) for name in ("url", "method", "headers", "body", "meta", "cb_kwargs", "encoding")
        }
        return {**args, **said}

    def post_process(self, output: Iterable[object]) -> None:
        """Raises ContractFail where the answer is not what was to be expected."""
        for item in output:
            if isinstance(item, LookupEnded) and item.outcome != "not_found":
                raise ContractFail(f"{item.outcome}: {item.detail}")
