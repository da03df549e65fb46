"""What keeps a face out, however far its source is believed."""

from __future__ import annotations

import json

from enrich.items import EmbeddedImage
from enrich.store.batch import Batch
from enrich.store.ledger import Limits
from enrich.store.picture import Picture


def barred(batch: Batch, picture: Picture, image: EmbeddedImage, limits: Limits) -> bool:
    """Whether a face may not be stored, whoever it shows: another's page, a copy, no room; the ledger says which."""
    page_owner = batch.known.page_owner(image.ref)
    same = batch.known.accepted(image.sha256)
    if page_owner is not None and page_owner != picture.performer:
        picture.reason = "wrong_person"
        picture.detail = json.dumps({"page_of_performer": page_owner})
    elif same is not None and same[-1] == "forgotten":
        picture.reason = "forgotten"
    elif same is not None:
        picture.reason = "duplicate_image"
        named = ("of_performer", "of_face", "of_source", "of_image_url")
        picture.detail = json.dumps(dict(zip(named, same[:-1], strict=True)))
    else:
        picture.reason = limits.reached(batch.known.faces_of(picture.performer), image.ref.source)
    if picture.reason is None:
        return False
    picture.outcome = "rejected"
    return True
