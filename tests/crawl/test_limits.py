"""Pictures that are too large, wherever that shows: one reason in the ledger, counted by source, fetched once."""

from __future__ import annotations

from io import BytesIO
from pathlib import Path

import numpy as np
from PIL import Image

from tests.crawl import ledger
from tests.crawl.test_come_back import box, crawling
from tests.faces.pngs import png_bomb
from tests.middlewares.counting_site import JPEG, Answer, Asked, serving


def png(side_px: int) -> bytes:
    out = BytesIO()
    Image.fromarray(np.zeros((side_px, side_px, 3), np.uint8)).save(out, "PNG")
    return out.getvalue()


LIMITS = ("-s", "DOWNLOAD_MAXSIZE=200000", "-s", "IMAGE_MAX_BYTES=100000", "-s", "IMAGE_MAX_PIXELS=10000")
BODIES = (JPEG + bytes(300_000), JPEG + bytes(150_000), png(101), png_bomb(60_000), png(100)[:-30], png(100))
DETAILS = ('{"error": ', '{"bytes": ', '{"width_px": 101, "height_px": 101}', '{"width_px": 60000, "height_px": 60000}')


def test_what_is_too_large_is_refused_for_good(tmp_path: Path, models_dir: Path) -> None:
    def pictures(path: str, asked: list[Asked]) -> Answer:
        return Answer(body=BODIES[int(path[-1])], content_type="image/png") if "/images/" in path else Answer(404)

    with serving(box(pictures)) as site:
        scrapy = crawling(tmp_path, models_dir, site.url)
        finished = scrapy("crawl", "stashdb", *LIMITS)
        assert finished.code == 0, finished.err
        ends = [ledger.images(scrapy.data_dir)[f"/images/{n}"] for n in range(len(BODIES))]
        reasons = ["image_too_large"] * 4 + ["image_too_small"] * 2  # one of them cut short: its header says enough
        assert ends == [("rejected", reason) for reason in reasons]
        told = ledger.rows(scrapy.data_dir, "SELECT detail FROM images ORDER BY image_url")
        for row, detail in zip(told, DETAILS, strict=False):
            assert row["detail"].startswith(detail)
        (source,) = scrapy.status()["sources"]
        assert source["reasons"] == {"image_too_large": 4, "image_too_small": 2}

        before = len(site.asked)
        assert scrapy("crawl", "stashdb", *LIMITS).code == 0
        assert not [one for one in site.asked[before:] if "/images/" in one.path]
