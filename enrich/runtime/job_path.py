"""Where a crawl keeps its queue, and which crawls the queue is good for."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path

import scrapy
from scrapy.settings import BaseSettings

from enrich import __version__
from enrich.spiders.bases.arguments import Arguments
from enrich.spiders.bases.source import SourceSpider
from enrich.store.db.migrate import newest_revision

AUTO = "auto"


def job_dir_of(settings: BaseSettings, source: str, arguments: Arguments) -> Path | None:
    """A crawl's job directory. ``auto``: one for each source and mode, none where there is nothing to resume."""
    given = settings.get("JOBDIR")
    if not given or arguments.dry_run:
        return None
    if given != AUTO:
        return Path(given)
    if arguments.performer is not None:
        return None
    jobs = settings.get("JOBS_DIR") or Path(settings["DATA_DIR"]) / "jobs"
    return Path(jobs) / f"{source}-{arguments.mode}"


def crawl_of(spider: SourceSpider) -> dict[str, str]:
    """What a queue of this crawl is good for."""
    arguments = asdict(spider.arguments)
    return {
        "source": spider.name,
        "address": spider.source.url,
        "mode": spider.mode,
        "arguments": " ".join(
            f"{name}={value}"
            for name, value in arguments.items()
            if name not in ("mode", "dry_run") and value is not None
        ),
        "max_faces": str(spider.source.max_faces),
        "gender_filter": " ".join(sorted(spider.source.gender_filter or ())),
        "enrich": __version__,
        "Scrapy": scrapy.__version__,
        "schema": newest_revision(),
    }
