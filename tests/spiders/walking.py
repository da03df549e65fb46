"""Has spiders walk for real: Scrapy's engine, scheduler and downloader against a small server on this machine."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from aiohttp import web
from scrapy import signals
from scrapy.crawler import AsyncCrawlerRunner

from enrich.config import default_sources
from enrich.spiders.bases.source import SourceSpider

JPEG = b"\xff\xd8\xff\xe0 a picture"
Answer = Callable[[web.Request], Awaitable[web.Response]]
QUIET = {
    "TWISTED_REACTOR_ENABLED": False,
    "TELNETCONSOLE_ENABLED": False,
    "REMOTE_CONTROL_ENABLED": False,
    "COOKIES_ENABLED": False,
    "ROBOTSTXT_OBEY": True,
    "RETRY_TIMES": 1,
    "DOWNLOAD_DELAY_JITTER": 0,
    "CONCURRENT_REQUESTS": 8,
}


@dataclass
class Walk:
    """What a crawl came to."""

    items: list[Any] = field(default_factory=list)
    stats: Mapping[str, Any] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)
    most_queued: int = 0
    port: int = 0

    def of(self, kind: type) -> list[Any]:
        return [item for item in self.items if isinstance(item, kind)]


def walk(
    kind: type[SourceSpider],
    answer: Answer | None,
    path: str,
    *,
    library: Any = None,
    settings: Any = None,
    port: int = 0,
    **arguments: str,
) -> Walk:
    """Crawl a server that answers everything with ``answer`` (``None``: that is gone), its root at ``path``."""
    return asyncio.run(_walk(kind, answer, path, library, settings or {}, port, arguments))


async def _walk(
    kind: type[SourceSpider],
    answer: Answer | None,
    path: str,
    library: Any,
    settings: Mapping[str, Any],
    port: int,
    arguments: Mapping[str, str],
) -> Walk:
    result = Walk()

    async def counted(request: web.Request) -> web.Response:
        if request.path == "/robots.txt":
            return web.Response(status=404)
        result.asked.append(f"{request.method} {request.path}")
        assert answer is not None
        return await answer(request)

    app = web.Application()
    app.router.add_route("*", "/{tail:.*}", counted)
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", port, reuse_address=True)
    await site.start()
    result.port = runner.addresses[0][1]
    if answer is None:
        await runner.cleanup()
    sources = default_sources()
    changed = sources.sources[kind.name].model_copy(
        update={"url": f"http://127.0.0.1:{result.port}{path}", "rate_limit": 0}
    )
    sources = replace(sources, sources={kind.name: changed})
    crawls = AsyncCrawlerRunner({**QUIET, "ENRICH_SOURCES": sources, **settings})
    crawler = crawls.create_crawler(kind)

    def opened(spider: SourceSpider) -> None:
        spider.library = library

    def scraped(item: Any) -> None:
        result.items.append(item)

    def answered() -> None:
        result.most_queued = max(result.most_queued, len(crawler.engine.scheduler))

    crawler.signals.connect(opened, signals.spider_opened)
    crawler.signals.connect(scraped, signals.item_scraped)
    crawler.signals.connect(answered, signals.response_received)
    try:
        await crawls.crawl(crawler, **arguments)
    finally:
        await runner.cleanup()
    result.stats = crawler.stats.get_stats()
    return result
