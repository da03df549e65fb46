"""Which model pack a crawl runs on: loaded once a process, off the event loop, before the first item."""

from __future__ import annotations

import asyncio
from pathlib import Path

from scrapy.crawler import Crawler
from scrapy.settings import BaseSettings

from enrich.config import Source
from enrich.faces.engine import FaceEngine, load_engine
from enrich.faces.pack import ModelPack, load_pack
from enrich.spiders.source import SourceSpider


def models_dir(settings: BaseSettings) -> Path:
    """MODELS_DIR, by default DATA_DIR/models."""
    return Path(settings.get("MODELS_DIR") or Path(settings["DATA_DIR"]) / "models")


def pack_for(settings: BaseSettings) -> ModelPack:
    """The pack that MODEL_PACK names. Raises ModelError where it is unknown or files are missing."""
    return load_pack(settings["MODEL_PACK"], models_dir(settings))


async def engine_for(crawler: Crawler) -> FaceEngine:
    """The process's one engine for the pack and device of the settings. Raises ModelError."""
    pack = pack_for(crawler.settings)
    return await asyncio.to_thread(load_engine, pack, crawler.settings["EMBED_DEVICE"])


def source_of(crawler: Crawler) -> Source:
    """The source that the crawler's spider reads."""
    spider = crawler.spider
    assert isinstance(spider, SourceSpider)
    return spider.source
