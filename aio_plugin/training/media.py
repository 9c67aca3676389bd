"""From media to tensors: images decoded and transformed, captions to BPE tokens, items to batches.

Workers return the pixels of an image where the transforms allow that; normalisation is applied to a whole batch
(:func:`finish`), on its device.
"""

from __future__ import annotations

import random
import zlib
from collections.abc import Sequence
from typing import Any

import torch
from PIL import Image
from torch import Tensor
from torch.nn.utils.rnn import pad_sequence

from ..errors import MediaError, ModalityError
from ..heads.lexicon import Lexicon
from ..heads.masking import mask_attributes
from ..heads.vocabulary import PhraseReader
from ..modality import CHANNEL_AUGMENTATION, LINE_DRAWING, MODALITIES, REAL, SYNTHETIC, Batch, Item, Media, Modality
from ..synthesis.channel import CHOICES, channel_augment
from ..synthesis.sketch import Sketcher
from ..tokenizers.bpe import encode, words
from .images import as_modality, decode_image, read_image, to_rgb
from .transforms import Parts, Transform, normalise, split_transform

NORMALISATION, GAPS = "normalisation", "gaps"
"""Keys of a batch that :func:`finish` applies and removes: mean and std of the config, and the image modalities that
some items lack."""


class MediaReader:
    """Reads the media of one person as the entries of a batch.

    Args:
        transform: PIL image -> (3, H, W) float tensor, normalised.
        text_length: tokens a caption is cut to.
        sketcher: makes line drawings; needed only for modalities that are made so.
        lexicon: attribute words to mask in captions; None masks none (in tests, or without the VA loss).
        fraction, most: share and largest number of a caption's attribute words that are masked.
        phrases: reads captions as attribute phrases (DMF); None reads them as words.
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
        self.transform, self.parts = transform, split_transform(transform)
        self.text_length, self.sketcher = text_length, sketcher
        self.lexicon, self.fraction, self.most, self.phrases = lexicon, fraction, most, phrases
        self.modalities = MODALITIES  # when unpickled in a spawned worker, it registers them
        self._other_parts: dict[tuple[bool, Modality | None], Parts] = {}

    def entries(self, media: Sequence[Media], rng: random.Random) -> dict[str, Any]:
        """The tensors of ``media`` (at most one per modality) and their row of ``present``.

        An image is decoded and resized once, however many modalities are made from it. Images are uint8
        (H, W, 3) or floats (H, W, 1) if the batch is normalised later, else floats (3, H, W).
        """
        resize = self.parts.resize or (lambda image: image)
        photos: dict[tuple[str, Modality], Image.Image] = {}
        present = torch.zeros(len(self.modalities), dtype=torch.uint8)
        out: dict[str, Any] = {"present": present}
        if self.parts.normalisation is not None:
            out[NORMALISATION] = self.parts.normalisation
        for medium in media:
            modality, synthesis = medium.modality, medium.modality.synthesis if medium.synthetic else None
            present[modality.index] = SYNTHETIC if medium.synthetic else REAL
            if not modality.is_image:
                out.update(self._text(medium, rng))
                continue
            if synthesis not in (None, CHANNEL_AUGMENTATION):
                image = resize(self._synthesised(medium))
            else:
                key = (str(medium), Modality.RGB if medium.synthetic else modality)
                if key not in photos:
                    photos[key] = resize(decode_image(medium, self.parts.size))
                image = photos[key]
            if synthesis == CHANNEL_AUGMENTATION:
                image = channel_augment(image, rng.randrange(CHOICES))
            out[modality.value] = self._parts(image, modality).rest(image)
        return out

    def picture(self, medium: Media) -> Image.Image:
        """An image medium for display, 8-bit RGB, synthesised if necessary."""
        if not medium.synthetic:
            return read_image(medium)
        if medium.modality.synthesis == CHANNEL_AUGMENTATION:
            return channel_augment(read_image(medium), CHOICES - 1)
        return to_rgb(self._synthesised(medium))

    def _parts(self, image: Image.Image, modality: Modality) -> Parts:
        """The parts of the transform for ``image``."""
        values, own = image.mode == "F", modality.normalisation
        key = (values, None if own is None else modality)
        if key == (False, None):
            return self.parts
        if key not in self._other_parts:
            self._other_parts[key] = split_transform(self.transform, values, own)
        return self._other_parts[key]

    def _synthesised(self, medium: Media) -> Image.Image:
        """The image that the modality's function or the sketcher makes of the photo at ``medium``."""
        synthesis = medium.modality.synthesis
        if callable(synthesis):
            return as_modality(synthesis(read_image(medium)), medium.modality, str(medium))
        if synthesis != LINE_DRAWING:
            raise ModalityError(f"{medium}: {medium.modality} cannot be made from RGB; give it a `synthesis`.")
        if self.sketcher is None:
            raise MediaError(f"{medium}: a sketch has to be drawn, but this reader has no sketcher; pass it one.")
        return self.sketcher(str(medium), read_image)

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
    """Items to extract features of, each with its partners.

    Random choices depend on the file's name alone, so that tests are reproducible.
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


def collate(entries: Sequence[dict[str, Any]]) -> Batch:
    """Entries of items -> Batch. Captions are padded to the longest; rows without a modality are zeros."""
    return finish(stack(entries))


def stack(entries: Sequence[dict[str, Any]]) -> Batch:
    """Entries of items -> Batch, to be passed to :func:`finish`."""
    batch = Batch(present=torch.stack([e["present"] for e in entries]))
    for key in ("pid", "camid", "dsetid"):
        batch[key] = torch.tensor([e[key] for e in entries], dtype=torch.long)
    batch["impath"] = [e["impath"] for e in entries]
    for modality in MODALITIES:
        if modality.is_image and any(modality.value in e for e in entries):
            batch[modality.value] = _stack_images([e.get(modality.value) for e in entries])
    for key, padding in Batch.TEXT_PADDING.items():
        if any(key in e for e in entries):
            texts = [e.get(key, torch.empty(0, dtype=torch.long)) for e in entries]
            batch[key] = pad_sequence(texts, batch_first=True, padding_value=padding)
    if NORMALISATION in entries[0]:
        batch[NORMALISATION] = entries[0][NORMALISATION]
        batch[GAPS] = [m.value for m in MODALITIES if m.value in batch and any(m.value not in e for e in entries)]
    return batch


def finish(batch: Batch) -> Batch:
    """The batch of :func:`stack` after normalisation.

    No item depends on the others, and nothing waits for a GPU.
    """
    finished = Batch(batch)
    normalisation, gaps = (finished.pop(key, None) for key in (NORMALISATION, GAPS))
    for modality in MODALITIES:
        images = finished.get(modality.value)
        if not modality.is_image or images is None:
            continue
        if normalisation is not None:
            images = normalise(images, normalisation if modality.normalisation is None else modality.normalisation)
        if modality.value in (gaps or ()):
            images = images.masked_fill_(~finished.has(modality)[:, None, None, None], 0)
        finished[modality.value] = images
    return finished


def _stack_images(images: Sequence[Tensor | None]) -> Tensor:
    if len({image.dtype for image in images if image is not None}) > 1:  # files of 8 and of 16 bits
        images = [image if image is None or image.is_floating_point() else image / 255 for image in images]
        images = [None if image is None else image.expand(-1, -1, 3) for image in images]
    blank = torch.zeros_like(next(image for image in images if image is not None))
    return torch.stack([blank if image is None else image for image in images])
