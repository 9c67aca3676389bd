"""What can be described with media: paths, images, arrays and captions, by modality, made into items."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from ..errors import MediaError, ModalityError, nearest
from ..modality import Combination, Item, Media, Modality, format_combination
from ..training.images import ImageMedia

LONGEST_CAPTION = 10_000
"""Characters; a caption is cut to some dozens of tokens, and a word of a million letters would take hours."""

Medium = str | os.PathLike[str] | Image.Image | NDArray[Any]
"""An image's path, image or array (H, W, 3) or (H, W); or a caption. A Media knows itself which it is."""

Description = Mapping[str, Medium | None] | Medium | Item
"""Media of one person by the names of their modalities; or an image, which is RGB, a Media or an Item."""


def items_of(
    descriptions: Iterable[Description] | Description | None, columns: Mapping[str, Any], modalities: Combination
) -> list[Item]:
    """The items that :meth:`.model.ReIDModel.encode` was given.

    Args:
        columns: its keyword arguments: modality -> a medium of every item, None where an item has none; or one medium.
        modalities: of the model.

    Raises:
        ModalityError: a modality is not one of the model's, or stands twice in an item.
        MediaError: both or none are given, columns differ in length, an item is empty or of another type.
    """
    if (descriptions is None) == (not columns):
        raise MediaError("Give items, or lists by the names of their modalities such as rgb=[...], text=[...].")
    if columns:
        descriptions = list(_rows(columns))
    several: Iterable[Any] = [descriptions] if _is_one(descriptions) else descriptions  # type: ignore[assignment]
    return [_item(each, index, modalities) for index, each in enumerate(several)]


def _is_one(given: object) -> bool:
    """Whether it is one item or medium, not several."""
    return not isinstance(given, Iterable) or isinstance(given, str | bytes | np.ndarray | Mapping | Item)


def _rows(columns: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    lists = {name: [column] if _is_one(column) else list(column) for name, column in columns.items()}
    if len({len(column) for column in lists.values()}) > 1:
        counts = ", ".join(f"{name} has {len(column)}" for name, column in lists.items())
        raise MediaError(f"Every modality needs a medium of every item, None where it has none: {counts}.")
    return (dict(zip(lists, row, strict=True)) for row in zip(*lists.values(), strict=True))


def _item(described: Description, index: int, modalities: Combination) -> Item:
    if isinstance(described, Mapping):
        parts = [_medium(value, name, index, modalities) for name, value in described.items() if value is not None]
        if not parts:
            raise MediaError(f"Item {index} has no media; give it one of {format_combination(modalities)}.")
        return joined(parts)
    if isinstance(described, Item):
        item = described
    else:
        item = Item(_medium(described, Modality.RGB.value, index, modalities, alone=True), 0, 0)
    for part in item.media.parts:
        _require(part.modality.value, index, modalities)
    if len(set(item.media.combination)) < len(item.media.combination):
        raise ModalityError(f"Item {index} is {format_combination(item.media.combination)}; give each modality once.")
    return item


def joined(parts: Sequence[Media]) -> Item:
    """The item of ``parts``, whose own partners are not counted."""
    others: list[Media] = []
    for part in sorted(parts, key=lambda part: -part.modality.index):
        partners = tuple(reversed(others)) if len(others) == len(parts) - 1 else ()
        if isinstance(part, ImageMedia):
            others.append(ImageMedia(str(part), part.modality, part.pixels, partners))
        else:
            others.append(Media(str(part), part.modality, part.caption, partners, part.synthetic))
    return Item(others[-1], 0, 0)


def _require(name: str, index: int, modalities: Combination) -> Modality:
    known = {modality.value: modality for modality in modalities}
    if name not in known:
        raise ModalityError(f"Item {index}: the model does not read {name!r}.{nearest(str(name), known)}")
    return known[name]


def _medium(value: object, name: str, index: int, modalities: Combination, alone: bool = False) -> Media:
    """One medium of item ``index``; ``alone`` if its modality was not named."""
    if isinstance(value, Media) and alone:
        return value
    modality = _require(name, index, modalities)
    if isinstance(value, Media):
        if value.modality is not modality or value.partners:
            raise ModalityError(f"Item {index}: {name!r} is a Media of {format_combination(value.combination)}.")
        return value
    if not modality.is_image:
        return Media(f"{name} of item {index}", modality, caption_of(value, index))
    if isinstance(value, Image.Image | np.ndarray):
        return ImageMedia(f"{name} of item {index}", modality, value)
    path = os.fspath(value) if isinstance(value, str | os.PathLike) else None
    if not isinstance(path, str):
        raise MediaError(
            f"Item {index}: {name!r} is of type {type(value).__name__}; give a path, a PIL image or an array (H, W, 3)."
        )
    if alone and "#" not in path and not os.path.isfile(path):
        cure = "Give a caption as {'text': ...} or by text=[...]"
        raise MediaError(f"Item {index}: there is no image {path[:200]!r}. {cure}.")
    return Media(path, modality)


def caption_of(value: object, index: int) -> str:
    """A caption; raises MediaError if it is none, with the number of its item."""
    problem = ""
    if not isinstance(value, str):
        problem = f"is of type {type(value).__name__}; give a string"
    elif not value.strip():
        problem = "is empty; give None for an item without one"
    elif len(value) > LONGEST_CAPTION:
        problem = f"has {len(value):,} characters; give at most {LONGEST_CAPTION:,}"
    elif any("\ud800" <= character <= "\udfff" for character in value):
        problem = "contains half of a surrogate pair; give the character itself"
    if problem:
        raise MediaError(f"Item {index}: the caption {problem}.")
    return str(value)
