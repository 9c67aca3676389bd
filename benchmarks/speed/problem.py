"""What is measured: a model by its size, and batches made up for it."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from aio_plugin import config
from aio_plugin.heads.lexicon import Lexicon
from aio_plugin.modality import MODALITIES, REAL, Batch, Modality
from aio_plugin.models.aio import AIO, FOUR
from aio_plugin.models.build import build_model
from aio_plugin.tokenizers.bpe import END, MASK_ID, START

TEXT_LENGTH = 77
CAPTIONS = (18, 46)
"""Shortest and longest caption in tokens, start and end included; about those of SYNTH-PEDES and CUHK-PEDES."""

MASKED = 4
"""Attribute words masked in a caption."""


@dataclass(frozen=True)
class Size:
    """A model and the batches it is measured with.

    Attributes:
        batch: persons in a batch of the main table.
        batches: those of the scaling table, at ``image``.
        images: heights and widths of the scaling table, at ``batch``.
    """

    model: str
    image: tuple[int, int]
    classes: int
    batch: int
    batches: tuple[int, ...]
    images: tuple[tuple[int, int], ...]
    device: str
    precision: str


SIZES = {
    "tiny": Size("aio_tiny", (128, 64), 1_000, 32, (8, 32, 128), ((128, 64), (256, 128)), "cpu", "fp32"),
    "vit_b16": Size(
        "aio_vit_b16", (384, 192), 10_000, 32, (16, 32, 64, 128), ((256, 128), (384, 192), (448, 224)), "cuda", "bf16"
    ),
    "smoke": Size(
        "aio_tiny", (64, 32), 10, 4, (2, 4), ((64, 32), (96, 48)), "cpu", "fp32"
    ),  # to try the benchmark itself
}


def options() -> config.AIOConfig:
    """The ``aio`` node of a model with random weights."""
    return config.parse_config({"encoder": {"weights": "random"}, "text": {"weights": "random"}})


def make_model(size: Size, image: tuple[int, int] | None = None) -> AIO:
    """The model on its device, always with the same weights."""
    torch.manual_seed(0)
    model = build_model(size.model, size.classes, options(), image or size.image)
    assert isinstance(model, AIO)
    return model.to(size.device)


def make_batch(size: Size, persons: int, image: tuple[int, int] | None = None, seed: int = 0) -> Batch:
    """A training batch of persons with all four modalities, as stage one of AIO has them, on the device."""
    torch.manual_seed(seed)
    batch = Batch(pid=torch.randperm(size.classes)[:persons], present=_present(persons))
    for modality in FOUR:
        if modality.is_image:
            batch[modality.value] = torch.randn(persons, 3, *(image or size.image))
    batch["text"] = captions(persons)
    batch["masked_text"], batch["attributes"] = _mask(batch["text"])
    return batch.to(size.device)


def captions(persons: int) -> Tensor:
    """Ids (B, longest) of captions of random words, as the loader gives them."""
    lengths = torch.randint(CAPTIONS[0], CAPTIONS[1] + 1, (persons,))
    ids = torch.randint(1_000, 40_000, (persons, TEXT_LENGTH))
    places = torch.arange(TEXT_LENGTH)
    ids[:, 0] = START
    ids[torch.arange(persons), lengths - 1] = END
    return ids.masked_fill(places >= lengths[:, None], 0)


def only(batch: Batch, combination: tuple[Modality, ...]) -> Batch:
    """The same persons with the modalities of ``combination`` alone: a query."""
    present = torch.zeros_like(batch["present"])
    present[:, [modality.index for modality in combination]] = REAL
    return Batch({"present": present, **{m.value: batch[m.value] for m in combination}})


def _present(persons: int) -> Tensor:
    row = torch.tensor([REAL if modality in FOUR else 0 for modality in MODALITIES], dtype=torch.uint8)
    return row.repeat(persons, 1)


def _mask(ids: Tensor) -> tuple[Tensor, Tensor]:
    places = torch.stack([torch.randperm(CAPTIONS[0] - 2)[:MASKED] + 1 for _ in ids])
    words = torch.randint(len(Lexicon.load()), places.shape)
    labels = torch.full_like(ids, -1).scatter(1, places, words)
    return ids.masked_fill(labels >= 0, MASK_ID), labels
