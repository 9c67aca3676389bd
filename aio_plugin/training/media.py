"""From media to tensors: images decoded and transformed, captions to BPE tokens, items to batches.

What a worker does to an image ends with its uint8 pixels where the transforms allow that; normalisation and channel
augmentation are done to a whole batch (:func:`finish`), on the device where it is.
"""

from __future__ import annotations

import random
import zlib
from collections.abc import Sequence
from typing import Any

import torch
from PIL import Image
from torch import Tensor

from ..errors import MediaError
from ..heads.lexicon import Lexicon
from ..heads.masking import mask_attributes
from ..heads.vocabulary import PhraseReader
from ..modality import MODALITIES, REAL, SYNTHETIC, Batch, Item, Media, Modality
from ..synthesis.channel import CHOICES, augment_chosen
from ..synthesis.sketch import Sketcher
from ..tokenizers.bpe import encode, words
from .images import Resized, read_image
from .transforms import Transform, normalise, take_apart

__all__ = ["MediaReader", "QueryDataset", "Transform", "collate", "finish", "read_image", "stack"]

NORMALISATION, CHANNEL, GAPS = "normalisation", "channel", "gaps"
"""Keys of a batch that :func:`finish` has still to deal with: mean and std, the draw of channel augmentation (-1:
none), and the image modalities that some items lack."""


class MediaReader:
    """Turns the media of one person into the entries of a batch.

    Args:
        transform: PIL image -> (3, H, W) float tensor, normalised.
        text_length: tokens a caption is cut to.
        sketcher: makes line drawings; needed only where sketches are synthetic.
        lexicon: attribute words to mask in captions; None masks none (testing, or VA switched off).
        fraction, most: share and number of a caption's attribute words that are masked.
        phrases: gives captions as attribute phrases (DMF); None gives them as words.
    """

    def __init__(
        self,
        transform: Transform,
        text_length: int,
        sketcher: Sketcher | None = None,
        lexicon: Lexicon | None = None,
        fraction: float = 0.5,
        most: int = 10,
        phrases: PhraseReader | None = None,
    ) -> None:
        self.parts, self.text_length, self.sketcher = take_apart(transform), text_length, sketcher
        self.lexicon, self.fraction, self.most, self.phrases = lexicon, fraction, most, phrases

    def entries(self, media: Sequence[Media], rng: random.Random) -> dict[str, Any]:
        """The tensors of ``media`` (at most one a modality) and their column of ``present``.

        An image is decoded and resized once, however many modalities are made from it. Images are uint8
        (H, W, 3) beside their ``normalisation``, or floats (3, H, W); synthetic infrared is still coloured, and
        ``channel`` says what is to become of it.
        """
        resized = Resized(self.parts.resize, self.parts.size)
        present = torch.zeros(len(MODALITIES), dtype=torch.uint8)
        out: dict[str, Any] = {"present": present}
        if self.parts.normalisation is not None:
            out[NORMALISATION] = self.parts.normalisation
        for medium in media:
            present[medium.modality.index] = SYNTHETIC if medium.synthetic else REAL
            if not medium.modality.is_image:
                out.update(self._text(medium, rng))
                continue
            drawn = medium.synthetic and medium.modality is Modality.SKETCH
            image = resized.fit(self._drawing(medium)) if drawn else resized(medium)
            out[medium.modality.value] = self.parts.rest(image)
            if medium.synthetic and medium.modality is Modality.IR:
                out[CHANNEL] = rng.randrange(CHOICES)
        return out

    def picture(self, medium: Media) -> Image.Image:
        """What a person would see of an image medium, synthesis included (for ranked lists)."""
        if medium.synthetic and medium.modality is Modality.SKETCH:
            return self._drawing(medium)
        image = read_image(medium)
        return image.convert("L").convert("RGB") if medium.synthetic else image

    def _drawing(self, medium: Media) -> Image.Image:
        if self.sketcher is None:
            raise MediaError(
                f"{medium}: a sketch has to be drawn, but this reader was given no sketcher; pass it a Sketcher."
            )
        return self.sketcher.kept(str(medium)) or self.sketcher(str(medium), read_image(medium))

    def _text(self, medium: Media, rng: random.Random) -> dict[str, Tensor]:
        caption = medium.caption or ""
        if self.phrases is not None:
            return {"phrases": self.phrases(caption)}
        if self.lexicon is None:
            return {"text": encode([caption], self.text_length)[0]}
        ids, masked, labels = mask_attributes(
            words(caption), self.lexicon, rng, self.fraction, self.most, self.text_length
        )
        return {"text": ids, "masked_text": masked, "attributes": labels}


