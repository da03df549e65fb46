"""What keeps a picture out before its face is looked at: another's page, bytes that are known."""

from __future__ import annotations

import json

from enrich.items import EmbeddedImage, KnownImage
from enrich.store.acceptance.batch import Batch
from enrich.store.acceptance.picture import Picture
from enrich.store.ledger.rows import Limits


def barred(batch: Batch, picture: Picture, image: EmbeddedImage | KnownImage, limits: Limits) -> bool:
    """Whether a picture is turned down whoever it shows, also for want of room; the ledger says why."""
    if known_otherwise(batch, picture, image):
        return True
    reason = limits.reached(batch.known.faces_of(picture.performer), image.ref.source)
    if reason is not None:
        picture.turn_down(reason)
    return reason is not None


def known_otherwise(batch: Batch, picture: Picture, image: EmbeddedImage | KnownImage) -> bool:
    """Whether a picture is on another performer's page, or of bytes that were accepted or forgotten."""
    page_owner = batch.known.page_owner(image.ref)
    same = batch.known.accepted(image.sha256)
    if page_owner is not None and page_owner != picture.performer:
        picture.turn_down("wrong_person", json.dumps({"page_of_performer": page_owner}))
    elif same is not None and same[-1] == "forgotten":
        picture.turn_down("forgotten")
    elif same is not None:
        named = ("of_performer", "of_face", "of_source", "of_image_url")
        picture.turn_down("duplicate_image", json.dumps(dict(zip(named, same[:-1], strict=True))))
    else:
        return False
    return True


def copied_face(batch: Batch, picture: Picture) -> int | None:
    """The performer's own face of which a picture that was turned down has the bytes."""
    same = batch.known.accepted(picture.sha256) if picture.sha256 is not None else None
    if picture.reason != "duplicate_image" or same is None or same[0] != picture.performer:
        return None
    return same[1]
