"""From media to tensors: images decoded and transformed, captions to BPE tokens, items to batches."""

from __future__ import annotations

import random
import zlib
from collections.abc import Callable, Sequence
from typing import Any

import torch
from PIL import Image
from torch import Tensor

from ..datasets.packed import image_source
from ..errors import MediaError
from ..heads.lexicon import Lexicon
from ..heads.masking import mask_attributes
from ..heads.vocabulary import PhraseReader
from ..modality import MODALITIES, REAL, SYNTHETIC, Batch, Item, Media, Modality
from ..synthesis.channel import CHOICES, channel_augment
from ..synthesis.sketch import Sketcher
from ..tokenizers.bpe import encode, words
from . import transforms  # noqa: F401 -- a worker unpickles torchvision's transforms with this module

Transform = Callable[[Image.Image], Tensor]


def read_image(path: str) -> Image.Image:
    """The RGB image at ``path``, which may be one packed into an LMDB (:mod:`aio_plugin.datasets.packed`);
    grey and palette images are replicated to three channels.

    Raises:
        MediaError: the file is absent, empty, cut short or no image; names it.
        DatasetError: the LMDB cannot be opened.
    """
    try:
        with Image.open(image_source(path)) as image:
            converted: Image.Image = image.convert("RGB")
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError) as error:
        raise MediaError(f"Cannot read the image {str(path)!r}: {error}. Replace or remove the file.") from error
    return converted


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
        self.transform, self.text_length, self.sketcher = transform, text_length, sketcher
        self.lexicon, self.fraction, self.most, self.phrases = lexicon, fraction, most, phrases

    def entries(self, media: Sequence[Media], rng: random.Random) -> dict[str, Any]:
        """The tensors of ``media`` (at most one a modality) and their column of ``present``.

        An image is decoded once, however many modalities are made from it.
        """
        decoded: dict[str, Image.Image] = {}
        present = torch.zeros(len(MODALITIES), dtype=torch.uint8)
        out: dict[str, Any] = {"present": present}
        for medium in media:
            present[medium.modality.index] = SYNTHETIC if medium.synthetic else REAL
            if medium.modality.is_image:
                if str(medium) not in decoded:
                    decoded[str(medium)] = read_image(medium)
                out[medium.modality.value] = self._image(medium, decoded[str(medium)], rng)
            else:
                out.update(self._text(medium, rng))
        return out

    def picture(self, medium: Media) -> Image.Image:
        """What a person would see of an image medium, synthesis included (for ranked lists)."""
        image = read_image(medium)
        if not medium.synthetic:
            return image
        if medium.modality is Modality.SKETCH:
            return self._drawing(medium, image)
        return image.convert("L").convert("RGB")

    def _image(self, medium: Media, image: Image.Image, rng: random.Random) -> Tensor:
        if medium.synthetic and medium.modality is Modality.SKETCH:
            return self.transform(self._drawing(medium, image))
        tensor = self.transform(image)
        if medium.synthetic and medium.modality is Modality.IR:
            tensor = channel_augment(tensor, rng.randrange(CHOICES))
        return tensor

    def _drawing(self, medium: Media, image: Image.Image) -> Image.Image:
        if self.sketcher is None:
            raise MediaError(f"{medium}: a sketch has to be drawn, but this reader was given no sketcher.")
        return self.sketcher(str(medium), image)

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
    return batch


def _stack_images(images: Sequence[Tensor | None]) -> Tensor:
    shape = next(image.shape for image in images if image is not None)
    out = torch.zeros(len(images), *shape)
    for row, image in zip(out, images, strict=True):
        if image is not None:
            row.copy_(image)
    return out


def _stack_text(texts: Sequence[Tensor | None], padding: int) -> Tensor:
    length = max(len(text) for text in texts if text is not None)
    out = torch.full((len(texts), length), padding, dtype=torch.long)
    for row, text in zip(out, texts, strict=True):
        if text is not None:
            row[: len(text)] = text
    return out
