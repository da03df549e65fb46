"""What our middlewares cost: one crawl of small pages over loopback, with them and with Scrapy's defaults."""

from __future__ import annotations

import asyncio
import json
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncIterator
from pathlib import Path

from bench.crawling import REPO, serving

REQUESTS = int(os.environ.get("BENCH_REQUESTS", "4000"))
ROUNDS = int(os.environ.get("BENCH_ROUNDS", "5"))


def middlewares() -> None:
    """Pairs, since machines drift: the ratio of pages a second, and the difference of processor time a request."""
    print(f"middlewares against Scrapy's defaults ({REQUESTS} pages over loopback, {os.cpu_count()} cores):")
    ratios, shares, costs_ms = [], [], []
    with serving("bench.overhead", "site") as said:
        port = said.strip()
        for number in range(ROUNDS):
            order = ["ours", "scrapy"] if number % 2 else ["scrapy", "ours"]
            took = {which: _crawled(which, port) for which in order}
            ratios.append(took["scrapy"][0] / took["ours"][0])
            shares.append(took["scrapy"][1] / took["ours"][1])
            costs_ms.append((took["ours"][1] - took["scrapy"][1]) / REQUESTS * 1000)
            rates = ", ".join(f"{which} {REQUESTS / took[which][0]:.0f} pages/s" for which in ("scrapy", "ours"))
            print(f"    {rates}")
    print(f"  ratio: median {statistics.median(ratios):.2f} of {', '.join(f'{ratio:.2f}' for ratio in ratios)}")
    print(f"  the same by processor time, which busy machines do not blur: {statistics.median(shares):.2f}")
    print(
        f"  processor time: median {statistics.median(costs_ms):.2f} ms a request more, "
        f"of {', '.join(f'{cost:.2f}' for cost in costs_ms)}"
    )


def _crawled(which: str, port: str) -> tuple[float, float]:
    """Seconds and seconds of processor time from the first request to the last answer."""
    done = subprocess.run(
        [sys.executable, "-m", "bench.overhead", which, port], cwd=REPO, capture_output=True, text=True, check=True
    )
    said = json.loads(done.stdout)
    assert said["pages"] == REQUESTS, done.stderr[-2000:]
    return said["seconds"], said["processor_seconds"]


def crawl(which: str, port: str) -> None:
    """One crawl; prints what it took. Both have the same spider, handlers and concurrency, and no pipeline."""
    from scrapy.crawler import AsyncCrawlerProcess
    from scrapy.http import Request, Response
    from scrapy.settings import Settings
    from scrapy.utils.project import get_project_settings

    from enrich.spiders.bases.source import SourceSpider

    class BenchSpider(SourceSpider):
        name = "babepedia"
        modes = ("url",)
        pages = 0
        began = (0.0, 0.0)
        ended = (0.0, 0.0)

        async def first_requests(self) -> AsyncIterator[Request]:
            self.began = (time.perf_counter(), processor_seconds())
            for number in range(REQUESTS):
                yield Request(f"{self.source.url}/{number}", callback=self.parse_page, meta=self.request_meta())

        def parse_page(self, response: Response) -> None:
            self.pages += 1
            self.ended = (time.perf_counter(), processor_seconds())

    with tempfile.TemporaryDirectory() as folder:
        sources = Path(folder) / "sources.yaml"
        sources.write_text(
            f'reference_sites: {{babepedia: {{url: "http://127.0.0.1:{port}", rate_limit: 0, trust_level: high}}}}\n'
        )
        ours = get_project_settings()
        settings = ours if which == "ours" else Settings({"SPIDER_MODULES": []})
        same = {
            "SOURCES_FILE": str(sources),
            "DATA_DIR": folder,
            "ITEM_PIPELINES": {},
            "EXTENSIONS": {"enrich.extensions.run.RunExtension": None} if which == "ours" else {},
            "LOG_LEVEL": "WARNING",
            "ROBOTSTXT_OBEY": True,
            "COOKIES_ENABLED": False,
            "TELNETCONSOLE_ENABLED": False,
            "REMOTE_CONTROL_ENABLED": False,
            "CONCURRENT_REQUESTS": 16,
            "CONCURRENT_ITEMS": 8,
        }
        settings.setdict(same, priority="cmdline")
        process = AsyncCrawlerProcess(settings)
        crawler = process.create_crawler(BenchSpider)
        process.crawl(crawler)
        process.start()
    spider = crawler.spider
    assert isinstance(spider, BenchSpider)
    seconds, processor = (end - begin for begin, end in zip(spider.began, spider.ended, strict=True))
    print(json.dumps({"pages": spider.pages, "seconds": seconds, "processor_seconds": processor}))


def processor_seconds() -> float:
    """User and system time of this process."""
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


async def serve() -> None:
    """A page of two kilobytes at every address but robots.txt, until stdin closes. Prints the port."""
    page = b"<html><title>page</title>" + b"x" * 2000
    answers = {
        found: b"HTTP/1.1 %s\r\nContent-Type: text/html\r\nContent-Length: %d\r\n\r\n%s" % (status, len(body), body)
        for found, status, body in ((True, b"200 OK", page), (False, b"404 Not Found", b""))
    }

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while True:
                asked = await reader.readuntil(b"\r\n\r\n")
                writer.write(answers[not asked.startswith(b"GET /robots.txt")])
        except (asyncio.IncompleteReadError, ConnectionError):
            writer.close()

    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    print(server.sockets[0].getsockname()[1], flush=True)
    await asyncio.to_thread(sys.stdin.read)
    server.close()


if __name__ == "__main__":
    if sys.argv[1] == "site":
        asyncio.run(serve())
    else:
        crawl(*sys.argv[1:])
