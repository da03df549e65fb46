"""A picture of four quarters, saved and looked at again."""

from __future__ import annotations

from io import BytesIO

from PIL import Image

from enrich.items import Uint8Array

HEIGHT, WIDTH = 48, 64
FORMATS = ("JPEG", "PNG", "WEBP", "GIF", "AVIF", "BMP")
RED, GREEN, BLUE, WHITE = (1, 0, 0), (0, 1, 0), (0, 0, 1), (1, 1, 1)
AS_DRAWN = [RED, GREEN, BLUE, WHITE]


def saved(image: Image.Image, format: str, **options: object) -> bytes:
    out = BytesIO()
    image.save(out, format, **options)
    return out.getvalue()


def corners(pixels: Uint8Array) -> list[tuple[int, ...]]:
    """Colours of the four quarters' centres in reading order, as the nearest of full or no red, green, blue."""
    height, width = pixels.shape[:2]
    places = [
        (height // 4, width // 4),
        (height // 4, -width // 4),
        (-height // 4, width // 4),
        (-height // 4, -width // 4),
    ]
    return [tuple(int(value > 127) for value in pixels[place]) for place in places]
