"""What takes long before a crawl can open: done in a thread, so that no other crawl, and no stop request, waits for it.

Scrapy opens a crawl on the event loop: it would import there, one after the other, all that the settings name.
"""

from __future__ import annotations

import gc
from functools import cache
from pathlib import Path

import numpy as np
from PIL import Image as PillowImage
from scrapy.settings import BaseSettings
from scrapy.utils.misc import load_object

from enrich.faces.hashes import picture_hash
from enrich.runtime.job_path import job_dir_of
from enrich.runtime.models import load_models
from enrich.spiders.bases.arguments import Arguments
from enrich.store.db.backup import copy_database
from enrich.store.db.database import database_url, open_database
from enrich.store.jobs import JobDir

_LISTS = ("EXTENSIONS", "DOWNLOADER_MIDDLEWARES", "SPIDER_MIDDLEWARES", "ITEM_PIPELINES")
_PARTS = (
    "DOWNLOADER",
    "DUPEFILTER_CLASS",
    "LOG_FORMATTER",
    "ROBOTSTXT_PARSER",
    "SCHEDULER",
    "SCHEDULER_DISK_QUEUE",
    "SCHEDULER_MEMORY_QUEUE",
    "SCHEDULER_PRIORITY_QUEUE",
)
_THRESHOLDS = 2_000, 5, 5
"""When Python looks for garbage: 700 young objects, as it comes, are less than one page makes; to go through 10,000 at
once, and ten times as many older ones, takes tens of milliseconds."""


def make_ready(settings: BaseSettings, source: str, arguments: Arguments) -> None:
    """Import what a crawl opens with, load its models, and make its database or bring it up to date; dry: copy it.

    Raises ModelError, StoreError, or JobDirError: nothing is made for a crawl whose job directory is unavailable.
    """
    gc.disable()  # with every import there is more to go through, up to a tenth of a second each time
    try:
        _load(settings)
        if job_dir := job_dir_of(settings, source, arguments):
            JobDir.lock(job_dir, source).release()
        url = database_url(settings["DATA_DIR"], settings.get("DATABASE_URL"))
        if arguments.dry_run:
            url = copy_database(url, Path(settings["DRY_RUN_DIR"]))
        open_database(url).dispose()
        _spare_the_collector()
    finally:
        gc.enable()


def _load(settings: BaseSettings) -> None:
    components = [path for name in _LISTS for path in settings.get_component_priority_dict_with_base(name)]
    handlers = settings.getwithbase("DOWNLOAD_HANDLERS").values()
    for path in (*components, *filter(None, handlers), *(settings[name] for name in _PARTS)):
        load_object(path)
    load_models(settings)
    PillowImage.init()
    picture_hash(np.zeros((1, 1, 3), np.uint8))  # Pillow and imagehash, too, import at the first picture


@cache  # once a process is enough
def _spare_the_collector() -> None:
    """Keep Python's collector of garbage from going through all modules and models again and again: they stay.

    It runs in whichever thread makes the last straw, the event loop's most of all, and holds all others meanwhile.
    """
    gc.freeze()
    gc.collect()  # of nothing: how much is old enough for a full collection is reckoned from here on
    gc.set_threshold(*_THRESHOLDS)
