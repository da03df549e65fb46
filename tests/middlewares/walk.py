"""``python -m tests.middlewares.walk SETTINGS``: a crawl with the project's settings and middlewares, without models.

It asks for ``WALK_PAGES`` pages, from ``WALK_FROM`` on, each of which names a picture on the source's image host, and
prints its stats and what failed as JSON when it ends.
"""

from __future__ import annotations

import json
import sys
from collections.abc import AsyncIterator, Iterator
from typing import Any

from scrapy.crawler import AsyncCrawlerProcess
from scrapy.http import Request, Response
from scrapy.utils.project import get_project_settings
from twisted.python.failure import Failure

from enrich.items import FailedImage, Image, ImageRef, RejectedImage
from enrich.spiders.bases.source import SourceSpider, describe

failed: dict[str, str] = {}


class WalkSpider(SourceSpider):
    name = "babepedia"
    modes = ("url",)

    async def first_requests(self) -> AsyncIterator[Request]:
        first = self.settings.getint("WALK_FROM")
        for number in range(first, first + self.settings.getint("WALK_PAGES")):
            url = f"{self.source.url}/page/{number}"
            yield Request(url, callback=self.parse_page, errback=self.failed, meta=self.request_meta())

    def parse_page(self, response: Response) -> Iterator[Request]:
        host = self.settings["WALK_IMAGES"] or self.source.url
        ref = ImageRef(source=self.name, image_url=host + response.text, performer_id=1)
        yield self.image_request(ref)

    def failed(self, failure: Failure) -> None:
        failed[failure.request.url] = describe(failure)

    def parse_image(self, *args: Any, **kwargs: Any) -> Iterator[Any]:
        for item in super().parse_image(*args, **kwargs):
            if not isinstance(item, Image):
                failed[item.ref.image_url] = repr(item)

    def failed_image(self, failure: Failure) -> Iterator[FailedImage | RejectedImage]:
        for item in super().failed_image(failure):
            failed[item.ref.image_url] = item.error if isinstance(item, FailedImage) else item.reason
        yield from ()


def main() -> None:
    settings = get_project_settings()
    given = {"ITEM_PIPELINES": {}, "EXTENSIONS": {"enrich.extensions.run.RunExtension": None}, "LOG_LEVEL": "INFO"}
    settings.setdict({**given, **json.loads(sys.argv[1])}, priority="cmdline")
    process = AsyncCrawlerProcess(settings)
    crawler = process.create_crawler(WalkSpider)
    process.crawl(crawler)
    process.start()
    json.dump({"stats": crawler.stats.get_stats(), "failed": failed}, sys.stdout, default=str)


if __name__ == "__main__":
    main()
