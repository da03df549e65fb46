"""A crawl that only asks: fetches addresses with the project's settings and prints what became of each, as JSON.

``python -m tests.middlewares.asking``, with one JSON object on stdin: ``settings``, and ``sources``, a list of
``{"url", "kind": "image" or "page", "method", "meta", "headers"}`` for each source of SOURCES_FILE that is to ask.
"""

from __future__ import annotations

import json
import sys
from collections.abc import AsyncIterator
from typing import Any

from scrapy.crawler import AsyncCrawlerProcess
from scrapy.http import Request, Response
from scrapy.utils.project import get_project_settings
from twisted.python.failure import Failure

from enrich.items import ImageRef
from enrich.spiders.bases.source import SourceSpider, describe, request_of

WITHOUT: dict[str, Any] = {"ITEM_PIPELINES": {}, "EXTENSIONS": {}}


def spider_of(name: str, asked: list[dict[str, Any]], answers: dict[str, Any]) -> type[SourceSpider]:
    class Asking(SourceSpider):
        modes = ("url", "name")

        async def first_requests(self) -> AsyncIterator[Request]:
            for position, one in enumerate(asked):
                image = ImageRef(source=name, image_url=one["url"], performer_id=1)
                meta = {"image": image} if one.get("kind", "image") == "image" else {}
                try:
                    yield Request(
                        one["url"],
                        method=one.get("method", "GET"),
                        headers=one.get("headers"),
                        callback=self.got,
                        errback=self.failed,
                        cb_kwargs={"asked": one["url"]},
                        dont_filter=True,
                        priority=-position,
                        meta=self.request_meta(**meta, **one.get("meta", {})),
                    )
                except ValueError as error:
                    answers[one["url"]] = {"error": str(error)}

        def got(self, response: Response, asked: str) -> None:
            answers[asked] = {
                "status": response.status,
                "url": response.url,
                "body": response.body.decode("latin-1")[:2000],
                "flags": response.flags,
                "meta": sorted(response.request.meta),
                "headers": {
                    key.decode(): value[-1].decode("latin-1")
                    for key, value in response.request.headers.items()
                    if value
                },
            }

        def failed(self, failure: Failure) -> None:
            request = request_of(failure)
            becomes = next(self.failed_image(failure), None) if "image" in request.meta else None
            answers[request.cb_kwargs["asked"]] = {
                "error": describe(failure),
                "kind": type(failure.value).__name__,
                "becomes": [type(becomes).__name__, getattr(becomes, "reason", None)],
            }

    Asking.name = name
    return Asking


def main() -> None:
    order = json.load(sys.stdin)
    answers: dict[str, Any] = {}
    settings = get_project_settings()
    settings.setdict({**WITHOUT, **order.get("settings", {})}, priority="cmdline")
    process = AsyncCrawlerProcess(settings)
    crawlers = []
    for name, asked in order["sources"].items():
        crawler = process.create_crawler(spider_of(name, asked, answers.setdefault(name, {})))
        crawlers.append(crawler)
        process.crawl(crawler)
    process.start()
    stats = {crawler.spider.name: crawler.stats.get_stats() for crawler in crawlers if crawler.spider}
    json.dump({"answers": answers, "stats": stats}, sys.stdout, default=str)


if __name__ == "__main__":
    main()
