"""AIO: all modalities tokenised into one space and encoded by one frozen ViT (AIO Sec. 3, Fig. 2).

He, Ye, Zhang, Du: All in One Framework for Multimodal Re-identification in the Wild. CVPR 2024.
https://arxiv.org/abs/2405.04741
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import compress
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ..encoders.frozen import FrozenEncoder
from ..errors import ModalityError
from ..heads.attributes import AttributeDecoder
from ..heads.classification import BNNeck, Classifier
from ..modality import MODALITIES, Batch, Combination, Modality, format_combination, in_order
from ..tokenizers.bpe import lengths
from ..tokenizers.image import ImageTokenizer
from ..tokenizers.text import TextTokenizer
from .sequence import ClassTokens, ImagePositions, TextPositions, draw_combination

FOUR = (Modality.RGB, Modality.IR, Modality.SKETCH, Modality.TEXT)
"""The modalities of the paper."""


@dataclass(frozen=True)
class Shape:
    """The sizes of an AIO model beside those of its encoder."""

    image_size: tuple[int, int] = (384, 192)
    stem_width: int = 64
    text_width: int = 512
    text_length: int = 77
    multimodal: tuple[int, int] = (2, 4)
    bnneck: str = "shared"
    attributes: int = 0
    modalities: Combination = FOUR


@dataclass
class Tokens:
    """Tokens (b, N, D) of the items ``rows`` (b,) in one modality; ``mask`` (b, N) is False on padding."""

    rows: Tensor
    tokens: Tensor
    mask: Tensor | None = None


class AIO(nn.Module):
    """The assembled method.

    ``forward`` takes a Batch or RGB images (B, 3, H, W). In eval mode it gives one retrieval
    feature (B, D) an item, for exactly the modalities present: behind the bottleneck, of unit
    length. In train mode a Batch gives every loss its input (see :meth:`train_outputs`), and bare
    images give what torchreid's own models do: logits, and features too if ``loss`` is "triplet".

    Attributes:
        modalities: what the model has tokenizers for, M of them, RGB first. The place of a modality among
            them is its slot, that of the multimodal feature is M.
        encoder: ``encoder(tokens (B, N, D)) -> (B, N, D)``, frozen.
        loss: torchreid's ``loss.name``; only bare images in train mode depend on it.
    """

    is_aio = True

    def __init__(self, encoder: FrozenEncoder, num_classes: int, shape: Shape, loss: str = "softmax") -> None:
        super().__init__()
        dim = encoder.dim
        self.shape, self.loss, self.feature_dim = shape, loss, dim
        self.modalities = in_order(shape.modalities)
        if Modality.RGB not in self.modalities:
            raise ModalityError("A model needs rgb among its modalities; add it to aio.modalities.")
        self._foreign = [m.index for m in MODALITIES if m not in self.modalities]
        self.tokenizers = nn.ModuleDict({m.value: self._tokenizer(m, dim) for m in self.modalities})
        self.positions = nn.ModuleDict({m.value: self._positions(m, dim) for m in self.modalities})
        self.class_tokens = ClassTokens(dim, len(self.modalities))
        self.encoder = encoder
        self.norm = nn.LayerNorm(dim, eps=1e-6)
        self.bnneck = BNNeck(dim, len(self.modalities) + 1, mode=shape.bnneck)
        self.classifier = Classifier(dim, num_classes)
        self.attributes = AttributeDecoder(dim, shape.attributes) if shape.attributes else None

    def slot(self, modality: Modality | None) -> int:
        """Row of a modality's class token, column of its features, number of its bottleneck; None is multimodal."""
        return len(self.modalities) if modality is None else self.modalities.index(modality)

    def _tokenizer(self, modality: Modality, dim: int) -> nn.Module:
        if modality.is_image:
            return ImageTokenizer(dim, self.shape.stem_width)
        return TextTokenizer(dim, self.shape.text_width)

    def _positions(self, modality: Modality, dim: int) -> nn.Module:
        if modality.is_image:
            return ImagePositions(dim, ImageTokenizer.grid(*self.shape.image_size))
        return TextPositions(dim, self.shape.text_length)

    def forward(self, batch: Batch | Tensor) -> Any:
        """See the class."""
        if isinstance(batch, Tensor):
            return self._forward_images(batch)
        return self.train_outputs(batch) if self.training else self.features(batch)

    def _forward_images(self, images: Tensor) -> Any:
        if not self.training:
            return self.features(Batch.rgb(images))
        z = self._single(self._tokens(Batch.rgb(images)))[Modality.RGB]
        logits = self.classifier(self.bnneck(z, z.new_full((len(z),), self.slot(Modality.RGB), dtype=torch.long)))
        return (logits, z) if self.loss == "triplet" else logits

    def features(self, batch: Batch) -> Tensor:
        """One retrieval feature (B, D) of unit length an item: z^mod, or z^A of several modalities."""
        present = self._present(batch)
        tokens = self._tokens(batch)
        several = present.sum(1) > 1
        z = next(iter(tokens.values())).tokens.new_zeros(len(present), self.feature_dim)
        slot = present.float().argmax(1)
        alone = {m: self._rows(t, ~several[t.rows]) for m, t in tokens.items()}
        for modality, out in self._single({m: t for m, t in alone.items() if len(t.rows)}).items():
            z = z.index_copy(0, alone[modality].rows, out.to(z.dtype))
        if several.any():
            rows, out = self._multimodal(tokens, present & several[:, None])
            z, slot = z.index_copy(0, rows, out.to(z.dtype)), slot.index_fill(0, rows, self.slot(None))
        return F.normalize(self.bnneck(z, slot).float(), dim=1)

    def train_outputs(self, batch: Batch) -> dict[str, Tensor]:
        """What the losses need, every tensor along the batch so that DataParallel can gather it.

        Returns:
            ``z`` (B, M, D) raw single-modality features, zeros where missing; ``present`` (B, M) bool;
            ``pid`` (B,); ``logits`` (R, C) and ``labels`` (R,) of all R features, the multimodal ones
            included; ``features`` (R, D) the same before the bottleneck; and, with masked captions,
            ``attribute_logits`` (K, A) and ``attribute_labels`` (K,).
        """
        present = self._present(batch)
        tokens = self._tokens(batch)
        masked = self._masked_text(batch, tokens)
        single = self._single(tokens, masked)
        chosen = draw_combination(present, *self.shape.multimodal)
        rows, slots, features = [], [], []
        z = next(iter(single.values())).new_zeros(*present.shape, self.feature_dim)
        for modality in tokens:
            rows.append(tokens[modality].rows)
            slots.append(torch.full_like(rows[-1], self.slot(modality)))
            features.append(single[modality])
            z = z.index_put((rows[-1], slots[-1]), single[modality])
        if chosen.any():
            multi_rows, multi = self._multimodal(tokens, chosen)
            rows.append(multi_rows)
            slots.append(torch.full_like(multi_rows, self.slot(None)))
            features.append(multi)
        row, feature = torch.cat(rows), torch.cat(features)
        out = {
            "z": z,
            "present": present,
            "pid": batch["pid"],
            "features": feature,
            "logits": self.classifier(self.bnneck(feature, torch.cat(slots))),
            "labels": batch["pid"][row],
        }
        if masked is not None:
            out.update(self._attribute_outputs(batch, masked, z[:, self.slot(Modality.RGB)]))
        return out

    def _present(self, batch: Batch) -> Tensor:
        """(B, M) bool: who has which of the model's modalities.

        Raises:
            ModalityError: the batch holds a modality that the model was not built with.
        """
        table: Tensor = batch["present"]
        if table.shape[1:] != (len(MODALITIES),):
            raise ModalityError(
                f'Batch["present"] is {tuple(table.shape)}; it has one column for each of '
                f"{', '.join(map(str, MODALITIES))}."
            )
        if self._foreign and table[:, self._foreign].any():
            foreign = [m for m in MODALITIES if m not in self.modalities and batch.has(m).any()]
            raise ModalityError(
                f"The batch has {format_combination(foreign)}, but the model was built with "
                f"{format_combination(self.modalities)}. Add what is missing to aio.modalities and train anew."
            )
        return torch.stack([batch.has(m) for m in self.modalities], dim=1)

    def _tokens(self, batch: Batch) -> dict[Modality, Tokens]:
        """Position-aware tokens of every modality present, without class tokens."""
        found = {}
        for modality in self.modalities:
            rows = batch.has(modality).nonzero().flatten()
            if len(rows):
                raw = batch[modality.value]
                raw = raw if len(rows) == len(raw) else raw[rows]
                found[modality] = self._image(modality, rows, raw) if modality.is_image else self._text(rows, raw)
        return found

    def _image(self, modality: Modality, rows: Tensor, images: Tensor) -> Tokens:
        tokens = self.tokenizers[modality.value](images)
        grid = ImageTokenizer.grid(*images.shape[-2:])
        return Tokens(rows, self.positions[modality.value](tokens, grid))

    def _text(self, rows: Tensor, ids: Tensor) -> Tokens:
        length = lengths(ids)
        longest = int(length.max())
        ids = ids[:, :longest]
        mask = torch.arange(longest, device=ids.device) < length[:, None]
        text = Modality.TEXT.value
        return Tokens(rows, self.positions[text](self.tokenizers[text](ids)), mask)

    def _masked_text(self, batch: Batch, tokens: dict[Modality, Tokens]) -> Tokens | None:
        if self.attributes is None or "masked_text" not in batch or Modality.TEXT not in tokens:
            return None
        rows = tokens[Modality.TEXT].rows
        return self._text(rows, batch["masked_text"][rows])

    @staticmethod
    def _rows(tokens: Tokens, keep: Tensor) -> Tokens:
        return Tokens(tokens.rows[keep], tokens.tokens[keep], None if tokens.mask is None else tokens.mask[keep])

    def _single(self, tokens: dict[Modality, Tokens], masked: Tokens | None = None) -> dict[Modality, Tensor]:
        """z^mod (b, D) of every modality; sequences of one length go through the encoder together.

        The masked captions share text's class token; their token outputs replace ``masked.tokens``.
        """
        sequences = list(tokens.items())
        if masked is not None:
            sequences.append((Modality.TEXT, masked))
        outputs = self._encode([self._sequence(t, m) for m, t in sequences])
        if masked is not None:
            masked.tokens = outputs.pop()[:, 1:]
        return {m: out[:, 0] for (m, _), out in zip(sequences, outputs, strict=False)}

    def _sequence(self, tokens: Tokens, modality: Modality | None) -> tuple[Tensor, Tensor | None]:
        mask = None if tokens.mask is None else F.pad(tokens.mask, (1, 0), value=True)
        return self.class_tokens.before(tokens.tokens, self.slot(modality)), mask

    def _multimodal(self, tokens: dict[Modality, Tokens], chosen: Tensor) -> tuple[Tensor, Tensor]:
        """z^A (b, D) of the rows (b,) with a choice of modalities (B, M): [z^A; E^R; E^I; E^S; E^T; ...]."""
        rows, sequences = [], []
        for pattern, members in self._patterns(chosen):
            parts = [self._at(tokens[m], members) for m in compress(self.modalities, pattern)]
            joined = torch.cat([p.tokens for p in parts], dim=1)
            mask = None
            if any(p.mask is not None for p in parts):
                mask = torch.cat(
                    [p.mask if p.mask is not None else p.tokens.new_ones(p.tokens.shape[:2], dtype=torch.bool)
                     for p in parts],
                    dim=1,
                )  # fmt: skip
            rows.append(members)
            sequences.append(self._sequence(Tokens(members, joined, mask), None))
        return torch.cat(rows), torch.cat([out[:, 0] for out in self._encode(sequences)])

    @staticmethod
    def _patterns(chosen: Tensor) -> Iterator[tuple[list[bool], Tensor]]:
        patterns, which = torch.unique(chosen, dim=0, return_inverse=True)
        for index, pattern in enumerate(patterns.tolist()):
            if any(pattern):
                yield pattern, (which == index).nonzero().flatten()

    @staticmethod
    def _at(tokens: Tokens, members: Tensor) -> Tokens:
        """The tokens of the items ``members``, all of which have the modality."""
        return AIO._rows(tokens, torch.searchsorted(tokens.rows, members))

    def _encode(self, sequences: list[tuple[Tensor, Tensor | None]]) -> list[Tensor]:
        """Encoder and final norm; sequences of the same length are one call."""
        outputs: dict[int, Tensor] = {}
        groups: dict[tuple[int, bool], list[int]] = {}
        for index, (sequence, mask) in enumerate(sequences):
            groups.setdefault((sequence.shape[1], mask is None), []).append(index)
        for (_, bare), members in groups.items():
            joined = torch.cat([sequences[i][0] for i in members])
            mask = None if bare else torch.cat([m for i in members if (m := sequences[i][1]) is not None])
            out = self.norm(self.encoder(joined, mask))
            sizes = [len(sequences[i][0]) for i in members]
            outputs.update(zip(members, out.split(sizes), strict=True))
        return [outputs[index] for index in range(len(sequences))]

    def _attribute_outputs(self, batch: Batch, masked: Tokens, z_rgb: Tensor) -> dict[str, Tensor]:
        """[z^R; z^m] of every masked word through the decoder (AIO Eq. 5); pairs without RGB are left out."""
        assert self.attributes is not None
        labels = batch["attributes"][masked.rows][:, : masked.tokens.shape[1]]
        labels = torch.where(batch.has(Modality.RGB)[masked.rows, None], labels, -1)
        item, place = (labels >= 0).nonzero(as_tuple=True)
        vision, words = z_rgb[masked.rows[item]], masked.tokens[item, place]
        return {
            "attribute_logits": self.attributes(torch.cat([vision, words.to(vision.dtype)], dim=1)),
            "attribute_labels": labels[item, place],
        }
