"""Which model pack a crawl runs on: loaded once a process, off the event loop, before the first item; and its end."""

from __future__ import annotations

import asyncio
from pathlib import Path
from weakref import WeakKeyDictionary

from scrapy.crawler import Crawler
from scrapy.settings import BaseSettings

from enrich.config import Source
from enrich.errors import MODELS_FAILED
from enrich.faces.engine import FaceEngine, load_engine
from enrich.faces.pack import ModelPack, load_pack
from enrich.faces.running import DeviceError
from enrich.items import FailedImage, ImageRef
from enrich.spiders.bases.source import SourceSpider

_ending: WeakKeyDictionary[Crawler, asyncio.Task[None]] = WeakKeyDictionary()
"""The closing of crawls whose device failed, which has to be held to be done."""


def models_dir(settings: BaseSettings) -> Path:
    """MODELS_DIR, by default DATA_DIR/models."""
    return Path(settings.get("MODELS_DIR") or Path(settings["DATA_DIR"]) / "models")


def pack_for(settings: BaseSettings) -> ModelPack:
    """The pack that MODEL_PACK names: ``ENRICH_PACK`` where it was read before. Raises ModelError if files are missing.

    A folder without a description is read and hashed as a whole, so a crawl's commands put it there once.
    """
    pack = settings.get("ENRICH_PACK")
    return pack if isinstance(pack, ModelPack) else load_pack(settings["MODEL_PACK"], models_dir(settings))


def load_models(settings: BaseSettings) -> FaceEngine:
    """The process's one engine for the pack and device of the settings. Raises ModelError."""
    return load_engine(pack_for(settings), settings["EMBED_DEVICE"], settings.getint("EMBED_BATCH_SIZE"))


async def engine_for(crawler: Crawler) -> FaceEngine:
    """The same, without keeping the event loop. Raises ModelError."""
    return await asyncio.to_thread(load_models, crawler.settings)


def device_failed(crawler: Crawler, ref: ImageRef, error: DeviceError) -> FailedImage:
    """What becomes of a picture whose models' device fails: it is retried later. The crawl is stopped."""
    spider = crawler.spider
    assert isinstance(spider, SourceSpider)
    if crawler not in _ending:
        spider.degrade("models", str(error))
        _ending[crawler] = asyncio.create_task(crawler.engine.close_spider_async(reason=MODELS_FAILED))
    return FailedImage(ref=ref, error=str(error))


def source_of(crawler: Crawler) -> Source:
    """The source that the crawler's spider reads."""
    spider = crawler.spider
    assert isinstance(spider, SourceSpider)
    return spider.source