class QueryDataset(torch.utils.data.Dataset[dict[str, Any]]):
    """Items to extract features of; the partners of an item belong to it.

    The draws of synthetic infrared depend on the file's name alone, so that testing repeats.
    """

    def __init__(self, items: Sequence[Item], reader: MediaReader) -> None:
        self.items, self.reader = items, reader

    def __len__(self) -> int:
        return len(self.items)

    def __getitem__(self, index: int) -> dict[str, Any]:
        item = self.items[index]
        rng = random.Random(zlib.crc32(item.media.rsplit("/", 1)[-1].encode()))
        entry = self.reader.entries(item.media.parts, rng)
        return {**entry, "pid": item.pid, "camid": item.camid, "dsetid": 0, "impath": item.media}


PADDING = {"text": 0, "masked_text": 0, "attributes": -1, "phrases": -1}


def collate(entries: Sequence[dict[str, Any]]) -> Batch:
    """Entries of persons -> Batch. Captions are padded to the longest; rows without a modality hold zeros."""
    return finish(stack(entries))


def stack(entries: Sequence[dict[str, Any]]) -> Batch:
    """Entries of persons -> Batch, which :func:`finish` has to finish."""
    batch = Batch(present=torch.stack([e["present"] for e in entries]))
    for key in ("pid", "camid", "dsetid"):
        batch[key] = torch.tensor([e[key] for e in entries], dtype=torch.long)
    batch["impath"] = [e["impath"] for e in entries]
    for modality in MODALITIES:
        if modality.is_image and any(modality.value in e for e in entries):
            batch[modality.value] = _stack_images([e.get(modality.value) for e in entries])
    for key, padding in PADDING.items():
        if any(key in e for e in entries):
            batch[key] = _stack_text([e.get(key) for e in entries], padding)
    if any(CHANNEL in e for e in entries):
        batch[CHANNEL] = torch.tensor([e.get(CHANNEL, -1) for e in entries])
    if NORMALISATION in entries[0]:
        batch[NORMALISATION] = entries[0][NORMALISATION]
        batch[GAPS] = [m.value for m in MODALITIES if m.value in batch and any(m.value not in e for e in entries)]
    return batch


def finish(batch: Batch) -> Batch:
    """The batch with what was left for it done: normalised, synthetic infrared made of colour.

    Nothing in it depends on the other items, and on a GPU nothing waits for it.
    """
    found = Batch(batch)
    normalisation, channel, gaps = (found.pop(key, None) for key in (NORMALISATION, CHANNEL, GAPS))
    for modality in MODALITIES:
        images = found.get(modality.value)
        if not modality.is_image or images is None:
            continue
        if normalisation is not None:
            images = normalise(images, normalisation)
        if channel is not None and modality is Modality.IR:
            images = augment_chosen(images, channel)
        if modality.value in (gaps or ()):
            images = images.masked_fill_(~found.has(modality)[:, None, None, None], 0)
        found[modality.value] = images
    return found


def _stack_images(images: Sequence[Tensor | None]) -> Tensor:
    first = next(image for image in images if image is not None)
    blank = torch.zeros_like(first)
    return torch.stack([blank if image is None else image for image in images])


def _stack_text(texts: Sequence[Tensor | None], padding: int) -> Tensor:
    length = max(len(text) for text in texts if text is not None)
    out = torch.full((len(texts), length), padding, dtype=torch.long)
    for row, text in zip(out, texts, strict=True):
        if text is not None:
            row[: len(text)] = text
    return out
