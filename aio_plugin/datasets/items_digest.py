"""What tells one list of items from another, wherever they lie."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Sequence
from typing import Any

from ..modality import Item, Media
from .storage.stored_photos import StoredPhotos


def items_digest(items: Sequence[Item], root: str) -> str:
    """A sha256 over all items in their order: paths below ``root``, captions, persons and cameras.

    The content of images is not in it.
    """
    if isinstance(items, StoredPhotos):
        return items.digest()
    digest, base = hashlib.sha256(), os.path.join(root, "")
    for item in items:
        digest.update(repr((_described(item.media, base), *item[1:])).encode("utf-8", "surrogatepass"))
    return digest.hexdigest()


def _described(media: Media, base: str) -> tuple[Any, ...]:
    partners = [_described(partner, base) for partner in media.partners]
    return str(media).removeprefix(base), media.modality.value, media.caption, media.synthetic, partners
